"""Experiments (实验): sticky arms, an exposure log, and results that refuse to guess.

A person's arm is ``hash(salt + experiment + person) mod 10,000`` against the
arms' weights: the same on every machine and at every time, without a table.
The unit is the person, never the order. Only people in the exposure log are
analysed; an outcome counts once per person and metric, and only after the
exposure. The first arm is the control.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute, fetch_in, insert_rows
from ..errors import Conflict, Invalid, NotFound
from ..facts import ExperimentMeasure, ExperimentQuery
from ..limits import LIMITS
from ..models import Experiment, Exposure
from ..stats import Comparison, Interval, RatioCheck, ShareTest, compare_arms, sample_ratio
from ..values.text import clean_text

if TYPE_CHECKING:
    from ..brands import Brand

BUCKETS = 10_000
"""The weights of an experiment's arms sum to this."""


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An experiment; ``arms`` are (name, weight) in order, the first is the control.

    ``minimum`` is the number of exposed persons that every arm needs before a
    winner is named.
    """

    name: str
    arms: tuple[tuple[str, int], ...]
    minimum: int
    owner: str
    created_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm of a result: exposed persons, those with the outcome, the sum of its values.

    ``share`` is None without persons. ``against_control`` and ``p_adjusted``
    are None for the control and while one of the two has no persons.
    """

    arm: str
    persons: int
    converted: int
    value: int
    share: float | None
    interval: Interval | None
    against_control: Comparison | None
    p_adjusted: float | None


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """The result table of one metric. ``winner`` is None unless ``verdict`` is ``"winner"``.

    ``verdict``: ``"sample ratio mismatch"`` (discard, look for the bug),
    ``"too few persons"``, ``"no difference"`` or ``"winner"``.
    """

    experiment: str
    metric: str
    arms: tuple[ArmResult, ...]
    ratio: RatioCheck
    verdict: str
    winner: str | None


@dataclass(frozen=True, slots=True)
class MeasuredShares:
    """Arms compared by one measure; ``ratio`` holds the people who met each arm against the planned shares."""

    title: str
    test: ShareTest
    ratio: RatioCheck


