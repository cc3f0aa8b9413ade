"""Parked events: what a plugin could not handle, waiting for another attempt or a person."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..limits import LIMITS
from ..values.masking import scrub
from .cursors import pause_plugin

if TYPE_CHECKING:
    from ..brands import Brand

# Pause before each further attempt of a parked event; the last one repeats.
RETRY_SECONDS = (10, 60, 300, 1_800, 7_200, 21_600, 43_200)
TRACEBACK_CHARS = 8_000


def describe(cause: BaseException) -> tuple[str, str]:
    """A one-line error and a bounded traceback of an exception, safe to store: phones and tokens are masked."""
    # A plugin's own exception may be the broken part: it is asked for its words, and may raise, or exit, instead.
    try:
        error = f"{type(cause).__name__}: {cause}"
    except BaseException:  # noqa: BLE001
        error = type(cause).__name__
    try:
        trace = "".join(traceback.format_exception(cause, limit=-30))
    except BaseException:  # noqa: BLE001
        trace = "".join(traceback.format_tb(cause.__traceback__, limit=-30)) + error
    return _storable(error)[:1_000], _storable(trace)[-TRACEBACK_CHARS:]


def _storable(text: str) -> str:
    return scrub(text.replace("\x00", "").encode("utf-8", "replace").decode())


def parked_ids() -> dict[str, set[int]]:
    """Ids of the parked events of the current brand, by plugin."""
    out: dict[str, set[int]] = {}
    for plugin, event_id in execute("SELECT plugin, event_id FROM parked").fetchall():
        out.setdefault(plugin, set()).add(event_id)
    return out


@dataclass(frozen=True, slots=True)
class ParkedView:
    """A parked event as shown to people."""

    plugin: str
    event_id: int
    type: str
    attempts: int
    state: str
    next_at: int
    error: str
    traceback: str


def parked_events(plugin: str | None = None, limit: int = 200) -> list[ParkedView]:
    """Parked events of the current brand, oldest first."""
    where, params = ("WHERE parked.plugin = ?", [plugin]) if plugin else ("", [])
    rows = execute(
        "SELECT parked.plugin, event_id, event.type, attempts, state, next_at, error, traceback FROM parked "
        f"JOIN event ON event.id = parked.event_id {where} ORDER BY event_id LIMIT ?",
        [*params, limit],
    ).fetchall()
    return [ParkedView(*row) for row in rows]


def parked_counts() -> dict[str, int]:
    """How many events of the current brand are parked, by plugin; plugins without any are left out."""
    return dict(execute("SELECT plugin, count(*) FROM parked GROUP BY plugin").fetchall())


def retry_now(brand: Brand, plugin: str, event_ids: Iterable[int]) -> int:
    """Make parked events due at once (held ones too); returns how many."""
    count = 0
    for event_id in event_ids:
        changed = execute(
            "UPDATE parked SET state = 'retry', next_at = ?, updated_at = ? WHERE plugin = ? AND event_id = ?",
            (brand.now(), brand.now(), plugin, event_id),
        )
        count += int(changed.rowcount)
    return count


def discard(plugin: str, event_ids: Iterable[int]) -> int:
    """Give parked events up for good; returns how many."""
    count = 0
    for event_id in event_ids:
        changed = execute("DELETE FROM parked WHERE plugin = ? AND event_id = ?", (plugin, event_id))
        count += int(changed.rowcount)
    return count


_AHEAD = {
    "sqlite": "event_id < ?",
    "postgresql": "(xid::xid8, event_id) < (SELECT event.xid, event.id FROM event WHERE event.id = ?)",
}


@transactional
def park_hung(brand: Brand, plugin: str, event_id: int, seconds: float) -> None:
    """Park an event whose handler did not return; called after its process was ended.

    It counts as a failure in a row like any other. Another worker may have met
    the event meanwhile: one that it has handled is not parked, and one that handles
    it now does not get past, because the count is part of the cursor's compare-and-set.
    """
    now = brand.now()
    error = f"hung: the handler did not return within {seconds:.0f} s; its process was ended"
    next_at = now + RETRY_SECONDS[0] * 1000
    again = execute(
        "UPDATE parked SET attempts = attempts + 1, next_at = ?, error = ?, updated_at = ?, "
        "state = CASE WHEN attempts + 1 >= ? THEN 'held' ELSE 'retry' END WHERE plugin = ? AND event_id = ?",
        (next_at, error, now, LIMITS.park_attempts, plugin, event_id),
    ).rowcount
    ahead = "" if again else f" AND {_AHEAD[brand.handle.engine]}"
    row = execute(
        f"UPDATE plugin_cursor SET failures = failures + 1, updated_at = ? WHERE plugin = ?{ahead} RETURNING failures",
        (now, plugin) if again else (now, plugin, event_id),
    ).fetchone()
    if row is None:
        return
    if row[0] >= LIMITS.breaker_failures:
        pause_plugin(brand, plugin, f"{row[0]} events in a row failed; the last handler hung")
    if not again:
        execute(
            "INSERT INTO parked (plugin, event_id, attempts, state, next_at, error, traceback, created_at, "
            "updated_at) VALUES (?, ?, 1, 'retry', ?, ?, '', ?, ?)",
            (plugin, event_id, next_at, error, now, now),
        )
