"""Routes of awards, welfare, content and value, below ``/api/v1/<brand>/plugins/interaction-games``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import flask

from scrm_core.api import (
    Brand,
    Invalid,
    ScrmError,
    contended,
    current_actor,
    current_brand,
    load_body,
    permission,
    query_number,
    read_instant,
)

from . import pages  # noqa: F401 - adds the claim page of welfare campaigns to the plugin's pages
from .hands import AwardIn
from .schemas import (
    ActivationBody,
    AwardBody,
    AwardsBody,
    CapBody,
    ClaimBody,
    ContentBody,
    DecisionBody,
    ReasonBody,
    WelfareBody,
)
from .service import Awards
from .terms import WelfareIn
from .views import activation_view, award_view, content_view, gift_view, uid_of, welfare_view

READ = "interaction-games:read"
AWARD = "interaction-games:award"
APPROVE = "interaction-games:approve"
WELFARE = "interaction-games:welfare"

PERMISSIONS = {
    AWARD: "give awards by hand and note content",
    APPROVE: "approve and refuse proposed awards",
    WELFARE: "make, open, stop and give out welfare campaigns",
}
"""What the plugin declares for this room, besides ``interaction-games:read``."""


def _here() -> Awards:
    return Awards.of(current_brand())


def _day(name: str) -> int | None:
    text = flask.request.args.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise Invalid(f"{name} is a day such as 2026-03-01", field=name) from None


def award_in(brand: Brand, body: dict[str, Any]) -> AwardIn:
    """A loaded :class:`AwardBody` as what the service takes."""
    return AwardIn(
        contact_id=brand.contacts.get(body["contact"]).id, **{k: v for k, v in body.items() if k != "contact"}
    )


def welfare_in(brand: Brand, body: dict[str, Any]) -> WelfareIn:
    """A loaded :class:`WelfareBody` as what the service takes."""
    times = {name: read_instant(body[name], brand.zone, name) for name in ("starts_at", "ends_at")}
    return WelfareIn(**(body | times))


def _row(brand: Brand, row: Any) -> AwardIn | ScrmError:
    try:
        return award_in(brand, load_body(AwardBody(), row))
    except ScrmError as exc:
        return exc


def add_routes(blueprint: flask.Blueprint) -> None:
    """Add this room's routes to the plugin's blueprint."""
    _add_awards(blueprint)
    _add_welfare(blueprint)
    _add_value(blueprint)


def _add_awards(blueprint: flask.Blueprint) -> None:
    @blueprint.post("/awards")
    @permission(AWARD)
    def give_award() -> Any:
        """Give an award by hand, once per key; the key of the request is the actor."""
        here = _here()
        body = load_body(AwardBody(), flask.request.get_json())
        award = here.hands.give(award_in(here.brand, body), actor=current_actor())
        return flask.jsonify(award_view(award, here.brand)), 201

    @blueprint.post("/awards/batch")
    @permission(AWARD)
    def give_awards() -> Any:
        """Give awards to many, each row with an outcome of its own."""
        here = _here()
        body = load_body(AwardsBody(), flask.request.get_json())
        rows = [_row(here.brand, row) for row in body["awards"]]
        outcomes = here.hands.give_many(rows, actor=current_actor())
        told = [
            {"index": o.index, "outcome": o.outcome, "uid": o.uid, "code": o.code, "reason": o.reason} for o in outcomes
        ]
        return flask.jsonify({"outcomes": told})

    @blueprint.get("/awards")
    @permission(READ)
    def list_awards() -> Any:
        """The log of awards, oldest first, from behind the one that ``next`` of the last page named."""
        here = _here()
        uid = flask.request.args.get("contact")
        limit = query_number("limit", 50)
        found = here.hands.log(
            state=flask.request.args.get("state"),
            contact_id=None if uid is None else here.brand.contacts.get(uid).id,
            after=query_number("after", 0),
            limit=limit,
        )
        onward = found[-1].id if len(found) == limit else None
        return flask.jsonify({"awards": [award_view(a, here.brand) for a in found], "next": onward})

    @blueprint.get("/awards/<uid>")
    @permission(APPROVE)
    def show_award(uid: str) -> Any:
        """An award with the message that proposed it, for whoever decides."""
        here = _here()
        return flask.jsonify(award_view(here.hands.get(uid), here.brand, hands=here.hands))

    @blueprint.post("/awards/<uid>/approve")
    @permission(APPROVE)
    def approve_award(uid: str) -> Any:
        """Approve a proposed award: it is issued once."""
        here = _here()
        body = load_body(DecisionBody(), flask.request.get_json())
        award = here.hands.approve(uid, actor=current_actor(), reason=body["reason"])
        return flask.jsonify(award_view(award, here.brand))

    @blueprint.post("/awards/<uid>/refuse")
    @permission(APPROVE)
    def refuse_award(uid: str) -> Any:
        """Refuse a proposed award, with a reason."""
        here = _here()
        body = load_body(DecisionBody(), flask.request.get_json())
        award = here.hands.refuse(uid, actor=current_actor(), reason=body["reason"])
        return flask.jsonify(award_view(award, here.brand))


def _add_welfare(blueprint: flask.Blueprint) -> None:
    @blueprint.post("/welfare")
    @permission(WELFARE)
    def create_welfare() -> Any:
        """Make a welfare campaign, as a draft; the same one again answers the first."""
        here = _here()
        wanted = welfare_in(here.brand, load_body(WelfareBody(), flask.request.get_json()))
        return flask.jsonify(welfare_view(here.welfare.create(wanted, actor=current_actor()), here.brand)), 201

    @blueprint.get("/welfare")
    @permission(READ)
    def list_welfare() -> Any:
        """Welfare campaigns, oldest first, from behind the one that ``next`` of the last page named."""
        here = _here()
        limit = query_number("limit", 50)
        found = here.welfare.page(after=query_number("after", 0), limit=limit)
        onward = found[-1].id if len(found) == limit else None
        return flask.jsonify({"welfare": [welfare_view(w, here.brand) for w in found], "next": onward})

    @blueprint.get("/welfare/<code>")
    @permission(READ)
    def show_welfare(code: str) -> Any:
        """A welfare campaign: what it has cost, what is left, why it stopped."""
        here = _here()
        return flask.jsonify(welfare_view(here.welfare.get(code), here.brand))

    @blueprint.post("/welfare/<code>/open")
    @permission(WELFARE)
    def open_welfare(code: str) -> Any:
        """Open a campaign, or go on after a stop by hand."""
        here = _here()
        body = load_body(ReasonBody(), flask.request.get_json())
        opened = here.welfare.open(code, actor=current_actor(), reason=body["reason"])
        return flask.jsonify(welfare_view(opened, here.brand))

    @blueprint.post("/welfare/<code>/stop")
    @permission(WELFARE)
    def stop_welfare(code: str) -> Any:
        """Stop a campaign by hand, with a reason."""
        here = _here()
        body = load_body(ReasonBody(), flask.request.get_json())
        stopped = here.welfare.stop(code, actor=current_actor(), reason=body["reason"])
        return flask.jsonify(welfare_view(stopped, here.brand))

    @blueprint.post("/welfare/<code>/cap")
    @permission(WELFARE)
    def raise_welfare_cap(code: str) -> Any:
        """Raise the cap, with a reason; a campaign that stopped at it goes on."""
        here = _here()
        body = load_body(CapBody(), flask.request.get_json())
        raised = here.welfare.raise_cap(code, body["cap_minor"], actor=current_actor(), reason=body["reason"])
        return flask.jsonify(welfare_view(raised, here.brand))

    @blueprint.post("/welfare/<code>/claims")
    @permission(WELFARE)
    @contended
    def claim_welfare(code: str) -> Any:
        """Give the gift to somebody who came for it; the same person again gets the first answer."""
        here = _here()
        body = load_body(ClaimBody(), flask.request.get_json())
        gift = here.welfare.claim(code, here.brand.contacts.get(body["contact"]).id)
        return flask.jsonify(gift_view(gift, here.brand)), 201 if gift.outcome == "granted" else 200

    @blueprint.post("/welfare/<code>/run")
    @permission(WELFARE)
    def run_welfare(code: str) -> Any:
        """Give the gift to at most ``limit`` people of the audience who have none, behind the one ``after`` names."""
        here = _here()
        uid = flask.request.args.get("after")
        after = 0 if uid is None else here.brand.contacts.get(uid).id
        done = here.welfare.run(code, after=after, limit=query_number("limit", 500))
        refused = [{"contact": uid_of(here.brand, contact_id), "reason": reason} for contact_id, reason in done.refused]
        return flask.jsonify(
            {
                "granted": done.granted,
                "refused": refused,
                "state": done.state,
                "stop_reason": done.stop_reason,
                "next": uid_of(here.brand, done.onward) if done.onward is not None else None,
            }
        )


def _add_value(blueprint: flask.Blueprint) -> None:
    @blueprint.post("/content")
    @permission(AWARD)
    def add_content() -> Any:
        """Note a piece of content, once per key."""
        here = _here()
        body = load_body(ContentBody(), flask.request.get_json())
        made = here.content.add(
            body["key"],
            body["day"].toordinal(),
            body["kind"],
            mode=body["mode"],
            title=body["title"],
            actor=current_actor(),
        )
        return flask.jsonify(content_view(made)), 201

    @blueprint.get("/value")
    @permission(READ)
    def interaction_value() -> Any:
        """Conversion, phones and share of content per mode, ``from`` a day ``until`` another; default: 30 days."""
        here = _here()
        return flask.jsonify(here.value.table(_day("from"), _day("until")).record())

    @blueprint.get("/activations/templates")
    @permission(READ)
    def activation_templates() -> Any:
        """Templates of group activation, of an ``industry`` when given."""
        here = _here()
        found = here.activations.templates(flask.request.args.get("industry"))
        return flask.jsonify({"templates": [asdict(template) for template in found]})

    @blueprint.post("/activations")
    @permission(AWARD)
    def add_activation() -> Any:
        """Note that a template was used in a group on a day, once per code."""
        here = _here()
        body = load_body(ActivationBody(), flask.request.get_json())
        made = here.activations.add(
            body["code"], body["template"], body["group"], body["day"].toordinal(), actor=current_actor()
        )
        return flask.jsonify(activation_view(made)), 201

    @blueprint.get("/activations")
    @permission(READ)
    def activation_effects() -> Any:
        """Activations with the active rates of the weeks before and after, of a ``group`` when given."""
        return flask.jsonify(_here().activations.effects(flask.request.args.get("group")).record())
