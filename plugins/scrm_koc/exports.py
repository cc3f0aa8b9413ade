"""CSV for spreadsheets: candidates, entries, statements, influence. No cell starts a formula; no names or numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scrm_core.api import Invalid, csv_cell, iso

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .service import Koc

KINDS = ("candidates", "entries", "statements", "influence")
PAGE = 500


def rows(koc: Koc, kind: str) -> Iterator[list[str]]:
    """The lines of a file, headings first; raises Invalid for a kind there is none of."""
    if kind not in KINDS:
        raise Invalid(f"an export is one of {', '.join(KINDS)}", field="kind")
    lines = {"candidates": _candidates, "entries": _entries, "statements": _statements, "influence": _influence}
    for line in lines[kind](koc):
        yield [csv_cell(_plain(cell)) for cell in line]


def _plain(cell: object) -> str | int | None:
    return cell if isinstance(cell, str | int) or cell is None else str(cell)


def _candidates(koc: Koc) -> Iterator[list[object]]:
    yield ["contact", "score", "tier", "period", "member"]
    for each in koc.scores.candidates(limit=PAGE):
        yield [each.contact, f"{each.score / 100:.2f}", each.tier, each.period, each.member]


def _entries(koc: Koc) -> Iterator[list[object]]:
    yield ["at", "member", "kind", "amount_minor", "base_minor", "rate_bp", "key", "statement", "reason"]
    after = 0
    while page := koc.ledger.entries("e.id > ?", after, limit=PAGE):
        for e in page:
            yield [
                _at(e.at, koc.brand), e.member, e.kind, e.amount_minor, e.base_minor, e.rate_bp, e.key, e.statement,
                e.reason,
            ]  # fmt: skip
        after = page[-1].id


def _statements(koc: Koc) -> Iterator[list[object]]:
    yield [
        "number", "member", "at", "entries", "opening_minor", "total_minor", "payable_minor", "carry_minor", "state",
        "reference",
    ]  # fmt: skip
    after = 0
    while page := koc.statements.page(after=after, limit=PAGE):
        for s in page:
            yield [
                s.number, s.member, _at(s.at, koc.brand), s.entries, s.opening_minor, s.total_minor, s.payable_minor,
                s.carry_minor, s.state, s.reference,
            ]  # fmt: skip
        after = page[-1].id


def _influence(koc: Koc) -> Iterator[list[object]]:
    table = koc.report()
    yield [column.name for column in table.columns]
    for row in table.rows:
        yield [row[column.name] for column in table.columns]


def _at(instant: int, brand: Brand) -> str | None:
    return iso(instant, brand.zone)
