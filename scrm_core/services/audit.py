"""Audit (审计): who did what to which thing, as ids and never as personal values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..clock import iso
from ..db.bulk import execute
from ..limits import LIMITS
from ..values.text import csv_cell

if TYPE_CHECKING:
    from ..brands import Brand
    from ..users import Users


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: ``at`` is its instant, ``target`` names the thing by kind and id (``contact:12``)."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: dict[str, Any] | None


def record(
    brand: Brand | Users, actor: str, action: str, target: str = "", detail: dict[str, Any] | None = None
) -> None:
    """Note an act in the transaction that does it. ``detail`` holds ids and counts only.

    Brands and the installation's users keep such a table each; ``brand`` says what time it is there.
    """
    text = None if detail is None else json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    execute(
        "INSERT INTO audit (at, actor, action, target, detail) VALUES (?, ?, ?, ?, ?)",
        (brand.now(), actor, action, target, text),
    )


def page(
    *,
    before: int | None = None,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = LIMITS.page_rows,
) -> list[AuditEntry]:
    """Acts in the current brand, newest first; ``before`` is an entry's id to page on from.

    ``action`` is one (``segment.save``) or an area of them (``segment``); ``since``
    and ``until`` are instants, the second one not included.
    """
    where, params = ["id < ?"], [before or 2**62]
    for column, sign, value in (
        ("actor", "=", actor), ("target", "=", target), ("at", ">=", since), ("at", "<", until),
    ):  # fmt: skip
        if value is not None:
            where.append(f"{column} {sign} ?")
            params.append(value)  # type: ignore[arg-type]
    if action is not None:
        where.append("(action = ? OR substr(action, 1, ?) = ?)")
        params += [action, len(action) + 1, f"{action}."]  # type: ignore[list-item]
    rows = execute(
        f"SELECT id, at, actor, action, target, detail FROM audit WHERE {' AND '.join(where)} "
        "ORDER BY id DESC LIMIT ?",
        [*params, limit],
    ).fetchall()
    return [AuditEntry(*row[:5], None if row[5] is None else json.loads(row[5])) for row in rows]


COLUMNS = ("at", "actor", "action", "target", "detail")
"""The columns of an exported audit log."""


class AuditLog:
    """Who did what in a brand, to look at and to take along; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def note(self, actor: str, action: str, target: str = "", detail: dict[str, Any] | None = None) -> None:
        """Note an act of a plugin's service in the transaction that does it; see :func:`record`."""
        record(self._brand, actor, action, target, detail)

    def page(self, **asked: Any) -> list[AuditEntry]:
        """Acts, newest first; see :func:`page` for what may be asked."""
        return page(**asked)

    def export(self, *, by: str, **asked: Any) -> Iterator[tuple[str, ...]]:
        """Every act of a filter as cells of a CSV file, newest first, none of which starts a formula.

        The export is an act of its own (of ``by``) and noted before it begins. Rows are read in pages.
        """
        kept = {name: value for name, value in asked.items() if value is not None}
        record(self._brand, by, "audit.export", detail=kept or None)
        return self._cells(asked)

    def _cells(self, asked: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        before: int | None = None
        while found := page(before=before, **asked):
            for each in found:
                detail = "" if each.detail is None else json.dumps(each.detail, ensure_ascii=False)
                texts = (each.actor, each.action, each.target, detail)
                yield (str(iso(each.at, self._brand.zone)), *(csv_cell(text) for text in texts))
            before = found[-1].id
