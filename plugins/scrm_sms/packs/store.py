"""What is written to a pack: its row, its numbers, what was dropped.

Every change of a pack first moves the pack's own row, whose lock lets one
writer at a time work on the pack; what is read after that does not change
under it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scrm_core.api import Brand, Conflict, NotFound, execute, fetch_in, insert_rows

from .models import PackDropped, PackNumber
from .numbers import shown
from .rows import Batch, Candidate, Dropped, later


@dataclass(frozen=True, slots=True)
class PackView:
    """A number pack; ``rows`` = ``accepted`` + all of ``dropped``. Fields as in :class:`.models.Pack`."""

    id: int
    code: str
    state: str
    file: str
    digest: str
    columns: dict[str, str]
    foreign_allowed: bool
    rows: int
    accepted: int
    dropped: dict[str, int]
    undated: int
    matched: int
    content: str
    created_at: int
    created_by: str
    sealed_at: int | None
    sealed_by: str


_PACK = (
    "SELECT id, code, state, file, digest, columns, foreign_allowed, rows, accepted, dropped, undated, matched, "
    "content, created_at, created_by, sealed_at, sealed_by FROM sms_pack "
)
_COLUMNS = ("pack_id", "address", "line", "name", "ordered_at", "order_number")
_DROPPED = ("pack_id", "line", "reason", "shown", "number_id")
_TAKE_OVER = (
    "ON CONFLICT (address, pack_id) DO UPDATE SET line = excluded.line, name = excluded.name, "
    "ordered_at = excluded.ordered_at, order_number = excluded.order_number"
)


def view(row: tuple[Any, ...]) -> PackView:
    """A row of ``_PACK`` as a view."""
    pack = list(row)
    pack[5], pack[6], pack[9] = json.loads(pack[5]), bool(pack[6]), json.loads(pack[9])
    return PackView(*pack)


def read_pack(code: str) -> PackView:
    """The pack with a code; raises NotFound."""
    row = execute(_PACK + "WHERE code = ?", (code,)).fetchone()
    if row is None:
        raise NotFound(f"no number pack {code!r}")
    return view(row)


def read_packs(after: int | None, limit: int) -> list[PackView]:
    """Packs, newest first, those before the pack with the id ``after``."""
    where, params = ("WHERE id < ? ", [after]) if after is not None else ("", [])
    return [view(row) for row in execute(f"{_PACK}{where}ORDER BY id DESC LIMIT ?", [*params, limit]).fetchall()]


def hold(pack: PackView, state: str | None = None) -> PackView:
    """Lock a pack in the open transaction and read it again; raises Conflict when it is not in ``state``."""
    execute("UPDATE sms_pack SET state = state WHERE id = ?", (pack.id,))
    held = read_pack(pack.code)
    if state is not None and held.state != state:
        raise Conflict(f"number pack {pack.code!r} is {held.state}, not {state}", code="pack_state")
    return held


def change(pack: PackView, *, rows: int, accepted: int, dropped: Mapping[str, int], undated: int = 0) -> None:
    """Add to the counts of a pack that is held."""
    counts = Counter(pack.dropped)
    counts.update(dropped)
    execute(
        "UPDATE sms_pack SET rows = rows + ?, accepted = accepted + ?, dropped = ?, undated = undated + ? WHERE id = ?",
        (rows, accepted, _text(counts), undated, pack.id),
    )


def add_batch(brand: Brand, pack: PackView, batch: Batch) -> None:
    """Write rows that were read into a pack that is held, and count them.

    Of the rows with one number the latest order stays, or the first row where
    no time tells; the others are dropped and point to the number.
    """
    erased = erased_among(brand, {each.address for each in batch.candidates})
    dropped = list(batch.dropped)
    winners: dict[str, Candidate] = {}
    losers: list[tuple[int, str]] = []
    for candidate in batch.candidates:
        if candidate.address in erased:
            dropped.append(Dropped(candidate.line, "erased"))
            continue
        standing = winners.get(candidate.address)
        if standing is None or later(candidate.ordered_at, standing.ordered_at):
            winners[candidate.address] = candidate
        if standing is not None:
            loser = candidate if winners[candidate.address] is standing else standing
            losers.append((loser.line, candidate.address))
    here = {
        address: (line, at)
        for address, line, at in fetch_in(
            "SELECT address, line, ordered_at FROM sms_number WHERE pack_id = ? AND address IN ({in})",
            list(winners),
            [pack.id],
        )
    }
    written: list[Candidate] = []
    for address, candidate in winners.items():
        line, at = here.get(address, (None, None))
        if line is None or later(candidate.ordered_at, at):
            written.append(candidate)
        if line is not None:
            losers.append((line if later(candidate.ordered_at, at) else candidate.line, address))
    insert_rows(
        PackNumber,
        _COLUMNS,
        [(pack.id, c.address, c.line, c.name, c.ordered_at, c.order_number) for c in written],
        on_conflict=_TAKE_OVER,
    )
    _drop_duplicates(pack, losers)
    drop(pack, dropped)
    counts = Counter(each.reason for each in dropped)
    if losers:
        counts["duplicate"] += len(losers)
    accepted = sum(address not in here for address in winners)
    change(pack, rows=batch.size, accepted=accepted, dropped=counts, undated=batch.undated)


def _drop_duplicates(pack: PackView, losers: Collection[tuple[int, str]]) -> None:
    addresses = sorted({address for _, address in losers})
    numbers = dict(
        fetch_in("SELECT address, id FROM sms_number WHERE pack_id = ? AND address IN ({in})", addresses, [pack.id])
    )
    insert_rows(
        PackDropped,
        _DROPPED,
        [(pack.id, line, "duplicate", shown("", address), numbers[address]) for line, address in losers],
    )


def drop(pack: PackView, rows: Iterable[Dropped], number_id: int | None = None) -> None:
    """Keep dropped rows; ``number_id`` is the number that stands for the person instead."""
    insert_rows(
        PackDropped,
        _DROPPED,
        [(pack.id, each.line, each.reason, each.shown, number_id) for each in rows],
    )


def erased_among(brand: Brand, addresses: Collection[str]) -> set[str]:
    """Those of the numbers that belonged to an erased person."""
    keys = {("phone", "", address) for address in addresses}
    return {value for _, _, value in brand.contacts.suppressions.among(keys)}


def _text(counts: Mapping[str, int]) -> str:
    return json.dumps({reason: count for reason, count in sorted(counts.items()) if count}, separators=(",", ":"))
