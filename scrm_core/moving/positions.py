"""How far each plugin has come, told in the order of another engine's log.

SQLite reads the log by id. PostgreSQL reads it by transaction and id, and there
an event may have been handed out before another one with a smaller id. In a
copy all events belong to one transaction, so that the id alone orders them.
What a plugin has not seen of the events before its new place is parked for it:
each event reaches it once, as before.
"""

from __future__ import annotations

from .store import Store

_SEEN = "(event.xid, event.id) <= (?::text::xid8, ?::bigint)"


def carry_positions(source: Store, target: Store, now: int) -> None:
    """Set every plugin's place in the target's log, and free it from the worker that had it."""
    if source.kind == "postgresql":
        for plugin, xid, event_id in source.execute("SELECT plugin, xid, event_id FROM plugin_cursor"):
            (last,) = source.execute(f"SELECT coalesce(max(id), 0) FROM event WHERE {_SEEN}", (xid, event_id))[0]
            target.execute("UPDATE plugin_cursor SET event_id = ? WHERE plugin = ?", (last, plugin))
            for (unseen,) in source.execute(
                f"SELECT id FROM event WHERE id < ? AND NOT ({_SEEN}) ORDER BY id", (last, xid, event_id)
            ):
                target.execute(
                    "INSERT INTO parked (plugin, event_id, attempts, state, next_at, error, traceback, created_at, "
                    "updated_at) VALUES (?, ?, 0, 'retry', ?, 'came before its turn when the brand moved', '', ?, ?) "
                    "ON CONFLICT (plugin, event_id) DO NOTHING",
                    (plugin, unseen, now, now, now),
                )
    place = "pg_current_xact_id()::text" if target.kind == "postgresql" else "'0'"
    target.execute("UPDATE plugin_cursor SET lease_owner = '', lease_until = 0, xid = '0'")
    target.execute(f"UPDATE plugin_cursor SET xid = {place} WHERE event_id > 0")
