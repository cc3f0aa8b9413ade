"""Carts in and out of JSON: what a request brings, what a hold and a sale keep, what an answer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scrm_core.api import Cart, CartLine, Invalid

from ..claims.service import NAME


def line_of(kept: dict[str, Any]) -> CartLine:
    """A line from its JSON; members of other meaning are left out."""
    names = ("id", "sku", "qty", "unit_minor", "category", "special", "floor_minor", "gift")
    return CartLine(**{name: kept[name] for name in names if name in kept})


def check_lines(lines: Sequence[CartLine]) -> None:
    """Raise Invalid for a cart that cannot be: without lines, with two of one id, or with amounts out of range."""
    if not lines:
        raise Invalid("a cart has at least one line", field="lines")
    if len({line.id for line in lines}) != len(lines):
        raise Invalid("two lines have the same id", field="lines")
    for line in lines:
        if type(line.qty) is not int or not 1 <= line.qty <= 1_000_000:
            raise Invalid(f"line {line.id!r}: qty is 1 to 1,000,000", field="qty")
        if type(line.unit_minor) is not int or line.unit_minor < 0 or line.qty * line.unit_minor > 2**53:
            raise Invalid(f"line {line.id!r}: unit_minor is out of range", field="unit_minor")


def cart_view(cart: Cart) -> dict[str, Any]:
    """A priced cart as JSON; ``payable_minor`` of a line is what it costs after every share."""
    return {
        "lines": [
            {
                "id": line.id, "sku": line.sku, "qty": line.qty, "unit_minor": line.unit_minor, "gift": line.gift,
                "payable_minor": cart.left(place),
            }
            for place, line in enumerate(cart.lines)
        ],
        "discounts": [
            {
                "plugin": each.plugin, "offer": each.offer, "title": each.title, "payer": each.payer,
                "shares": list(each.shares), "shipping_minor": each.shipping_minor,
                "discount_minor": each.amount_minor,
            }
            for each in cart.discounts
        ],
        "refusals": refusals_view(cart),
        "goods_minor": cart.goods_minor,
        "shipping_minor": cart.shipping_minor,
        "discount_minor": cart.discount_minor,
        "payable_minor": cart.payable_minor,
    }  # fmt: skip


def refusals_view(cart: Cart) -> list[dict[str, str]]:
    """The codes that do not apply, each with its reason for programs and its message for people."""
    return [{"code": each.code, "reason": each.reason, "message": each.message} for each in cart.refusals]


def sale_lines(cart: Cart) -> list[dict[str, Any]]:
    """The lines of a cart as a sale keeps them: paid after all shares, ``taken_minor`` by others, none back yet."""
    kept = []
    for place, line in enumerate(cart.lines):
        others = sum(each.shares[place] for each in cart.discounts if each.plugin != NAME and place < len(each.shares))
        kept.append({**asdict(line), "paid_minor": cart.left(place), "taken_minor": others, "back": 0})
    return kept
