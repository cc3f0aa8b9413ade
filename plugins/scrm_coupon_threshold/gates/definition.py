"""Claim gates (领取门槛): tasks that a person must have done before a coupon is theirs.

A gate is written as JSON::

    {"tasks": [{"task": "checked-in", "times": 3}, {"task": "tag", "group": "vip", "tag": "gold"}],
     "need": "all", "window": "claims"}

``need`` is all (default) or any. ``window`` says from when proof counts: ever
(default), claims (since the batch's claims began) or a number of days before now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, validate

from scrm_core.api import Invalid, load_body

from ..schemas import Strict, text, whole

TASKS = {
    "joined": "became a member 入会",
    "first-order": "has a paid order that was not refunded in full 首单",
    "checked-in": "checked in on so many different days 签到",
    "invited": "invited so many different people 邀请好友",
    "answered": "answered so many questions 答题",
    "played": "played so many times 参与互动",
    "tag": "carries a tag 标签",
}
COUNTED = ("checked-in", "invited", "answered", "played")
"""Tasks that may be asked for more than once."""

MOST_TASKS = 10
MOST_TIMES = 1_000
EVER = "ever"
SINCE_CLAIMS = "claims"


class TaskSchema(Strict):
    """One task of a gate; ``campaign`` narrows played, answered, checked-in and invited to one campaign."""

    task = fields.String(required=True, validate=validate.OneOf(list(TASKS)))
    times = whole(1, MOST_TIMES, "how often; different days or different people", load_default=1)
    campaign = text(0, 100, load_default="")
    group = text(0, 100, load_default="")
    tag = text(0, 100, load_default="")


class GateSchema(Strict):
    """A claim gate."""

    tasks = fields.List(
        fields.Nested(TaskSchema), required=True, validate=validate.Length(1, MOST_TASKS)
    )
    need = fields.String(load_default="all", validate=validate.OneOf(["all", "any"]))
    window = fields.String(load_default=EVER, validate=validate.OneOf([EVER, SINCE_CLAIMS, "days"]))
    days = whole(1, 3_650, "days of 24 hours before now, for the window days", load_default=None, allow_none=True)


@dataclass(frozen=True, slots=True)
class Task:
    """One task: what, how often, in which campaign; a tag by group and name."""

    task: str
    times: int = 1
    campaign: str = ""
    group: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a person must have done; ``window`` is ever, claims or days (with ``days``)."""

    tasks: tuple[Task, ...]
    need: str = "all"
    window: str = EVER
    days: int | None = None


def read_gate(value: Any) -> Gate:
    """A gate from its JSON; raises Invalid naming the field, below ``gate``."""
    try:
        body = load_body(GateSchema(), value)
    except Invalid as exc:
        field = f"gate.{exc.field}" if exc.field else "gate"
        raise Invalid(f"gate.{exc}" if exc.field else f"gate: {exc}", field=field) from None
    tasks = tuple(Task(**each) for each in body["tasks"])
    for place, task in enumerate(tasks):
        _check_task(task, f"gate.tasks.{place}")
    if len(set(tasks)) < len(tasks):
        raise Invalid("gate.tasks: a task is asked for twice; use times", field="gate.tasks")
    if (body["window"] == "days") != (body["days"] is not None):
        raise Invalid("gate.days: is needed by the window days, and by it alone", field="gate.days")
    return Gate(tasks, body["need"], body["window"], body["days"])


def gate_view(gate: Gate) -> dict[str, Any]:
    """The JSON that :func:`read_gate` reads."""
    tasks = []
    for task in gate.tasks:
        told: dict[str, Any] = {"task": task.task}
        if task.task in COUNTED:
            told["times"] = task.times
        told |= {key: value for key in ("campaign", "group", "tag") if (value := getattr(task, key))}
        tasks.append(told)
    view: dict[str, Any] = {"tasks": tasks, "need": gate.need, "window": gate.window}
    return view if gate.days is None else {**view, "days": gate.days}


def _check_task(task: Task, field: str) -> None:
    if task.times > 1 and task.task not in COUNTED:
        raise Invalid(f"{field}.times: {task.task} is done once or not at all", field=f"{field}.times")
    if task.campaign and task.task not in COUNTED:
        raise Invalid(f"{field}.campaign: {task.task} belongs to no campaign", field=f"{field}.campaign")
    if (task.task == "tag") != bool(task.group and task.tag) or (task.task != "tag" and (task.group or task.tag)):
        raise Invalid(f"{field}.tag: a tag is named by group and tag, and by the task tag alone", field=f"{field}.tag")
