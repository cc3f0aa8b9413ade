"""The plugin's routes, below ``/api/v1/<brand>/plugins/koc``."""

from __future__ import annotations

import csv
import tempfile
from typing import Any

import flask

from scrm_core.api import Invalid, current_actor, permission, query_number, to_instant

from .exports import rows
from .requests import MANAGE, READ, REVIEW, SETTLE, TRACK, body_of, koc_here
from .schemas import (
    AdjustBody,
    MemberAsked,
    MemberChangeBody,
    PaidBody,
    PenaltyBody,
    SettleBody,
    UseBody,
)
from .task_routes import add_routes as add_task_routes
from .views import (
    entry_view,
    member_details,
    member_view,
    order_view,
    part_view,
    score_view,
    statement_view,
)

blueprint = flask.Blueprint("koc", __name__)
add_task_routes(blueprint)

# Situations and scores --------------------------------------------------------------


@blueprint.get("/classify")
@permission(READ)
def classify() -> Any:
    """The situation of ``sku``, ``category``, or ``price_minor`` and ``interval_days`` (and ``typical_minor``)."""
    args, classifier = flask.request.args, koc_here().classifier
    unknown = sorted(set(args) - {"sku", "category", "price_minor", "interval_days", "typical_minor"})
    if unknown:
        raise Invalid(f"{unknown[0]!r} is nothing that goods are classified by", field=unknown[0])
    if "sku" in args:
        found = classifier.sku(args["sku"])
    elif "category" in args:
        found = classifier.category(args["category"])
    else:
        typical = query_number("typical_minor", 0) or None
        price, interval = query_number("price_minor", 0), query_number("interval_days", 0)
        found = classifier.given(price, interval, typical_minor=typical)
    return flask.jsonify(found.view())


@blueprint.get("/candidates")
@permission(READ)
def candidates() -> Any:
    """People by score, best first; ``least`` points, ``limit`` rows, ``members=0`` leaves KOCs out."""
    scores, members = koc_here().scores, flask.request.args.get("members") != "0"
    found = scores.candidates(least=query_number("least", 0), limit=query_number("limit", 50), members=members)
    return flask.jsonify({"candidates": [score_view(each) for each in found]})


@blueprint.get("/scores/<uid>")
@permission(READ)
def explain(uid: str) -> Any:
    """A person's score with every point explained."""
    koc = koc_here()
    contact_id = koc.brand.contacts.get(uid).id
    parts = [part_view(part) for part in koc.scores.explain(contact_id)]
    return flask.jsonify({**score_view(koc.scores.get(contact_id)), "parts": parts})


@blueprint.post("/penalties")
@permission(REVIEW)
def penalty() -> Any:
    """Take points off a person's score by hand, once per key."""
    body, koc = body_of(PenaltyBody()), koc_here()
    contact_id = koc.brand.contacts.get(body["contact"]).id
    koc.penalties.fraud(contact_id, body["points"], key=body["key"], reason=body["reason"], actor=current_actor())
    return flask.jsonify({"contact": body["contact"], "points": body["points"]}), 201


# KOCs -------------------------------------------------------------------------------


