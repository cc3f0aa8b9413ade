"""How often codes may be asked for: by a phone, by a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import TooMany
from ..services.counting import counted

if TYPE_CHECKING:
    from ..brands import Brand

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def count(brand: Brand, key: str, window_ms: int, limit: int) -> None:
    """Count one more in the current window, in the open transaction; raises TooMany above the limit."""
    wait = counted("consumer_count", key, brand.now(), window_ms, limit)
    if wait:
        raise TooMany(f"too many codes were asked for; try again in {wait} seconds", wait)
