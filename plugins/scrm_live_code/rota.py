"""The rota (排班): weekdays and hours of the brand's zone, written ``1-5 09:00-18:00; 6,7 10:00-16:00``."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from scrm_core.api import Invalid

_SPELL = re.compile(r"([1-7](?:[-,][1-7])*) +(\d\d):(\d\d)-(\d\d):(\d\d)\Z")
_MOST = 500
DAY_MINUTES = 24 * 60


@lru_cache(maxsize=1024)
def spells(hours: str) -> tuple[tuple[frozenset[int], int, int], ...]:
    """A rota's spells: weekdays (1 is Monday), the first minute of the day and the one behind the last.

    An empty rota has none. Raises Invalid (``hours``).
    """
    if len(hours) > _MOST:
        raise _bad(f"at most {_MOST} characters")
    found = []
    for part in filter(None, (each.strip() for each in hours.split(";"))):
        match = _SPELL.match(part)
        if match is None:
            raise _bad(f"{part!r} is not like 1-5 09:00-18:00 (1 is Monday)")
        begin, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
        if int(match[3]) > 59 or int(match[5]) > 59 or end > DAY_MINUTES or begin >= end:
            raise _bad(f"{part!r} does not end behind its beginning on the same day; a night is two spells")
        found.append((_days(match[1]), begin, end))
    return tuple(found)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, *more = (int(each) for each in part.split("-"))
        last = more[-1] if more else first
        if len(more) > 1 or last < first:
            raise _bad(f"{part!r} are no weekdays from first to last")
        days.update(range(first, last + 1))
    return frozenset(days)


def on_duty(hours: str, local: datetime) -> bool:
    """Whether a rota includes a moment, given as wall-clock time of the brand's zone; an empty one always does."""
    rota, minute = spells(hours), local.hour * 60 + local.minute
    return not rota or any(local.isoweekday() in days and begin <= minute < end for days, begin, end in rota)


def _bad(message: str) -> Invalid:
    return Invalid(f"hours: {message}", field="hours", code="hours")
