"""How often WeCom may be asked: its limits as dated data, counted by all processes together.

A count is one conditional UPDATE of the API's row. WeCom's own word (45009)
counts more than ours: the API is then left alone for a minute and, if that was
not enough, for longer, up to an hour (频率限制: a minute, an hour, a day).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import execute, transactional

from .codes import Limited

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` per ``ms`` of ``what``; ``as_of`` is when the number was read, ``page`` WeCom's own page."""

    what: str
    most: int
    ms: int
    as_of: str
    page: str


PER_MINUTE = Limit("calls of one corporation to one API", 10_000, MINUTE_MS, "2026-11", "dev:90454")
PER_HOUR = Limit("calls of one corporation to one API", 150_000, HOUR_MS, "2026-11", "dev:90454")


@dataclass(frozen=True, slots=True)
class GroupQuota:
    """How many group sends a customer may have in a calendar ``unit``; ``most`` 0: as many as the month has days."""

    what: str
    most: int
    unit: str
    as_of: str
    page: str


GROUP_QUOTAS = {
    "month-days": GroupQuota("as many a month as it has days", 0, "month", "2025-11", "dev:92135"),
    "4-a-month": GroupQuota("the older rule: 4 a month", 4, "month", "2021", "dev:92135"),
    "7-a-week": GroupQuota("the corporation has chosen 7 a week", 7, "week", "2025-11", "dev:92135"),
    "1-a-day": GroupQuota("the corporation has chosen 1 a day", 1, "day", "2025-11", "dev:92135"),
}
"""Sources disagree about the rule, and a corporation may choose: so it is a setting."""



@dataclass(frozen=True, slots=True)
class Size:
    """At most ``most`` of ``what``, of whatever time."""

    what: str
    most: int
    as_of: str
    page: str


MEDIA_DAYS = Size("days that temporary media are good", 3, "2025-11", "dev:90253")
MEDIA_SIZES = {
    "image": Size("bytes of an image (JPEG, PNG)", 10 * 1024 * 1024, "2025-11", "dev:90253"),
    "video": Size("bytes of a video (MP4)", 10 * 1024 * 1024, "2025-11", "dev:90253"),
    "file": Size("bytes of a file", 20 * 1024 * 1024, "2025-11", "dev:90253"),
}
LINK_STAFF = Size("members who answer an acquisition link", 100, "2025-11", "dev:97297")
LINK_NAME = Size("characters of an acquisition link's name", 30, "2025-11", "dev:97297")
LINK_STATE = Size("bytes of customer_channel, back as State; longer ones are cut", 64, "2025-11", "dev:97297")
"""How many links a corporation may have is documented by its error alone (41095); what they may bring is bought."""

BLOCK_MS = Limit("an API that answered 45009 is left alone", 1, MINUTE_MS, "2026-11", "dev:90454")
LONGEST_BLOCK_MS = HOUR_MS
STRIKE_MS = 600_000
"""A 45009 so soon after the block before it makes the next block four times as long."""


class Counter:
    """Counts the calls of one brand; ``per_minute`` and ``per_hour`` are what the brand may use of the limits."""

    def __init__(self, brand: Brand, per_minute: int, per_hour: int) -> None:
        self.brand = brand
        self._most = (per_minute, per_hour)

    @transactional
    def take(self, api: str) -> None:
        """Count one call; raises Limited when the API is left alone, or the minute or hour is used up."""
        now = self.brand.now()
        minute, hour = now // MINUTE_MS, now // HOUR_MS
        per_minute, per_hour = self._most
        taken = execute(
            "INSERT INTO wecom_api (api, minute, minute_calls, hour, hour_calls, blocked_until, strikes) "
            "VALUES (?, ?, 1, ?, 1, 0, 0) ON CONFLICT (api) DO UPDATE SET "
            "minute_calls = CASE WHEN wecom_api.minute = excluded.minute THEN wecom_api.minute_calls + 1 ELSE 1 END, "
            "hour_calls = CASE WHEN wecom_api.hour = excluded.hour THEN wecom_api.hour_calls + 1 ELSE 1 END, "
            "minute = excluded.minute, hour = excluded.hour "
            "WHERE wecom_api.blocked_until <= ? "
            "AND (wecom_api.minute <> excluded.minute OR wecom_api.minute_calls < ?) "
            "AND (wecom_api.hour <> excluded.hour OR wecom_api.hour_calls < ?)",
            (api, minute, hour, now, per_minute, per_hour),
        )
        if taken.rowcount:
            return
        blocked, minute_calls, its_minute = execute(
            "SELECT blocked_until, minute_calls, minute FROM wecom_api WHERE api = ?", (api,)
        ).fetchone()
        if blocked > now:
            raise Limited(f"{api}: WeCom asked to be left alone (45009)", blocked, errcode=45009)
        full_minute = its_minute == minute and minute_calls >= per_minute
        until = (minute + 1) * MINUTE_MS if full_minute else (hour + 1) * HOUR_MS
        raise Limited(f"{api}: called as often as WeCom allows in a {'minute' if full_minute else 'hour'}", until)

    @transactional
    def block(self, api: str) -> Limited:
        """Leave an API alone that answered 45009: for a minute, four when that was not enough, and so on to an hour."""
        now = self.brand.now()
        # Several calls that were under way at the same moment are one strike.
        execute(
            "UPDATE wecom_api SET strikes = CASE WHEN blocked_until > CAST(? AS BIGINT) THEN strikes + 1 ELSE 0 END "
            "WHERE api = ? AND blocked_until <= ?",
            (now - STRIKE_MS, api, now),
        )
        (strikes,) = execute("SELECT strikes FROM wecom_api WHERE api = ?", (api,)).fetchone()
        until = now + min(LONGEST_BLOCK_MS, BLOCK_MS.ms * 4 ** min(strikes, 3))
        execute("UPDATE wecom_api SET blocked_until = ? WHERE api = ? AND blocked_until <= ?", (until, api, now))
        return Limited(f"{api}: called more often than WeCom allows (45009)", until, errcode=45009)
