"""The plugin's routes, below ``/api/v1/<brand>/plugins/live-code``."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import flask

from scrm_core.api import (
    Invalid,
    current_actor,
    current_brand,
    load_body,
    next_after,
    permission,
    query_number,
    read_instant,
    to_instant,
)

from .asks import ask_report
from .entries import entry_report
from .planner import plan
from .reception_report import BOTH, DAYS, reception_report, survival_report
from .report import live_code_report
from .schemas import (
    ActivityBody,
    AskBody,
    CodeBody,
    EntryBody,
    ExposedBody,
    PeakBody,
    PersonaBody,
    SeatBody,
    StaffBody,
    ToldBody,
)
from .service import LiveCodes, live_codes_of
from .views import (
    code_views,
    comparison_view,
    full_code_view,
    link_view,
    overdue_view,
    persona_view,
    seat_views,
    staff_view,
    way_view,
)

blueprint = flask.Blueprint("live_code", __name__)

READ = "live-code:read"
WRITE = "live-code:write"


def _here() -> LiveCodes:
    return live_codes_of(current_brand())


def _body(schema: Any) -> dict[str, Any]:
    return load_body(schema, flask.request.get_json())


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """Per code: who was sent to main staff and to backups."""
    return flask.jsonify(live_code_report().record())


@blueprint.get("/staff")
@permission(READ)
def staff_list() -> Any:
    """Staff, with how many people each took today."""
    here, limit = _here(), query_number("limit", 50)
    found = here.staff.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"staff": [staff_view(each, here) for each in found], "next": next_after(found, limit)})


@blueprint.put("/staff/<userid>")
@permission(WRITE)
def staff_put(userid: str) -> Any:
    """Write a member of staff down, or anew; one who had left is back."""
    here, body = _here(), _body(StaffBody())
    return flask.jsonify(staff_view(here.staff.put(userid, **body, actor=current_actor()), here))


@blueprint.delete("/staff/<userid>")
@permission(WRITE)
def staff_leave(userid: str) -> Any:
    """A member of staff receives nobody from now on."""
    here = _here()
    return flask.jsonify(staff_view(here.staff.leave(userid, actor=current_actor()), here))


@blueprint.get("/codes")
@permission(READ)
def code_list() -> Any:
    """Codes, oldest first."""
    here, limit = _here(), query_number("limit", 50)
    found = here.codes.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"codes": code_views(found, here), "next": next_after(found, limit)})


@blueprint.post("/codes")
@permission(WRITE)
def code_create() -> Any:
    """Make the code of a channel, one to one."""
    here, body = _here(), _body(CodeBody())
    body["tags"] = [tuple(tag) for tag in body["tags"]]
    return flask.jsonify(full_code_view(here.codes.create(**body, actor=current_actor()), here)), 201


@blueprint.get("/codes/<channel>")
@permission(READ)
def code_show(channel: str) -> Any:
    """A code with its staff, and whom a scan is sent to at the instant ``at`` (now without it)."""
    here, at = _here(), flask.request.args.get("at")
    moment = None if at is None else read_instant(at, here.brand.zone, "at")
    return flask.jsonify(full_code_view(here.codes.get(channel), here, moment))


@blueprint.put("/codes/<channel>/staff/<userid>")
@permission(WRITE)
def seat_put(channel: str, userid: str) -> Any:
    """Let a member of staff receive people of a code, or change how."""
    here = _here()
    seats = here.codes.seat(channel, userid, **_body(SeatBody()), actor=current_actor())
    return flask.jsonify({"seats": seat_views(seats, here)})


@blueprint.delete("/codes/<channel>/staff/<userid>")
@permission(WRITE)
def seat_remove(channel: str, userid: str) -> Any:
    """Let a member of staff receive people of a code no more."""
    here = _here()
    seats = here.codes.unseat(channel, userid, actor=current_actor())
    return flask.jsonify({"seats": seat_views(seats, here)})


@blueprint.put("/codes/<channel>/activity")
@permission(WRITE)
def activity(channel: str) -> Any:
    """Say what people come for."""
    here, body = _here(), _body(ActivityBody())
    return flask.jsonify(full_code_view(here.codes.set_activity(channel, **body, actor=current_actor()), here))


@blueprint.get("/plan")
@permission(READ)
def plan_for() -> Any:
    """How many accounts a peak day needs (``peak``)."""
    return flask.jsonify(dataclasses.asdict(plan(query_number("peak", 0), _here().settings["per_account"])))


@blueprint.put("/codes/<channel>/peak")
@permission(WRITE)
def peak(channel: str) -> Any:
    """Say how many people a code's peak day brings; warns when too few accounts are assigned."""
    found = _here().planner.expect(channel, _body(PeakBody())["peak"], actor=current_actor())
    return flask.jsonify(dataclasses.asdict(found))


@blueprint.post("/codes/<channel>/way")
@permission(WRITE)
def way(channel: str) -> Any:
    """Have a contact way made for a code; the job makes it within a minute."""
    here = _here()
    return flask.jsonify(way_view(here.ways.want(channel, actor=current_actor()), here)), 202


@blueprint.post("/codes/<channel>/link")
@permission(WRITE)
def link(channel: str) -> Any:
    """Have an acquisition link made for a code; refused while no activity runs."""
    here = _here()
    here.links.want(channel, actor=current_actor())
    return flask.jsonify(link_view(here.codes.get(channel), here)), 202


