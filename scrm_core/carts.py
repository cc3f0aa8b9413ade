"""Carts (购物车): what a customer is about to buy, and what plugins take off its price.

A cart is a value. Each plugin that implements ``filter_cart`` gets it with what
the plugins before it have added, and answers a new one. Money is integer minor
units of the brand's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import Invalid


@dataclass(frozen=True, slots=True)
class CartLine:
    """A line: ``qty`` pieces of a SKU at ``unit_minor`` each.

    ``category`` is its path, such as ``baby/diapers``; ``special`` marks goods
    at a special price (特价); ``floor_minor`` is the least that one piece may be
    sold for; ``gift`` lines cost nothing and count for no threshold.
    """

    id: str
    sku: str
    qty: int
    unit_minor: int
    category: str = ""
    special: bool = False
    floor_minor: int | None = None
    gift: bool = False

    @property
    def amount_minor(self) -> int:
        """What the line costs before discounts; 0 for a gift."""
        return 0 if self.gift else self.qty * self.unit_minor


@dataclass(frozen=True, slots=True)
class CartDiscount:
    """What a plugin takes off: ``shares`` per line in the order of the cart's lines, and off the shipping.

    ``offer`` identifies what it comes from within the plugin (a coupon's uid, a
    promotion's code); ``payer`` says who bears it.
    """

    plugin: str
    offer: str
    title: str
    shares: tuple[int, ...]
    shipping_minor: int = 0
    payer: str = "shop"

    @property
    def amount_minor(self) -> int:
        """All of it."""
        return sum(self.shares) + self.shipping_minor


@dataclass(frozen=True, slots=True)
class CartRefusal:
    """A code that does not apply: ``reason`` for programs, ``message`` for people."""

    code: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart at an instant (``at``), of a contact or of nobody known.

    ``channel`` and ``store`` say where it is sold, ``codes`` what the customer
    asked to be used.
    """

    lines: tuple[CartLine, ...]
    at: int
    contact_id: int | None = None
    channel: str = ""
    store: str = ""
    shipping_minor: int = 0
    codes: tuple[str, ...] = ()
    discounts: tuple[CartDiscount, ...] = ()
    refusals: tuple[CartRefusal, ...] = ()

    @property
    def goods_minor(self) -> int:
        """The goods before discounts."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """Everything that was taken off, shipping included."""
        return sum(discount.amount_minor for discount in self.discounts)

    @property
    def payable_minor(self) -> int:
        """What is left to pay for goods and shipping."""
        return self.goods_minor + self.shipping_minor - self.discount_minor

    def left(self, index: int) -> int:
        """What is left of a line after the discounts so far."""
        taken = sum(discount.shares[index] for discount in self.discounts if index < len(discount.shares))
        return self.lines[index].amount_minor - taken

    @property
    def shipping_left(self) -> int:
        """What is left of the shipping."""
        return self.shipping_minor - sum(discount.shipping_minor for discount in self.discounts)

    def with_discount(self, discount: CartDiscount) -> Cart:
        """The cart with a discount more; Invalid when it takes more than is left of a line or of the shipping."""
        if len(discount.shares) > len(self.lines):
            raise Invalid("a discount has at most one share per line", field="shares")
        for index, share in enumerate(discount.shares):
            if not 0 <= share <= self.left(index):
                raise Invalid(f"{share} cannot be taken off line {self.lines[index].id!r}", field="shares")
        if not 0 <= discount.shipping_minor <= self.shipping_left:
            raise Invalid(f"{discount.shipping_minor} cannot be taken off the shipping", field="shipping_minor")
        return replace(self, discounts=(*self.discounts, discount))

    def with_refusal(self, refusal: CartRefusal) -> Cart:
        """The cart with the answer to a code that does not apply."""
        return replace(self, refusals=(*self.refusals, refusal))

    def with_gift(self, line: CartLine) -> Cart:
        """The cart with a gift line at its end."""
        return replace(self, lines=(*self.lines, replace(line, gift=True)))
