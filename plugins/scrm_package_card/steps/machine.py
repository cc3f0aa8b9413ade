"""The state machine of a card campaign (七步): goal, policy, test, design, print, launch, monitor.

A campaign stands at one step. It goes forward one step at a time, when nothing
of that step is missing. What belongs to a step may be prepared ahead but is
settled once the campaign has passed it; to change it the campaign goes back,
with a reason, and every sign-off that rested on it becomes void.

:class:`Steps` holds the transitions; what is done at a step is in its part:
``policy``, ``fit``, ``trials``, ``design``, ``proofs``, ``launches``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, execute, transactional

from . import wording
from .catalogue import FIRST, GOALS, LAST, ORDER, STEPS, VOIDED_BY, VOIDS_TRIAL, position
from .design import Design
from .fit import Fit
from .launches import Launches
from .needs import needs
from .policy import Policy
from .proofs import Proofs
from .records import HISTORY_PAGE, By, HistoryEntry, Plan, Records, Signoff, State
from .trial import Trials

if TYPE_CHECKING:
    from scrm_core.api import Brand

REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a campaign: ``state`` is done, current or ahead; what it has and what it lacks."""

    step: str
    title: str
    state: str
    present: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Where a campaign stands; ``version`` may be handed to :meth:`Steps.advance` and :meth:`Steps.back`."""

    campaign: str
    step: str
    version: int
    steps: tuple[StepView, ...]
    signoffs: tuple[Signoff, ...]


class Steps:
    """The seven steps of one brand's campaigns; call it inside ``with brand:``.

    ``seen`` is the version of the campaign that the caller has before their
    eyes: what is done to one that was changed since raises Conflict (code ``moved``).
    """

    def __init__(self, brand: Brand, settings: Mapping[str, Any], *, seen: int | None = None) -> None:
        self.brand = brand
        self.settings = settings
        self.records = records = Records(brand, seen)
        self.policy = Policy(brand, settings, records)
        self.fit = Fit(brand, records)
        self.trials = Trials(brand, settings, records)
        self.design = Design(brand, settings, records)
        self.proofs = Proofs(brand, settings, records)
        self.launches = Launches(brand, settings, records)

    @transactional
    def begin(self, code: str, by: By) -> Status:
        """Take a campaign through the steps; one that has begun stays where it is.

        Raises Conflict (code ``automatic``) for a campaign that ships cards with
        every order already: its launch lies behind it.
        """
        if self.records.begin(code):
            plan = self.records.plan(code)
            (automatic,) = execute(
                "SELECT automatic FROM package_card_campaign WHERE id = ?", (plan.campaign_id,)
            ).fetchone()
            if automatic:
                raise Conflict(
                    f"campaign {code!r} ships a card with every order already; the steps are for one that was created "
                    "without automatic shipping: its launch switches it on",
                    code="automatic",
                )
            self.records.log(plan, by, "begin")
        return self.status(code)

    def status(self, code: str) -> Status:
        """Where a campaign stands, what each step has and what it lacks."""
        return self.standing(self.records.state(self.records.plan(code)))

    def standing(self, state: State) -> Status:
        """Like :meth:`status`, of a state that was read already."""
        plan = state.plan
        here = position(plan.step)
        views = []
        for place, step in enumerate(ORDER):
            found = needs(step, state, self.settings)
            where = "done" if place < here else "current" if place == here else "ahead"
            views.append(StepView(step, STEPS[step], where, tuple(found.present), tuple(found.missing)))
        return Status(plan.code, plan.step, plan.version, tuple(views), tuple(state.signoffs.values()))

    def history(self, code: str, *, before: int | None = None, limit: int = HISTORY_PAGE) -> list[HistoryEntry]:
        """Who did what and when, newest first; ``before`` is an entry's id to page on from."""
        return self.records.history(code, before=before, limit=limit)

    @transactional
    def set_goal(self, code: str, primary: str, by: By) -> None:
        """Set the one primary goal: ``acquire`` or ``repurchase``."""
        if primary not in GOALS:
            raise Invalid(f"primary: {primary!r:.60} is no goal; one of {', '.join(GOALS)} is primary", field="primary")
        plan = self.records.hold(code)
        self.records.expect_open(plan, "goal")
        if self.records.put(plan, "goal", "goal", primary):
            self.records.log(plan, by, "goal", {"primary": primary})

    @transactional
    def advance(self, code: str, to: str, by: By, *, version: int | None = None) -> Status:
        """Go on to the next step, which ``to`` names, so that two people who do it at once move it once.

        Raises Conflict: ``missing`` with every missing item of every step in
        between, ``skipped`` for a step further ahead although nothing is
        missing, ``moved`` when the campaign is there already, or was changed
        since the ``version`` that the caller saw.
        """
        _expect_step(to)
        plan = self.records.hold(code, version)
        here, there = position(plan.step), position(to)
        if there <= here:
            hint = "" if there == here else "; to return to an earlier step go back, with a reason"
            raise Conflict(f"campaign {code!r} is at {STEPS[plan.step]} already{hint}", code="moved")
        state = self.records.state(plan)
        missing = [
            f"{step}: {item}" for step in ORDER[here:there] for item in needs(step, state, self.settings).missing
        ]
        if missing:
            raise Conflict(
                f"campaign {code!r} cannot go on to {STEPS[to]}; missing: {'; '.join(missing)}", code="missing"
            )
        if there > here + 1:
            raise Conflict(
                f"steps are not skipped: campaign {code!r} goes on to {STEPS[ORDER[here + 1]]} first", code="skipped"
            )
        self.records.move(plan, to)
        self.records.log(plan, by, "advance", to_step=to)
        return self.status(code)

    @transactional
    def back(self, code: str, to: str, by: By, *, reason: str, version: int | None = None) -> Status:
        """Go back to an earlier step, for a reason.

        Void become the sign-offs that rest on what is about to change
        (:data:`.catalogue.VOIDED_BY`); automatic shipping that a launch
        switched on stops. Raises Conflict (code ``moved``) unless the campaign
        is past the step.
        """
        _expect_step(to)
        why = wording.words(reason, "reason", most=REASON_CHARS)
        plan = self.records.hold(code, version)
        if position(to) >= position(plan.step):
            raise Conflict(f"campaign {code!r} is at {STEPS[plan.step]}, not past {STEPS[to]}", code="moved")
        what = self._undo(plan, to, f"back to {to}: {why}")
        self.records.move(plan, to)
        self.records.log(plan, by, "back", what, to_step=to, reason=why)
        return self.status(code)

    def _undo(self, plan: Plan, to: str, why: str) -> dict[str, Any]:
        """What going back takes along: shipping stops, sign-offs and trial become void."""
        stopped = self.launches.stop(self.records.state(plan))
        voided = self.records.void(plan, VOIDED_BY[to], why)
        trial = self.trials.give_up(plan) if to in VOIDS_TRIAL else ""
        return {"void": [*voided, *([trial] if trial else [])], "shipping_stopped": stopped}


def _expect_step(step: str) -> None:
    if step not in STEPS:
        raise Invalid(f"to: {step!r:.60} is no step; from {FIRST} to {LAST} they are {', '.join(STEPS)}", field="to")
