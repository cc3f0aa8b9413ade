"""Time: one clock, injected; instants are integers, days belong to a brand's zone.

An *instant* is an ``int``: milliseconds since 1970-01-01T00:00:00Z. A *day* is
an ``int`` too: ``date.toordinal()`` of the calendar day in the brand's zone.
Integers compare, store and index alike on every database.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from .errors import Invalid

MS_PER_DAY = 86_400_000


class Clock(Protocol):
    """Anything that tells the current instant in epoch milliseconds."""

    def now(self) -> int: ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to; for tests and simulations."""

    def __init__(self, start: int | datetime = 1_767_225_600_000) -> None:
        self._now = start if isinstance(start, int) else to_instant(start)

    def now(self) -> int:
        return self._now

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0, ms: int = 0) -> int:
        """Move by the given amount (negative moves back) and return the new instant."""
        delta = timedelta(days=days, hours=hours, seconds=seconds)
        self._now += delta // timedelta(milliseconds=1) + ms
        return self._now

    def set(self, instant: int | datetime) -> None:
        """Jump to an instant or an aware datetime."""
        self._now = instant if isinstance(instant, int) else to_instant(instant)


def to_instant(moment: datetime) -> int:
    """Epoch milliseconds of an aware datetime; a naive one is refused with ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no instant: attach the brand's zone first")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_instant(instant: int, zone: ZoneInfo | None = None) -> datetime:
    """The aware datetime of an instant, in ``zone`` (default UTC)."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.astimezone(zone) if zone is not None else moment


def local_instant(naive: datetime, zone: ZoneInfo) -> int:
    """The instant of a wall-clock time in ``zone``.

    A time that occurs twice (clocks going back) is the first one; a time that
    does not exist (clocks going forward) is moved forward by the gap, as
    ``zoneinfo`` does with ``fold=0``.
    """
    return to_instant(naive.replace(tzinfo=zone))


def day_of(instant: int, zone: ZoneInfo) -> int:
    """The calendar day of an instant in ``zone``, as ``date.toordinal()``."""
    return from_instant(instant, zone).toordinal()


def day_start(day: int | date, zone: ZoneInfo) -> int:
    """The first instant of a calendar day in ``zone``."""
    ordinal = day if isinstance(day, int) else day.toordinal()
    return local_instant(datetime.fromordinal(ordinal), zone)


def whole_days(first: date, last: date, zone: ZoneInfo) -> tuple[int, int]:
    """The first instant of a first day, and the one behind a last day, in ``zone``.

    Raises Invalid (``first_day``, ``last_day``) for a first day before 1970, one behind the last, and years above 9000.
    """
    if first.year < 1970:  # the first days of the calendar have no instant east of UTC
        raise Invalid("it does not begin before 1970", field="first_day")
    if last < first or last.year > 9_000:
        raise Invalid("the last day lies before the first", field="last_day")
    return day_start(first, zone), day_start(last.toordinal() + 1, zone)


def iso(instant: int | None, zone: ZoneInfo | None = None) -> str | None:
    """ISO 8601 text with offset, or None for None: how instants leave the API."""
    if instant is None:
        return None
    moment = from_instant(instant, zone)
    return moment.isoformat(timespec="milliseconds" if instant % 1000 else "seconds")


def month_starts(last: date, count: int) -> list[date]:
    """The first days of ``count`` months, the last one that of ``last``'s, and of the one behind it."""
    whole = last.year * 12 + last.month - 1
    return [date(each // 12, each % 12 + 1, 1) for each in range(whole - count + 1, whole + 2)]
