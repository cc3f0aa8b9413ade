"""The influenced against their matched group: weighted means, their difference, and how sure it is.

A cell holds the customers of one month and one band of first-order amounts. With
n of N influenced in a cell, the group's figures count n/N there. The interval of
a difference is Student's, stratified: within-cell variances pooled on each side,
``s1^2 / N + s0^2 * sum((n/N)^2 / m)`` for m of the group in a cell, with as many
degrees of freedom as the smaller side has people beyond its cells. That of two
rates is Newcombe's (1998, method 10), the group counted as ``1 / sum((n/N)^2 / m)``
people: it stays wide where nobody, or everybody, bought again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from scrm_core.api import wilson

LEAST = 30
"""Below so many on either side a difference is told to rest on few."""
# Two-sided 5 % points of Student's t for 1, 2, ... 30 degrees of freedom.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(slots=True)
class Side:
    """People of one side: those who bought again, their money in minor units and its squares."""

    people: int = 0
    again: int = 0
    money: int = 0
    squares: float = 0.0

    @classmethod
    def of(cls, cells: Iterable[Cell], name: str) -> Side:
        """One side of all cells together."""
        whole = cls()
        for cell in cells:
            side: Side = getattr(cell, name)
            whole.add(side.people, side.again, side.money, side.squares)
        return whole

    def add(self, people: int, again: int, money: int, squares: float) -> None:
        """Count more people."""
        self.people += people
        self.again += again
        self.money += money
        self.squares += squares

    def spread(self) -> float:
        """The sum of squared deviations of their money from its mean."""
        return max(0.0, self.squares - float(self.money) ** 2 / self.people)


@dataclass(slots=True)
class Cell:
    """One month and band: who was led by a KOC, and the group beside them."""

    led: Side = field(default_factory=Side)
    group: Side = field(default_factory=Side)


def compared(cells: Sequence[Cell]) -> dict[str, Any]:
    """The columns of the report that compare; None where there is nobody, or too few for an interval."""
    both = [cell for cell in cells if cell.led.people and cell.group.people]
    led, group = Side.of(both, "led"), Side.of(both, "group")
    told: dict[str, Any] = {
        "matched": led.people, "unmatched": Side.of(cells, "led").people - led.people, "group": group.people,
        "matched_repeat_rate": None, "group_repeat_rate": None, "matched_value_minor": None,
        "group_value_minor": None, "lift_minor": None, "lift_low_minor": None, "lift_high_minor": None,
        "repeat_low": None, "repeat_high": None, "reading": "nobody to compare 无可比对象",
    }  # fmt: skip
    if not both:
        return told
    value, beside = Fraction(led.money, led.people), _weighted(both, led.people, "money")
    rate, rate_beside = led.again / led.people, float(_weighted(both, led.people, "again"))
    # So many people of one simple sample would tell as much as the weighted group.
    worth = 1 / sum((cell.led.people / led.people) ** 2 / cell.group.people for cell in both)
    told.update(
        matched_repeat_rate=rate, group_repeat_rate=rate_beside, matched_value_minor=round(value),
        group_value_minor=round(beside), lift_minor=round(value) - round(beside), reading="",
    )  # fmt: skip
    told["repeat_low"], told["repeat_high"] = _rates(rate, led.people, rate_beside, worth)
    around = _half(both, led.people, group.people, worth)
    if around is not None:
        lift = float(value - beside)
        told["lift_low_minor"], told["lift_high_minor"] = round(lift - around), round(lift + around)
    if min(led.people, worth) < LEAST:
        told["reading"] = f"few ({led.people} and {int(worth)}): read the intervals 人数少，请看区间"
    elif around is not None and told["lift_low_minor"] <= 0 <= told["lift_high_minor"]:
        told["reading"] = "the interval of values holds 0: no difference is shown 区间含0，未见差异"
    return told


def _weighted(cells: Sequence[Cell], people: int, what: str) -> Fraction:
    """The mean of the group, its cells weighted by the influenced in them."""
    return sum(
        (Fraction(cell.led.people * getattr(cell.group, what), cell.group.people) for cell in cells), Fraction(0)
    ) / people  # fmt: skip


def _half(cells: Sequence[Cell], people: int, group: int, worth: float) -> float | None:
    """Half the width of the interval of the difference of values; None without a degree of freedom."""
    freedom = min(people, group) - len(cells)
    if freedom < 1:
        return None
    led = sum(cell.led.spread() for cell in cells) / (people - len(cells))
    beside = sum(cell.group.spread() for cell in cells) / (group - len(cells))
    # Beyond the table: the first term of Fisher's expansion, right to a tenth of a percent.
    t = _T[freedom - 1] if freedom <= len(_T) else 1.95996 + 2.3723 / freedom
    return t * math.sqrt(led / people + beside / worth)


def _rates(rate: float, people: int, beside: float, worth: float) -> tuple[float, float]:
    mine, theirs = wilson(rate * people, people), wilson(beside * worth, worth)
    difference = rate - beside
    return (
        difference - math.hypot(rate - mine.low, theirs.high - beside),
        difference + math.hypot(mine.high - rate, beside - theirs.low),
    )
