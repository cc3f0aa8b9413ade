"""Pricing a cart with coupons and promotions: what ``filter_cart`` adds to it. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from scrm_core.api import Cart, CartDiscount, CartLine, CartRefusal, execute, fetch_in

from ..claims.service import NAME
from ..rules import Applied, Policy, Quote, Refused, best, quote
from .offers import Choice, Denied, Offers
from .words import Words

if TYPE_CHECKING:
    from scrm_core.api import Brand

GIFT = "gift:"


@dataclass(frozen=True, slots=True)
class AtWork:
    """An offer that a cart uses, with what it takes off."""

    choice: Choice
    applied: Applied


@dataclass(frozen=True, slots=True)
class Priced:
    """A cart with this plugin's part in it; ``used`` are its offers in the order of the pipeline.

    ``capped``: the best combination may not have been looked at.
    """

    cart: Cart
    used: tuple[AtWork, ...]
    capped: bool = False


def policy_of(settings: dict[str, Any]) -> Policy:
    """How a brand with these settings prices."""
    return Policy(**{field.name: settings[field.name] for field in fields(Policy)})


class Pricing:
    """Prices carts of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.words = Words(brand)
        self.offers = Offers(brand, self.words)
        self.policy = policy_of(settings)

    def price(self, cart: Cart, *, choose_best: bool = False) -> Priced:
        """The cart with its discounts, gifts and refusals.

        An offer whose gift is out of stock or whose budget is used up is left
        out and the customer is told so. With ``choose_best`` all usable coupons
        of the cart's customer take part besides those in its codes.
        """
        choices, denied = self.offers.of_cart(cart)
        if choose_best and cart.contact_id is not None:
            choices += self._wallet(cart, choices)
        gone: set[str] = set()
        while True:
            usable = [choice for choice in choices if choice.offer.id not in gone]
            quoted = self._quote(cart, usable, best if choose_best else quote)
            by_id = {choice.offer.id: choice for choice in usable}
            empty = _without_gift(quoted, by_id) | _without_budget(quoted, by_id)
            if not empty:
                break
            gone |= empty
        denied += [self._gone(choice) for choice in choices if choice.offer.id in gone]
        return self._priced(cart, choices, quoted, denied, silent=choose_best)

    def _quote(self, cart: Cart, choices: Sequence[Choice], choose: Callable[..., Quote]) -> Quote:
        return choose(
            cart.lines,
            [choice.offer for choice in choices],
            shipping_minor=cart.shipping_left,
            channel=cart.channel,
            store=cart.store,
            policy=self.policy,
            taken=[line.amount_minor - cart.left(place) for place, line in enumerate(cart.lines)],
        )

    def _wallet(self, cart: Cart, present: Sequence[Choice]) -> list[Choice]:
        """Every usable coupon of the cart's customer that is not in its codes already."""
        rows = execute(
            "SELECT uid FROM coupon_threshold_coupon WHERE contact_id = ? AND state IN ('claimed', 'held') "
            "AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?) ORDER BY id LIMIT 100",
            (self.brand.contacts.survivor(cart.contact_id or 0), cart.at, cart.at),
        ).fetchall()
        known = {choice.offer.id for choice in present}
        codes = tuple(row[0] for row in rows if row[0] not in known)
        more, _ = self.offers.of_cart(Cart(cart.lines, cart.at, cart.contact_id, codes=codes))
        return [choice for choice in more if choice.coupon is not None]

    @staticmethod
    def _gone(choice: Choice) -> Denied:
        reason = "budget" if choice.gift is None else "gift_out_of_stock"
        return Denied(choice.asked or choice.batch.code, reason, {})

    def _priced(
        self, cart: Cart, choices: Sequence[Choice], quoted: Quote, denied: Sequence[Denied], *, silent: bool
    ) -> Priced:
        by_id = {choice.offer.id: choice for choice in choices}
        used = tuple(AtWork(by_id[applied.offer.id], applied) for applied in quoted.applied)
        for each in used:
            offer = each.applied.offer
            cart = cart.with_discount(
                CartDiscount(NAME, offer.id, offer.title, each.applied.shares, each.applied.shipping_minor, offer.payer)
            )
        for each in used:
            for number, gift in enumerate(each.applied.gifts):
                cart = cart.with_gift(CartLine(f"{GIFT}{each.applied.offer.id}:{number}", gift.sku, gift.qty, 0))
        for refused in quoted.refused:
            choice = by_id[refused.offer.id]
            if choice.coupon is not None and not silent:
                cart = cart.with_refusal(self._refusal(choice, refused))
        for problem in denied:
            cart = cart.with_refusal(
                CartRefusal(problem.asked, problem.reason, self.words.refusal(problem.reason, problem.facts))
            )
        return Priced(cart, used, quoted.capped)

    def _refusal(self, choice: Choice, refused: Refused) -> CartRefusal:
        return CartRefusal(choice.asked, refused.unmet.reason, self.words.unmet(refused.unmet))


def _without_gift(quoted: Quote, choices: dict[str, Choice]) -> set[str]:
    """Applied offers whose gift there is not enough of."""
    limited = [
        (choice, gift)
        for choice in (choices[applied.offer.id] for applied in quoted.applied)
        if (gift := choice.gift) is not None
    ]
    if not limited:
        return set()
    rows = fetch_in(
        "SELECT batch_id, sku, stock_left FROM coupon_threshold_gift WHERE batch_id IN ({in})",
        sorted({choice.batch.id for choice, _ in limited}),
    )
    left = {(batch_id, sku): stock for batch_id, sku, stock in rows}
    empty = set()
    for choice, gift in limited:
        key = (choice.batch.id, gift.gift_sku)
        left[key] = left.get(key, 0) - gift.qty
        if left[key] < 0:
            empty.add(choice.offer.id)
    return empty


def _without_budget(quoted: Quote, choices: dict[str, Choice]) -> set[str]:
    """Applied offers that the budget of their batch cannot pay."""
    left: dict[int, int] = {}
    empty = set()
    for applied in quoted.applied:
        choice = choices[applied.offer.id]
        batch = choice.batch
        if batch.budget_minor is None:
            continue
        reserved = 0 if choice.coupon is None else choice.coupon.reserved_minor
        needs = max(0, applied.discount_minor - reserved)
        rest = left.get(batch.id, batch.budget_minor - batch.budget_used_minor) - needs
        if rest < 0 and needs:
            empty.add(applied.offer.id)
        else:
            left[batch.id] = rest
    return empty
