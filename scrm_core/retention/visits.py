"""Visits of one visitor to one link on one brand-local day become one row, which says how often.

Programs (bots) are one visitor: which of them it was is in no figure. A visit that somebody
still needs on its own stays: one whose event a plugin has not had, one that another
table points to, and those of a person into whom somebody was merged, which go back
when the merge is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..clock import day_start
from ..db import current_handle, transactional
from ..db.bulk import execute, fetch_in, update_rows
from ..db.catalogue import keys_to
from . import events
from .places import Overtaken, move, place

if TYPE_CHECKING:
    from ..brands import Brand

BATCH = 1_000
PART = "visits"


class _Row(NamedTuple):
    id: int
    link_id: int
    at: int
    visitor: str
    bot: int
    contact_id: int | None
    times: int


_SELECT = "SELECT id, link_id, at, visitor, bot, contact_id, times FROM visit WHERE "


def fold(brand: Brand, before: int, dry_run: bool) -> Iterator[int]:
    """Fold what is older than an instant, batch by batch; yields how many rows went each time."""
    waiting = events.oldest_waiting_visit()
    if waiting is not None:
        before = min(before, waiting)
    # The newest row stays, so that its id is given to no other visit.
    (top,) = execute("SELECT coalesce(max(id), 0) FROM visit").fetchone()
    pointing = keys_to("visit")  # of plugins that are switched off, too
    at = place(PART)
    while True:
        rows = execute(
            "SELECT id, at FROM visit WHERE id > ? AND id < ? ORDER BY id LIMIT ?", (at, top, BATCH)
        ).fetchall()
        now = brand.now()
        # Rows of a clock that was ahead are left alone and keep nobody waiting.
        young = next((n for n, (_, moment) in enumerate(rows) if before <= moment <= now), len(rows))
        if not young:
            return
        last = rows[young - 1][0]
        try:
            yield _fold(brand, at, last, before, pointing, dry_run)
        except Overtaken:
            return
        at = last


@transactional
def _fold(
    brand: Brand, place_before: int, last: int, before: int, pointing: Sequence[tuple[str, str]], dry_run: bool
) -> int:
    if not dry_run:
        move(PART, place_before, last)
    hold = "" if dry_run or current_handle().engine == "sqlite" else " FOR UPDATE"
    rows = [
        _Row(*row)
        for row in execute(
            f"{_SELECT}id > ? AND id <= ? AND at < ? ORDER BY at, id{hold}", (place_before, last, before)
        ).fetchall()
    ]
    if not rows:
        return 0
    needed = _needed(rows, pointing)
    keepers: dict[Any, _Row] = {}
    for row in _earlier(brand, rows, place_before, hold):
        keepers.setdefault(_key(brand, row), row)
    added: dict[int, list[int]] = {}
    gone = []
    for row in rows:
        if row.visitor == "" and not row.bot:
            continue
        keeper = keepers.setdefault(_key(brand, row), row)
        if keeper is not row and row.id not in needed:
            gone.append((row.id,))
            sums = added.setdefault(keeper.id, [0, keeper.at])
            sums[0] += row.times
            sums[1] = min(sums[1], row.at)
    if gone and not dry_run:
        update_rows("DELETE FROM visit WHERE id = ?", gone)
        update_rows(
            "UPDATE visit SET times = times + ?, at = ? WHERE id = ?",
            [(times, at, keeper) for keeper, (times, at) in sorted(added.items())],
        )
    return len(gone)


def _key(brand: Brand, row: _Row) -> tuple[Any, ...]:
    return (row.link_id, brand.day(row.at), row.bot, "" if row.bot else row.visitor, row.contact_id)


def _earlier(brand: Brand, rows: Sequence[_Row], upto: int, hold: str) -> list[_Row]:
    """Rows of earlier batches that these may belong to, the oldest first."""
    span = (
        day_start(brand.day(rows[0].at), brand.zone),
        day_start(brand.day(rows[-1].at) + 1, brand.zone),
        upto,
    )
    visitors = sorted({row.visitor for row in rows if not row.bot and row.visitor})
    links = sorted({row.link_id for row in rows if row.bot})
    found = fetch_in(
        f"{_SELECT}bot = 0 AND visitor <> '' AND at >= ? AND at < ? AND id <= ? AND visitor IN ({{in}}){hold}",
        visitors,
        span,
    ) + fetch_in(f"{_SELECT}bot = 1 AND at >= ? AND at < ? AND id <= ? AND link_id IN ({{in}}){hold}", links, span)
    return sorted((_Row(*row) for row in found), key=lambda row: (row.at, row.id))


def _needed(rows: Sequence[_Row], pointing: Sequence[tuple[str, str]]) -> set[int]:
    people = sorted({row.contact_id for row in rows if row.contact_id is not None})
    merged = {
        winner
        for (winner,) in fetch_in(
            "SELECT winner_id FROM contact_merge WHERE undone_at IS NULL AND winner_id IN ({in})", people
        )
    }
    needed = {row.id for row in rows if row.contact_id in merged}
    ids = [row.id for row in rows]
    for table, column in pointing:
        needed |= {key for (key,) in fetch_in(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IN ({{in}})', ids)}
    return needed
