"""Whether what was drawn agrees with the published odds: Pearson's chi-square test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_EXPECTED = 5
"""Below this many expected draws a prize is counted together with others: the test is not valid for rarer ones."""


@dataclass(frozen=True, slots=True)
class Fit:
    """``p`` is the probability of at least this deviation when the odds are as published; None: too few draws."""

    draws: int
    chi_square: float | None
    freedom: int
    p: float | None


def test(table: Sequence[tuple[str, int]], drawn: Mapping[str, int]) -> Fit:
    """Compare counts by prize with the weights of the table.

    Prizes whose expected count is below five are pooled; a prize of weight 0
    that was drawn makes the probability 0.
    """
    total = sum(weight for _, weight in table)
    draws = sum(drawn.values())
    if any(drawn.get(code) for code, weight in table if not weight):
        return Fit(draws, math.inf, 0, 0.0)
    cells, rare_expected, rare_seen = [], 0.0, 0
    for code, weight in table:
        if not weight:
            continue
        expected = draws * weight / total
        if expected < LEAST_EXPECTED:
            rare_expected += expected
            rare_seen += drawn.get(code, 0)
        else:
            cells.append((expected, drawn.get(code, 0)))
    if rare_expected:
        cells.append((rare_expected, rare_seen))
    if len(cells) < 2 or min(expected for expected, _ in cells) < 1:
        return Fit(draws, None, max(0, len(cells) - 1), None)
    statistic = sum((seen - expected) ** 2 / expected for expected, seen in cells)
    return Fit(draws, statistic, len(cells) - 1, upper_tail(statistic, len(cells) - 1))


def upper_tail(statistic: float, freedom: int) -> float:
    """P(chi-square with ``freedom`` degrees >= statistic), by the regularised incomplete gamma function Q(k/2, x/2)."""
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while abs(term) > abs(total) * 1e-15:
            step += 1
            term *= x / step
            total += term
        return max(0.0, 1 - front * total)
    return front * _fraction(a, x)


def _fraction(a: float, x: float) -> float:
    """The continued fraction of Q, by Lentz's method."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for i in range(1, 10_000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b or tiny)
        c = b + an / c or tiny
        change = d * c
        value *= change
        if abs(change - 1) < 1e-15:
            break
    return value
