"""A brand with a KOC programme: people, goods, orders, visits, work, settlement, and its doors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from click.testing import CliRunner

from scrm_core.brands import Brand
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.clock import ManualClock, local_instant
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import LineIn, OrderIn, RefundIn
from scrm_core.services.products import ProductIn
from scrm_core.web import create_app
from scrm_koc.service import Koc

ON = "\n[plugins.koc]\n"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
TASK = {"code": "try", "kind": "review", "title": "试用", "brief": "写下真实的使用感受", "due_on": "2026-01-20"}
HONEST = "#广告 用了两周，洗得干净，味道一般。 https://shop.example/x"


class Scene:
    """Acts on one brand; its methods enter the brand themselves. Times are ISO wall-clock times of the brand."""

    def __init__(self, brand: Brand, deliver: Callable[[Brand], None], clock: ManualClock) -> None:
        self.brand = brand
        self.clock = clock
        self.koc = Koc(brand, brand.plugins["koc"].settings)
        self._deliver = deliver

    def deliver(self) -> None:
        self._deliver(self.brand)

    def at(self, text: str) -> int:
        return local_instant(datetime.fromisoformat(text), self.brand.zone)

    def now(self, text: str) -> None:
        self.clock.set(self.at(text))

    def person(self, name: str, at: str | None = None, state: str = "") -> int:
        """The contact of a person known by a shop's buyer id, made if there is none."""
        with self.brand:
            identity = IdentityIn.of("buyer", name, "shop")
            when = self.brand.now() if at is None else self.at(at)
            lead = LeadIn("wecom", (identity,), when, reference=f"lead of {name} {state}", state=state)
            self.brand.contacts.capture_lead(lead)
            return self.brand.contacts.find("buyer", name, "shop").id

    def uid(self, contact_id: int) -> str:
        with self.brand:
            return self.brand.contacts.get_by_id(contact_id).uid

    def goods(self, sku: str, price: int | None, category: str = "") -> None:
        with self.brand:
            self.brand.products.upsert_many([ProductIn(sku, category=category, price_minor=price)])

    def order(
        self,
        number: str,
        buyer: str,
        paid: int,
        at: str | None = None,
        *,
        lines: tuple[tuple[str, int], ...] = (),
        status: str = "completed",
    ) -> int:
        """An order as the shop tells it; lines are (SKU, paid); returns its id."""
        with self.brand:
            identities = (IdentityIn.of("buyer", buyer, "shop"),) if buyer else ()
            when = self.brand.now() if at is None else self.at(at)
            told = tuple(LineIn(sku, "", 1, money) for sku, money in lines)
            order = OrderIn("shop", number, status, when, paid, buyer=identities, lines=told, version=self.brand.now())
            return self.brand.orders.upsert(order).order_id

    def refund(self, number: str, amount: int, refund: str = "R1") -> None:
        with self.brand:
            self.brand.orders.refund(RefundIn("shop", number, refund, amount, self.brand.now(), ""))
        self.deliver()

    def enrol(self, name: str, code: str, **more: Any) -> Any:
        contact = self.person(name)
        with self.brand:
            return self.koc.members.enrol(contact, "https://shop.example/hello", code=code, actor="lin", **more)

    def visit(self, code: str, visitor: str, contact: int | None = None, *, at: str | None = None) -> None:
        """Somebody opens a KOC's link; with ``contact`` it is known who they are."""
        with self.brand:
            when = self.brand.now() if at is None else self.at(at)
            link = self.koc.members.get(code).link
            self.brand.links.visit(link, at=when, visitor=visitor, agent=BROWSER)
            if contact is not None:
                self.brand.links.attribute(visitor, contact, when)

    def use(self, code: str, number: str, via: str = "code") -> Any:
        with self.brand:
            return self.koc.tracking.use(code, "shop", number, via=via)

    def led(self, number: str) -> tuple[str, str, str] | None:
        """(KOC, how, state) of an order."""
        with self.brand:
            found = self.koc.tracking.orders("o.number = ?", number)
        return (found[0].member, found[0].via, found[0].state) if found else None

    def entries(self, code: str) -> list[tuple[str, int]]:
        """(kind, amount) of a KOC's entries, oldest first."""
        with self.brand:
            return [(e.kind, e.amount_minor) for e in self.koc.ledger.entries("m.code = ?", code)]

    def settle(self) -> list[tuple[str, int, int, int, int]]:
        """(KOC, opening, total, payable, carry) of the statements made."""
        with self.brand:
            made = self.koc.statements.settle(actor="finance")
        return [(s.member, s.opening_minor, s.total_minor, s.payable_minor, s.carry_minor) for s in made]

    def adds_up(self) -> bool:
        with self.brand:
            (orders,) = execute("SELECT coalesce(sum(earned_minor), 0) FROM koc_order").fetchone()
            (whole,) = execute(
                "SELECT coalesce(sum(amount_minor), 0) FROM koc_entry WHERE order_id IS NOT NULL"
            ).fetchone()
            return int(orders) == int(whole) and self.koc.ledger.differences() == []

    def task(self, **more: Any) -> Any:
        """A task given through the API's own checks."""
        from scrm_koc.schemas import TaskBody

        with self.brand:
            return self.koc.tasks.create(TaskBody().load({**TASK, **more}), actor="lin")

    def invite(self, code: str, task: str = "try") -> str:
        with self.brand:
            return self.koc.tasks.invite(task, [code], actor="lin")[0]

    def move(self, uid: str, *actions: str, **more: Any) -> str:
        """Takes steps; returns the state."""
        with self.brand:
            for action in actions:
                extra = dict(more)
                if action == "approve":
                    extra.setdefault("quality", 4)
                else:
                    extra.pop("quality", None)
                self.koc.works.move(uid, action, actor="lin", **extra)
            return self.koc.works.get(uid).state

    def submit(self, uid: str, text: str = HONEST, **more: Any) -> str:
        from scrm_koc.schemas import SubmissionBody

        with self.brand:
            return self.koc.works.submit(uid, SubmissionBody().load({"text": text, **more}), actor="ann").state

    # Doors ------------------------------------------------------------------------

    def run(self, *arguments: str) -> Any:
        """``scrm koc ...``."""
        session = Session(self.brand.installation.config.root, clock=self.brand.clock)
        try:
            return CliRunner().invoke(root, ["koc", *arguments], obj=session)
        finally:
            session.close()

    def api(self) -> Callable[..., Any]:
        """A function that calls the plugin's routes with a key of one scope."""
        client = create_app(self.brand.installation).test_client()
        keys: dict[str, str] = {}

        def call(method: str, path: str, body: Any = None, scope: str = "*", idempotency: str = "", **more: Any) -> Any:
            if scope not in keys:
                with self.brand:
                    keys[scope] = self.brand.keys.create(scope, (scope,))[1]
            headers = {"Authorization": f"Bearer {keys[scope]}"}
            if idempotency:
                headers["Idempotency-Key"] = idempotency
            address = f"/api/v1/{self.brand.id}/plugins/koc{path}"
            return client.open(address, method=method, json=body, headers=headers, **more)

        return call
