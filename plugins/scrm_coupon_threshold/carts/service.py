"""Carts and counters of one brand in one place: what routes, commands, pages and hooks call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Cart, RefundMade

from .counter import Counter
from .holds import Holds
from .pricing import Priced, Pricing
from .redeeming import Redeeming
from .refunding import Refunding
from .reversing import Reversing
from .stores import Stores
from .tokens import Tokens

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Carts:
    """The services around a cart; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def pricing(self) -> Pricing:
        """Prices of carts."""
        return Pricing(self.brand, self.settings)

    @cached_property
    def holds(self) -> Holds:
        """Holds of checkouts in flight."""
        return Holds(self.brand, self.settings)

    @cached_property
    def redeeming(self) -> Redeeming:
        """Redemptions in orders."""
        return Redeeming(self.brand, self.settings)

    @cached_property
    def reversing(self) -> Reversing:
        """Reversals and returned coupons."""
        return Reversing(self.brand, self.settings)

    @cached_property
    def refunding(self) -> Refunding:
        """Refunds of orders that used coupons."""
        return Refunding(self.brand, self.settings)

    @cached_property
    def stores(self) -> Stores:
        """Shops and clerks."""
        return Stores(self.brand, self.settings)

    @cached_property
    def counter(self) -> Counter:
        """Redemptions in shops."""
        return Counter(self.brand, self.settings, self.pricing.policy)

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens of QR codes."""
        return Tokens(self.brand, self.settings)

    def filter_cart(self, cart: Cart) -> Cart:
        """The hook: the cart with this plugin's discounts, gifts and refusals."""
        return self.pricing.price(cart).cart

    def best(self, cart: Cart) -> Priced:
        """The cart with the best combination of everything its customer may use (最优券)."""
        return self.pricing.price(cart, choose_best=True)

    def take_refund(self, event: RefundMade) -> None:
        """The hook: an order refunded in full reverses its redemptions, once."""
        self.reversing.take_refund(event)
