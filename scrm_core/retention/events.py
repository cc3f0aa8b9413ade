"""Events that nobody waits for any more are removed, and counted by day and type.

Every cursor counts, also that of a plugin which is paused, switched off or gone
from this machine: it goes on from there one day. An event that is parked stays
until it is handled or discarded. The newest event always stays: it is the place
that "now" means for a plugin which is enabled next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..db import current_handle, transactional
from ..db.bulk import execute, fetch_in, update_rows
from ..delivery import read_cursors
from ..eventlog import START, Position

if TYPE_CHECKING:
    from ..brands import Brand

BATCH = 1_000

_AFTER = {"sqlite": "e.id > ?", "postgresql": "(e.xid, e.id) > (?::text::xid8, ?::bigint)"}
_UPTO = {"sqlite": "e.id <= ?", "postgresql": "(e.xid, e.id) <= (?::text::xid8, ?::bigint)"}
_PLACE = {"sqlite": "'0'", "postgresql": "e.xid::text"}
_ORDER = {"sqlite": "e.id", "postgresql": "e.xid, e.id"}
_READABLE = {"sqlite": "", "postgresql": "AND e.xid < pg_snapshot_xmin(pg_current_snapshot()) "}
_SPARED = "e.id NOT IN (SELECT event_id FROM parked)"


def _at(position: Position) -> tuple[Any, ...]:
    return (position.event_id,) if current_handle().engine == "sqlite" else (str(position.xid), position.event_id)


def _seen() -> tuple[str, tuple[Any, ...]]:
    """SQL of the events that every plugin has had."""
    positions = [cursor.position for cursor in read_cursors()]
    if not positions:
        return "1 = 1", ()
    return _UPTO[current_handle().engine], _at(min(positions))


def oldest_waiting_visit() -> int | None:
    """When the oldest visit happened of which some plugin is still to be told."""
    seen, params = _seen()
    (at,) = execute(
        f"SELECT min(e.at) FROM event e WHERE e.type = 'link.visited' AND (NOT ({seen}) OR NOT ({_SPARED}))", params
    ).fetchone()
    return None if at is None else int(at)


def held_by(before: int) -> str:
    """The plugin that stands furthest back, if it keeps an event that is old; or empty."""
    cursors = sorted(read_cursors(), key=lambda cursor: cursor.position)
    if not cursors:
        return ""
    engine = current_handle().engine
    row = execute(
        f"SELECT e.recorded_at FROM event e WHERE {_AFTER[engine]} ORDER BY {_ORDER[engine]} LIMIT 1",
        _at(cursors[0].position),
    ).fetchone()
    return cursors[0].plugin if row is not None and row[0] < before else ""


def remove(brand: Brand, before: int, dry_run: bool) -> Iterator[int]:
    """Remove what was recorded before an instant, batch by batch; yields how many events each time."""
    engine = current_handle().engine
    seen, params = _seen()
    after = START
    while True:
        rows = execute(
            f"SELECT {_PLACE[engine]}, e.id, e.recorded_at, e.id = (SELECT max(id) FROM event) FROM event e "
            f"WHERE {_AFTER[engine]} AND {seen} {_READABLE[engine]}ORDER BY {_ORDER[engine]} LIMIT ?",
            (*_at(after), *params, BATCH),
        ).fetchall()
        # Also behind a clock that was wrong for a while: only a batch without anything old is the end.
        old = [event_id for _, event_id, recorded_at, newest in rows if recorded_at < before and not newest]
        if not old:
            return
        after = Position(int(rows[-1][0]), rows[-1][1])
        yield _count(old) if dry_run else _remove(brand, old)


def _count(ids: Sequence[int]) -> int:
    rows = fetch_in(f"SELECT e.id FROM event e WHERE {_SPARED} AND e.id IN ({{in}})", ids)
    return len(rows)


@transactional
def _remove(brand: Brand, ids: Sequence[int]) -> int:
    # What really went is counted: another process may be at the same events.
    spared = _SPARED.replace("e.id", "id")
    gone = fetch_in(f"DELETE FROM event WHERE {spared} AND id IN ({{in}}) RETURNING at, type", ids)
    days = Counter((brand.day(at), kind) for at, kind in gone)
    update_rows(
        "INSERT INTO event_day (day, type, count) VALUES (?, ?, ?) "
        "ON CONFLICT (day, type) DO UPDATE SET count = event_day.count + excluded.count",
        [(day, kind, count) for (day, kind), count in sorted(days.items())],
    )
    return len(gone)