@blueprint.get("/members")
@permission(READ)
def members() -> Any:
    """KOCs, oldest first."""
    koc, limit = koc_here(), query_number("limit", 50)
    found = koc.members.page(after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"members": [member_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/members")
@permission(MANAGE)
def enrol() -> Any:
    """Make a person a KOC with a code and a link of their own; with ``dry_run`` only tell what they are paid."""
    body, koc = body_of(MemberAsked()), koc_here()
    contact_id = koc.brand.contacts.get(body.pop("contact")).id
    if body.pop("dry_run"):
        return flask.jsonify(koc.dry_enrol(contact_id, body.pop("target"), **body))
    made = koc.members.enrol(contact_id, body.pop("target"), actor=current_actor(), **body)
    return flask.jsonify(member_view(made, koc.brand)), 201


@blueprint.get("/members/<code>")
@permission(READ)
def member(code: str) -> Any:
    """A KOC by their code, with who changed what of them."""
    koc = koc_here()
    return flask.jsonify(member_details(koc.members, koc.members.get(code), koc.brand))


@blueprint.patch("/members/<code>")
@permission(MANAGE)
def change_member(code: str) -> Any:
    """Change followers, rate, coupon batch or state of a KOC."""
    body, koc = body_of(MemberChangeBody()), koc_here()
    return flask.jsonify(member_view(koc.members.change(code, actor=current_actor(), **body), koc.brand))


@blueprint.post("/members/<code>/link")
@permission(MANAGE)
def sign_in_link(code: str) -> Any:
    """A one-person link with which a KOC signs in to their own page; good for three days, in one browser."""
    return flask.jsonify({"address": koc_here().sign_in_link(code)}), 201


# Orders and money -------------------------------------------------------------------


@blueprint.post("/uses")
@permission(TRACK)
def use() -> Any:
    """Tell that a KOC's code came with an order, here or yet to come; null while it is put down to nobody."""
    body, koc = body_of(UseBody()), koc_here()
    opened_at = to_instant(body["opened_at"]) if body["opened_at"] is not None else None
    found = koc.tracking.use(body["code"], body["source"], body["number"], via=body["via"], opened_at=opened_at)
    return flask.jsonify({"order": order_view(found, koc.brand) if found is not None else None}), 201


@blueprint.get("/orders/<source>/<number>")
@permission(READ)
def order(source: str, number: str) -> Any:
    """Whom an order is put down to, and why."""
    koc = koc_here()
    return flask.jsonify(order_view(koc.tracking.named(source, number), koc.brand))


@blueprint.get("/entries")
@permission(READ)
def entries() -> Any:
    """Entries of the ledger, oldest first; of one KOC with ``member``."""
    koc, limit = koc_here(), query_number("limit", 50)
    after, code = query_number("after", 0), flask.request.args.get("member")
    if not 1 <= limit <= 500:
        raise Invalid("limit must lie between 1 and 500", field="limit")
    if code is not None:
        found = koc.ledger.entries("e.id > ? AND m.code = ?", after, koc.members.get(code).code, limit=limit)
    else:
        found = koc.ledger.entries("e.id > ?", after, limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"entries": [entry_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/adjustments")
@permission(SETTLE)
def adjust() -> Any:
    """Give or take commission by hand, once per key."""
    body, koc = body_of(AdjustBody()), koc_here()
    made = koc.ledger.adjust(
        body["member"], body["amount_minor"], key=body["key"], reason=body["reason"], actor=current_actor()
    )
    return flask.jsonify(entry_view(made, koc.brand)), 201


@blueprint.get("/statements")
@permission(READ)
def statements() -> Any:
    """Statements, oldest first; of one KOC with ``member``."""
    koc, limit = koc_here(), query_number("limit", 50)
    code = flask.request.args.get("member")
    member_id = koc.members.get(code).id if code is not None else None
    found = koc.statements.page(member_id=member_id, after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"statements": [statement_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/settle")
@permission(SETTLE)
def settle() -> Any:
    """Earn what is due and make statements, so many at once; call again while ``more``. ``dry_run`` only tells all."""
    body, koc = body_of(SettleBody()), koc_here()
    if body["dry_run"]:
        found, more = koc.statements.preview(), False
    else:
        found, more = koc.statements.step(actor=current_actor(), most=body["limit"])
    return flask.jsonify({"statements": [statement_view(each, koc.brand) for each in found], "more": more})


@blueprint.post("/statements/<number>/paid")
@permission(SETTLE)
def paid(number: str) -> Any:
    """Say that a statement was paid."""
    body, koc = body_of(PaidBody()), koc_here()
    found = koc.statements.pay(number, reference=body["reference"], actor=current_actor())
    return flask.jsonify(statement_view(found, koc.brand))


@blueprint.get("/check")
@permission(READ)
def check() -> Any:
    """What of the ledger does not add up; an empty list is as it should be."""
    return flask.jsonify({"differences": koc_here().ledger.differences()})


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """What KOCs changed, against a matched group, by programme."""
    table = koc_here().report()
    return flask.jsonify(table.record())


@blueprint.get("/export/<kind>")
@permission(READ)
def export(kind: str) -> Any:
    """A CSV file of candidates, entries, statements or influence."""
    lines = rows(koc_here(), kind)
    # A ledger may be longer than memory should be: it lies on disk until it is sent.
    file = tempfile.TemporaryFile("w+", encoding="utf-8-sig", newline="")  # noqa: SIM115
    csv.writer(file, lineterminator="\n").writerows(lines)
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="koc-{kind}.csv"'}
    answer = flask.Response(iter(lambda: file.buffer.read(65_536), b""), mimetype="text/csv", headers=headers)
    answer.call_on_close(file.close)
    return answer
