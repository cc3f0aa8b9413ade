"""Reading a plan and moving it on: every change is one conditional UPDATE with the version that was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from scrm_core.api import Conflict, Invalid, NotFound, execute

from .models import PlanHistory, PlanStep
from .steps import from_data

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
ACTOR_CHARS = 100


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as it is stored; see :class:`.models.Plan`."""

    id: int
    code: str
    name: str
    state: str
    version: int
    author: str
    run_id: int | None
    round: int
    tests: int
    start_at: int | None
    phase: str
    canary_from: int | None
    seen: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Done:
    """A step that is done: its content (a class of ``steps``), by whom and when."""

    step: str
    content: Any
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a plan's history."""

    at: int
    actor: str
    action: str
    detail: dict[str, Any]


_PLAN = (
    "SELECT id, code, name, state, version, author, run_id, round, tests, start_at, phase, canary_from, seen, "
    "created_at, updated_at FROM sms_plan "
)
_COLUMNS = frozenset(
    ("state", "run_id", "round", "tests", "start_at", "phase", "canary_from", "seen")
)


def clean_actor(actor: object) -> str:
    """The name of whoever acts; raises Invalid for none."""
    if not isinstance(actor, str) or not actor.strip() or len(actor.strip()) > ACTOR_CHARS:
        raise Invalid(f"say who acts: a name of 1 to {ACTOR_CHARS} characters", field="actor")
    if not actor.strip().isprintable():
        raise Invalid("a name has no control characters", field="actor")
    return actor.strip()


def plan_row(code: str) -> PlanRow:
    """The plan with this code; raises NotFound."""
    row = execute(_PLAN + "WHERE code = ?", (code,)).fetchone()
    if row is None:
        raise NotFound(f"no SMS plan {code!r}")
    return PlanRow(*row)


def plan_of_run(run_id: int) -> PlanRow | None:
    """The plan whose messages a run holds, or None."""
    row = execute(_PLAN + "WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else PlanRow(*row)


def plan_rows(state: str | None = None) -> list[PlanRow]:
    """Every plan, oldest first; those in a state when given."""
    where, params = ("WHERE state = ? ", (state,)) if state is not None else ("", ())
    return [PlanRow(*row) for row in execute(f"{_PLAN}{where}ORDER BY id", params).fetchall()]


def plan_page(before: int | None, limit: int) -> list[PlanRow]:
    """Plans with ids below ``before``, newest first, at most ``limit``."""
    rows = execute(_PLAN + "WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 2**62, limit)).fetchall()
    return [PlanRow(*row) for row in rows]


def steps_of(plan: PlanRow) -> dict[str, Done]:
    """The steps of a plan that are done, by name."""
    rows = execute("SELECT step, data, actor, at FROM sms_plan_step WHERE plan_id = ?", (plan.id,)).fetchall()
    return {
        step: Done(step, from_data(step, PlanStep.data.python_value(data)), actor, at)
        for step, data, actor, at in rows
    }


def insert_plan(code: str, name: str, author: str, now: int) -> bool:
    """Insert a new plan; False when the code is taken."""
    return bool(
        execute(
            "INSERT INTO sms_plan (code, name, state, version, author, round, tests, phase, seen, created_at, "
            "updated_at) VALUES (?, ?, 'goal', 1, ?, 0, 0, '', '', ?, ?) ON CONFLICT (code) DO NOTHING",
            (code, name, author, now, now),
        ).rowcount
    )


def move(plan: PlanRow, now: int, **changes: Any) -> None:
    """Change a plan that nobody changed since it was read; raises Conflict (``plan_changed``) otherwise."""
    assert changes.keys() <= _COLUMNS
    assignments = "".join(f"{column} = ?, " for column in changes)
    moved = execute(
        f"UPDATE sms_plan SET {assignments}version = version + 1, updated_at = ? WHERE id = ? AND version = ?",
        (*changes.values(), now, plan.id, plan.version),
    )
    if not moved.rowcount:
        raise Conflict(
            f"somebody else changed plan {plan.code!r} at this moment; look at it again", code="plan_changed"
        )


def expect_seen(plan: PlanRow, seen: int | None) -> None:
    """Raise Conflict (``plan_changed``) when the plan was changed since the version that somebody saw."""
    if seen is not None and seen != plan.version:
        raise Conflict(
            f"somebody else changed plan {plan.code!r} meanwhile: you saw version {seen}, it has {plan.version}; "
            "look at it again",
            code="plan_changed",
        )


def put_step(plan: PlanRow, step: str, data: dict[str, Any], actor: str, now: int) -> None:
    """Store what a step decided, in place of what it decided before."""
    drop_steps(plan, [step])
    execute(
        "INSERT INTO sms_plan_step (plan_id, step, data, actor, at) VALUES (?, ?, ?, ?, ?)",
        (plan.id, step, PlanStep.data.db_value(data), actor, now),
    )


def drop_steps(plan: PlanRow, steps: list[str]) -> None:
    """Forget what steps decided; the history keeps that they were done."""
    for step in steps:
        execute("DELETE FROM sms_plan_step WHERE plan_id = ? AND step = ?", (plan.id, step))


def note(plan: PlanRow, actor: str, action: str, detail: dict[str, Any], now: int) -> None:
    """Add a line to the plan's history, in the transaction of what it tells."""
    execute(
        "INSERT INTO sms_plan_history (plan_id, at, actor, action, detail) VALUES (?, ?, ?, ?, ?)",
        (plan.id, now, actor, action, PlanHistory.detail.db_value(detail)),
    )


def history_of(plan: PlanRow, last: int | None = None) -> list[Entry]:
    """The plan's history, oldest first; its ``last`` lines alone when given."""
    found = "SELECT at, actor, action, detail FROM sms_plan_history WHERE plan_id = ? ORDER BY id"
    if last is None:
        rows = execute(found, (plan.id,)).fetchall()
    else:
        rows = execute(f"{found} DESC LIMIT ?", (plan.id, last)).fetchall()[::-1]
    return [Entry(at, actor, action, PlanHistory.detail.python_value(detail)) for at, actor, action, detail in rows]
