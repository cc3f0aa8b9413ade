"""What Shopify tells of orders and refunds, and the rows that it becomes. Nothing here reads or writes a table."""

from __future__ import annotations

import contextlib
from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from scrm_core.api import (
    Brand,
    IdentityIn,
    Invalid,
    LineIn,
    OrderIn,
    RefundIn,
    exponent_of,
    parse_minor,
    to_instant,
)

NOT_PAID = frozenset({"pending", "authorized", "partially_paid", "expired"})
"""Values of ``financial_status`` in which the money is not there, or not all of it."""

SENT = {"fulfilled": "shipped", "partial": "part_shipped"}
"""``fulfillment_status`` of a paid order; it is null while nothing was sent."""


class Told(Schema):
    """An object of Shopify's: of its many members those that are used."""

    class Meta:
        unknown = EXCLUDE


class CustomerTold(Told):
    id = fields.Integer(required=True)
    first_name = fields.String(load_default=None, allow_none=True)
    last_name = fields.String(load_default=None, allow_none=True)
    phone = fields.String(load_default=None, allow_none=True)


class DiscountTold(Told):
    amount = fields.String(required=True)


class LineTold(Told):
    sku = fields.String(load_default=None, allow_none=True)
    title = fields.String(load_default="")
    quantity = fields.Integer(required=True)
    price = fields.String(required=True)
    discount_allocations = fields.List(fields.Nested(DiscountTold), load_default=list)


class TransactionTold(Told):
    kind = fields.String(required=True)
    status = fields.String(required=True)
    amount = fields.String(required=True)
    currency = fields.String(load_default=None, allow_none=True)


class RefundTold(Told):
    id = fields.Integer(required=True)
    order_id = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    processed_at = fields.AwareDateTime(load_default=None, allow_none=True)
    note = fields.String(load_default=None, allow_none=True)
    transactions = fields.List(fields.Nested(TransactionTold), load_default=list)


class OrderTold(Told):
    id = fields.Integer(required=True)
    currency = fields.String(required=True)
    total_price = fields.String(required=True)
    financial_status = fields.String(load_default=None, allow_none=True)
    fulfillment_status = fields.String(load_default=None, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    processed_at = fields.AwareDateTime(load_default=None, allow_none=True)
    updated_at = fields.AwareDateTime(required=True)
    cancelled_at = fields.AwareDateTime(load_default=None, allow_none=True)
    test = fields.Boolean(load_default=False)
    phone = fields.String(load_default=None, allow_none=True)
    customer = fields.Nested(CustomerTold, load_default=None, allow_none=True)
    line_items = fields.List(fields.Nested(LineTold), load_default=list)
    refunds = fields.List(fields.Nested(RefundTold), load_default=list)


def order_of(told: dict[str, Any], brand: Brand, source: str) -> OrderIn:
    """The order as the core takes it; raises Invalid for another currency or an amount that is none.

    ``total_price`` is what was to be paid when the order was placed: refunds do not lower it, they come on their own.
    ``updated_at`` is the version, so a delivery that comes late or again changes nothing.
    """
    status = status_of(told)
    paid = told["financial_status"] not in NOT_PAID | {"voided", None}
    customer = told["customer"] or {}
    name = " ".join(filter(None, (customer.get("first_name"), customer.get("last_name"))))
    return OrderIn(
        source,
        str(told["id"]),
        status,
        to_instant(told["processed_at"] or told["created_at"]) if paid else None,
        money(told["total_price"], told["currency"], brand),
        platform="shopify",
        buyer=buyer_of(told, source),
        lines=tuple(line_of(each, told["currency"], brand) for each in told["line_items"] if each["quantity"] > 0),
        version=to_instant(told["updated_at"]),
        name=name,
    )


def status_of(told: dict[str, Any]) -> str:
    """The status by the core's words. A cancelled order is closed; its money comes back as refunds."""
    financial = told["financial_status"]
    if financial == "refunded":
        return "refunded"
    if told["cancelled_at"] is not None or financial == "voided":
        return "closed"
    if financial in NOT_PAID or financial is None:
        return "unpaid"
    return SENT.get(told["fulfillment_status"] or "", "paid")


def buyer_of(told: dict[str, Any], source: str) -> tuple[IdentityIn, ...]:
    """Who bought: the shop's customer, and a valid phone if there is one. An e-mail address identifies nobody here."""
    customer = told["customer"]
    found = [] if customer is None else [IdentityIn.of("buyer", str(customer["id"]), source)]
    phone = told["phone"] or (customer or {}).get("phone")
    if phone:
        with contextlib.suppress(Invalid):  # typed by hand at the checkout: the order is good without it
            found.append(IdentityIn.of("phone", phone))
    return tuple(found)


def line_of(told: dict[str, Any], currency: str, brand: Brand) -> LineIn:
    """A line with its share of all discounts taken off."""
    off = sum(money(each["amount"], currency, brand) for each in told["discount_allocations"])
    paid = money(told["price"], currency, brand) * told["quantity"] - off
    return LineIn(told["sku"] or "", told["title"], told["quantity"], paid)


def refund_of(told: dict[str, Any], brand: Brand, source: str) -> RefundIn | None:
    """The refund, or None while no money has gone back: goods may come back without any."""
    amount = sum(
        money(each["amount"], each["currency"] or brand.currency, brand)
        for each in told["transactions"]
        if (each["kind"], each["status"]) == ("refund", "success")
    )
    at = to_instant(told["processed_at"] or told["created_at"])
    note = told["note"] or ""
    return RefundIn(source, str(told["order_id"]), str(told["id"]), amount, at, note) if amount else None


def refunds_in(told: dict[str, Any], brand: Brand, source: str) -> list[RefundIn]:
    """The refunds that an order's delivery tells: a transaction that was pending at first is learnt from it."""
    found = (refund_of(each, brand, source) for each in told["refunds"])
    return [each for each in found if each is not None]


def money(text: str, currency: str, brand: Brand) -> int:
    """Minor units of an amount such as ``"39.90"``; never through a float. Raises Invalid."""
    if currency != brand.currency:
        raise Invalid(f"the amount is in {currency[:10]!r}; this brand counts {brand.currency}", code="currency")
    minor = parse_minor(text, exponent_of(currency))
    if minor is None:
        raise Invalid("an amount is missing", code="amount")
    return minor
