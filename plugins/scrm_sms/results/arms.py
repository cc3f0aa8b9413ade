"""Which text won (文案 A/B): shares with intervals, differences with P values, and no winner too early.

Analysed is the text that a person was sent (intention to treat): a text that
carriers stop more often has lost those people too. The arms' weights and the
least number of persons are those of the plan's experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import ExperimentMeasure, Invalid, ShareTest, compare_arms, sample_ratio

from .figures import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrm_core.api import Brand

MEASURES = {
    "clicked": "clicked of sent 点击/发送",
    "added": "added of sent 加粉/发送",
    "converted": "added of clicked 加粉/点击",
}


@dataclass(frozen=True, slots=True)
class ArmTest:
    """A comparison by one measure, and the persons that every arm needs before a winner is named."""

    measure: str
    minimum: int
    test: ShareTest


def test_of(brand: Brand, experiment: str, measure: str, found: Mapping[str, Figures]) -> ArmTest:
    """Compare the arms of an experiment by a measure of :data:`MEASURES`; raises Invalid for another one."""
    if measure not in MEASURES:
        raise Invalid(f"measure: {measure!r:.40} is none of {', '.join(MEASURES)}", field="measure")
    view = brand.experiments.get(experiment)
    figures = [found.get(arm, Figures()) for arm, _ in view.arms]
    counted = [(arm, *_counts(measure, each)) for (arm, _), each in zip(view.arms, figures, strict=True)]
    mismatch = sample_ratio([each.sent for each in figures], [weight for _, weight in view.arms]).alarm
    return ArmTest(measure, view.minimum, compare_arms(counted, view.minimum, mismatch=mismatch))


def measures_of(brand: Brand, experiment: str, found: Mapping[str, Figures]) -> list[ExperimentMeasure]:
    """The counts of every measure, for whoever compares them."""
    figures = [(arm, found.get(arm, Figures())) for arm, _ in brand.experiments.get(experiment).arms]
    sent = tuple(each.sent for _, each in figures)
    return [
        ExperimentMeasure(title, tuple((arm, *_counts(measure, each)) for arm, each in figures), sent)
        for measure, title in MEASURES.items()
    ]


def _counts(measure: str, figures: Figures) -> tuple[int, int]:
    """(base, hits) of an arm."""
    if measure == "clicked":
        return figures.sent, figures.clicked
    if measure == "added":
        return figures.sent, figures.reached_added
    return figures.clicked, figures.clicked_added