@blueprint.post("/codes/<channel>/publish")
@permission(WRITE)
def publish(channel: str) -> Any:
    """Receive people from now on; refused while no activity runs."""
    here = _here()
    return flask.jsonify(full_code_view(here.codes.publish(channel, actor=current_actor()), here))


@blueprint.post("/codes/<channel>/pause")
@permission(WRITE)
def pause(channel: str) -> Any:
    """Receive nobody until it is published again."""
    here = _here()
    return flask.jsonify(full_code_view(here.codes.pause(channel, actor=current_actor()), here))


@blueprint.get("/codes/<channel>/poster")
@permission(READ)
def poster(channel: str) -> Any:
    """The poster as PNG; its QR code is the printed address."""
    return flask.Response(
        _here().poster(channel), mimetype="image/png",
        headers={"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="live-code.png"'},
    )  # fmt: skip


@blueprint.get("/reception")
@permission(READ)
def reception() -> Any:
    """How long each step of reception took (``by`` channel, staff or both; the last ``days``)."""
    table = reception_report(_here().reception, by=_by(), days=query_number("days", DAYS))
    return flask.jsonify(table.record())


@blueprint.get("/survival")
@permission(READ)
def survival() -> Any:
    """The share of people who are there thirty days after they were added (``by``, ``days``)."""
    return flask.jsonify(survival_report(current_brand(), by=_by(), days=query_number("days", 365)).record())


def _by() -> str:
    return flask.request.args.get("by", BOTH)


@blueprint.get("/reception/overdue")
@permission(READ)
def overdue() -> Any:
    """Who waits for longer than the limit of a step, the longest first (``limit``)."""
    here = _here()
    return flask.jsonify(
        {"overdue": [overdue_view(each, here) for each in here.reception.overdue(limit=query_number("limit", 50))]}
    )


@blueprint.post("/reception")
@permission(WRITE)
def tell() -> Any:
    """Tell a step that no plugin tells; ``noted`` is how many adds it was news for."""
    here, body = _here(), _body(ToldBody())
    at = None if body["at"] is None else to_instant(body["at"])
    noted = here.reception.tell(body["contact"], body["step"], staff=body["staff"], at=at, actor=current_actor())
    return flask.jsonify({"noted": noted})


@blueprint.get("/personas")
@permission(READ)
def persona_list() -> Any:
    """Personas with their checklists."""
    return flask.jsonify({"personas": [persona_view(each) for each in _here().personas.all()]})


@blueprint.put("/personas/<code>")
@permission(WRITE)
def persona_put(code: str) -> Any:
    """Write a persona down, or anew."""
    return flask.jsonify(persona_view(_here().personas.put(code, **_body(PersonaBody()), actor=current_actor())))


@blueprint.put("/personas/<code>/staff/<userid>")
@permission(WRITE)
def persona_cast(code: str, userid: str) -> Any:
    """Let a member of staff be this persona from now on."""
    return flask.jsonify(persona_view(_here().personas.cast(code, userid, actor=current_actor())))


@blueprint.delete("/personas/<code>/staff/<userid>")
@permission(WRITE)
def persona_uncast(code: str, userid: str) -> Any:
    """Let a member of staff be this persona no more."""
    return flask.jsonify(persona_view(_here().personas.cast(code, userid, cast=False, actor=current_actor())))


@blueprint.put("/personas/<code>/exposures/<day>")
@permission(WRITE)
def persona_exposed(code: str, day: str) -> Any:
    """Say how many people of a day were shown a persona elsewhere."""
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise Invalid("a day is written YYYY-MM-DD", field="day") from None
    people = _body(ExposedBody())["people"]
    return flask.jsonify(persona_view(_here().personas.exposed(code, when, people, actor=current_actor())))


@blueprint.get("/personas:funnel")
@permission(READ)
def persona_funnel() -> Any:
    """Per persona: exposed, added, replied, first order, and the add rate with its interval."""
    return flask.jsonify(_here().personas.funnel().record())


@blueprint.get("/personas:compare")
@permission(READ)
def persona_compare() -> Any:
    """The add rates of personas compared."""
    return flask.jsonify(comparison_view(_here().personas.compare()))


@blueprint.put("/codes/<channel>/entry")
@permission(WRITE)
def entry_put(channel: str) -> Any:
    """Say where a code is met and who shares it."""
    here, body = _here(), _body(EntryBody())
    return flask.jsonify(full_code_view(here.entries.put(channel, **body, actor=current_actor()), here))


@blueprint.get("/entries")
@permission(READ)
def entries() -> Any:
    """The funnel by ``by``: place (offline, online), store, sharer or channel."""
    return flask.jsonify(entry_report(by=flask.request.args.get("by", "place")).record())


@blueprint.post("/codes/<channel>/asks")
@permission(WRITE)
def ask(channel: str) -> Any:
    """Note that somebody was asked by their phone; ``address`` is what to send them."""
    body = _body(AskBody())
    address = _here().asks.ask(channel, body["contact"], body["mode"], staff=body["staff"], actor=current_actor())
    return flask.jsonify({"address": address}), 201


@blueprint.get("/asks")
@permission(READ)
def asks() -> Any:
    """Adding by phone: people asked and added, per mode and code."""
    return flask.jsonify(ask_report().record())
