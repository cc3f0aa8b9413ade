"""The plugin's routes, below ``/api/v1/<brand>/plugins/koc``."""

from __future__ import annotations

import csv
import tempfile
from typing import Any

import flask

from scrm_core.api import (
    Invalid,
    NotFound,
    current_actor,
    current_brand,
    load_body,
    permission,
    query_number,
    to_instant,
)

from .exports import rows
from .models import NAME
from .schemas import (
    AdjustBody,
    ApproveBody,
    InviteAsked,
    MemberAsked,
    MemberChangeBody,
    PaidBody,
    PenaltyBody,
    SettleBody,
    StepBody,
    SubmissionBody,
    TaskAsked,
    TaskChangeAsked,
    UseBody,
)
from .service import Koc
from .views import (
    entry_view,
    member_details,
    member_view,
    order_view,
    part_view,
    score_view,
    statement_view,
    task_view,
    work_details,
    work_view,
)

blueprint = flask.Blueprint("koc", __name__)

READ = "koc:read"
TRACK = "koc:track"
MANAGE = "koc:manage"
REVIEW = "koc:review"
SETTLE = "koc:settle"
HANDS = ("accept", "decline", "send-sample", "receive", "withdraw", "publish")
JUDGEMENTS = ("return", "verify", "violate")


def _koc() -> Koc:
    brand = current_brand()
    return Koc(brand, brand.plugins[NAME].settings)


def _body(schema: Any) -> dict[str, Any]:
    return load_body(schema, flask.request.get_json() if flask.request.content_length else {})


# Situations and scores --------------------------------------------------------------


@blueprint.get("/classify")
@permission(READ)
def classify() -> Any:
    """The situation of ``sku``, ``category``, or ``price_minor`` and ``interval_days`` (and ``typical_minor``)."""
    args, classifier = flask.request.args, _koc().classifier
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
    members = flask.request.args.get("members") != "0"
    found = _koc().scores.candidates(least=query_number("least", 0), limit=query_number("limit", 50), members=members)
    return flask.jsonify({"candidates": [score_view(each) for each in found]})


@blueprint.get("/scores/<uid>")
@permission(READ)
def explain(uid: str) -> Any:
    """A person's score with every point explained."""
    koc = _koc()
    contact_id = koc.brand.contacts.get(uid).id
    parts = [part_view(part) for part in koc.scores.explain(contact_id)]
    return flask.jsonify({**score_view(koc.scores.get(contact_id)), "parts": parts})


@blueprint.post("/penalties")
@permission(REVIEW)
def penalty() -> Any:
    """Take points off a person's score by hand, once per key."""
    body, koc = _body(PenaltyBody()), _koc()
    contact_id = koc.brand.contacts.get(body["contact"]).id
    koc.penalties.fraud(contact_id, body["points"], key=body["key"], reason=body["reason"], actor=current_actor())
    return flask.jsonify({"contact": body["contact"], "points": body["points"]}), 201


# KOCs -------------------------------------------------------------------------------


