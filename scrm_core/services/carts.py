"""Pricing a cart: every plugin that implements ``filter_cart`` in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..carts import Cart
from ..db.faults import is_fault
from ..errors import Invalid, PluginError, ScrmError
from ..limits import LIMITS

if TYPE_CHECKING:
    from ..brands import Brand


class Carts:
    """A brand's carts; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def quote(self, cart: Cart) -> Cart:
        """The cart with what the brand's plugins take off; writes nothing.

        Raises Invalid for a cart that cannot be (no lines, two of one id, a
        quantity below 1, amounts out of range) and PluginError when a plugin fails.
        """
        _check(cart)
        for name, function, _ in self.brand.hooks.implementations("filter_cart"):
            try:
                answer = function(cart)
                if answer is not None:
                    _continues(cart, answer)
                    cart = answer
            except ScrmError:
                raise
            except Exception as exc:
                if is_fault(exc):
                    raise
                raise PluginError(
                    f"plugin {name!r} failed in filter_cart: {type(exc).__name__}: {exc}",
                    plugin=name,
                    hook="filter_cart",
                ) from exc
        return cart


def _check(cart: Cart) -> None:
    if not cart.lines:
        raise Invalid("a cart has at least one line", field="lines")
    if len({line.id for line in cart.lines}) != len(cart.lines):
        raise Invalid("two lines have the same id", field="lines")
    for line in cart.lines:
        if not 1 <= line.qty <= LIMITS.batch_rows * 1_000:
            raise Invalid("a quantity is at least 1", field="qty")
        if not 0 <= line.amount_minor <= LIMITS.integer or line.unit_minor < 0:
            raise Invalid("an amount is out of range", field="unit_minor")
        if line.floor_minor is not None and line.floor_minor < 0:
            raise Invalid("a floor is not negative", field="floor_minor")
    if not 0 <= cart.shipping_minor <= LIMITS.integer:
        raise Invalid("an amount is out of range", field="shipping_minor")


def _continues(before: Cart, after: Cart) -> None:
    """A plugin adds to a cart; it takes nothing away and gives away no more than there is."""
    if not isinstance(after, Cart):
        raise TypeError(f"filter_cart returns a Cart or None, not {type(after).__name__}")
    if after.lines[: len(before.lines)] != before.lines or any(
        not line.gift for line in after.lines[len(before.lines) :]
    ):
        raise TypeError("filter_cart may add gift lines behind the cart's own, and change none")
    if after.discounts[: len(before.discounts)] != before.discounts:
        raise TypeError("filter_cart may add discounts, and change none")
    if after.shipping_left < 0 or any(after.left(index) < 0 for index in range(len(after.lines))):
        raise ValueError("filter_cart took off more than there is")
