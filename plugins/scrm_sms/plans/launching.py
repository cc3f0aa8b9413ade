"""Approval and schedule: the last gates before people get anything."""

from __future__ import annotations

from collections.abc import Mapping

from scrm_core.api import Conflict, RunView, transactional

from ..copywriting.cost import estimate
from .book import Book, PlanView
from .hours import start_instant
from .paths import path_problems
from .policy import budget_problem
from .steps import CONTENT, RUNNING, Approval, Goal, Pack, Path, Policy, Schedule, Tested, Wording, content_of, missing
from .store import Done, PlanRow, clean_actor, history_of
from .wording import RULES_CHANGED, rules_digest

WHOLE = 10_000


class Launching:
    """Approves plans and sets when they start."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.settings = book.settings

    @transactional
    def approve(self, code: str, *, actor: str) -> PlanView:
        """Approve a plan for sending.

        A pack of more than ``two_persons_above`` messages needs a second
        person: whoever made the plan, wrote its landing page or did one of its
        steps up to the copy may not approve it. Raises Conflict naming who may not, and for a plan that
        costs more than its budget. Of two who approve at once one is told that
        the plan changed.
        """
        approver = clean_actor(actor)
        plan, done = self.book.open_step(code, "approval")
        if "approval" in done:
            raise Conflict(f"plan {code!r} is approved by {content_of(done, Approval).approver}", code="plan_approved")
        queued, wording = content_of(done, Pack).queued, content_of(done, Wording)
        second = queued > self.settings["two_persons_above"]
        pages = (entry.actor for entry in history_of(plan) if entry.action == "landing")
        authors = sorted({plan.author, *pages, *(done[step].actor for step in CONTENT)})
        if second and approver.casefold() in {author.casefold() for author in authors}:
            raise Conflict(
                f"a pack of {queued} messages (more than {self.settings['two_persons_above']}) is approved by a "
                f"second person, not by {approver}: the plan was made by {', '.join(authors)}",
                code="second_person",
            )
        # The pack may have been filled again after the copy was priced.
        most = estimate({max(arm.parts for arm in wording.arms): queued}, self.settings["price_milli"]).milli
        problem = budget_problem(content_of(done, Policy), most)
        if problem and content_of(done, Goal).kind != "notice":
            raise Conflict(problem, code="budget")
        approval = Approval(", ".join(authors), approver, queued, second)
        return self.book.take(plan, done, "approval", approval, approver)

    @transactional
    def schedule(self, code: str, at: str, *, actor: str) -> PlanView:
        """Start a plan at a time (see :func:`.hours.start_instant`), its canary share first.

        Raises Conflict (``plan_not_ready``) naming everything that is missing,
        and Invalid for a time that cannot be. Of two who schedule at once one
        is told that the plan changed.
        """
        actor = clean_actor(actor)
        plan = self.book.view(code).row
        done = self.book.view(code).steps
        if plan.state == RUNNING:
            raise Conflict(f"plan {code!r} is scheduled already", code="plan_state")
        problems = [f"{step}: not done" for step in missing(done, "schedule")]
        start = start_instant(self.brand, at, content_of(done, Goal).kind if "goal" in done else "marketing")
        problems += self.gate(plan, done, start)
        if problems:
            raise Conflict(
                f"plan {code!r} cannot be scheduled: {'; '.join(problems)}", code="plan_not_ready", problems=problems
            )
        plan, done = self.book.open_step(code, "schedule")
        run = self.book.run_of(plan, done)
        assert run is not None
        schedule, phase = self._canary(content_of(done, Pack).queued, start)
        # The plan's row first: of two who schedule, the second waits here and is then refused.
        self.book.take(
            plan, done, "schedule", schedule, actor,
            state=RUNNING, start_at=start, phase=phase, canary_from=None, seen="",
        )  # fmt: skip
        self._release(run, schedule, phase)
        self.brand.outreach.start(run.id, start)
        return self.book.view(code)

    def gate(self, plan: PlanRow, done: Mapping[str, Done], start: int) -> list[str]:
        """Everything that keeps a plan from starting at an instant, besides steps that are not done."""
        problems = []
        if "path" in done:
            problems += [f"path: {text}" for text in path_problems(self.book, plan.code, content_of(done, Path), start)]
        if "test" in done and content_of(done, Tested).digest != content_of(done, Wording).digest:
            problems.append("test: the copy was changed after it")
        if "copy" in done and content_of(done, Wording).rules != rules_digest(self.settings):
            problems.append(f"copy: {RULES_CHANGED}")
        if "approval" in done and content_of(done, Approval).queued != content_of(done, Pack).queued:
            problems.append("approval: it was given for another number of messages")
        return problems

    def _canary(self, queued: int, start: int) -> tuple[Schedule, str]:
        """How many go first: the share of the settings, at least the least number; all when that is all there is."""
        share = self.settings["canary_share"]
        first = max(-(-queued * share // WHOLE), self.settings["canary_minimum"])
        if first >= queued:
            return Schedule(start, WHOLE, queued), "all"
        return Schedule(start, share, first), "canary"

    def _release(self, run: RunView, schedule: Schedule, phase: str) -> None:
        if phase == "all":
            self.brand.outreach.release(run.id, WHOLE)
        else:
            self.brand.outreach.release_count(run.id, schedule.canary)
