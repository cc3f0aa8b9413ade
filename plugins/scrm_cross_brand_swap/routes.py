"""The plugin's routes, below ``/api/v1/<brand>/plugins/cross-brand-swap``."""

from __future__ import annotations

import dataclasses
from typing import Any

import flask

from scrm_core.api import Invalid, current_actor, current_brand, load_body, permission

from .book import NAME
from .report import swap_report
from .schemas import AmendBody, AnswerBody, LinkBody, LostBody, OfferBody, PartnerBody, ShownBody, SignBody
from .service import Swaps

blueprint = flask.Blueprint("cross_brand_swap", __name__)

READ = "cross-brand-swap:read"
DEAL = "cross-brand-swap:deal"
COUNT = "cross-brand-swap:count"


def _swaps() -> Swaps:
    brand = current_brand()
    return Swaps(brand, brand.plugins[NAME].settings)


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """What each deal gave and received."""
    table = swap_report()
    return flask.jsonify(table.record())


@blueprint.get("/fit/<partner>")
@permission(READ)
def fit(partner: str) -> Any:
    """Whether a partner fits, for the kind in the query (``kind=traffic``)."""
    return flask.jsonify(dataclasses.asdict(_swaps().fit(partner, flask.request.args.get("kind", "traffic"))))


@blueprint.post("/profile")
@permission(DEAL)
def profile() -> Any:
    """Tell a partner this brand's profile."""
    body = load_body(PartnerBody(), flask.request.get_json())
    swaps = _swaps()
    swaps.send_profile(body["partner"], actor=current_actor())
    return flask.jsonify(swaps.profile().told())


@blueprint.get("/deals")
@permission(READ)
def deals() -> Any:
    """Every deal."""
    swaps = _swaps()
    return flask.jsonify({"deals": [swaps.view(deal) for deal in swaps.deals()]})


@blueprint.post("/deals")
@permission(DEAL)
def offer() -> Any:
    """Offer a deal; with ``dry_run`` only say what it would be, and refuse what would be refused."""
    body = load_body(OfferBody(), flask.request.get_json())
    swaps = _swaps()
    dry_run, partner, terms = body.pop("dry_run"), body.pop("partner"), body.pop("terms")
    if dry_run:
        return flask.jsonify(swaps.dry_run(partner, terms, **body))
    return flask.jsonify(swaps.view(swaps.offer(partner, terms, actor=current_actor(), **body))), 201


@blueprint.get("/deals/<code>")
@permission(READ)
def deal(code: str) -> Any:
    """One deal with its ledger."""
    swaps = _swaps()
    return flask.jsonify(swaps.view(swaps.deal(code)))


@blueprint.post("/deals/<code>/answer")
@permission(DEAL)
def answer(code: str) -> Any:
    """Accept, counter or decline the partner's proposal; decline withdraws one's own."""
    body = load_body(AnswerBody(), flask.request.get_json())
    swaps, actor = _swaps(), current_actor()
    if body["answer"] == "accept":
        given = {name: body[name] for name in ("target", "words", "despite")}
        done = swaps.accept(code, **given, actor=actor)
    elif body["answer"] == "decline":
        done = swaps.contracts.decline(code, reason=body["reason"], actor=actor)
    elif body["terms"] is None:
        raise Invalid("a counter-offer has terms", field="terms")
    else:
        given = {name: body[name] for name in ("terms", "target", "words", "despite")}
        done = swaps.counter(code, **given, actor=actor)
    return flask.jsonify(swaps.view(done))


@blueprint.post("/deals/<code>/link")
@permission(DEAL)
def link(code: str) -> Any:
    """Tell the partner the tracked link again, with other words if given."""
    body = load_body(LinkBody(), flask.request.get_json())
    swaps = _swaps()
    return flask.jsonify(swaps.view(swaps.contracts.tell_link(code, words=body["words"], actor=current_actor())))


@blueprint.get("/deals/<code>/show")
@permission(READ)
def show(code: str) -> Any:
    """What a touch point shows of the partner's now; 409 while the deal is stopped or does not run."""
    return flask.jsonify(_swaps().ledger.show(code))


@blueprint.post("/deals/<code>/shown")
@permission(COUNT)
def shown(code: str) -> Any:
    """Write exposures down, once per key."""
    body = load_body(ShownBody(), flask.request.get_json())
    total = _swaps().ledger.add_shown(code, body["quantity"], key=body["key"], actor=current_actor())
    return flask.jsonify({"shown": total})


@blueprint.post("/deals/<code>/lost")
@permission(COUNT)
def lost(code: str) -> Any:
    """Somebody that came has left again."""
    body = load_body(LostBody(), flask.request.get_json())
    swaps = _swaps()
    swaps.ledger.lost(code, swaps.brand.contacts.get(body["contact"]).id, actor=current_actor())
    return flask.jsonify(swaps.view(swaps.deal(code)))


@blueprint.get("/deals/<code>/statement")
@permission(READ)
def statement(code: str) -> Any:
    """The settlement as this side computes it now."""
    swaps = _swaps()
    return flask.jsonify(swaps.settling.ours(swaps.deal(code)))


@blueprint.post("/deals/<code>/amend")
@permission(DEAL)
def amend(code: str) -> Any:
    """Offer the partner a statement of a disputed deal."""
    body = load_body(AmendBody(), flask.request.get_json())
    swaps = _swaps()
    return flask.jsonify(swaps.view(swaps.settling.amend(code, body["lines"], actor=current_actor())))


@blueprint.post("/deals/<code>/sign")
@permission(DEAL)
def sign(code: str) -> Any:
    """Sign the statement that the partner offered in a dispute."""
    body = load_body(SignBody(), flask.request.get_json())
    swaps = _swaps()
    return flask.jsonify(swaps.view(swaps.settling.sign(code, body["digest"], actor=current_actor())))


@blueprint.get("/deals/<code>/steps")
@permission(READ)
def steps(code: str) -> Any:
    """What was done about a deal, newest first."""
    return flask.jsonify({"steps": _swaps().steps(code)})


@blueprint.get("/refused")
@permission(READ)
def refused() -> Any:
    """Partners' messages that were refused, newest first, with the reason."""
    return flask.jsonify({"steps": _swaps().steps(refused=True)})


@blueprint.get("/overlaps")
@permission(READ)
def overlaps() -> Any:
    """Every run that estimated an overlap."""
    return flask.jsonify({"runs": _swaps().overlaps.runs()})


@blueprint.post("/overlaps")
@permission(DEAL)
def ask() -> Any:
    """Ask a partner for a run."""
    body = load_body(PartnerBody(), flask.request.get_json())
    return flask.jsonify({"run": _swaps().overlaps.ask(body["partner"], actor=current_actor())}), 201
