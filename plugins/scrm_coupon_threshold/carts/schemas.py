"""Bodies of the routes of carts, counters and shops."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from scrm_core.api import Cart, CartLine, Invalid

from ..rules import POLICIES
from ..schemas import Strict, text, whole
from .stores import ROLES

MOST = 2**53
MOST_LINES = 500
MOST_CODES = 50


def _flag() -> fields.Boolean:
    return fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class LineBody(Strict):
    """A line: ``qty`` pieces of a SKU at ``unit_minor`` each."""

    id = text(1, 100, required=True)
    sku = text(1, 100, required=True)
    qty = whole(1, 1_000_000, "pieces", required=True)
    unit_minor = whole(0, MOST, "price of one piece", required=True)
    category = text(0, 200, load_default="")
    special = _flag()
    floor_minor = whole(0, MOST, "least price of one piece", load_default=None, allow_none=True)


class CartBody(Strict):
    """A cart: its lines, whose it is, where it is sold and which codes its customer wants used."""

    lines = fields.List(fields.Nested(LineBody), required=True, validate=validate.Length(1, MOST_LINES))
    contact = text(1, 100, load_default=None, allow_none=True)
    channel = text(0, 100, load_default="")
    store = text(0, 100, load_default="")
    shipping_minor = whole(0, MOST, "shipping before discounts", load_default=0)
    codes = fields.List(text(1, 200), load_default=list, validate=validate.Length(0, MOST_CODES))


class QuoteBody(CartBody):
    """A cart to price; with ``best`` every coupon of the customer takes part in the choice."""

    best = _flag()


class HoldBody(CartBody):
    """A cart to hold for the checkout that ``key`` names."""

    key = text(1, 150, required=True)
    source = text(0, 100, load_default="")
    order_number = text(0, 100, load_default="")
    expect_payable_minor = whole(0, MOST, "what the customer was told", load_default=None, allow_none=True)


class RedeemBody(Strict):
    """The order that a hold was paid with; ``paid_at`` defaults to now."""

    hold = text(1, 150, required=True)
    source = text(1, 100, required=True)
    order_number = text(1, 100, required=True)
    paid_at = fields.String(load_default=None, allow_none=True)
    policy = fields.String(load_default=POLICIES[0], validate=validate.OneOf(POLICIES))


class OrderBody(CartBody):
    """A cart that is paid at once: held and redeemed in one step."""

    key = text(1, 150, required=True)
    source = text(1, 100, required=True)
    order_number = text(1, 100, required=True)
    policy = fields.String(load_default=POLICIES[0], validate=validate.OneOf(POLICIES))


class ReasonBody(Strict):
    """Why something is taken back."""

    reason = text(1, 200, required=True)


class OrderReasonBody(ReasonBody):
    """The order whose redemptions are taken back."""

    source = text(1, 100, required=True)
    order_number = text(1, 100, required=True)


class RefundBody(Strict):
    """Units that came back: line id -> how many. With ``dry_run`` the amount is only worked out."""

    source = text(1, 100, required=True)
    order_number = text(1, 100, required=True)
    key = text(1, 150, required=True)
    lines = fields.Dict(keys=text(1, 100), values=whole(1, 1_000_000, "units"), required=True)
    shipping = _flag()
    reason = text(0, 200, load_default="")
    dry_run = _flag()


class ScanBody(Strict):
    """A token or code at a shop's till; ``network`` names where the till is, for the count of wrong codes."""

    code = text(1, 500, required=True)
    store = text(1, 40, required=True)
    terminal = text(1, 40, required=True)
    network = text(0, 100, load_default="")


class CounterBody(ScanBody):
    """A redemption on a ticket; ``lines`` where the till knows them."""

    clerk = text(1, 40, required=True)
    ticket = text(1, 100, required=True)
    amount_minor = whole(0, MOST, "what the eligible goods cost", required=True)
    lines = fields.List(fields.Nested(LineBody), load_default=list, validate=validate.Length(0, MOST_LINES))
    order_number = text(0, 100, load_default="")
    device = text(0, 100, load_default="")


class UndoBody(ReasonBody):
    """A manager who undoes a redemption, proven by the PIN."""

    store = text(1, 40, required=True)
    manager = text(1, 40, required=True)
    pin = text(4, 12, required=True)
    network = text(0, 100, load_default="")


class StoreBody(Strict):
    """A shop to add or rename."""

    code = text(1, 40, required=True)
    name = text(0, 100, load_default="")


class ClerkBody(Strict):
    """A clerk to add, or to give a new PIN, shop and role."""

    code = text(1, 40, required=True)
    pin = text(4, 12, required=True)
    name = text(0, 100, load_default="")
    store = text(1, 40, load_default=None, allow_none=True)
    role = fields.String(load_default="clerk", validate=validate.OneOf(ROLES))
    contact = text(1, 100, load_default=None, allow_none=True)


def lines_of(body: list[dict[str, Any]]) -> tuple[CartLine, ...]:
    """Loaded lines as the rules read them; raises Invalid for a line that costs more than can be counted."""
    lines = tuple(CartLine(**line) for line in body)
    for line in lines:
        if line.amount_minor > MOST:
            raise Invalid(f"line {line.id!r}: the amount is out of range", field="lines")
    return lines


def cart_of(body: dict[str, Any], at: int, contact_id: int | None) -> Cart:
    """A loaded :class:`CartBody` as a cart at an instant."""
    return Cart(
        lines_of(body["lines"]),
        at,
        contact_id,
        body["channel"],
        body["store"],
        body["shipping_minor"],
        tuple(body["codes"]),
    )
