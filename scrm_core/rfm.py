"""RFM: recency, frequency and money of customers, scored 1 to 5 and named.

*R* is the number of days since the last valid order at the snapshot day, *F*
the number of days with a valid order, *M* net money in minor units. Customers
without an order are not scored. A score is a rank among the others, so equal
values get equal scores::

    score(v) = min(5, 1 + floor(5 * #{strictly worse} / n))

Scoring by row number (NTILE, rank) would give customers with the same single
order different scores, and more than half of all customers usually have
exactly one. Where that is too coarse, fixed thresholds agreed with the brand
are the more stable choice: a quintile moves when others buy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

TOP = 5
"""The best score; the worst is 1."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How one measure becomes a score: stored with each run, so a score can be explained.

    ``bounds[i]`` is the worst value that still earns score ``i + 2``, None
    where nothing earns it. ``more_is_better`` is False for recency.
    """

    bounds: tuple[int | None, int | None, int | None, int | None]
    more_is_better: bool = True

    def score(self, value: int) -> int:
        """1 to 5."""
        reached = 1
        for score, bound in enumerate(self.bounds, 2):
            if bound is not None and (value >= bound if self.more_is_better else value <= bound):
                reached = score
        return reached


def quintiles(values: Sequence[int], *, more_is_better: bool = True) -> Scale:
    """The scale on which each of ``values`` has the score of the module's formula."""
    sign = 1 if more_is_better else -1
    ranked = sorted(sign * value for value in values)
    bounds: list[int | None] = [None] * (TOP - 1)
    for value in reversed(list(dict.fromkeys(ranked))):
        score = min(TOP, 1 + TOP * bisect_left(ranked, value) // len(ranked))
        for reached in range(2, score + 1):
            bounds[reached - 2] = sign * value
    return Scale((bounds[0], bounds[1], bounds[2], bounds[3]), more_is_better)


def thresholds(bounds: Sequence[int], *, more_is_better: bool = True) -> Scale:
    """A fixed scale: four bounds, the value from which scores 2, 3, 4 and 5 are earned.

    ``thresholds([2, 3, 4, 6])`` scores frequencies 1, 2, 3, 4-5, 6+. Raises
    ValueError unless the four get strictly better.
    """
    sign = 1 if more_is_better else -1
    steps = [sign * bound for bound in bounds]
    if len(steps) != TOP - 1 or any(a >= b for a, b in pairwise(steps)):
        raise ValueError("four bounds are needed, each better than the one before")
    return Scale((bounds[0], bounds[1], bounds[2], bounds[3]), more_is_better)


SEGMENTS: dict[tuple[bool, bool, bool], str] = {
    (True, True, True): "重要价值客户",
    (True, False, True): "重要发展客户",
    (False, True, True): "重要保持客户",
    (False, False, True): "重要挽留客户",
    (True, True, False): "一般价值客户",
    (True, False, False): "一般发展客户",
    (False, True, False): "一般保持客户",
    (False, False, False): "一般挽留客户",
}
"""The eight segments by (R high, F high, M high); the names are common Chinese practice."""


@dataclass(frozen=True, slots=True)
class Scores:
    """R, F and M of one customer, each 1 to 5."""

    r: int
    f: int
    m: int


def segments(scores: Sequence[Scores], *, against: str = "mean") -> list[str]:
    """The segment of each customer: a score is high when it is above the mean.

    ``against="median"`` compares with the median instead. "Above" is strict:
    when all are equal, none is high.
    """
    if against not in ("mean", "median"):
        raise ValueError("scores are compared with the mean or the median")
    if not scores:
        return []
    centre = fmean if against == "mean" else median
    r = centre([s.r for s in scores])
    f = centre([s.f for s in scores])
    m = centre([s.m for s in scores])
    return [SEGMENTS[s.r > r, s.f > f, s.m > m] for s in scores]


@dataclass(frozen=True, slots=True)
class RepeatSummary:
    """Repeat buying: ``repeats`` sums each customer's purchase days minus one."""

    customers: int
    repeats: int
    without_repeat: int


def repeat_summary(purchase_days: Iterable[int]) -> RepeatSummary:
    """The summary of one number of purchase days (1 or more) per customer."""
    customers = repeats = without = 0
    for days in purchase_days:
        customers += 1
        repeats += days - 1
        without += days == 1
    return RepeatSummary(customers, repeats, without)
