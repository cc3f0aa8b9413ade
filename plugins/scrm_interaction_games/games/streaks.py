"""Streaks, cycles and make-up of a check-in (签到), worked out from the set of signed days alone.

A day is ``date.toordinal()`` in the brand's zone. Nothing here reads a clock
or a table: a counter that is kept can be wrong, a set of dates cannot.

Source of the rules: the check-in rules of interaction games (连续签到, 周期, 补签).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date

MODES = ("rolling", "monthly", "endless")


@dataclass(frozen=True, slots=True)
class Run:
    """Days signed one after the other, from ``first`` to ``last`` inclusive."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """How many days the run has."""
        return self.last - self.first + 1

    def holds(self, day: int) -> bool:
        """Whether a day lies in the run."""
        return self.first <= day <= self.last


def runs(days: Iterable[int]) -> list[Run]:
    """The signed days as runs, earliest first; runs never touch each other."""
    found: list[Run] = []
    for day in sorted(set(days)):
        if found and found[-1].last == day - 1:
            found[-1] = Run(found[-1].first, day)
        else:
            found.append(Run(day, day))
    return found


def run_of(days: Set[int], day: int) -> Run:
    """The run that holds a signed day; ValueError for a day that is not signed."""
    if day not in days:
        raise ValueError(f"day {day} is not signed")
    first = last = day
    while first - 1 in days:
        first -= 1
    while last + 1 in days:
        last += 1
    return Run(first, last)


def streak(days: Set[int], today: int) -> int:
    """Consecutive days that end today, or yesterday while today is not signed yet; 0 when broken."""
    for end in (today, today - 1):
        if end in days:
            return end - run_of(days, end).first + 1
    return 0


def month_of(day: int) -> tuple[int, int]:
    """First and last day of the calendar month of a day."""
    when = date.fromordinal(day)
    first = when.replace(day=1).toordinal()
    following = date(when.year + when.month // 12, when.month % 12 + 1, 1).toordinal()
    return first, following - 1


@dataclass(frozen=True, slots=True)
class Cycle:
    """How days of a streak are numbered.

    ``rolling``: days 1 to ``length``, then 1 again while the streak goes on.
    ``monthly``: the streak is counted afresh on the first of each month.
    ``endless``: the day of the streak itself. ``length`` counts for rolling alone.
    """

    mode: str = "rolling"
    length: int = 7

    def day(self, days: Set[int], day: int) -> int:
        """The cycle day (1 and up) of a signed day."""
        place = day - self._start(days, day) + 1
        return (place - 1) % self.length + 1 if self.mode == "rolling" else place

    def scope(self, days: Set[int], day: int) -> Run:
        """The days within which a milestone counts once: the streak of a day, or its month."""
        if self.mode == "monthly":
            return Run(*month_of(day))
        return run_of(days, day)

    def times(self, days: Set[int], day: int, milestone: int) -> int:
        """How often a milestone (a number of consecutive days) has been reached in the scope of a signed day.

        Once per streak (endless), once per calendar month (monthly), once in
        each cycle of the streak (rolling).
        """
        if self.mode == "monthly":
            first, last = month_of(day)
            return int(any(run.days >= milestone for run in runs(each for each in days if first <= each <= last)))
        length = run_of(days, day).days
        if length < milestone:
            return 0
        return (length - milestone) // self.length + 1 if self.mode == "rolling" else 1

    def _start(self, days: Set[int], day: int) -> int:
        first = run_of(days, day).first
        return max(first, month_of(day)[0]) if self.mode == "monthly" else first


def newly_reached(
    cycle: Cycle, days: Set[int], day: int, milestones: Iterable[int], paid: Iterable[tuple[int, int]]
) -> list[int]:
    """The milestones to pay now that ``day`` is signed or made up, smallest first.

    ``paid`` holds (milestone, day it was paid for). What was paid to two
    streaks that a make-up joins counts for the joined one, so a make-up pays
    what the longer streak newly reaches and never the same thing twice.
    """
    scope = cycle.scope(days, day)
    had = [milestone for milestone, on in paid if scope.holds(on)]
    return [each for each in sorted(set(milestones)) if cycle.times(days, day, each) > had.count(each)]


@dataclass(frozen=True, slots=True)
class MakeUp:
    """The limits of making up (补签): so many a calendar month, only the last ``days_back`` days."""

    per_month: int = 3
    days_back: int = 7

    def refusal(
        self, day: int, *, today: int, signed: Set[int], joined: int, starts: int, made_this_month: int
    ) -> str | None:
        """Why a day cannot be made up, or None when it can.

        One of ``future`` (today is signed, not made up), ``signed``,
        ``before_joining`` (the person was not there yet), ``before_start`` (nor
        was the campaign), ``too_old`` and ``monthly_limit``. ``made_this_month``
        counts the make-ups done in the calendar month of ``today``.
        """
        if day >= today:
            return "future"
        if day in signed:
            return "signed"
        if day < joined:
            return "before_joining"
        if day < starts:
            return "before_start"
        if day < today - self.days_back:
            return "too_old"
        if made_this_month >= self.per_month:
            return "monthly_limit"
        return None

    def open_days(self, *, today: int, signed: Set[int], joined: int, starts: int, made_this_month: int) -> list[int]:
        """The days that can be made up now, earliest first."""
        return [
            day
            for day in range(today - self.days_back, today)
            if self.refusal(
                day, today=today, signed=signed, joined=joined, starts=starts, made_this_month=made_this_month
            )
            is None
        ]
