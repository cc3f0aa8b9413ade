"""Routes for the shop's system, below ``/api/v1/<brand>/plugins/interaction-games``: tickets, payments, refunds."""

from __future__ import annotations

from typing import Any

import flask
from marshmallow import fields, validate

from scrm_core.api import Brand, Invalid, contended, current_actor, current_brand, iso, load_body, permission

from ..engine.definition import instant_of
from ..schemas import NAME, MomentField
from ..service import Games, games_of
from . import purchases
from .days_schemas import Strict
from .payments import PaymentView

READ = f"{NAME}:read"
PLAY = f"{NAME}:play"


class PaidBody(Strict):
    """``POST /tickets/<ticket>/pay``: an order that was paid."""

    source = fields.String(required=True)
    number = fields.String(required=True)
    amount_minor = fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**53))
    paid_at = MomentField(load_default=None, allow_none=True)


def add_routes(blueprint: flask.Blueprint) -> None:
    """Add the shop's routes to the plugin's blueprint."""
    blueprint.get("/tickets/<ticket>")(show_ticket)
    blueprint.post("/tickets/<ticket>/pay")(pay_ticket)
    blueprint.get("/refunds")(list_refunds)
    blueprint.post("/refunds/<payment>/confirm")(confirm_refund)


def _games() -> Games:
    return games_of(current_brand())


@permission(READ)
def show_ticket(ticket: str) -> Any:
    """What a seat or bargain costs now, and whether that is held for an order."""
    return flask.jsonify(ticket_record(current_brand(), purchases.ticket(_games(), ticket)))


@contended
@permission(PLAY)
def pay_ticket(ticket: str) -> Any:
    """An order paid for a ticket; told again, it is answered alike."""
    body = load_body(PaidBody(), flask.request.get_json())
    paid_at = None if body["paid_at"] is None else instant_of(current_brand(), body["paid_at"])
    answer = purchases.pay(
        _games(), ticket, source=body["source"], number=body["number"], amount_minor=body["amount_minor"],
        paid_at=paid_at,
    )  # fmt: skip
    return flask.jsonify(answer)


@permission(READ)
def list_refunds() -> Any:
    """What the shop has to pay back, the oldest first; ``after`` is the last one's ``id``."""
    after = flask.request.args.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= 16):
        raise Invalid("after is a whole number", field="after")
    found = purchases.refunds_due(_games(), flask.request.args.get("campaign", ""), after=int(after))
    return flask.jsonify({"refunds": [payment_record(current_brand(), each) for each in found]})


@permission(PLAY)
def confirm_refund(payment: str) -> Any:
    """The shop has paid it back."""
    done = purchases.confirm_refund(_games(), payment, actor=current_actor())
    return flask.jsonify(payment_record(current_brand(), done))


def ticket_record(brand: Brand, found: dict[str, Any]) -> dict[str, Any]:
    """A ticket as API and commands show it."""
    return {**found, "until": iso(found["until"], brand.zone)}


def payment_record(brand: Brand, payment: PaymentView) -> dict[str, Any]:
    """A payment as API and commands show it."""
    return {
        "id": payment.id,
        "payment": payment.uid,
        "source": payment.source,
        "number": payment.number,
        "amount_minor": payment.amount_minor,
        "state": payment.state,
        "reason": payment.reason,
        "for": payment.thing,
        "ticket": payment.thing_uid,
        "paid_at": iso(payment.paid_at, brand.zone),
        "due_at": iso(payment.due_at, brand.zone),
        "refunded_at": iso(payment.refunded_at, brand.zone),
        "actor": payment.actor,
    }
