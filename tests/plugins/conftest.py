"""What tests of plugins share: selling, refunding, capturing leads, delivering."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from scrm_core.brands import Brand
from scrm_core.clock import local_instant
from scrm_core.delivery import Delivery
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import LineIn, OrderIn, RefundIn


class Shop:
    """Acts on one brand as a shop's systems do; times are ISO wall-clock times of the brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def at(self, text: str) -> int:
        return local_instant(datetime.fromisoformat(text), self.brand.zone)

    def sell(
        self,
        number: str,
        buyer: str,
        at: str,
        paid: int,
        *,
        source: str = "shop",
        skus: tuple[str, ...] = (),
        **more: Any,
    ) -> Any:
        lines = tuple(LineIn(sku=sku, title="", qty=1, paid_minor=0, gift=False) for sku in skus)
        identities = (IdentityIn.of("buyer", buyer, source),) if buyer else ()
        order = OrderIn(
            source=source,
            number=number,
            status=more.pop("status", "completed"),
            paid_at=self.at(at),
            paid_minor=paid,
            buyer=identities,
            lines=lines,
            platform=more.pop("platform", "tmall"),
        )
        with self.brand:
            return self.brand.orders.upsert(order, **more)

    def refund(self, number: str, amount: int, at: str, *, refund: str = "R1", source: str = "shop") -> None:
        with self.brand:
            self.brand.orders.refund(
                RefundIn(
                    source=source, order_number=number, number=refund, amount_minor=amount, at=self.at(at), reason=""
                )
            )

    def lead(self, phone: str, at: str, *, serial: str = "", state: str = "", reference: str = "") -> Any:
        with self.brand:
            return self.brand.contacts.capture_lead(
                LeadIn(
                    source="wecom",
                    reference=reference or f"{phone} {at}",
                    identities=(IdentityIn.of("phone", phone, ""),),
                    at=self.at(at),
                    state=state,
                    fields={"serial": serial} if serial else {},
                )
            )

    def deliver(self) -> None:
        with self.brand:
            step = Delivery(self.brand).drain()
        assert step.errors == []

    def tags(self, uid: str, group: str) -> list[str]:
        with self.brand:
            contact = self.brand.contacts.get(uid)
            return [tag.name for tag in self.brand.tags.of(contact.id) if tag.group == group]

    def report(self, name: str) -> list[dict[str, Any]]:
        with self.brand:
            return [dict(row) for row in self.brand.reports.run(name).rows]


@pytest.fixture
def shop_of() -> Callable[[Brand], Shop]:
    """A function that gives the shop of a brand."""
    return Shop
