"""Settled messages lose their text and its parameters; whom they went to, and what became of them, stays.

Receipts, replies, caps, reports and the rule that a run writes to an address
once read the row, never its text. A message that is still to be sent, or of
which nobody knows what became, keeps its text whatever its age; it is looked
at again within a month.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY
from ..db import brand_db, transactional
from ..db.bulk import execute
from .places import Overtaken, move, place

if TYPE_CHECKING:
    from ..brands import Brand

BATCH = 1_000
PART = "messages"
BEGUN = "messages-begun"
AGAIN_MS = 30 * MS_PER_DAY
SETTLED = "('delivered', 'failed', 'expired', 'blocked', 'canceled')"
_DUE = f"id > ? AND id <= ? AND state IN {SETTLED} AND updated_at < ? AND (body IS NOT NULL OR params IS NOT NULL)"


def empty(brand: Brand, before: int, dry_run: bool) -> Iterator[int]:
    """Take the text out of messages settled before an instant, batch by batch; yields how many each time."""
    at = place(PART)
    while True:
        last, old = execute(
            "SELECT max(id), max(CASE WHEN updated_at < ? THEN 1 ELSE 0 END) "
            "FROM (SELECT id, updated_at FROM message WHERE id > ? ORDER BY id LIMIT ?) m",
            (before, at, BATCH),
        ).fetchone()
        # Messages come in the order of their runs: a batch in which all is young is the end for today.
        if not old:
            break
        try:
            yield _count(at, last, before) if dry_run else _empty(at, last, before)
        except Overtaken:
            return
        at = last
    if not dry_run:
        with contextlib.suppress(Overtaken):
            _begin_again(brand.now())


def _begin_again(now: int) -> None:
    """Once a month the table is looked through from its beginning, for what was open and is settled now."""
    if now - place(BEGUN) >= AGAIN_MS:
        with brand_db.atomic():
            execute("UPDATE meta SET value = '0' WHERE key = ?", (f"retention:{PART}",))
            move(BEGUN, place(BEGUN), now)


def _count(low: int, high: int, before: int) -> int:
    (count,) = execute(f"SELECT count(*) FROM message WHERE {_DUE}", (low, high, before)).fetchone()
    return int(count)


@transactional
def _empty(low: int, high: int, before: int) -> int:
    move(PART, low, high)
    changed = execute(f"UPDATE message SET body = NULL, params = NULL WHERE {_DUE}", (low, high, before))
    return int(changed.rowcount)
