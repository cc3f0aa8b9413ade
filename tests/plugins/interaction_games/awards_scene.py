"""Awards, welfare and content of one brand, as its staff and its shop act on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scrm_core.brands import Brand
from scrm_core.clock import local_instant
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_interaction_games.awards.hands import AwardIn
from scrm_interaction_games.awards.service import Awards
from scrm_interaction_games.awards.terms import WelfareIn
from scrm_interaction_games.awards.welfare import WelfareView

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RULES = """
[[plugins.interaction-games.message_rules]]
name = "praise"
words = ["真好喝", "Love it"]
group = "talk"
tag = "fan"
plan = "invite to the tasting"
kind = "points"
quantity = 20
cost_minor = 100
"""


class AwardScene:
    """Acts on one brand, inside of which the test runs."""

    def __init__(self, brand: Brand, deliver: Any) -> None:
        self.brand = brand
        self.awards = Awards.of(brand)
        self._deliver = deliver

    def deliver(self) -> None:
        self._deliver(self.brand)

    def at(self, text: str) -> int:
        """The instant of a wall-clock time of the brand."""
        return local_instant(datetime.fromisoformat(text), self.brand.zone)

    def person(self, name: str, *, phone: str = "") -> int:
        """The contact of a shop's buyer id; with a phone, that becomes known now."""
        identities = (IdentityIn.of("buyer", name, "shop"),)
        if phone:
            identities = (*identities, IdentityIn.of("phone", phone, ""))
        lead = LeadIn("wecom", identities, self.brand.now(), reference=f"{name} {phone} {self.brand.now()}")
        self.brand.contacts.capture_lead(lead)
        return self.brand.contacts.find("buyer", name, "shop").id

    def wanted(self, contact_id: int, key: str = "k1", **more: Any) -> AwardIn:
        values = {"what": "order-show", "kind": "points", "reason": "showed the tea set", "quantity": 10} | more
        return AwardIn(contact_id, key, **values)

    def give(self, contact_id: int, key: str = "k1", *, actor: str = "mia", **more: Any) -> Any:
        return self.awards.hands.give(self.wanted(contact_id, key, **more), actor=actor)

    def granted(self) -> list[tuple[str, int, int, str]]:
        """(kind, quantity, cost, actor) of every reward in the core's ledger, oldest first."""
        return execute("SELECT kind, quantity, cost_minor, actor FROM reward ORDER BY id").fetchall()

    def order(self, number: str, buyer: str, at: int, paid: int = 5_000) -> None:
        identity = IdentityIn.of("buyer", buyer, "shop")
        self.brand.orders.upsert(OrderIn("shop", number, "paid", at, paid, buyer=(identity,)))

    def refund(self, number: str, amount: int, at: int) -> None:
        self.brand.orders.refund(RefundIn("shop", number, "R1", amount, at, ""))

    def campaign(self, code: str = "mid-autumn", **more: Any) -> WelfareIn:
        now = self.brand.now()
        values: dict[str, Any] = {
            "title": "Moon cakes 月饼",
            "occasion": "holiday",
            "occasion_name": "Mid-Autumn 中秋",
            "kind": "custom",
            "unit_cost_minor": 300,
            "cap_minor": 1_000,
            "starts_at": now,
            "ends_at": now + 7 * DAY_MS,
            "claim": True,
        }
        return WelfareIn(code, **(values | more))

    def opened(self, code: str = "mid-autumn", **more: Any) -> WelfareView:
        self.awards.welfare.create(self.campaign(code, **more), actor="mia")
        return self.awards.welfare.open(code, actor="mia")
