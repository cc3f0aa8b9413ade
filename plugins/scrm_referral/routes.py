"""The plugin's routes, below ``/api/v1/<brand>/plugins/referral``."""

from __future__ import annotations

import csv
import io
from typing import Any

import flask

from scrm_core.api import (
    NotFound,
    contended,
    current_actor,
    current_brand,
    load_body,
    next_after,
    permission,
    query_number,
)

from . import relations
from .people import speakable
from .poster import poster_of
from .report import export
from .schemas import BudgetBody, PublishBody, QuotaBody, SignUpBody, StockBody, TouchBody, TraitBody, VerdictBody
from .service import Referrals, referrals_of
from .views import campaign_view, figures_view, invitee_view, inviter_view, rung_view

blueprint = flask.Blueprint("referral", __name__)

READ = "referral:read"
WRITE = "referral:write"
JOIN = "referral:join"
REVIEW = "referral:review"


def _here() -> Referrals:
    return referrals_of(current_brand())


def _body(schema: Any) -> dict[str, Any]:
    return load_body(schema, flask.request.get_json())


def _contact(uid: str) -> int:
    if not speakable(uid):
        raise NotFound("no such contact")
    return int(current_brand().contacts.get(uid).id)


@blueprint.post("/dry-run")
@permission(READ)
def dry_run() -> Any:
    """What a definition would publish, what keeps it from that, and what its ladder costs; writes nothing."""
    return flask.jsonify(_here().dry_run(flask.request.get_json()))


@blueprint.get("/campaigns")
@permission(READ)
def campaign_list() -> Any:
    """Every campaign, oldest first."""
    here = _here()
    return flask.jsonify({"campaigns": [campaign_view(each, here.brand) for each in here.campaigns.all()]})


@blueprint.post("/campaigns")
@permission(WRITE)
def create() -> Any:
    """Make a draft from a definition."""
    here = _here()
    made = here.campaigns.create(flask.request.get_json(), actor=current_actor())
    return flask.jsonify(campaign_view(made, here.brand)), 201


@blueprint.get("/campaigns/<code>")
@permission(READ)
def campaign(code: str) -> Any:
    """A campaign with its figures."""
    here = _here()
    found = here.campaigns.get(code)
    return flask.jsonify({**campaign_view(found, here.brand), "figures": figures_view(found, here.brand)})


@blueprint.post("/campaigns/<code>/changes")
@permission(WRITE)
def change(code: str) -> Any:
    """Change members of a draft's definition; what is not named stays."""
    here = _here()
    made = here.campaigns.change(code, flask.request.get_json(), actor=current_actor())
    return flask.jsonify(campaign_view(made, here.brand))


@blueprint.post("/campaigns/<code>/publish")
@permission(WRITE)
def publish(code: str) -> Any:
    """Open a draft; ``confirm`` accepts that issuers have not enough for the ladder yet."""
    here, body = _here(), load_body(PublishBody(), flask.request.get_json() if flask.request.content_length else {})
    made = here.campaigns.publish(code, actor=current_actor(), confirm=body["confirm"])
    return flask.jsonify(campaign_view(made, here.brand))


@blueprint.post("/campaigns/<code>/close")
@permission(WRITE)
def close(code: str) -> Any:
    """Take no more sign-ups and invitees."""
    here = _here()
    return flask.jsonify(campaign_view(here.campaigns.close(code, actor=current_actor()), here.brand))


@blueprint.post("/campaigns/<code>/quota")
@permission(WRITE)
def enlarge(code: str) -> Any:
    """Add places; who waited longest gets them."""
    here = _here()
    found = here.campaigns.enlarge(code, _body(QuotaBody())["quota"], actor=current_actor())
    return flask.jsonify({"promoted": [inviter_view(each, here) for each in found]})


@blueprint.post("/campaigns/<code>/budget")
@permission(WRITE)
def fund(code: str) -> Any:
    """Raise the budget; what waits for money is granted by the job."""
    here = _here()
    found = here.campaigns.fund(code, _body(BudgetBody())["budget_minor"], actor=current_actor())
    return flask.jsonify(campaign_view(found, here.brand))


@blueprint.post("/campaigns/<code>/stock")
@permission(WRITE)
def restock(code: str) -> Any:
    """Raise the stock of a rung; what waits for it is granted by the job."""
    here, body = _here(), _body(StockBody())
    here.campaigns.restock(code, body["invites"], body["stock"], actor=current_actor())
    return flask.jsonify(campaign_view(here.campaigns.get(code), here.brand))


