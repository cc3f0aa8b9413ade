"""The plugin's routes, below ``/api/v1/<brand>/plugins/points``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import (
    Brand,
    contended,
    current_actor,
    current_brand,
    iso,
    load_body,
    permission,
    query_number,
)

from .ledger import Entry
from .report import points_report
from .schemas import AdjustBody, CaptureBody, HoldBody
from .service import NAME, Hold, PointsBook

blueprint = flask.Blueprint("points", __name__)

READ = "points:read"
SPEND = "points:spend"
ADJUST = "points:adjust"


def _book() -> PointsBook:
    brand = current_brand()
    return PointsBook(brand, brand.plugins[NAME].settings)


def entry_view(entry: Entry, brand: Brand) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "kind": entry.kind,
        "points": entry.amount,
        "key": entry.key,
        "reverses": entry.reverses,
        "reason": entry.reason,
        "actor": entry.actor,
        "at": iso(entry.at, brand.zone),
        "expires_at": iso(entry.expires_at, brand.zone),
    }


def hold_view(hold: Hold, brand: Brand) -> dict[str, Any]:
    """A hold as JSON."""
    return {
        "key": hold.key,
        "points": hold.points,
        "state": hold.state,
        "until": iso(hold.until, brand.zone),
        "source": hold.source,
        "number": hold.number,
        "returned": hold.returned,
    }


def balance_view(book: PointsBook, contact_id: int) -> dict[str, Any]:
    """What a person has, as JSON."""
    found = book.balance(contact_id)
    return {
        "balance": found.balance,
        "debt": found.debt,
        "lapsing": found.lapsing,
        "lapses_at": iso(found.lapses_at, book.brand.zone),
    }


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """Entries by kind, and what everybody has and owes together."""
    table = points_report()
    return flask.jsonify(table.record())


@blueprint.get("/check")
@permission(READ)
def check() -> Any:
    """Everybody for whom the ledger does not add up; an empty list is as it should be."""
    found = _book().differences()
    rows = [
        {"contact": d.contact, "balance": d.balance, "debt": d.debt, "entries": d.entries, "lots": d.lots}
        for d in found
    ]
    return flask.jsonify({"differences": rows})


@blueprint.get("/accounts/<uid>")
@permission(READ)
def account(uid: str) -> Any:
    """What a person can spend, owes, and what of it lapses next."""
    book = _book()
    return flask.jsonify(balance_view(book, book.brand.contacts.get(uid).id))


@blueprint.get("/accounts/<uid>/entries")
@permission(READ)
def entries(uid: str) -> Any:
    """A person's entries, oldest first, from behind the one that ``next`` of the last page named."""
    book = _book()
    limit = query_number("limit", 50)
    found = book.entries(book.brand.contacts.get(uid).id, after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"entries": [entry_view(e, book.brand) for e in found], "next": onward})


@blueprint.post("/adjustments")
@permission(ADJUST)
def adjust() -> Any:
    """Give or take points by hand, once per key; the key of the request is the actor."""
    body = load_body(AdjustBody(), flask.request.get_json())
    book = _book()
    entry = book.adjust(
        book.brand.contacts.get(body["contact"]).id,
        body["points"],
        key=body["key"],
        reason=body["reason"],
        actor=current_actor(),
    )
    return flask.jsonify(entry_view(entry, book.brand)), 201


@blueprint.post("/holds")
@permission(SPEND)
@contended
def hold() -> Any:
    """Set points aside for a checkout, once per key."""
    body = load_body(HoldBody(), flask.request.get_json())
    book = _book()
    made = book.hold(
        book.brand.contacts.get(body["contact"]).id, body["points"], key=body["key"], minutes=body["minutes"]
    )
    return flask.jsonify(hold_view(made, book.brand)), 201


@blueprint.get("/holds/<key>")
@permission(READ)
def held(key: str) -> Any:
    """A hold by its key."""
    book = _book()
    return flask.jsonify(hold_view(book.held(key), book.brand))


@blueprint.post("/holds/<key>/capture")
@permission(SPEND)
def capture(key: str) -> Any:
    """Spend held points on an order."""
    body = load_body(CaptureBody(), flask.request.get_json())
    book = _book()
    return flask.jsonify(hold_view(book.capture(key, body["source"], body["number"]), book.brand))


@blueprint.post("/holds/<key>/release")
@permission(SPEND)
def release(key: str) -> Any:
    """Give held points back: the checkout was left."""
    book = _book()
    return flask.jsonify(hold_view(book.release(key), book.brand))
