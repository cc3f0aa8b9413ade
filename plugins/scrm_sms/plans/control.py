"""The control of a running plan: canary first, then the rest; pause, resume, cancel; the activity's end.

Every decision is a line of the plan's history with the numbers it was made by.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from scrm_core.api import Conflict, RunView, ScrmError, execute, transactional

from ..results.adds import added, clicks_since
from .book import OWNER, Book, PlanView
from .counting import counted
from .paths import path_problems
from .standing import cancel_standing, pause_standing, resume_standing, standing_run
from .steps import ENDED, RUNNING, Path, Schedule, content_of
from .store import Done, PlanRow, clean_actor, expect_seen, move, note, plan_row, plan_rows, steps_of

WHOLE = 10_000
log = logging.getLogger("scrm.plugin.sms")


@dataclass(frozen=True, slots=True)
class Canary:
    """What became of the messages of a run that were sent.

    ``silent`` were sent and have no receipt yet; ``last_at`` is when the last
    one was sent, None for none.
    """

    sent: int
    delivered: int
    failed: int
    unknown: int
    silent: int
    last_at: int | None


class Control:
    """Decides about running plans."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.settings = book.settings

    def run(self) -> None:
        """The job: look at every running plan; one that fails does not keep the others waiting."""
        for plan in plan_rows(RUNNING):
            try:
                self.look(plan.code)
            except ScrmError:
                log.exception("plan %s could not be controlled", plan.code)

    @transactional
    def look(self, code: str) -> None:
        """Decide about one plan by what is known now."""
        plan = plan_row(code)
        done = steps_of(plan)
        run = self.book.run_of(plan, done)
        if plan.state != RUNNING or run is None:
            return
        if run.state in ENDED:
            self._end(plan, run)
            return
        if run.state == "paused":
            self._tell_pause(plan, run)
            return
        problems = path_problems(self.book, code, content_of(done, Path), self.brand.now())
        if problems and run.start_at <= self.brand.now():
            self._halt(plan, run, f"path: {'; '.join(problems)}", {})
        elif plan.phase == "canary" and run.start_at <= self.brand.now():
            self._judge(plan, run, content_of(done, Schedule))

    @transactional
    def halt(self, code: str, why: str, numbers: Mapping[str, object]) -> bool:
        """Stop a plan for a reason that a person has to look at; False when it does not run."""
        plan = plan_row(code)
        run = self.book.run_of(plan, steps_of(plan))
        if plan.state == RUNNING and run is not None and run.state == "running":
            self._halt(plan, run, why, numbers)
            return True
        standing = standing_run(self.brand, code)
        if standing is None or standing.state != "running":
            return False
        move(plan, self.brand.now())
        pause_standing(self.brand, code, f"halted: {why}")
        note(plan, OWNER, "halted", {"why": why, **numbers}, self.brand.now())
        return True

    # The canary --------------------------------------------------------------

    def _judge(self, plan: PlanRow, run: RunView, schedule: Schedule) -> None:
        now = self.brand.now()
        if waiting(run):
            return
        seen = canary_of(run)
        numbers: dict[str, object] = {
            "sent": seen.sent, "delivered": seen.delivered, "failed": seen.failed,
            "unknown": seen.unknown, "no_receipt": seen.silent,
        }  # fmt: skip
        if seen.last_at is None:
            blocked = {why: n for (state, why), n in counted(run.id).items() if state == "blocked"}
            self._halt(plan, run, "the canary reached nobody: all of it was kept back", {**numbers, "blocked": blocked})
            return
        if now < max(seen.last_at, plan.canary_from or 0) + self.settings["canary_wait_minutes"] * 60_000:
            return
        limit, measure, least = (self.settings[name] for name in ("failure_limit", "canary_measure", "canary_recall"))
        recalled = clicks_since(self.brand, plan.code, 0) if measure == "click" else added(self.brand, plan.code)
        numbers[f"{measure}s"] = recalled
        if not seen.delivered:
            self._halt(plan, run, "no message of the canary was delivered", numbers)
        elif seen.failed * WHOLE > limit * seen.sent:
            self._halt(plan, run, f"{seen.failed} of {seen.sent} messages failed, above {limit / 100:g} %", numbers)
        elif recalled < least:
            self._halt(plan, run, f"the canary brought {recalled} {measure}s, fewer than {least}", numbers)
        else:
            self._release(plan, run, OWNER, {**numbers, "canary": schedule.canary})

    def _release(self, plan: PlanRow, run: RunView, actor: str, numbers: Mapping[str, object]) -> None:
        move(plan, self.brand.now(), phase="all")
        self.brand.outreach.release(run.id, WHOLE)
        note(plan, actor, "released", dict(numbers), self.brand.now())

    def _halt(self, plan: PlanRow, run: RunView, why: str, numbers: Mapping[str, object]) -> None:
        # The plan's row before the run's, everywhere: two who act at once wait, and none waits for the other.
        reason = f"halted: {why}"
        move(plan, self.brand.now(), seen=f"paused: {reason}")
        self.brand.outreach.pause(run.id, reason)
        pause_standing(self.brand, plan.code, reason)
        note(plan, OWNER, "halted", {"why": why, **numbers}, self.brand.now())

    def _tell_pause(self, plan: PlanRow, run: RunView) -> None:
        """The core or a gateway paused the run: say so once, with the numbers."""
        if plan.seen == _seen(run):
            return
        move(plan, self.brand.now(), seen=_seen(run))
        pause_standing(self.brand, plan.code, run.reason)
        note(plan, OWNER, "halted", {"why": run.reason, **self._numbers(run)}, self.brand.now())

    def _end(self, plan: PlanRow, run: RunView) -> None:
        move(plan, self.brand.now(), state=run.state, phase="")
        if run.state != "done":
            cancel_standing(self.brand, plan.code, f"the plan is {run.state}")
        note(plan, OWNER, run.state, {"why": run.reason, **self._numbers(run)}, self.brand.now())

    def _numbers(self, run: RunView) -> dict[str, int]:
        return {
            f"{state} ({reason})" if reason else state: count
            for (state, reason), count in sorted(counted(run.id).items())
        }

    # What people decide ------------------------------------------------------

    @transactional
    def pause(self, code: str, *, actor: str, reason: str = "") -> PlanView:
        """Stop sending for now, rescue too, also when it is all that is left of the plan.

        What a gateway has at this moment still goes.
        """
        actor = clean_actor(actor)
        why = f"paused by {actor}{': ' if reason else ''}{reason}"[:200]
        if self._is_rescuing(code, "running"):
            plan = plan_row(code)
            move(plan, self.brand.now())
            pause_standing(self.brand, code, why)
            note(plan, actor, "pause", {"reason": reason}, self.brand.now())
            return self.book.view(code)
        plan, _, run = self.book.running(code)
        move(plan, self.brand.now(), seen=f"paused: {why}")
        self.brand.outreach.pause(run.id, why)
        pause_standing(self.brand, code, why)
        note(plan, actor, "pause", {"reason": reason, **self._numbers(run)}, self.brand.now())
        return self.book.view(code)

    @transactional
    def resume(self, code: str, *, actor: str) -> PlanView:
        """Go on after a pause; a canary that was halted is waited for and judged once more.

        Raises Conflict while the path has problems: it would lead to an empty
        page; and when somebody changed the plan since the caller saw it.
        """
        actor = clean_actor(actor)
        if self._is_rescuing(code, "paused"):
            plan = plan_row(code)
            expect_seen(plan, self.book.seen)
            self._check_path(code, steps_of(plan))
            move(plan, self.brand.now())
            resume_standing(self.brand, code)
            note(plan, actor, "resume", {}, self.brand.now())
            return self.book.view(code)
        plan, done, run = self.book.running(code)
        expect_seen(plan, self.book.seen)
        self._check_path(code, done)
        since = self.brand.now() if plan.phase == "canary" else None
        move(plan, self.brand.now(), seen="", canary_from=since)
        self.brand.outreach.resume(run.id)
        resume_standing(self.brand, code)
        note(plan, actor, "resume", {"was": run.reason}, self.brand.now())
        return self.book.view(code)

    @transactional
    def release(self, code: str, *, actor: str) -> PlanView:
        """Let everything go, whatever the canary said: a person takes that on themselves.

        Raises Conflict when somebody changed or halted the plan since the
        caller saw it: nobody undoes a halt that they have not seen.
        """
        actor = clean_actor(actor)
        plan, done, run = self.book.running(code)
        expect_seen(plan, self.book.seen)
        if self.book.seen is not None and run.state == "paused" and plan.seen != _seen(run):
            # The core or a gateway paused the run, and the job has not raised the plan's version for it yet.
            raise Conflict(
                f"plan {code!r} was halted meanwhile ({run.reason}); its history tells it within a minute",
                code="plan_changed",
            )
        if plan.phase != "canary":
            raise Conflict(f"plan {code!r} is released already", code="plan_state")
        self._check_path(code, done)
        seen = canary_of(run)
        self._release(plan, run, actor, {"delivered": seen.delivered, "failed": seen.failed, "sent": seen.sent})
        if run.state == "paused":
            self.brand.outreach.resume(run.id)
            resume_standing(self.brand, code)
        return self.book.view(code)

    def _is_rescuing(self, code: str, state: str) -> bool:
        """Whether a plan is done and its standing run, in this state, is all that is left of it."""
        standing = standing_run(self.brand, code) if plan_row(code).state == "done" else None
        return standing is not None and standing.state == state

    def _check_path(self, code: str, done: Mapping[str, Done]) -> None:
        problems = path_problems(self.book, code, content_of(done, Path), self.brand.now())
        if problems:
            raise Conflict(f"plan {code!r} cannot go on: {'; '.join(problems)}", code="plan_path", problems=problems)

    @transactional
    def cancel(self, code: str, *, actor: str, reason: str = "") -> PlanView:
        """End a plan for good: what was not sent never will be, rescue included."""
        actor = clean_actor(actor)
        plan = plan_row(code)
        run = self.book.run_of(plan, steps_of(plan))
        # A run that has ended ends its plan when the job next looks; there is nothing left to cancel.
        ended = plan.state if plan.state in ENDED else run.state if run is not None and run.state in ENDED else ""
        rescuing = ended == "done" and (
            standing_run(self.brand, code) is not None or self.settings["rescue_plan"] == code
        )
        if ended and not rescuing:
            raise Conflict(f"plan {code!r} is {ended} already", code="plan_state")
        move(plan, self.brand.now(), state="canceled", phase="")
        numbers = {}
        if run is not None and not ended:
            self.brand.outreach.cancel(run.id, f"canceled by {actor}"[:200])
            numbers = self._numbers(run)
        cancel_standing(self.brand, code, f"canceled by {actor}"[:200])
        note(plan, actor, "cancel", {"reason": reason, **numbers}, self.brand.now())
        return self.book.view(code)


def waiting(run: RunView) -> bool:
    """Whether a released message of a run is still to be sent, or is at the gateway at this moment."""
    for condition, params in (("state = 'queued' AND bucket < ?", [run.released]), ("state = 'sending'", [])):
        sql = f"SELECT 1 FROM message WHERE run_id = ? AND {condition} LIMIT 1"
        if execute(sql, (run.id, *params)).fetchone() is not None:
            return True
    return False


def canary_of(run: RunView) -> Canary:
    """What became of the released part of a run so far."""
    rows = execute(
        "SELECT state, count(*), max(sent_at) FROM message WHERE run_id = ? AND sent_at IS NOT NULL GROUP BY state",
        (run.id,),
    ).fetchall()
    sent = {state: count for state, count, _ in rows}
    return Canary(
        sent=sum(sent.values()),
        delivered=sent.get("delivered", 0),
        failed=sent.get("failed", 0) + sent.get("expired", 0),
        unknown=sent.get("unknown", 0),
        silent=sent.get("sent", 0),
        last_at=max((at for _, _, at in rows), default=None),
    )


def _seen(run: RunView) -> str:
    return f"{run.state}: {run.reason}"
