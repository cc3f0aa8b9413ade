"""The view of carts (购物车)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from ..carts import Cart, CartLine
from ..intake.fields import Flag, Instant, Text, integer, minor
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from .calls import Answer, Call


class CartLineInputSchema(IntakeSchema):
    """A line: ``qty`` pieces of a SKU at ``unit_minor`` each."""

    id = Text(max_length=LIMITS.name, blank=False, required=True)
    sku = Text(max_length=LIMITS.name, blank=False, required=True)
    qty = integer(1, 1_000_000, required=True)
    unit_minor = minor(required=True)
    category = Text(max_length=LIMITS.name, load_default="")
    special = Flag(load_default=False)
    floor_minor = minor(load_default=None, allow_none=True)


class CartInputSchema(IntakeSchema):
    """A cart to price; ``codes`` are the coupons that the customer wants used, ``at`` defaults to now."""

    lines = fields.List(fields.Nested(CartLineInputSchema), required=True, validate=validate.Length(1, 500))
    contact = Text(max_length=LIMITS.name, load_default=None)
    at = Instant(load_default=None)
    channel = Text(max_length=LIMITS.name, load_default="")
    store = Text(max_length=LIMITS.name, load_default="")
    shipping_minor = minor(load_default=0)
    codes = fields.List(Text(max_length=LIMITS.name, blank=False), load_default=list, validate=validate.Length(0, 50))


def quote_cart(call: Call) -> Answer:
    body = call.body
    contact_id = None if body["contact"] is None else call.brand.contacts.get(body["contact"]).id
    cart = call.brand.carts.quote(
        Cart(
            lines=tuple(CartLine(**line) for line in body["lines"]),
            at=call.brand.now() if body["at"] is None else body["at"],
            contact_id=contact_id,
            channel=body["channel"],
            store=body["store"],
            shipping_minor=body["shipping_minor"],
            codes=tuple(body["codes"]),
        )
    )
    return 200, _shown(cart)


def _shown(cart: Cart) -> dict[str, Any]:
    return {
        "lines": [
            {
                "id": line.id,
                "sku": line.sku,
                "qty": line.qty,
                "unit_minor": line.unit_minor,
                "gift": line.gift,
                "payable_minor": cart.left(index),
            }
            for index, line in enumerate(cart.lines)
        ],
        "goods_minor": cart.goods_minor,
        "shipping_minor": cart.shipping_minor,
        "discount_minor": cart.discount_minor,
        "payable_minor": cart.payable_minor,
        "discounts": [
            {
                "plugin": discount.plugin,
                "offer": discount.offer,
                "title": discount.title,
                "payer": discount.payer,
                "shares": list(discount.shares),
                "shipping_minor": discount.shipping_minor,
            }
            for discount in cart.discounts
        ],
        "refusals": [
            {"code": refusal.code, "reason": refusal.reason, "message": refusal.message} for refusal in cart.refusals
        ],
    }