def bucket_of(salt: str, experiment: str, person: str) -> int:
    """The person's bucket of an experiment, 0 to 9,999."""
    digest = hashlib.sha256(f"{salt}\x1f{experiment}\x1f{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


class Experiments:
    """The experiments of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def create(self, name: str, arms: Mapping[str, int], *, minimum: int, owner: str = "") -> ExperimentView:
        """Define an experiment; the same definition again returns the existing one.

        ``arms`` maps each arm to its weight, 10,000 in all; ``minimum`` is
        best taken from :func:`scrm_core.stats.sample_size`. Raises Invalid for
        other weights, Conflict when the name has another definition: people
        may already have met an arm, and moving them would spoil the result.
        """
        name = clean_text(name, field="name", max_length=LIMITS.name)
        if not name:
            raise Invalid("an experiment needs a name", field="name")
        _check_arms(arms, minimum)
        inserted = execute(
            "INSERT INTO experiment (name, salt, arms, minimum, owner, created_at) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO NOTHING",
            (
                name,
                secrets.token_hex(16),
                Experiment.arms.db_value([[arm, weight] for arm, weight in arms.items()]),
                minimum,
                owner,
                self.brand.now(),
            ),
        ).rowcount
        view = self.get(name)
        if not inserted and (view.arms, view.minimum, view.owner) != (tuple(arms.items()), minimum, owner):
            raise Conflict(f"experiment {name!r} exists with another definition: choose another name")
        return view

    def get(self, name: str) -> ExperimentView:
        """The experiment ``name``; raises NotFound."""
        return _view(_row(name))

    @transactional
    def end(self, name: str) -> ExperimentView:
        """End an experiment: nobody is exposed any more, outcomes still count."""
        row = _row(name)
        if row.ended_at is None:
            Experiment.update(ended_at=self.brand.now()).where(
                Experiment.id == row.id, Experiment.ended_at.is_null()
            ).execute()
        return self.get(name)

    def arm(self, name: str, person: str) -> str:
        """The person's arm, without recording that they met it."""
        row = _row(name)
        return _arm(row, person)

    def arms(self, name: str, persons: Sequence[str]) -> list[str]:
        """Like :meth:`arm` for many persons, in their order."""
        row = _row(name)
        return [_arm(row, person) for person in persons]

    @transactional
    def expose(self, name: str, person: str, at: int | None = None) -> str:
        """The person meets their arm; recorded once. Returns the arm.

        ``person`` is a stable key such as a contact's uid. After the end of
        the experiment the arm is still told but nothing is recorded.
        """
        return self.expose_many(name, [person], at)[0]

    @transactional
    def expose_many(self, name: str, persons: Sequence[str], at: int | None = None) -> list[str]:
        """Like :meth:`expose` for many persons at one instant (default now); arms in the same order."""
        row = _row(name)
        arms = [_arm(row, person) for person in persons]
        if row.ended_at is None:
            moment = self.brand.now() if at is None else at
            insert_rows(
                Exposure,
                ("experiment_id", "person", "arm", "at"),
                [(row.id, person, arm, moment) for person, arm in zip(persons, arms, strict=True)],
                on_conflict="ON CONFLICT (experiment_id, person) DO NOTHING",
            )
        return arms

    @transactional
    def record(self, name: str, person: str, metric: str, *, at: int, value: int = 1) -> bool:
        """The person did what ``metric`` measures; True when this is the first time and counts.

        False for a person who was not exposed by then, and for a repetition:
        the share of an arm is one of persons, not of events.
        """
        row = _row(name)
        if not metric or len(metric) > LIMITS.name:
            raise Invalid(f"a metric has 1 to {LIMITS.name} characters", field="metric")
        inserted = execute(
            "INSERT INTO outcome (experiment_id, person, metric, at, value) "
            "SELECT e.experiment_id, e.person, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT) "
            "FROM exposure e WHERE e.experiment_id = ? AND e.person = ? AND e.at <= ? "
            "ON CONFLICT (experiment_id, person, metric) DO NOTHING",
            (metric, at, value, row.id, person, at),
        ).rowcount
        return bool(inserted)

    def assigned(self, name: str, persons: Sequence[str]) -> dict[str, str]:
        """The recorded arms of those of ``persons`` who were exposed."""
        row = _row(name)
        return dict(
            fetch_in(
                "SELECT person, arm FROM exposure WHERE experiment_id = ? AND person IN ({in})",
                list(persons),
                (row.id,),
            )
        )

    def result(self, name: str, metric: str) -> ExperimentResult:
        """The result table of ``metric``: shares, intervals, P values, and a verdict.

        No winner is named before every arm has ``minimum`` exposed persons,
        nor when the counts do not fit the planned ratio.
        """
        view, row = self.get(name), _row(name)
        counted = {
            arm: (persons, converted, value)
            for arm, persons, converted, value in execute(
                "SELECT e.arm, count(*), count(o.person), coalesce(sum(o.value), 0) FROM exposure e "
                "LEFT JOIN outcome o ON o.experiment_id = e.experiment_id AND o.person = e.person "
                "AND o.metric = ? WHERE e.experiment_id = ? GROUP BY e.arm",
                (metric, row.id),
            ).fetchall()
        }
        found = [(arm, *counted.get(arm, (0, 0, 0))) for arm, _ in view.arms]
        ratio = sample_ratio([persons for _, persons, _, _ in found], [weight for _, weight in view.arms])
        test = compare_arms([line[:3] for line in found], view.minimum, mismatch=ratio.alarm)
        arms = tuple(
            ArmResult(
                each.arm, each.base, each.hits, int(line[3]), each.share, each.interval, each.against_control,
                each.p_adjusted,
            )
            for each, line in zip(test.arms, found, strict=True)
        )  # fmt: skip
        return ExperimentResult(name, metric, arms, ratio, test.verdict, test.winner)

    def newest(self, limit: int = LIMITS.page_rows) -> list[ExperimentView]:
        """The newest experiments, newest first."""
        return [_view(row) for row in Experiment.select().order_by(Experiment.id.desc()).limit(limit)]

    def measured(self, name: str) -> list[MeasuredShares] | None:
        """What the arms brought, measure by measure: what was recorded here, and what the owning plugin counts itself.

        None where that plugin failed, which the log tells. Raises NotFound.
        """
        view, row = self.get(name), _row(name)
        metrics = execute("SELECT DISTINCT metric FROM outcome WHERE experiment_id = ? ORDER BY metric", (row.id,))
        found = []
        for (metric,) in metrics.fetchall():
            of_arm = {each.arm: (each.persons, each.converted) for each in self.result(name, metric).arms}
            found.append(ExperimentMeasure(metric, tuple((arm, *of_arm[arm]) for arm, _ in view.arms)))
        for plugin, function, _ in self.brand.hooks.implementations("collect_experiment"):
            if plugin == view.owner:
                own = self.brand.contained(plugin, lambda ask=function: list(ask(ExperimentQuery(name))))  # type: ignore[misc]
                if own is None:
                    return None
                found += own
        return [_tested(view, each) for each in found]

    def list(self, owner: str | None = None) -> list[ExperimentView]:
        """All experiments by name, or those of one owner."""
        query = Experiment.select().order_by(Experiment.name)
        if owner is not None:
            query = query.where(Experiment.owner == owner)
        return [_view(row) for row in query]


def _tested(view: ExperimentView, measure: ExperimentMeasure) -> MeasuredShares:
    """Counts as a test: no winner below the experiment's minimum, nor where the counts do not fit the plan."""
    ratio = sample_ratio(measure.met or [base for _, base, _ in measure.counts], [weight for _, weight in view.arms])
    test = compare_arms(measure.counts, view.minimum, mismatch=ratio.alarm)
    return MeasuredShares(measure.title, test, ratio)


def _check_arms(arms: Mapping[str, int], minimum: int) -> None:
    for arm, weight in arms.items():
        if not arm or len(arm) > LIMITS.name:
            raise Invalid(f"an arm's name has 1 to {LIMITS.name} characters", field="arms")
        if isinstance(weight, bool) or not isinstance(weight, int) or weight <= 0:
            raise Invalid(f"the weight of arm {arm!r} must be a whole number above 0", field="arms")
    if len(arms) < 2 or sum(arms.values()) != BUCKETS:
        raise Invalid(f"two arms at least are needed, with weights that sum to {BUCKETS}", field="arms")
    if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
        raise Invalid("the minimum of persons per arm must be a whole number above 0", field="minimum")


def _row(name: str) -> Experiment:
    row: Experiment | None = Experiment.select().where(Experiment.name == name).first()
    if row is None:
        raise NotFound(f"no experiment {name!r}")
    return row


def _view(row: Experiment) -> ExperimentView:
    arms = tuple((str(arm), int(weight)) for arm, weight in row.arms)
    return ExperimentView(row.name, arms, row.minimum, row.owner, row.created_at, row.ended_at)


def _arm(row: Experiment, person: str) -> str:
    if not person or len(person) > LIMITS.name:
        raise Invalid(f"a person's key has 1 to {LIMITS.name} characters", field="person")
    bucket = bucket_of(row.salt, row.name, person)
    bounds = accumulate(weight for _, weight in row.arms)
    return next(str(arm) for (arm, _), bound in zip(row.arms, bounds, strict=True) if bucket < bound)
