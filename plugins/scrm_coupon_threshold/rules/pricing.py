"""One combination of offers through the pipeline (叠加顺序): each step works on what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scrm_core.api import CartLine, allocate

from .arithmetic import spread
from .basket import Basket, Effect, Unmet
from .offers import STEPS, Applied, Offer, Policy, Refused

_COUPONS = STEPS.index("shop")
_POINTS = STEPS.index("points")


@dataclass(slots=True)
class _Till:
    """What is left of a cart while offers are applied to it."""

    lines: tuple[CartLine, ...]
    left: tuple[int, ...]
    shipping: int
    policy: Policy
    after_item: tuple[int, ...] = ()
    before_coupons: tuple[int, ...] = ()

    @property
    def original(self) -> tuple[int, ...]:
        return tuple(line.amount_minor for line in self.lines)

    def enter(self, step: int) -> None:
        """Note the prices that later steps refer to."""
        if step > 0 and not self.after_item:
            self.after_item = self.left
        if step >= _COUPONS and not self.before_coupons:
            self.before_coupons = self.left

    def basket(self, offer: Offer) -> Basket | Unmet:
        places = offer.scope.eligible(self.lines)
        if not places:
            return Unmet("scope")
        basis = {
            "original": self.original,
            "after_item": self.after_item or self.original,
            "after_previous": self.left,
        }[offer.basis]
        base = sum(self.left[place] for place in places)
        if self.policy.parallel and _COUPONS <= STEPS.index(offer.step) < _POINTS:
            base = sum(self.before_coupons[place] for place in places)
        threshold = sum(basis[place] for place in places)
        return Basket(self.lines, places, self.left, threshold, base, self.shipping)

    def take(self, offer: Offer, basket: Basket, effect: Effect) -> Applied | Unmet:
        """Take an effect off what is left, within floors and the least payable."""
        rooms = tuple(
            self._room(place, effect.floors) if place in basket.eligible else 0 for place in range(len(self.lines))
        )
        allowed = max(0, sum(self.left) + self.shipping - self.policy.min_payable_minor)
        if effect.placed:
            wanted = tuple(min(effect.placed.get(place, 0), room) for place, room in enumerate(rooms))
            shares = allocate(min(sum(wanted), allowed), wanted)
        else:
            weights = tuple(self.left[p] if p in basket.eligible else 0 for p in range(len(self.lines)))
            amount = min(effect.spread_minor, allowed)
            shares = spread(amount, weights, rooms, redistribute=self.policy.redistribute)
        shipping = min(effect.shipping_minor, self.shipping, allowed - sum(shares))
        if not sum(shares) and not shipping and not effect.gifts:
            wants = effect.spread_minor or sum(effect.placed.values())
            return Unmet("floor" if wants and sum(rooms) == 0 and sum(self.left) else "nothing")
        self.left = tuple(left - share for left, share in zip(self.left, shares, strict=True))
        self.shipping -= shipping
        return Applied(offer, shares, shipping, effect.gifts)

    def _room(self, place: int, floors: bool) -> int:
        line = self.lines[place]
        if not floors or line.floor_minor is None:
            return self.left[place]
        return max(0, self.left[place] - line.floor_minor * line.qty)


@dataclass(frozen=True, slots=True)
class Priced:
    """A combination at work; ``left`` is what each line still costs."""

    applied: tuple[Applied, ...]
    unmet: tuple[Refused, ...]
    left: tuple[int, ...]
    shipping_minor: int

    @property
    def discount_minor(self) -> int:
        """What the combination takes off."""
        return sum(applied.discount_minor for applied in self.applied)


def price(
    lines: Sequence[CartLine],
    offers: Sequence[Offer],
    shipping_minor: int,
    policy: Policy,
    taken: Sequence[int] = (),
) -> Priced:
    """Apply the offers in the order of the pipeline, whatever order they are given in.

    ``taken`` is what others have already taken off each line.
    """
    amounts = tuple(line.amount_minor for line in lines)
    left = tuple(amount - off for amount, off in zip(amounts, taken, strict=True)) if taken else amounts
    till = _Till(tuple(lines), left, shipping_minor, policy)
    applied: list[Applied] = []
    unmet: list[Refused] = []
    for offer in sorted(offers, key=lambda each: each.order):
        till.enter(STEPS.index(offer.step))
        outcome: Basket | Effect | Applied | Unmet = till.basket(offer)
        if isinstance(outcome, Basket):
            basket = outcome
            outcome = offer.rule.effect(basket)
            if isinstance(outcome, Effect):
                outcome = till.take(offer, basket, outcome)
        if isinstance(outcome, Applied):
            applied.append(outcome)
        else:
            assert isinstance(outcome, Unmet)
            unmet.append(Refused(offer, outcome))
    return Priced(tuple(applied), tuple(unmet), till.left, till.shipping)
