"""Taking steps: the order is kept, what depends on a changed step is void, and the history tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, NotFound, RunView, transactional

from .counting import counted, was_sent
from .steps import ENDED, RUNNING, Pack, content_of, dependents, missing, next_step, to_data
from .store import Done, PlanRow, drop_steps, expect_seen, move, note, plan_row, put_step, steps_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

OWNER = "sms"
CHANNEL = "sms"


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as it is shown: its row, the steps that are done, its run and the run's messages (:func:`.counted`)."""

    row: PlanRow
    steps: dict[str, Done]
    run: RunView | None
    counts: dict[tuple[str, str], int]


class Book:
    """The plans of one brand as steps move them; use it inside ``with brand:``.

    ``seen`` is the version of the plan that the caller has before their eyes:
    whatever moves on one that was changed since raises Conflict (``plan_changed``).
    """

    def __init__(self, brand: Brand, settings: Mapping[str, Any], seen: int | None = None) -> None:
        self.brand = brand
        self.settings = settings
        self.seen = seen

    def view(self, code: str, *, count: bool = True) -> PlanView:
        """The plan with this code, its messages counted unless ``count`` is False; raises NotFound."""
        plan = plan_row(code)
        done = steps_of(plan)
        run = self.run_of(plan, done)
        return PlanView(plan, done, run, counted(run.id) if run is not None and count else {})

    def run_of(self, plan: PlanRow, done: Mapping[str, Done]) -> RunView | None:
        """The run that holds the plan's messages, or None before there is one."""
        if plan.run_id is None:
            return None
        return self.brand.outreach.run(OWNER, content_of(done, Pack).run)

    def running(self, code: str) -> tuple[PlanRow, dict[str, Done], RunView]:
        """A plan that is being sent, with its run; raises Conflict for any other."""
        plan = plan_row(code)
        done = steps_of(plan)
        run = self.run_of(plan, done)
        if plan.state != RUNNING or run is None:
            raise Conflict(f"plan {code!r} is not being sent: its state is {plan.state!r}", code="plan_state")
        return plan, done, run

    def open_step(self, code: str, step: str) -> tuple[PlanRow, dict[str, Done]]:
        """The plan, when this step may be done now; raises Conflict naming every step that is missing."""
        plan = plan_row(code)
        expect_seen(plan, self.seen)
        if plan.state in ENDED:
            raise Conflict(f"plan {code!r} is {plan.state}; make a new one", code="plan_state")
        if plan.state == RUNNING:
            raise Conflict(
                f"plan {code!r} is scheduled: go back to {step!r} first, which is possible until it has sent something",
                code="plan_state",
            )
        done = steps_of(plan)
        lacking = missing(done, step)
        if lacking:
            raise Conflict(
                f"{step} comes after {', '.join(lacking)}: not done yet in plan {code!r}",
                code="plan_step",
                missing=lacking,
            )
        return plan, done

    @transactional
    def take(
        self, plan: PlanRow, done: Mapping[str, Done], step: str, decided: Any, actor: str, **changes: Any
    ) -> PlanView:
        """Store what a step decided and void what depends on it; the same decision again changes nothing.

        Raises Conflict (``plan_changed``) when somebody changed the plan since it was read.
        """
        if step in done and done[step].content == decided:
            return self.view(plan.code)
        voided = [name for name in dependents(step) if name in done]
        left = (done.keys() - set(voided)) | {step}
        changes.setdefault("state", next_step(left))
        self.move_on(plan, done, voided, actor, **changes)
        now = self.brand.now()
        put_step(plan, step, to_data(decided), actor, now)
        note(plan, actor, step, {**to_data(decided), "void": voided}, now)
        return self.view(plan.code)

    def move_on(
        self, plan: PlanRow, done: Mapping[str, Done], voided: list[str], actor: str, **changes: Any
    ) -> None:
        """Change the plan's row and void steps; a void pack's run is canceled with its messages."""
        if "pack" in voided:
            changes["run_id"] = None
        move(plan, self.brand.now(), **changes)
        if "pack" in voided:
            self._drop_run(plan, done, actor)
        drop_steps(plan, voided)

    def _drop_run(self, plan: PlanRow, done: Mapping[str, Done], actor: str) -> None:
        run = self.run_of(plan, done)
        if run is not None and run.state not in ENDED:
            self.brand.outreach.cancel(run.id, f"the number pack was replaced ({actor})")

    @transactional
    def back(self, code: str, step: str, actor: str, reason: str) -> PlanView:
        """Go back to a step that is done: it and all that depends on it must be done again.

        A scheduled plan can go back until its first message was sent; then it
        can only be canceled. Raises Conflict.
        """
        plan = plan_row(code)
        expect_seen(plan, self.seen)
        done = steps_of(plan)
        if plan.state in ENDED:
            raise Conflict(f"plan {code!r} is {plan.state}; make a new one", code="plan_state")
        if step not in done:
            raise NotFound(f"plan {code!r} has no step {step!r} that is done; its next one is {plan.state!r}")
        voided = [step, *(name for name in dependents(step) if name in done)]
        scheduled = plan.state == RUNNING
        if scheduled:
            # Its messages stand in a run that was started: a new one is filled instead.
            voided = [name for name in done if name in voided or name in ("pack", *dependents("pack"))]
        left = done.keys() - set(voided)
        self.move_on(plan, done, voided, actor, state=next_step(left), start_at=None, phase="", canary_from=None)
        if scheduled:
            self._refuse_what_was_sent(plan, done)
        note(plan, actor, "back", {"to": step, "reason": reason, "void": voided}, self.brand.now())
        return self.view(code)

    def _refuse_what_was_sent(self, plan: PlanRow, done: Mapping[str, Done]) -> None:
        """Raise Conflict, which undoes everything, when the run just ended has sent something.

        First ended, then counted: no worker can claim a message in between.
        """
        run = self.brand.outreach.run(OWNER, content_of(done, Pack).run)
        if was_sent(run.id):
            raise Conflict(
                f"plan {plan.code!r} has sent messages: it can be paused or canceled, and no more be changed",
                code="plan_sending",
            )