@blueprint.get("/campaigns/<code>/inviters")
@permission(READ)
def inviters(code: str) -> Any:
    """Who signed up, in order, those who wait among them."""
    here, limit = _here(), query_number("limit", 100)
    found = here.campaigns.inviters(code, after=query_number("after", 0), limit=limit)
    return flask.jsonify({"inviters": [inviter_view(each, here) for each in found], "next": next_after(found, limit)})


@blueprint.post("/campaigns/<code>/inviters")
@permission(JOIN)
@contended
def sign_up(code: str) -> Any:
    """Sign somebody up: accepted while there are places, then waiting."""
    here = _here()
    found = here.campaigns.sign_up(code, _contact(_body(SignUpBody())["contact"]))
    return flask.jsonify(inviter_view(found, here)), 201


@blueprint.post("/campaigns/<code>/leave")
@permission(JOIN)
def leave(code: str) -> Any:
    """Give somebody's place up."""
    here = _here()
    found = here.campaigns.leave(code, _contact(_body(SignUpBody())["contact"]))
    return flask.jsonify({"promoted": [inviter_view(each, here) for each in found]})


@blueprint.get("/campaigns/<code>/inviters/<contact>")
@permission(READ)
def progress(code: str, contact: str) -> Any:
    """What somebody reached; names of friends are masked."""
    return flask.jsonify(_here().progress(code, _contact(contact)))


@blueprint.get("/campaigns/<code>/inviters/<contact>/poster")
@permission(READ)
def poster(code: str, contact: str) -> Any:
    """Somebody's poster as PNG."""
    here = _here()
    picture = poster_of(here, here.campaigns.get(code), here.accepted(code, _contact(contact)))
    return flask.Response(picture, mimetype="image/png", headers={"Cache-Control": "no-store"})


@blueprint.post("/touches")
@permission(JOIN)
def touch() -> Any:
    """Somebody came by a personal code, as a mini program or a till tells."""
    body = _body(TouchBody())
    return flask.jsonify(_here().counting.touch(body["code"], _contact(body["contact"]), body["kind"]))


@blueprint.post("/campaigns/<code>/traits")
@permission(JOIN)
def trait(code: str) -> Any:
    """What somebody was seen with, kept as a keyed hash."""
    body = _body(TraitBody())
    _here().add_trait(code, _contact(body["contact"]), body["kind"], body["value"])
    return flask.Response(status=204)


@blueprint.get("/campaigns/<code>/invitees")
@permission(READ)
def invitees(code: str) -> Any:
    """Invitees with the proof of each gate, oldest first; of one ``state`` (held: the queue) or ``inviter``."""
    here, limit = _here(), query_number("limit", 100)
    inviter = flask.request.args.get("inviter")
    found = relations.page(
        here.campaigns.get(code).id, state=flask.request.args.get("state", ""),
        inviter=None if inviter is None else _contact(inviter), after=query_number("after", 0), limit=limit,
    )  # fmt: skip
    views = [invitee_view(each, here.brand) for each in found]
    return flask.jsonify({"invitees": views, "next": next_after(found, limit)})


@blueprint.get("/campaigns/<code>/invitees.csv")
@permission(READ)
def invitees_csv(code: str) -> Any:
    """Every invitee as CSV in UTF-8."""
    here, text = _here(), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(export(here.brand, here.campaigns.get(code)))
    headers = {"Content-Disposition": 'attachment; filename="referral.csv"', "Cache-Control": "no-store"}
    return flask.Response("\ufeff" + text.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.post("/invitees/<uid>/review")
@permission(REVIEW)
def review_invitee(uid: str) -> Any:
    """Let a held invitee count, or refuse them."""
    body, here = _body(VerdictBody()), _here()
    found = here.counting.review(uid, body["verdict"], reason=body["reason"], actor=current_actor())
    return flask.jsonify(invitee_view(found, here.brand))


@blueprint.get("/rewards")
@permission(READ)
def rewards() -> Any:
    """Rewards of a ``state``, oldest first, with what stands behind each; without one those that wait for a person."""
    here, limit = _here(), query_number("limit", 100)
    found = here.rungs.queue(state=flask.request.args.get("state", ""), after=query_number("after", 0), limit=limit)
    return flask.jsonify({"rewards": [rung_view(each, here) for each in found], "next": next_after(found, limit)})


@blueprint.post("/rewards/<uid>/review")
@permission(REVIEW)
def review_reward(uid: str) -> Any:
    """Approve or refuse a reward; the key of the request is the person."""
    body, here = _body(VerdictBody()), _here()
    found = here.rungs.review(uid, body["verdict"], reason=body["reason"], actor=current_actor())
    return flask.jsonify(rung_view(found, here))
