"""Two brands that swap: acme sells diapers, moonco is a maternity centre; both on one installation."""

from __future__ import annotations

import json
from typing import Any

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.jobs import DueJob, run_job
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_cross_brand_swap.book import Deal
from scrm_cross_brand_swap.service import Swaps

DAY = 86_400_000
ACME = """
[partners.moonco]
[plugins.cross-brand-swap]
categories = ["baby/diapers"]
repeat_days = 40
"""
MOONCO = """
[partners.acme]
[plugins.cross-brand-swap]
role = "channel"
categories = ["baby/maternity-centre"]
repeat_days = 700
"""


class Side:
    """One brand: its swaps, its customers."""

    def __init__(self, brand: Brand, clock: Any) -> None:
        self.brand, self.clock = brand, clock
        self.swaps = Swaps(brand, brand.plugins["cross-brand-swap"].settings)

    def deal(self, code: str = "spring") -> Deal:
        with self.brand:
            return self.swaps.deal(code)

    def state(self, code: str = "spring") -> str:
        return self.deal(code).state

    def refused(self) -> list[str]:
        with self.brand:
            return [step["refused"] for step in self.swaps.steps(refused=True)]

    def lead(self, name: str, *, state: str = "") -> int:
        with self.brand:
            identity = IdentityIn.of("buyer", name, "shop")
            self.brand.contacts.capture_lead(
                LeadIn("wecom", (identity,), self.clock.now(), reference=f"{name} {self.clock.now()}", state=state)
            )
            return self.brand.contacts.find("buyer", name, "shop").id

    def order(self, number: str, name: str, paid: int = 10_000) -> None:
        with self.brand:
            buyer = (IdentityIn.of("buyer", name, "shop"),)
            self.brand.orders.upsert(OrderIn("shop", number, "paid", self.clock.now(), paid, buyer=buyer))

    def refund(self, number: str, amount: int = 10_000) -> None:
        with self.brand:
            self.brand.orders.refund(RefundIn("shop", number, f"R-{number}", amount, self.clock.now(), ""))

    def grow(self, count: int) -> None:
        """So many contacts, without anything known of them."""
        with self.brand:
            execute(
                "INSERT INTO contact (uid, name, state, origin, created_at, updated_at, orders, occasions, money) "
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "SELECT 'grown-' || i, '', 'active', '', 0, 0, 0, 0, 0 FROM n",
                (count,),
            )

    def send(self, kind: str, body: dict[str, Any], key: str, partner: str = "") -> None:
        """A message as the partner's plugin might send it, right or wrong."""
        with self.brand:
            self.brand.partners.send(partner or self.brand.partners.names()[0], kind, body, key=key)


class Swap:
    """Both sides, and what carries messages between them."""

    def __init__(self, installation: Any, deliver: Any, clock: Any) -> None:
        self.clock, self._deliver = clock, deliver
        self.a, self.b = (Side(installation.brand(name), clock) for name in ("acme", "moonco"))

    def settle_down(self) -> None:
        """Carry messages and events until nothing is on its way."""
        for side in (self.a, self.b):
            self._deliver(side.brand)
        while any([self._post(self.a), self._post(self.b)]):
            for side in (self.a, self.b):
                self._deliver(side.brand)

    def _post(self, side: Side) -> bool:
        with side.brand:
            return side.brand.partners.post()

    def upkeep(self) -> None:
        """Both workers run the job, and what it sends arrives."""
        for side in (self.a, self.b):
            with side.brand:
                slot = self.clock.now()
                assert run_job(side.brand, DueJob("cross-brand-swap", "upkeep", slot))
        self.clock.advance(ms=1)
        self.settle_down()

    def terms(self, **more: Any) -> dict[str, Any]:
        now = self.clock.now()
        return {
            "deal": "spring", "kind": "traffic", "unit": "add", "quota": 100, "imbalance": 20,
            "from_at": now, "until_at": now + 30 * DAY, **more,
        }  # fmt: skip

    def meet(self) -> None:
        """Both have 1,200 and 2,000 people and have told each other their profiles."""
        self.a.grow(1_200)
        self.b.grow(2_000)
        self.tell()

    def tell(self) -> None:
        for side in (self.a, self.b):
            with side.brand:
                side.swaps.send_profile(side.brand.partners.names()[0], actor="test")
        self.settle_down()

    def offer(self, **more: Any) -> None:
        with self.a.brand:
            self.a.swaps.offer("moonco", self.terms(**more), target="https://acme.example/welcome", actor="anna")
        self.settle_down()

    def accept(self) -> None:
        with self.b.brand:
            self.b.swaps.contracts.accept("spring", target="https://moon.example/welcome", actor="mike")
        self.settle_down()

    def agree(self, **more: Any) -> None:
        self.meet()
        self.offer(**more)
        self.accept()
        assert (self.a.state(), self.b.state()) == ("agreed", "agreed")


def body_of(side: Side, kind: str) -> dict[str, Any]:
    """The body of the last message of a kind that came to a side."""
    with side.brand:
        rows = execute("SELECT data FROM event WHERE type = 'partner.message' ORDER BY id").fetchall()
    return [json.loads(data)["body"] for (data,) in rows if json.loads(data)["kind"] == kind][-1]
