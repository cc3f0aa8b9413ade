"""Which text won (文案 A/B): shares with intervals, differences with P values, and no winner too early.

Analysed is the text that a person was sent (intention to treat): a text that
carriers stop more often has lost those people too. The arms' weights and the
least number of persons are those of the plan's experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Comparison, Interval, Invalid, compare_shares, holm, sample_ratio, wilson

from .figures import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrm_core.api import Brand

MEASURES = {
    "clicked": "clicked of sent 点击/发送",
    "added": "added of sent 加粉/发送",
    "converted": "added of clicked 加粉/点击",
}
_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class ArmLine:
    """One text: ``hits`` of ``base`` messages; the comparison with the first arm, P corrected for several arms."""

    arm: str
    base: int
    hits: int
    share: float | None
    interval: Interval | None
    against: Comparison | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class ArmTest:
    """``verdict``: winner, no difference, too few persons, or sample ratio mismatch (look for the bug)."""

    measure: str
    minimum: int
    lines: tuple[ArmLine, ...]
    verdict: str
    winner: str | None


def test_of(brand: Brand, experiment: str, measure: str, found: Mapping[str, Figures]) -> ArmTest:
    """Compare the arms of an experiment by a measure of :data:`MEASURES`; raises Invalid for another one."""
    if measure not in MEASURES:
        raise Invalid(f"measure: {measure!r:.40} is none of {', '.join(MEASURES)}", field="measure")
    view = brand.experiments.get(experiment)
    figures = [found.get(arm, Figures()) for arm, _ in view.arms]
    counted = [(arm, *_counts(measure, each)) for (arm, _), each in zip(view.arms, figures, strict=True)]
    mismatch = sample_ratio([each.sent for each in figures], [weight for _, weight in view.arms]).alarm
    return judge(measure, counted, view.minimum, mismatch=mismatch)


def _counts(measure: str, figures: Figures) -> tuple[int, int]:
    """(base, hits) of an arm."""
    if measure == "clicked":
        return figures.sent, figures.clicked
    if measure == "added":
        return figures.sent, figures.reached_added
    return figures.clicked, figures.clicked_added


def judge(
    measure: str, counted: Sequence[tuple[str, int, int]], minimum: int, *, mismatch: bool = False
) -> ArmTest:
    """The table of (arm, base, hits), the first being the control; no winner below ``minimum`` in any arm."""
    _, control_base, control_hits = counted[0]
    compared = [
        compare_shares(control_hits, control_base, hits, base) if place and base and control_base else None
        for place, (_, base, hits) in enumerate(counted)
    ]
    corrected = iter(holm([each.p_value for each in compared if each is not None]))
    lines = tuple(
        ArmLine(
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
    verdict, winner = _verdict(lines, minimum, mismatch)
    return ArmTest(measure, minimum, lines, verdict, winner)


def _verdict(lines: Sequence[ArmLine], minimum: int, mismatch: bool) -> tuple[str, str | None]:
    if mismatch:
        return "sample ratio mismatch", None
    if min(line.base for line in lines) < minimum:
        return "too few persons", None
    differing = [line for line in lines[1:] if line.p_value is not None and line.p_value < _SIGNIFICANT]
    better = [line for line in differing if _lift(line) > 0]
    if better:
        return "winner", max(better, key=_lift).arm
    if len(differing) == len(lines) - 1:
        return "winner", lines[0].arm
    return "no difference", None


def _lift(line: ArmLine) -> float:
    return 0.0 if line.against is None else line.against.difference
