"""The few statistics that experiments need, in plain Python.

Formulas: pooled two-proportion z test with an unpooled interval of the
difference, Fisher's exact test for small cells, Wilson's score interval,
sample size per arm for a two-sided test, Pearson's chi-square against a
planned ratio, Holm's correction. All are textbook forms; P values are
two-sided; shares are between 0 and 1 (never per cent).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)
"""1.95996: the two-sided 5 % point of the normal distribution."""

MIN_EXPECTED = 5
"""Expected successes and failures that every cell needs for the z test."""

SRM_ALARM = 0.001
"""A sample ratio this unlikely means a bug in the assignment, not chance."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of a share or of a difference of shares."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two shares compared: ``difference`` is second minus first.

    ``z`` is None when Fisher's exact test was used (``method`` is ``"fisher"``)
    or when there is no variance at all.
    """

    difference: float
    interval: Interval
    z: float | None
    p_value: float
    method: str


def compare_shares(x1: int, n1: int, x2: int, n2: int) -> Comparison:
    """Compare ``x1`` of ``n1`` with ``x2`` of ``n2``.

    Uses the z test when every expected cell is at least :data:`MIN_EXPECTED`,
    Fisher's exact test otherwise; the 95 % interval of the difference is the
    unpooled normal one in both cases. Raises ValueError for counts that are
    not ``0 <= x <= n`` with ``n > 0``.
    """
    for x, n in ((x1, n1), (x2, n2)):
        if not 0 <= x <= n or n == 0:
            raise ValueError(f"{x} of {n} is not a share")
    p1, p2 = x1 / n1, x2 / n2
    pooled = (x1 + x2) / (n1 + n2)
    difference = p2 - p1
    spread = Z_95 * math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    interval = Interval(difference - spread, difference + spread)
    if min(n1, n2) * min(pooled, 1 - pooled) < MIN_EXPECTED:
        return Comparison(difference, interval, None, fisher_exact(x1, n1, x2, n2), "fisher")
    z = difference / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return Comparison(difference, interval, z, math.erfc(abs(z) / math.sqrt(2)), "z")


def fisher_exact(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided P of Fisher's exact test: the sum over all tables with the same
    margins that are at most as likely as the one seen."""
    successes, total = x1 + x2, n1 + n2
    whole = _log_choose(total, successes)

    def log_chance(x: int) -> float:
        return _log_choose(n1, x) + _log_choose(n2, successes - x) - whole

    seen = log_chance(x1) + 1e-9
    possible = range(max(0, successes - n2), min(successes, n1) + 1)
    return min(1.0, math.fsum(math.exp(c) for c in map(log_chance, possible) if c <= seen))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def wilson(x: float, n: float) -> Interval:
    """Wilson's 95 % score interval of the share ``x`` of ``n``; ``n`` must be positive.

    Neither needs to be whole: ``n`` may be the effective size of a weighted sample.
    """
    if not 0 <= x <= n or n == 0:
        raise ValueError(f"{x} of {n} is not a share")
    square = Z_95 * Z_95
    centre = (x + square / 2) / (n + square)
    spread = Z_95 / (n + square) * math.sqrt(x * (n - x) / n + square / 4)
    return Interval(0.0 if x == 0 else centre - spread, 1.0 if x == n else centre + spread)


def sample_size(p1: float, p2: float, *, power: float = 0.80) -> int:
    """Persons per arm to tell ``p1`` from ``p2``, two-sided at 5 %, rounded up."""
    if not (0 < p1 < 1 and 0 < p2 < 1) or p1 == p2:
        raise ValueError("two different shares between 0 and 1 are needed")
    mean = (p1 + p2) / 2
    z_power = NormalDist().inv_cdf(power)
    root = Z_95 * math.sqrt(2 * mean * (1 - mean)) + z_power * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return math.ceil(root * root / (p1 - p2) ** 2)


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """Counts against a planned ratio; ``alarm`` means: discard and look for the bug."""

    chi_square: float
    p_value: float
    alarm: bool


