"""What a table of weights costs: exact fractions, with the guarantee's real rate.

A guarantee (保底) forces a win of its grade on the N-th draw after N-1 misses.
With base probability p the mean number of draws per win is
``(1-(1-p)^N) / p``, so the real rate is ``p / (1-(1-p)^N)``: at 1% and N = 100
it is 1.577%, more than half above what the weights say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class PricedPrize:
    """A prize as its cost is worked out; ``stock`` null means without limit."""

    code: str
    weight: int
    value_minor: int
    grade: str = ""
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """A guarantee: the ``draws``-th draw after ``draws`` - 1 misses wins ``prize`` of ``grade``."""

    draws: int
    grade: str
    prize: str


def mean_draws(p: Fraction, guarantee: int) -> Fraction:
    """Mean number of draws per win with base probability ``p`` and a guarantee of N draws."""
    if not p:
        return Fraction(guarantee)
    return (1 - (1 - p) ** guarantee) / p


def real_rate(p: Fraction, guarantee: int) -> Fraction:
    """Wins per draw in the long run, guarantee included."""
    return 1 / mean_draws(p, guarantee)


def rates(prizes: Sequence[PricedPrize], total: int, promise: Promise | None = None) -> dict[str, Fraction]:
    """How often each prize is won per draw in the long run.

    Forced wins replace outcomes outside the grade: these keep their
    proportions and share what the grade leaves.
    """
    base = {prize.code: Fraction(prize.weight, total) for prize in prizes}
    if promise is None:
        return base
    inside = {prize.code for prize in prizes if prize.grade == promise.grade}
    p = sum((base[code] for code in inside), Fraction(0))
    real = real_rate(p, promise.draws)
    shrink = (1 - real) / (1 - p) if p < 1 else Fraction(0)
    out = {code: rate if code in inside else rate * shrink for code, rate in base.items()}
    out[promise.prize] += real - p
    return out


def expected_cost(prizes: Sequence[PricedPrize], total: int, promise: Promise | None = None) -> Fraction:
    """Expected cost of one draw in minor units, prizes counted at face value and without end."""
    found = rates(prizes, total, promise)
    return sum((found[prize.code] * prize.value_minor for prize in prizes), Fraction(0))


def expected_spend(
    prizes: Sequence[PricedPrize], total: int, draws: int, promise: Promise | None = None
) -> Fraction:
    """Expected cost of ``draws`` draws in minor units; no prize costs more than its stock."""
    found = rates(prizes, total, promise)
    spent = Fraction(0)
    for prize in prizes:
        wins = found[prize.code] * draws
        spent += (wins if prize.stock is None else min(wins, Fraction(prize.stock))) * prize.value_minor
    return spent
