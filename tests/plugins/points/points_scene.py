"""A brand with points: people, what they have, orders, refunds, carts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scrm_core.brands import Brand
from scrm_core.carts import Cart, CartLine
from scrm_core.clock import local_instant
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_points.service import Balance, PointsBook

EARNING = "\n[plugins.points]\nearn_points = 1\nearn_per_minor = 100\nredeem_minor = 1\n"


class Scene:
    """Acts on one brand; its methods enter the brand themselves."""

    def __init__(self, brand: Brand, deliver: Callable[[Brand], None]) -> None:
        self.brand = brand
        self.book = PointsBook(brand, brand.plugins["points"].settings)
        self._deliver = deliver

    def deliver(self) -> None:
        self._deliver(self.brand)

    def at(self, text: str) -> int:
        """The instant of a wall-clock time of the brand."""
        return local_instant(datetime.fromisoformat(text), self.brand.zone)

    def person(self, name: str) -> int:
        """The contact of a person known by a shop's buyer id, made if there is none."""
        with self.brand:
            identity = IdentityIn.of("buyer", name, "shop")
            lead = LeadIn("wecom", (identity,), self.brand.now(), reference=f"lead of {name}")
            self.brand.contacts.capture_lead(lead)
            return self.brand.contacts.find("buyer", name, "shop").id

    def give(self, contact_id: int, points: int, key: str) -> Any:
        """Points as a reward."""
        with self.brand:
            return self.brand.rewards.grant("points", contact_id, grant_key=key, quantity=points)

    def order(self, number: str, buyer: str, paid: int, *, backfill: bool = False, status: str = "paid") -> None:
        with self.brand:
            identities = (IdentityIn.of("buyer", buyer, "shop"),) if buyer else ()
            now = self.brand.now()
            self.brand.orders.upsert(OrderIn("shop", number, status, now, paid, buyer=identities), backfill=backfill)

    def refund(self, number: str, refund: str, amount: int) -> None:
        with self.brand:
            self.brand.orders.refund(RefundIn("shop", number, refund, amount, self.brand.now(), ""))

    def balance(self, contact_id: int) -> Balance:
        with self.brand:
            return self.book.balance(contact_id)

    def has(self, contact_id: int) -> tuple[int, int]:
        """(balance, debt)."""
        found = self.balance(contact_id)
        return found.balance, found.debt

    def amounts(self, contact_id: int) -> list[tuple[str, int]]:
        """(kind, points) of the person's entries, oldest first."""
        with self.brand:
            return [(entry.kind, entry.amount) for entry in self.book.entries(contact_id)]

    def adds_up(self) -> bool:
        """Whether the stored rows agree, computed here from the tables alone."""
        with self.brand:
            wrong = execute(
                "SELECT count(*) FROM points_account a WHERE a.balance - a.debt <> "
                "(SELECT coalesce(sum(e.amount), 0) FROM points_entry e WHERE e.contact_id = a.contact_id) "
                "OR a.balance <> (SELECT coalesce(sum(l.remaining), 0) FROM points_lot l "
                "WHERE l.contact_id = a.contact_id)"
            ).fetchone()[0]
            (whole,) = execute("SELECT coalesce(sum(amount), 0) FROM points_entry").fetchone()
            (owed,) = execute("SELECT coalesce(sum(balance - debt), 0) FROM points_account").fetchone()
            return wrong == 0 and int(whole) == int(owed) and self.book.differences() == []

    def cart(self, *prices: int, contact: int | None = None, codes: tuple[str, ...] = ("points",), **more: Any) -> Cart:
        """A priced cart of one piece each."""
        lines = tuple(CartLine(f"l{n}", f"sku{n}", 1, price) for n, price in enumerate(prices))
        with self.brand:
            return self.brand.carts.quote(Cart(lines, self.brand.now(), contact, codes=codes, **more))