def sample_ratio(counts: Sequence[int], weights: Sequence[float]) -> RatioCheck:
    """Pearson's chi-square of ``counts`` against ``weights``; alarm below :data:`SRM_ALARM`.

    Nobody counted yet is no alarm. Raises ValueError unless there are as many
    positive weights as counts, two at least.
    """
    if len(counts) != len(weights) or len(counts) < 2 or min(weights) <= 0:
        raise ValueError("a ratio needs one positive weight per arm and two arms at least")
    people, whole = sum(counts), math.fsum(weights)
    if people == 0:
        return RatioCheck(0.0, 1.0, False)
    expected = [people * weight / whole for weight in weights]
    chi = math.fsum((seen - e) ** 2 / e for seen, e in zip(counts, expected, strict=True))
    p = chi_square_tail(chi, len(counts) - 1)
    return RatioCheck(chi, p, p < SRM_ALARM)


def chi_square_tail(chi: float, freedom: int) -> float:
    """The chance of a chi-square of ``freedom`` degrees above ``chi``.

    Closed form: erfc for one degree, exp for two, and the recurrence
    ``Q(a + 1, x) = Q(a, x) + x^a e^-x / Gamma(a + 1)`` above.
    """
    x = chi / 2
    if x <= 0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(x))) if freedom % 2 else (1.0, math.exp(-x))
    while a < freedom / 2:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1))
        a += 1
    return min(1.0, tail)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted P values, in the order given (several variants against one control)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


SIGNIFICANT = 0.05
"""A difference counts when its P value, corrected by Holm for several variants, is below this."""


@dataclass(frozen=True, slots=True)
class ComparedArm:
    """One arm of a test of shares: ``hits`` of ``base`` persons.

    ``share`` and ``interval`` are None without persons, ``against_control`` and
    ``p_adjusted`` for the control and while one of the two has no persons.
    """

    arm: str
    base: int
    hits: int
    share: float | None
    interval: Interval | None
    against_control: Comparison | None
    p_adjusted: float | None

    @property
    def lift(self) -> float:
        """By how much the share lies above the control's; 0 for the control."""
        return 0.0 if self.against_control is None else self.against_control.difference


@dataclass(frozen=True, slots=True)
class ShareTest:
    """``verdict``: sample ratio mismatch (discard, look for the bug), too few persons, no difference or winner."""

    arms: tuple[ComparedArm, ...]
    verdict: str
    winner: str | None


def compare_arms(
    counted: Sequence[tuple[str, int, int]], minimum: int, *, mismatch: bool = False
) -> ShareTest:
    """Compare (arm, base, hits), the first being the control.

    No winner is named while an arm has fewer than ``minimum`` persons, nor with
    ``mismatch``: counts that do not fit the planned ratio.
    """
    _, control_base, control_hits = counted[0]
    compared = [
        compare_shares(control_hits, control_base, hits, base) if place and base and control_base else None
        for place, (_, base, hits) in enumerate(counted)
    ]
    corrected = iter(holm([each.p_value for each in compared if each is not None]))
    arms = tuple(
        ComparedArm(
            arm,
            base,
            hits,
            hits / base if base else None,
            wilson(hits, base) if base else None,
            comparison,
            None if comparison is None else next(corrected),
        )
        for (arm, base, hits), comparison in zip(counted, compared, strict=True)
    )
    return ShareTest(arms, *_verdict(arms, minimum, mismatch))


def _verdict(arms: Sequence[ComparedArm], minimum: int, mismatch: bool) -> tuple[str, str | None]:
    if mismatch:
        return "sample ratio mismatch", None
    if min(arm.base for arm in arms) < minimum:
        return "too few persons", None
    differing = [arm for arm in arms[1:] if arm.p_adjusted is not None and arm.p_adjusted < SIGNIFICANT]
    better = [arm for arm in differing if arm.lift > 0]
    if better:
        return "winner", max(better, key=lambda arm: arm.lift).arm
    if len(differing) == len(arms) - 1:
        return "winner", arms[0].arm
    return "no difference", None
