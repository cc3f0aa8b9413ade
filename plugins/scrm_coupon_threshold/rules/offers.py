"""Offers: a rule with what it covers, where in the pipeline it stands and what it goes together with."""

from __future__ import annotations

from dataclasses import dataclass, field

from scrm_core.api import Invalid

from .basket import Gift, Unmet
from .kinds import Rule
from .scope import Scope

STEPS = ("item", "order", "shop", "brand", "points", "shipping")
"""The pipeline: item promotions, order promotions (one), shop coupons, platform or brand coupons, points, shipping.

Item prices (活动价, member price) come before it: they are the prices of the cart's lines.
"""
BASES = ("original", "after_item", "after_previous")
"""What a threshold is compared with: list prices, prices after item promotions, or what every earlier offer left."""

_NEVER = 2**63


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon or an automatic promotion that may apply to a cart.

    At most one offer of a ``group`` applies, and nothing else beside an
    ``exclusive`` one. ``expires_at`` (an instant, None: never) decides ties.
    """

    id: str
    rule: Rule
    scope: Scope = field(default_factory=Scope)
    step: str = "shop"
    group: str = ""
    exclusive: bool = False
    basis: str = "after_item"
    payer: str = "shop"
    expires_at: int | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if self.step not in STEPS:
            raise Invalid(f"step is one of {', '.join(STEPS)}, not {self.step!r}", field="step")
        if self.basis not in BASES:
            raise Invalid(f"basis is one of {', '.join(BASES)}, not {self.basis!r}", field="basis")

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Where it stands: step, fixed amounts before percents, earlier expiry, lower id. Never when it was added."""
        return STEPS.index(self.step), self.rule.rank, self.ends, self.id

    @property
    def ends(self) -> int:
        """When it expires, comparable."""
        return _NEVER if self.expires_at is None else self.expires_at


@dataclass(frozen=True, slots=True)
class Policy:
    """How a brand prices. The defaults are the usual ones.

    ``parallel``: coupons are all computed on the prices before the first of them
    (平行), instead of each on what the one before left (递进).
    ``redistribute``: what a price floor cuts off a share goes to other lines
    instead of being lost. ``min_payable_minor``: the least a cart that costs
    anything still costs, 1 where a payment channel cannot take 0.
    """

    parallel: bool = False
    redistribute: bool = False
    min_payable_minor: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """An offer at work: its share per line, what comes off the shipping, and its gifts."""

    offer: Offer
    shares: tuple[int, ...]
    shipping_minor: int = 0
    gifts: tuple[Gift, ...] = ()

    @property
    def discount_minor(self) -> int:
        """All it takes off."""
        return sum(self.shares) + self.shipping_minor


@dataclass(frozen=True, slots=True)
class Refused:
    """An offer that does not apply, and why."""

    offer: Offer
    unmet: Unmet


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart: ``lines`` is what each line still costs, ``shipping_minor`` what the shipping does.

    ``capped``: there were more combinations than are compared, so a better one may exist.
    """

    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    lines: tuple[int, ...]
    shipping_minor: int = 0
    capped: bool = False

    @property
    def gifts(self) -> tuple[Gift, ...]:
        """Every gift, in the order of the offers."""
        return tuple(gift for applied in self.applied for gift in applied.gifts)

    @property
    def discount_minor(self) -> int:
        """What all offers take off."""
        return sum(applied.discount_minor for applied in self.applied)

    @property
    def payable_minor(self) -> int:
        """What is left to pay, shipping included."""
        return sum(self.lines) + self.shipping_minor
