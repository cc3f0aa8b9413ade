"""The times of day at which a daily grab (每日抢) opens, in the brand's zone.

A time that does not exist on a day (clocks going forward) opens when the gap
ends; one that occurs twice opens the first time.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scrm_core.api import local_instant

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
MS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Drop:
    """A stock drop: ``stock`` pieces of the prize ``prize``, each day at ``at`` (HH:MM), open for ``minutes``."""

    at: str
    prize: str
    stock: int
    minutes: int

    @property
    def minute(self) -> int:
        """Minutes after midnight at which it opens."""
        return minute_of(self.at)

    def window(self, day: int, zone: ZoneInfo) -> tuple[int, int]:
        """The instants [opens, closes) of the drop on a brand-local day."""
        opens = local_instant(datetime.fromordinal(day) + timedelta(minutes=self.minute), zone)
        return opens, opens + self.minutes * MS_PER_MINUTE


def minute_of(text: str) -> int:
    """Minutes after midnight of a time such as ``10:00``; ValueError for anything else."""
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no time of day; write it as HH:MM, for example 10:00")
    return int(text[:2]) * 60 + int(text[3:])


def open_drop(drops: tuple[Drop, ...], now: int, day: int, zone: ZoneInfo) -> Drop | None:
    """The drop that is open now, or None; drops of a day do not overlap."""
    for drop in drops:
        opens, closes = drop.window(day, zone)
        if opens <= now < closes:
            return drop
    return None


def next_drop(drops: tuple[Drop, ...], now: int, day: int, zone: ZoneInfo) -> tuple[Drop, int] | None:
    """The next drop and the instant at which it opens, today or tomorrow; None without drops."""
    coming = [(drop.window(each, zone)[0], drop) for each in (day, day + 1) for drop in drops]
    later = [(opens, drop) for opens, drop in coming if opens > now]
    if not later:
        return None
    opens, drop = min(later, key=lambda pair: pair[0])
    return drop, opens


def overlap(drops: tuple[Drop, ...]) -> tuple[Drop, Drop] | None:
    """Two drops of a day that are open at the same time, or one that is open past midnight with itself."""
    ordered = sorted(drops, key=lambda drop: drop.minute)
    for one, two in itertools.pairwise(ordered):
        if one.minute + one.minutes > two.minute:
            return one, two
    if ordered and ordered[-1].minute + ordered[-1].minutes > 24 * 60:
        return ordered[-1], ordered[-1]
    return None
