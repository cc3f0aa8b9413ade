"""The number pack of a plan (号码包): the audience as queued messages, one for each person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Invalid, QueueOutcome, RunView, transactional

from ..packs.service import Packs
from .book import CHANNEL, OWNER, Book, PlanView
from .steps import Audience, Goal, Pack, content_of, dependents
from .store import PlanRow, clean_actor, note, plan_row

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_HOLDOUT = 9_000
PAGE = 1_000
MOST_AT_ONCE = 100_000
"""People whom one request may queue: a request is one transaction, and others wait for it."""


class Packing:
    """Fills the run of a plan."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.packs = Packs(book.brand, book.settings)

    def preview(self, goal: Goal, segment: str, pack: str) -> QueueOutcome:
        """How many of an audience could be written to now, and how many not, by reason; writes nothing."""
        if segment:
            return self.brand.outreach.preview_segment(CHANNEL, goal.kind, segment)
        return self.brand.outreach.preview_addresses(CHANNEL, goal.kind, self._numbers(pack))

    def _numbers(self, pack: str) -> Iterator[tuple[str, int | None]]:
        after = 0
        while page := self.packs.addresses(pack, after, PAGE):
            yield from ((address, contact_id) for _, address, contact_id in page)
            after = page[-1][0]

    def build(self, code: str, *, actor: str, holdout: int = 0, at_once: bool = False) -> PlanView:
        """Queue a message for everybody in the audience; whoever is kept back is listed with the reason.

        ``holdout`` keeps a share back by lot for comparison, in hundredths of a
        percent. Building again replaces the pack. A million people are queued
        range by range, so no transaction spans it; whoever changes the plan
        meanwhile wins, and this pack is thrown away with Conflict. ``at_once`` is
        for callers inside one transaction, which a large audience must not hold.
        """
        actor = clean_actor(actor)
        if not 0 <= holdout <= MOST_HOLDOUT:
            raise Invalid(f"a holdout is 0 to {MOST_HOLDOUT} hundredths of a percent", field="holdout")
        plan, goal, audience = self._begin(code, actor, MOST_AT_ONCE if at_once else None)
        run = self._open(plan, goal)
        try:
            outcome = self._fill(run, audience, holdout)
            return self._finish(plan, run, audience, outcome, holdout, actor)
        except (Conflict, Invalid):
            self.brand.outreach.cancel(run.id, "this number pack was not used")
            raise

    @transactional
    def _begin(self, code: str, actor: str, most: int | None) -> tuple[PlanRow, Goal, Audience]:
        """Void the pack there is and take the number of the next run, so that two builders never share one."""
        plan, done = self.book.open_step(code, "pack")
        if most is not None and content_of(done, Audience).reachable > most:
            raise Conflict(
                f"the audience of plan {code!r} has more than {most} people; queue it with: scrm sms plan pack",
                code="audience_large",
            )
        voided = [step for step in ("pack", *dependents("pack")) if step in done]
        self.book.move_on(plan, done, voided, actor, state="pack", round=plan.round + 1)
        if voided:
            note(plan, actor, "back", {"to": "pack", "reason": "built again", "void": voided}, self.brand.now())
        return plan_row(code), content_of(done, Goal), content_of(done, Audience)

    def _open(self, plan: PlanRow, goal: Goal) -> RunView:
        settings = self.book.settings
        return self.brand.outreach.open_run(
            plan.code if plan.round == 1 else f"{plan.code}/{plan.round}",
            owner=OWNER,
            channel=CHANNEL,
            kind=goal.kind,
            sender=goal.sender,
            grace_ms=settings["grace_minutes"] * 60_000,
            pace=settings["pace"] or None,
            failure_limit=settings["failure_limit"],
            failure_minimum=settings["failure_minimum"],
        )

    def _fill(self, run: RunView, audience: Audience, holdout: int) -> QueueOutcome:
        if audience.segment:
            return self.brand.outreach.queue_segment(run.id, audience.segment, holdout=holdout)
        return self.brand.outreach.queue_addresses(run.id, self._numbers(audience.pack), holdout=holdout)

    @transactional
    def _finish(
        self, plan: PlanRow, run: RunView, audience: Audience, outcome: QueueOutcome, holdout: int, actor: str
    ) -> PlanView:
        if not outcome.queued:
            why = ", ".join(f"{count} {reason}" for reason, count in outcome.blocked.items()) or "the audience is empty"
            raise Invalid(f"nobody is left to write to: {why}", field="audience")
        imported = dict(self.packs.get(audience.pack).dropped) if audience.pack else {}
        pack = Pack(run.code, outcome.queued, outcome.blocked, holdout, imported)
        done = self.book.view(plan.code).steps
        return self.book.take(plan, done, "pack", pack, actor, run_id=run.id)
