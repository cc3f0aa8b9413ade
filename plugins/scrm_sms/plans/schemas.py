"""What the routes of plans accept, and how plans are shown."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import iso

from .book import PlanView
from .dryrun import DryRun
from .interception import SeedTest
from .steps import STEPS, Arm, Policy
from .store import Entry

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST = 2**53


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(max=most), _printable], **kwargs)


def _count(**kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(0, MOST), **kwargs)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class _Step(_Strict):
    """What changes a plan; ``version`` is the one that the caller saw, and another one is refused."""

    version = _count(load_default=None, allow_none=True)


class NoBody(_Step):
    """An act that needs nothing said."""


class ActBody(_Strict):
    """An act on a plan, and why. Who acts is the request's API key."""

    reason = _text(200, load_default="")


class PlanBody(_Strict):
    """A plan to make."""

    code = _text(40, required=True)
    name = _text(200, load_default="")


class GoalBody(_Step):
    """What for, which kind of message, through which sender."""

    goal = _text(40, required=True)
    kind = _text(40, load_default="marketing")
    sender = _text(100, load_default="")


class AudienceBody(_Step):
    """A segment's expression, or a number pack's code."""

    segment = fields.String(load_default="", validate=validate.Length(max=4_000))
    pack = _text(40, load_default="")


class PolicyBody(_Step):
    """The offer with its arithmetic; money in minor units."""

    offer = _text(500, required=True)
    hook = _text(40, load_default="none")
    product = _text(200, load_default="")
    cost_minor = _count(load_default=0)
    margin_minor = _count(load_default=0)
    claimants = _count(load_default=0)
    budget_minor = _count(load_default=0)
    materials = fields.List(_text(60), load_default=list, validate=validate.Length(max=50))


class PackBody(_Step):
    """Queue the audience; ``holdout`` in hundredths of a percent."""

    holdout = _count(load_default=0)


class PathBody(_Step):
    """The channel of the links and, instead of the landing page, another target."""

    channel = _text(200, load_default="")
    target = _text(2_000, load_default="")


class ArmBody(_Strict):
    """One text of a copy."""

    name = _text(40, required=True)
    body = fields.String(required=True, validate=validate.Length(max=3_000))
    weight = _count(load_default=0)
    segment = fields.String(load_default="", validate=validate.Length(max=4_000))
    template = _text(100, load_default="")


class CopyBody(_Step):
    """The texts of a plan; ``signature`` without brackets."""

    signature = _text(30, load_default="")
    arms = fields.List(fields.Nested(ArmBody), required=True, validate=validate.Length(1, 10))


class ScheduleBody(_Step):
    """When to start: a time of the brand's wall clock, one with offset, or ``now``."""

    at = _text(60, required=True)


class BackBody(_Step):
    """Which step to go back to, and why."""

    step = fields.String(required=True, validate=validate.OneOf(STEPS))
    reason = _text(200, load_default="")


def policy_of(body: dict[str, Any]) -> Policy:
    """A loaded :class:`PolicyBody`."""
    return Policy(**{**body, "materials": tuple(body["materials"])})


def arms_of(body: dict[str, Any]) -> list[Arm]:
    """The texts of a loaded :class:`CopyBody`."""
    return [Arm(**arm) for arm in body["arms"]]


def plan_record(brand: Brand, view: PlanView) -> dict[str, Any]:
    """A plan as JSON: instants as ISO text, steps in order, the run's messages by state and reason."""
    plan, run = view.row, view.run
    return {
        "code": plan.code,
        "name": plan.name,
        "state": plan.state,
        "phase": plan.phase,
        "version": plan.version,
        "author": plan.author,
        "created_at": iso(plan.created_at, brand.zone),
        "start_at": iso(plan.start_at, brand.zone),
        "steps": {
            step: {
                **dataclasses.asdict(view.steps[step].content),
                "actor": view.steps[step].actor,
                "at": iso(view.steps[step].at, brand.zone),
            }
            for step in STEPS
            if step in view.steps
        },
        "run": None if run is None else {
            "code": run.code,
            "state": run.state,
            "reason": run.reason,
            "held_until": iso(brand.outreach.held_until(run), brand.zone),
        },
        "messages": [
            {"state": state, "reason": reason, "count": count}
            for (state, reason), count in sorted(view.counts.items())
        ],
    }


def summary(brand: Brand, view: PlanView) -> dict[str, Any]:
    """A plan in one line."""
    run = view.run
    return {
        "code": view.row.code,
        "state": view.row.state if run is None or view.row.state != "running" else f"running ({run.state})",
        "messages": view.steps["pack"].content.queued if "pack" in view.steps else 0,
        "start_at": iso(view.row.start_at, brand.zone),
        "author": view.row.author,
        "name": view.row.name,
    }


def entry_record(brand: Brand, entry: Entry) -> dict[str, Any]:
    """A line of a history as JSON."""
    return {"at": iso(entry.at, brand.zone), "actor": entry.actor, "action": entry.action, "detail": entry.detail}


def test_record(brand: Brand, test: SeedTest) -> dict[str, Any]:
    """An interception test as JSON."""
    return {**dataclasses.asdict(test), "at": iso(test.at, brand.zone)}


def dry_run_record(run: DryRun) -> dict[str, Any]:
    """A dry run as JSON."""
    return dataclasses.asdict(run)
