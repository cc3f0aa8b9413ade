"""How often something may be done in a window of time: one conditional statement per limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..db.bulk import execute
from .types import TooMany

if TYPE_CHECKING:
    from ..brands import Brand

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def count(brand: Brand, key: str, window_ms: int, limit: int) -> None:
    """Count one more in the current window, in the open transaction; raises TooMany above the limit.

    Windows begin at multiples of their length since the epoch.
    """
    now = brand.now()
    since = now - now % window_ms
    counted = execute(
        "INSERT INTO consumer_count (key, since, count, ends_at) VALUES (?, ?, 1, ?) "
        "ON CONFLICT (key, since) DO UPDATE SET count = consumer_count.count + 1 WHERE consumer_count.count < ?",
        (f"{window_ms}:{key}", since, since + window_ms, limit),
    )
    if not counted.rowcount:
        wait = -(-(since + window_ms - now) // 1_000)
        raise TooMany(f"too many codes were asked for; try again in {wait} seconds", wait)
