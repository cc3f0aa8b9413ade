"""Instants as callers write them: ISO 8601 text or epoch milliseconds, read in a brand's zone."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from scrm_core.clock import MS_PER_DAY
from scrm_core.errors import Invalid

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_YEARS = (1900, 2200)
_EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
_EARLIEST_MS = 100_000_000_000  # 1973; anything smaller is a count of seconds
_LATEST_MS = 7_258_118_400_000  # the start of 2200


def parse_instant(value: object, zone: ZoneInfo) -> int:
    """Epoch milliseconds of ISO 8601 text, or of an ``int`` that already is epoch milliseconds.

    Text without an offset is wall-clock time in ``zone`` (the brand's); a date
    alone is the start of that day there. Raises Invalid for anything else: a date
    that does not exist, a year outside 1900 to 2199, epoch *seconds*.
    """
    if type(value) is int:
        if _EARLIEST_MS <= value < _LATEST_MS:
            return value
        raise Invalid(f"{value} is not an instant in epoch milliseconds", code="instant")
    if type(value) is not str:
        raise Invalid(f"an instant is ISO 8601 text, not {type(value).__name__}", code="instant")
    if len(value) == 10:
        return _day_start(value, zone)  # files hold the same few days over and over
    return _read(value, zone)


def read_instant(text: str, zone: ZoneInfo, field: str) -> int:
    """The instant of a time as people type it, in an option or a form; raises Invalid naming the field.

    What :func:`parse_instant` takes as text, with white space around it: without an offset it is wall-clock time in
    ``zone``, and its year is one that can be written again.
    """
    try:
        return parse_instant(text.strip(), zone)
    except Invalid:
        raise Invalid(
            f"{field}: {text[:40]!r} is not a time such as 2026-03-01T09:30 or 2026-03-01", field=field
        ) from None


@lru_cache(maxsize=4096)
def _day_start(value: str, zone: ZoneInfo) -> int:
    return _read(value, zone)


def _usual(value: str) -> bool:
    """Whether the text has the outline of ``2026-01-31T12:30:00`` with ``Z``, an offset or nothing behind it.

    ``fromisoformat`` then reads or refuses it; other outlines that it would take
    (weeks, no dashes) are for the pattern to refuse.
    """
    size = len(value)
    return (
        (size == 19 or (size == 25 and value[19] in "+-" and value[22] == ":") or (size == 20 and value[19] == "Z"))
        and value[4] == "-"
        and value[7] == "-"
        and value[10] in "T "
        and value[13] == ":"
        and value[16] == ":"
    )


def _read(value: str, zone: ZoneInfo) -> int:
    if not _usual(value) and _ISO.fullmatch(value) is None:
        raise Invalid("an instant is ISO 8601 text such as 2026-01-31T12:30:00+08:00", code="instant")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid(f"{value!r} does not exist: {error}", code="instant") from None
    if not _YEARS[0] <= moment.year < _YEARS[1]:
        raise Invalid(f"the year {moment.year} is outside {_YEARS[0]} to {_YEARS[1] - 1}", code="instant")
    # Plain integer arithmetic: the same result as scrm_core.clock.local_instant, a few times faster.
    offset = (zone if moment.tzinfo is None else moment.tzinfo).utcoffset(moment)
    if offset is None:
        raise Invalid(f"the zone {zone} has no offset", code="instant")
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second - offset.days * 86_400 - offset.seconds
    return (moment.toordinal() - _EPOCH_DAY) * MS_PER_DAY + seconds * 1000 + moment.microsecond // 1000
