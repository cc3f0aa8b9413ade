"""Quiet hours (免打扰时段): whether a commercial message may go now where its recipient is.

A phone number's country decides the zone: +86 and its neighbours +852, +853 and
+886 keep Asia/Shanghai's time; other numbers are looked up, and a country of
several zones is open only when all of them are. Addresses that are no phone
numbers keep the brand's zone.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from zoneinfo import ZoneInfo

from ..clock import MS_PER_DAY, from_instant, local_instant

SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHANGHAI_CODES = ("+86", "+852", "+853", "+886")
Quiet = tuple[int, int]
"""First minute and end minute of the day; the end may lie on the next day."""


def zones_of(address: str, home: ZoneInfo) -> tuple[ZoneInfo, ...]:
    """The zones that a recipient may be in; ``home`` is the brand's."""
    if not address.startswith("+"):
        return (home,)
    if address.startswith(_SHANGHAI_CODES):
        return (SHANGHAI,)
    return _looked_up(address) or (home,)


@functools.lru_cache(maxsize=65_536)
def _looked_up(address: str) -> tuple[ZoneInfo, ...]:
    import phonenumbers  # 60 ms and only for numbers abroad
    from phonenumbers import timezone

    try:
        names = timezone.time_zones_for_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(ZoneInfo(name) for name in names if name != timezone.UNKNOWN_TIMEZONE)


def opens_at(now: int, quiet: Quiet | None, zones: tuple[ZoneInfo, ...]) -> int:
    """The instant from which a message may go: ``now`` when it may go at once.

    Zones far apart may never be open together within a day: then the last of
    them decides, so that the wait has an end.
    """
    if quiet is None:
        return now
    moment = now
    while moment - now <= MS_PER_DAY:
        later = max(_opens_in(moment, quiet, zone) for zone in zones)
        if later == moment:
            return moment
        moment = later
    return _opens_in(now, quiet, zones[-1])


def _opens_in(now: int, quiet: Quiet, zone: ZoneInfo) -> int:
    local = from_instant(now, zone)
    minute = local.hour * 60 + local.minute
    begin, end = quiet
    closed = begin <= minute < end if begin < end else minute >= begin or minute < end
    if not closed:
        return now
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if minute >= end:
        day += timedelta(days=1)
    return local_instant(day + timedelta(minutes=end), zone)
