"""Routes of results, below ``/api/v1/<brand>/plugins/sms``: landing pages, figures, friend requests, recipients."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import (
    Brand,
    Invalid,
    NotFound,
    ReportTable,
    current_actor,
    current_brand,
    iso,
    load_body,
    permission,
    read_instant,
)

from . import export, landing
from .pages import render
from .schemas import EndBody, ExportBody, LandingBody, RequestsBody, request_of
from .service import Results

NAME = "sms"
READ, WRITE, EXPORT = "sms:read", "sms:write", "sms:export"


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of results on the plugin's blueprint."""
    blueprint.get("/plans/<code>/landing")(show_landing)
    blueprint.put("/plans/<code>/landing")(write_landing)
    blueprint.post("/plans/<code>/landing/end")(move_end)
    blueprint.get("/plans/<code>/landing/preview")(preview_landing)
    blueprint.get("/plans/<code>/results")(plan_results)
    blueprint.get("/plans/<code>/results/flow")(plan_flow)
    blueprint.get("/plans/<code>/results/arms")(plan_arms)
    blueprint.get("/plans/<code>/results/modes")(plan_modes)
    blueprint.post("/plans/<code>/requests")(record_requests)
    blueprint.get("/plans/<code>/recipients.csv")(masked_recipients)
    blueprint.post("/plans/<code>/recipients")(clear_recipients)
    blueprint.get("/results")(all_results)
    blueprint.get("/rescue")(rescue)


def _results() -> Results:
    brand = current_brand()
    return Results(brand, brand.plugins[NAME].settings)


def _table(table: ReportTable) -> Any:
    return flask.jsonify(table.record())


def _actor(body: dict[str, Any]) -> str:
    """The API key's name where the core tells it, else what the body says."""
    return str(current_actor() or body["actor"])


def landing_record(brand: Brand, page: landing.LandingPage) -> dict[str, Any]:
    """A landing page as it is shown, with what keeps it from being used now."""
    return {
        "plan": page.plan,
        "url": landing.public_url(brand, page),
        "title": page.title,
        "activity": page.activity,
        "starts_at": iso(page.starts_at, brand.zone),
        "ends_at": iso(page.ends_at, brand.zone),
        "text": page.text,
        "welcome": page.welcome,
        "button": page.button,
        "target": page.target,
        "state_in_target": landing.STATE in page.target,
        "pressed_without_link": page.direct,
        "problems": landing.problems(brand, page.plan, brand.now()),
    }


def _page(code: str) -> landing.LandingPage:
    page = landing.get(code)
    if page is None:
        raise NotFound(f"plan {code!r} has no landing page")
    return page


@permission(READ)
def show_landing(code: str) -> Any:
    """The landing page of a plan."""
    return flask.jsonify(landing_record(current_brand(), _page(code)))


@permission(WRITE)
def write_landing(code: str) -> Any:
    """Write the landing page of a plan; the same again changes nothing."""
    brand, body = current_brand(), load_body(LandingBody(), flask.request.get_json())
    for name in ("starts_at", "ends_at"):
        body[name] = read_instant(body[name], brand.zone, name)
    body["actor"] = _actor(body)
    body["seen"] = body.pop("version")
    return flask.jsonify(landing_record(brand, landing.set_landing(brand, code, **body)))


@permission(WRITE)
def move_end(code: str) -> Any:
    """Let the activity of a plan end at another time."""
    brand, body = current_brand(), load_body(EndBody(), flask.request.get_json())
    ends_at = read_instant(body["ends_at"], brand.zone, "ends_at")
    return flask.jsonify(landing_record(brand, landing.move_end(brand, code, ends_at, actor=_actor(body))))


@permission(READ)
def preview_landing(code: str) -> Any:
    """The landing page as visitors see it: ``phase`` before, running (default) or over."""
    phase = flask.request.args.get("phase", "running")
    if phase not in ("before", "running", "over"):
        raise Invalid(f"phase: {phase!r:.40} is none of before, running, over", field="phase")
    return flask.make_response(render(current_brand(), _page(code), "", phase))


@permission(READ)
def all_results() -> Any:
    """The figures of every plan."""
    return _table(_results().sms_report())


@permission(READ)
def plan_results(code: str) -> Any:
    """The figures of a plan: whole, ``by=arm``, or for every ``segment=`` (a saved name or an expression)."""
    arguments = flask.request.args
    return _table(
        _results().plan_report(code, by=arguments.get("by", ""), segments=arguments.getlist("segment"))
    )


@permission(READ)
def plan_flow(code: str) -> Any:
    """Where every imported number went, by step and reason."""
    return _table(_results().flow(code))


@permission(READ)
def plan_arms(code: str) -> Any:
    """The texts compared by ``measure``: added (default), clicked or converted."""
    return _table(_results().arms_report(code, flask.request.args.get("measure", "added")))


@permission(READ)
def plan_modes(code: str) -> Any:
    """Both ways of adding compared: we ask by number, they tap the link."""
    return _table(_results().modes_report(code))


@permission(READ)
def rescue() -> Any:
    """The rescue of people of low intent in numbers."""
    return _table(_results().rescue_report())


@permission(WRITE)
def record_requests(code: str) -> Any:
    """Record friend requests that staff sent by number, and their answers; the same again changes nothing."""
    body = load_body(RequestsBody(), flask.request.get_json())
    results = _results()
    rows = [request_of(row, results.brand.zone) for row in body["requests"]]
    outcome = results.requests.record(code, rows, actor=_actor(body))
    rejected = [{"index": index, "reason": reason} for index, reason in outcome.rejected]
    return flask.jsonify(
        {"created": outcome.created, "answered": outcome.answered, "unchanged": outcome.unchanged, "rejected": rejected}
    )


@permission(READ)
def masked_recipients(code: str) -> Any:
    """Recipients as CSV with masked numbers; ``Scrm-Next`` is the ``after`` of the next page."""
    given = {name: _whole(text, name) for name, text in flask.request.args.items() if name in ("after", "limit")}
    found = load_body(ExportBody(), given)
    return _csv(code, found["after"], found["limit"], "")


@permission(EXPORT)
def clear_recipients(code: str) -> Any:
    """Recipients as CSV with clear numbers; the plan's history says who took them.

    Answers to an ``Idempotency-Key`` are kept for days, which clear numbers must not be.
    """
    if "Idempotency-Key" in flask.request.headers:
        raise Invalid("an export of clear numbers takes no Idempotency-Key", field="Idempotency-Key")
    body = load_body(ExportBody(), flask.request.get_json())
    actor = _actor(body)
    if not actor:
        raise Invalid("say who acts: a name of 1 to 100 characters", field="actor")
    return _csv(code, body["after"], body["limit"], actor)


def _whole(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Invalid(f"{field}: a whole number is expected", field=field)
    return int(text)


def _csv(code: str, after: int, limit: int, clear_for: str) -> Any:
    pages = list(_results().recipients(code, after=after, limit=limit, clear_for=clear_for))
    lines = [export.csv_text(cells, heading=False) for _, cells in pages]
    answer = flask.make_response(export.csv_text((), heading=True) + "".join(lines))
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = "attachment; filename=recipients.csv"
    if sum(len(cells) for _, cells in pages) == limit:
        answer.headers["Scrm-Next"] = str(pages[-1][0])
    return answer
