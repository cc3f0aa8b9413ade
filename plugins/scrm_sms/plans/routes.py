"""Routes of plans, below ``/api/v1/<brand>/plugins/sms/plans``."""

from __future__ import annotations

from typing import Any

import flask
from marshmallow import Schema

from scrm_core.api import Invalid, current_actor, current_brand, load_body, permission

from ..schemas import NAME
from .book import PlanView
from .schemas import (
    ActBody,
    AudienceBody,
    BackBody,
    CopyBody,
    GoalBody,
    NoBody,
    PackBody,
    PathBody,
    PlanBody,
    PolicyBody,
    ScheduleBody,
    arms_of,
    dry_run_record,
    entry_record,
    plan_record,
    policy_of,
    summary,
    test_record,
)
from .service import Plans

READ, WRITE, APPROVE, SEND = "sms:read", "sms:write", "sms:approve", "sms:send"


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of plans on the plugin's blueprint."""
    blueprint.get("/plans")(list_plans)
    blueprint.post("/plans")(create_plan)
    blueprint.get("/plans/<code>")(show_plan)
    blueprint.get("/plans/<code>/history")(plan_history)
    blueprint.get("/plans/<code>/dry-run")(plan_dry_run)
    blueprint.get("/plans/<code>/tests")(plan_tests)
    for word, view in (
        ("goal", set_goal),
        ("audience", set_audience),
        ("policy", set_policy),
        ("pack", build_pack),
        ("path", set_path),
        ("copy", set_copy),
        ("test", start_test),
        ("approval", approve),
        ("schedule", schedule),
        ("back", go_back),
        ("pause", pause),
        ("resume", resume),
        ("release", release),
        ("cancel", cancel),
    ):
        blueprint.post(f"/plans/<code>/{word}")(view)


def _plans(seen: int | None = None) -> Plans:
    brand = current_brand()
    return Plans(brand, brand.plugins[NAME].settings, seen=seen)


def _body(schema: Schema) -> dict[str, Any]:
    """The checked body; a request without one is like an empty object."""
    return load_body(schema, flask.request.get_json() if flask.request.get_data() else {})


def _step(schema: Schema) -> tuple[dict[str, Any], Plans]:
    """The checked body of a step, and the plans as the caller saw them (its ``version``)."""
    body = _body(schema)
    return body, _plans(body.pop("version"))


def _nothing_but_version() -> Plans:
    """The plans as the caller saw them, for acts that take nothing else."""
    return _step(NoBody())[1]


def _answer(view: PlanView, status: int = 200) -> Any:
    return flask.jsonify(plan_record(current_brand(), view)), status


@permission(READ)
def list_plans() -> Any:
    """Every plan, oldest first, in one line each."""
    plans = _plans()
    return flask.jsonify({"plans": [summary(plans.brand, view) for view in plans.all()]})


@permission(WRITE)
def create_plan() -> Any:
    """Make a plan; the same one again answers the same."""
    body = _body(PlanBody())
    return _answer(_plans().create(body["code"], actor=current_actor(), name=body["name"]), 201)


@permission(READ)
def show_plan(code: str) -> Any:
    """One plan: its steps, its run, its messages by state and reason."""
    return _answer(_plans().get(code))


@permission(READ)
def plan_history(code: str) -> Any:
    """Who did what and what was decided by which numbers."""
    plans = _plans()
    return flask.jsonify({"history": [entry_record(plans.brand, entry) for entry in plans.history(code)]})


@permission(READ)
def plan_tests(code: str) -> Any:
    """The interception tests of a plan, newest first: which text reached how many seed numbers."""
    plans = _plans()
    return flask.jsonify({"tests": [test_record(plans.brand, each) for each in plans.interception.tests(code)]})


@permission(READ)
def plan_dry_run(code: str) -> Any:
    """Who would get what, why not, and at what cost; writes nothing."""
    text = flask.request.args.get("sample", "5")
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise Invalid("sample is a number from 0 to 50", field="sample")
    return flask.jsonify(dry_run_record(_plans().dry_run(code, sample=int(text))))


@permission(WRITE)
def set_goal(code: str) -> Any:
    """Step 1, goal 目的."""
    body, plans = _step(GoalBody())
    return _answer(plans.set_goal(code, actor=current_actor(), **body))


@permission(WRITE)
def set_audience(code: str) -> Any:
    """Step 2, audience 人群."""
    body, plans = _step(AudienceBody())
    return _answer(plans.set_audience(code, actor=current_actor(), **body))


@permission(WRITE)
def set_policy(code: str) -> Any:
    """Step 3, policy 政策."""
    body, plans = _step(PolicyBody())
    return _answer(plans.set_policy(code, policy_of(body), actor=current_actor()))


@permission(WRITE)
def build_pack(code: str) -> Any:
    """Step 4, number pack 号码包: queue the audience."""
    body, plans = _step(PackBody())
    return _answer(plans.packing.build(code, actor=current_actor(), at_once=True, **body))


@permission(WRITE)
def set_path(code: str) -> Any:
    """Step 5, path 路径."""
    body, plans = _step(PathBody())
    return _answer(plans.paths.set_path(code, actor=current_actor(), **body))


@permission(WRITE)
def set_copy(code: str) -> Any:
    """Step 6, copy 文案."""
    body, plans = _step(CopyBody())
    return _answer(plans.wordings.set_copy(code, arms_of(body), actor=current_actor(), signature=body["signature"]))


@permission(SEND)
def start_test(code: str) -> Any:
    """Step 7, interception test 拦截测试: send the copy to the seed numbers."""
    return _answer(_nothing_but_version().interception.start(code, actor=current_actor()))


@permission(APPROVE)
def approve(code: str) -> Any:
    """Step 8, approval 审批."""
    return _answer(_nothing_but_version().launching.approve(code, actor=current_actor()))


@permission(SEND)
def schedule(code: str) -> Any:
    """Step 9, schedule 定时."""
    body, plans = _step(ScheduleBody())
    return _answer(plans.launching.schedule(code, body["at"], actor=current_actor()))


@permission(WRITE)
def go_back(code: str) -> Any:
    """Go back to a step that is done."""
    body, plans = _step(BackBody())
    return _answer(plans.back(code, body["step"], actor=current_actor(), reason=body["reason"]))


@permission(WRITE)
def pause(code: str) -> Any:
    """Stop sending for now."""
    return _answer(_plans().control.pause(code, actor=current_actor(), **_body(ActBody())))


@permission(SEND)
def resume(code: str) -> Any:
    """Go on after a pause."""
    return _answer(_nothing_but_version().control.resume(code, actor=current_actor()))


@permission(SEND)
def release(code: str) -> Any:
    """Let everything go, whatever the canary said."""
    return _answer(_nothing_but_version().control.release(code, actor=current_actor()))


@permission(WRITE)
def cancel(code: str) -> Any:
    """End a plan for good."""
    return _answer(_plans().control.cancel(code, actor=current_actor(), **_body(ActBody())))
