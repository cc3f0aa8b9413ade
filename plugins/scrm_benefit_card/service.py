"""Benefit cards (权益卡): codes bought from others, given as rewards or to the recipients of an SMS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    PersonQuery,
    RewardItem,
    RewardOrder,
    RewardWanted,
    Veto,
    execute,
    iso,
)

from .cards import Cards
from .gifts import KIND, Gifts
from .pools import Pools
from .sealing import Seals

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME = "benefit-card"
__all__ = ["KIND", "NAME", "BenefitCards"]


class BenefitCards:
    """One brand's benefit cards; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.seals = Seals(settings["seal_keys"])
        self.pools = Pools(brand, settings, self.seals)
        self.cards = Cards(brand, self.pools)
        self.gifts = Gifts(brand, self.pools, self.cards)

    def problems(self) -> list[str]:
        """What keeps cards from being sealed and opened for this brand, a sentence each."""
        problem = self.seals.problem()
        if problem:
            return [problem]
        used = [name for (name,) in execute("SELECT DISTINCT seal FROM benefit_card_card").fetchall()]
        if set(used) <= set(self.seals.names):
            return []
        return ["cards are sealed under a key that seal_keys does not name: name it again behind the newest one"]

    # Rewards ------------------------------------------------------------------

    def verify(self, item: str) -> None:
        """Whether such a reward could be issued; raises Invalid for a pool that is unknown or closed."""
        try:
            pool = self.pools.get(item)
        except NotFound as exc:
            raise Invalid(exc.message, field="item") from None
        if pool.state != "open":
            raise Invalid(f"pool {item!r} is closed", field="item")

    def item(self, item: str) -> RewardItem | None:
        """What is known of a pool, also of one that is closed; None for no pool."""
        try:
            pool = self.pools.get(item)
        except NotFound:
            return None
        return RewardItem(pool.title, "the pool is closed" if pool.state == "closed" else "")

    def worth(self, item: str, quantity: int) -> int | None:
        """The largest face value of a card that could be given; of the pool's next ones while it is empty."""
        (most,) = execute(
            "SELECT max(coalesce(c.face_minor, k.face_minor)) FROM benefit_card_pool k LEFT JOIN benefit_card_card c "
            "ON c.pool_id = k.id AND c.state = 'stock' AND c.expires_day >= ? WHERE k.code = ?",
            (self.pools.givable_day(), item),
        ).fetchone()
        return None if most is None else int(most) * quantity

    def shortage(self, wanted: Sequence[RewardWanted]) -> str:
        """Why not all of these could be issued now; else empty."""
        cards: dict[str, int] = {}
        found = []
        for each in wanted:
            cards[each.item] = cards.get(each.item, 0) + each.least
            if each.quantity != 1:
                found.append(
                    f"a reward is one benefit card: nobody is given pool {each.item!r} with quantity {each.quantity}"
                )
        for item, count in cards.items():
            left = self.pools.left(self.pools.get(item).id)
            if count > left:
                found.append(f"pool {item!r} has {left} benefit cards that may be given, {count} are planned")
        return "; ".join(found)

    def issue(self, order: RewardOrder) -> dict[str, Any]:
        """Give the person a card of the pool ``item``; the answer names it and holds no code.

        Every refusal is a Veto: ``amount``, ``no_pool``, ``closed``, ``sold_out``.
        """
        if order.quantity != 1:
            raise Veto("a reward names one benefit card: quantity 1", "amount", status=422)
        contact_id = self.brand.contacts.survivor(order.contact_id)
        try:
            issue = self.cards.give(order.item, contact_id, order.grant_key)
        except NotFound as exc:
            raise Veto(exc.message, "no_pool", status=422) from None
        except Conflict as exc:
            raise Veto(exc.message, exc.code) from None
        return {"card": issue.uid, "pool": issue.pool}

    # Upkeep -------------------------------------------------------------------

    def warnings(self) -> Iterator[str]:
        """What an operator should see to: pools that run out, cards that expire, gifts short of cards or a way in."""
        today = self.brand.day(self.brand.now())
        for code, below, left, soon, cost in execute(
            "SELECT k.code, k.warn_below, coalesce(sum(CASE WHEN c.expires_day >= ? THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN c.expires_day BETWEEN ? AND ? THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN c.expires_day BETWEEN ? AND ? THEN c.cost_minor ELSE 0 END), 0) "
            "FROM benefit_card_pool k LEFT JOIN benefit_card_card c ON c.pool_id = k.id AND c.state = 'stock' "
            "WHERE k.state = 'open' GROUP BY k.id, k.code, k.warn_below ORDER BY k.id",
            (self.pools.givable_day(), *(today, today + self.settings["warn_days"]) * 2),
        ).fetchall():
            if int(left) < below:
                yield f"pool {code}: {left} benefit cards left that may be given; import more, or close the pool"
            if soon:
                days = self.settings["warn_days"]
                yield f"pool {code}: {soon} benefit cards that cost {int(cost)} minor units expire within {days} days"
        signs_in = self.brand.consumers.sends_codes() or any(each.sign_ins for each in self.brand.plugins.values())
        for gift in self.gifts.open():
            if not signs_in:
                yield (
                    f"gift {gift.code}: nobody can sign in to claim it; set code_sender in [consumer], or switch on a "
                    "plugin with a sign-in"
                )
            figures = self.gifts.figures(gift)
            if figures.missing:
                yield (
                    f"gift {gift.code}: {figures.missing} benefit cards are missing if everybody comes whom the plan "
                    f"{gift.plan} writes to"
                )

    def differences(self) -> list[str]:
        """Where cards and what was given do not agree, a sentence each; an empty list is as it should be."""
        rows = execute(
            "SELECT c.uid, c.state, coalesce(i.state, 'stock') FROM benefit_card_card c LEFT JOIN benefit_card_issue i "
            "ON i.card_id = c.id AND i.state <> 'returned' WHERE c.state <> coalesce(i.state, 'stock') "
            "ORDER BY c.id LIMIT ?",
            (100,),
        ).fetchall()
        return [f"card {uid} is {state}, what was given of it says {told}" for uid, state, told in rows]

    def personal(self, query: PersonQuery) -> list[dict[str, Any]]:
        """What a person gets to see of their cards, as JSON values: everything but the codes."""
        return [
            {
                "card": issue.uid,
                "title": issue.title,
                "state": issue.state,
                "gift": issue.gift,
                "face_minor": issue.face_minor,
                "given_at": iso(issue.given_at, self.brand.zone),
                "revealed_at": iso(issue.revealed_at, self.brand.zone),
            }
            for issue in self.cards.of_person(query.contact_id)
        ]
