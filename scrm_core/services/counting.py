"""How often something may be done in a window of time: one conditional statement per limit."""

from __future__ import annotations

from ..db.bulk import execute


def counted(table: str, key: str, now: int, window_ms: int, limit: int) -> int:
    """Count one more in the current window, in the open transaction: 0, or the seconds to wait when it is the limit.

    Windows begin at multiples of their length since the epoch. ``table`` has
    the columns key, since, count and ends_at, the first two its key.
    """
    since = now - now % window_ms
    done = execute(
        f"INSERT INTO {table} (key, since, count, ends_at) VALUES (?, ?, 1, ?) "
        f"ON CONFLICT (key, since) DO UPDATE SET count = {table}.count + 1 WHERE {table}.count < ?",
        (f"{window_ms}:{key}", since, since + window_ms, limit),
    )
    return 0 if done.rowcount else -(-(since + window_ms - now) // 1_000)