@blueprint.get("/members")
@permission(READ)
def members() -> Any:
    """KOCs, oldest first."""
    koc, limit = _koc(), query_number("limit", 50)
    found = koc.members.page(after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"members": [member_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/members")
@permission(MANAGE)
def enrol() -> Any:
    """Make a person a KOC with a code and a link of their own; with ``dry_run`` only tell what they are paid."""
    body, koc = _body(MemberAsked()), _koc()
    contact_id = koc.brand.contacts.get(body.pop("contact")).id
    if body.pop("dry_run"):
        return flask.jsonify(koc.dry_enrol(contact_id, body.pop("target"), **body))
    made = koc.members.enrol(contact_id, body.pop("target"), actor=current_actor(), **body)
    return flask.jsonify(member_view(made, koc.brand)), 201


@blueprint.get("/members/<code>")
@permission(READ)
def member(code: str) -> Any:
    """A KOC by their code, with who changed what of them."""
    koc = _koc()
    return flask.jsonify(member_details(koc.members, koc.members.get(code), koc.brand))


@blueprint.patch("/members/<code>")
@permission(MANAGE)
def change_member(code: str) -> Any:
    """Change followers, rate, coupon batch or state of a KOC."""
    body, koc = _body(MemberChangeBody()), _koc()
    return flask.jsonify(member_view(koc.members.change(code, actor=current_actor(), **body), koc.brand))


@blueprint.post("/members/<code>/link")
@permission(MANAGE)
def sign_in_link(code: str) -> Any:
    """A one-person link with which a KOC signs in to their own page; good for three days, in one browser."""
    return flask.jsonify({"address": _koc().sign_in_link(code)}), 201


# Tasks ------------------------------------------------------------------------------


@blueprint.get("/tasks")
@permission(READ)
def tasks() -> Any:
    """Tasks, oldest first."""
    koc, limit = _koc(), query_number("limit", 50)
    found = koc.tasks.page(after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"tasks": [task_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/tasks")
@permission(MANAGE)
def create_task() -> Any:
    """Make a task, or with ``dry_run`` only tell what it would pay at worst; a brief that demands praise is refused.

    The same task again answers it as it is.
    """
    body, koc = _body(TaskAsked()), _koc()
    if body.pop("dry_run"):
        return flask.jsonify(koc.tasks.dry_run(body))
    return flask.jsonify(task_view(koc.tasks.create(body, actor=current_actor()), koc.brand)), 201


@blueprint.get("/tasks/<code>")
@permission(READ)
def task(code: str) -> Any:
    """A task, and the first 500 pieces of work on it; ``/works?task=`` goes on."""
    koc = _koc()
    works = [work_view(each, koc.brand) for each in koc.works.page(task=code, limit=500)]
    return flask.jsonify({**task_view(koc.tasks.get(code), koc.brand), "works": works})


@blueprint.patch("/tasks/<code>")
@permission(MANAGE)
def change_task(code: str) -> Any:
    """Change a task; once KOCs are invited, only its last day, to a later one. ``dry_run`` only tells what it pays."""
    body, koc = _body(TaskChangeAsked()), _koc()
    if body.pop("dry_run"):
        return flask.jsonify(koc.tasks.dry_change(code, body))
    return flask.jsonify(task_view(koc.tasks.change(code, body, actor=current_actor()), koc.brand))


@blueprint.post("/tasks/<code>/invite")
@permission(MANAGE)
def invite(code: str) -> Any:
    """Give a task to KOCs, once each; with ``dry_run`` only tell what that would pay at worst."""
    body, koc = _body(InviteAsked()), _koc()
    if body["dry_run"]:
        return flask.jsonify(koc.tasks.dry_invite(code, body["members"]))
    return flask.jsonify({"works": koc.tasks.invite(code, body["members"], actor=current_actor())}), 201


@blueprint.post("/tasks/<code>/close")
@permission(MANAGE)
def close_task(code: str) -> Any:
    """Invite nobody any more."""
    koc = _koc()
    return flask.jsonify(task_view(koc.tasks.close(code, actor=current_actor()), koc.brand))


@blueprint.get("/works")
@permission(READ)
def works() -> Any:
    """Work on tasks, oldest first; of one ``task``, in one ``state`` (submitted waits for a reviewer)."""
    koc, args, limit = _koc(), flask.request.args, query_number("limit", 50)
    found = koc.works.page(task=args.get("task"), state=args.get("state"), after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"works": [work_view(each, koc.brand) for each in found], "next": onward})


@blueprint.get("/works/<uid>")
@permission(READ)
def work(uid: str) -> Any:
    """A piece of work with its steps and what was handed in."""
    koc = _koc()
    return flask.jsonify(work_details(koc.works, koc.works.get(uid), koc.brand))


@blueprint.get("/works/<uid>/pictures/<sha256>")
@permission(READ)
def picture(uid: str, sha256: str) -> Any:
    """A picture that was sent on the KOC's page (``koc/<sha256>`` in a submission), as JPEG."""
    koc = _koc()
    data = koc.pictures.bytes_of(koc.works.get(uid).id, sha256)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return flask.Response(data, mimetype="image/jpeg", headers=headers)


@blueprint.post("/works/<uid>/submit")
@permission(MANAGE)
def submit(uid: str) -> Any:
    """Hand in text, pictures by reference and hash, and the link."""
    body, koc = _body(SubmissionBody()), _koc()
    koc.works.submit(uid, body, actor=current_actor())
    return flask.jsonify(work_details(koc.works, koc.works.get(uid), koc.brand)), 201


@blueprint.post("/works/<uid>/approve")
@permission(REVIEW)
def approve(uid: str) -> Any:
    """Approve what was handed in, with its quality."""
    body, koc = _body(ApproveBody()), _koc()
    moved = koc.works.move(uid, "approve", actor=current_actor(), **body)
    return flask.jsonify(work_view(moved, koc.brand))


@blueprint.post("/works/<uid>/step/<action>")
@permission(MANAGE)
def step(uid: str, action: str) -> Any:
    """Take a step of the KOC's or of the shop's: accept, decline, send-sample, receive, withdraw, publish."""
    return _move(uid, action, HANDS)


@blueprint.post("/works/<uid>/judge/<action>")
@permission(REVIEW)
def judge(uid: str, action: str) -> Any:
    """Return what was handed in, verify what was published, or find a violation (violate)."""
    return _move(uid, action, JUDGEMENTS)


def _move(uid: str, action: str, allowed: tuple[str, ...]) -> Any:
    if action not in allowed:
        raise NotFound(f"an action here is one of {', '.join(allowed)}")
    body, koc = _body(StepBody()), _koc()
    moved = koc.works.move(uid, action, actor=current_actor(), **body)
    return flask.jsonify(work_view(moved, koc.brand))


# Orders and money -------------------------------------------------------------------


@blueprint.post("/uses")
@permission(TRACK)
def use() -> Any:
    """Tell that a KOC's code came with an order, here or yet to come; null while it is put down to nobody."""
    body, koc = _body(UseBody()), _koc()
    opened_at = to_instant(body["opened_at"]) if body["opened_at"] is not None else None
    found = koc.tracking.use(body["code"], body["source"], body["number"], via=body["via"], opened_at=opened_at)
    return flask.jsonify({"order": order_view(found, koc.brand) if found is not None else None}), 201


@blueprint.get("/orders/<source>/<number>")
@permission(READ)
def order(source: str, number: str) -> Any:
    """Whom an order is put down to, and why."""
    koc = _koc()
    return flask.jsonify(order_view(koc.tracking.named(source, number), koc.brand))


@blueprint.get("/entries")
@permission(READ)
def entries() -> Any:
    """Entries of the ledger, oldest first; of one KOC with ``member``."""
    koc, limit = _koc(), query_number("limit", 50)
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
    body, koc = _body(AdjustBody()), _koc()
    made = koc.ledger.adjust(
        body["member"], body["amount_minor"], key=body["key"], reason=body["reason"], actor=current_actor()
    )
    return flask.jsonify(entry_view(made, koc.brand)), 201


@blueprint.get("/statements")
@permission(READ)
def statements() -> Any:
    """Statements, oldest first; of one KOC with ``member``."""
    koc, limit = _koc(), query_number("limit", 50)
    code = flask.request.args.get("member")
    member_id = koc.members.get(code).id if code is not None else None
    found = koc.statements.page(member_id=member_id, after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"statements": [statement_view(each, koc.brand) for each in found], "next": onward})


@blueprint.post("/settle")
@permission(SETTLE)
def settle() -> Any:
    """Earn what is due and make statements, so many at once; call again while ``more``. ``dry_run`` only tells all."""
    body, koc = _body(SettleBody()), _koc()
    if body["dry_run"]:
        found, more = koc.statements.preview(), False
    else:
        found, more = koc.statements.step(actor=current_actor(), most=body["limit"])
    return flask.jsonify({"statements": [statement_view(each, koc.brand) for each in found], "more": more})


@blueprint.post("/statements/<number>/paid")
@permission(SETTLE)
def paid(number: str) -> Any:
    """Say that a statement was paid."""
    body, koc = _body(PaidBody()), _koc()
    found = koc.statements.pay(number, reference=body["reference"], actor=current_actor())
    return flask.jsonify(statement_view(found, koc.brand))


@blueprint.get("/check")
@permission(READ)
def check() -> Any:
    """What of the ledger does not add up; an empty list is as it should be."""
    return flask.jsonify({"differences": _koc().ledger.differences()})


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """What KOCs changed, against a matched group, by programme."""
    table = _koc().report()
    return flask.jsonify(table.record())


@blueprint.get("/export/<kind>")
@permission(READ)
def export(kind: str) -> Any:
    """A CSV file of candidates, entries, statements or influence."""
    lines = rows(_koc(), kind)
    # A ledger may be longer than memory should be: it lies on disk until it is sent.
    file = tempfile.TemporaryFile("w+", encoding="utf-8-sig", newline="")  # noqa: SIM115
    csv.writer(file, lineterminator="\n").writerows(lines)
    file.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="koc-{kind}.csv"'}
    answer = flask.Response(iter(lambda: file.buffer.read(65_536), b""), mimetype="text/csv", headers=headers)
    answer.call_on_close(file.close)
    return answer
