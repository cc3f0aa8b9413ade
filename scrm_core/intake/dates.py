"""Dates as spreadsheets and shop exports write them, read into instants."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scrm_core.clock import local_instant, to_instant
from scrm_core.errors import Invalid
from scrm_core.values.instants import parse_instant

_LOCAL = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"
    r"(?:[ T]+([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.[0-9]+)?)?)?"
)
_SERIAL = re.compile(r"[2-7][0-9]{4}(?:\.[0-9]{1,12})?")
_SERIAL_EPOCH = datetime(1899, 12, 30)  # where Excel's day numbers start
_NEVER = re.compile(r"0{4}[-/]0{1,2}[-/]0{1,2}(?: 0{1,2}:0{2}(?::0{2})?)?")


def date_reader(formats: tuple[str, ...], zone: ZoneInfo) -> Callable[[str], int | None]:
    """A function from the text of a cell to epoch milliseconds; wall-clock times are in ``zone``.

    Each of ``formats`` is tried in order: ``auto`` (ISO 8601, ``2016/5/23 22:02``,
    ``2016年5月23日`` and Excel's day numbers such as 42513.918), ``epoch_ms``,
    ``epoch_s`` or a strptime format such as ``%d.%m.%Y %H:%M``. An empty cell and
    ``0000-00-00`` are None: not set. The function raises Invalid for the rest.
    """
    readers = [_FORMATS.get(name) or _strptime(name) for name in formats]

    @lru_cache(maxsize=4096)
    def read(cell: str) -> int | None:
        text = cell.strip().lstrip("'\t")
        if not text or _NEVER.fullmatch(text):
            return None
        for reader in readers:
            try:
                return reader(text, zone)
            except (ValueError, OverflowError, Invalid):
                continue  # the next format may fit; the error below speaks for all of them
        raise Invalid(f"{text[:40]!r} is not a date between 1973 and 2199 in a form expected here", code="instant")

    return read


def _auto(text: str, zone: ZoneInfo) -> int:
    match = _LOCAL.fullmatch(text)
    if match is not None:
        parts = [int(part) for part in match.groups(default="0")]
        return parse_instant(local_instant(datetime(*parts), zone), zone)  # type: ignore[arg-type]
    if _SERIAL.fullmatch(text):
        seconds = round(float(text) * 86_400)
        return local_instant(_SERIAL_EPOCH + timedelta(seconds=seconds), zone)
    return parse_instant(parse_instant(text, zone), zone)


def _epoch_ms(text: str, zone: ZoneInfo) -> int:
    return parse_instant(int(text), zone)


def _epoch_s(text: str, zone: ZoneInfo) -> int:
    return parse_instant(int(text) * 1000, zone)


_FORMATS = {"auto": _auto, "epoch_ms": _epoch_ms, "epoch_s": _epoch_s}


def _strptime(form: str) -> Callable[[str, ZoneInfo], int]:
    def read(text: str, zone: ZoneInfo) -> int:
        moment = datetime.strptime(text, form)
        return parse_instant(to_instant(moment) if moment.tzinfo else local_instant(moment, zone), zone)

    return read
