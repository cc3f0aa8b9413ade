"""A brand with games, people who play them, and a plugin that issues every kind of prize and writes down what it gave.

::

    def test_x(scene):
        anna = scene.person("+8613800000001")
        code = scene.campaign("wheel", [scene.prize("tea", weight=1), scene.none(9)], chances={"daily": 1})
        answer = scene.act(code, "play", anna)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scrm_core.api import Invalid, Plugin, RewardOrder, Veto
from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_interaction_games.service import Games

SETTINGS = """
[plugins.prizes]
[plugins.interaction-games]
"""
KINDS = ("coupon", "points", "product-voucher", "red-packet", "custom")
ITEMS = ("", "tea", "cup", "phone", "bag", "C10", "P1", "SKU-1")
_LOG_IS_READABLE = "SELECT coalesce(max(event.xid), '0'::xid8) < pg_snapshot_xmin(pg_current_snapshot()) FROM event"
DAY_MS = 86_400_000


class Prizes(Plugin):
    """Issues every kind of prize; fails while it is broken, and refuses while it is closed."""

    name = "prizes"
    version = "1"
    summary = "Test plugin that issues prizes"
    requires_core = ">=0.1.0.dev0"
    reward_kinds = dict.fromkeys(KINDS, "a prize of tests")

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        if getattr(self.brand.installation, "issuer_broken", False):
            raise RuntimeError("the shop that issues it is closed")
        if getattr(self.brand.installation, "issuer_closed", False):
            raise Veto("the shop that issues it is closed", "closed")
        return {"kind": order.kind, "item": order.item, "quantity": order.quantity}

    def reverse_reward(self, order: RewardOrder) -> None:
        return None

    def reward_worth(self, kind: str, item: str, quantity: int) -> int | None:
        return 0 if kind == "points" else None

    def verify_reward_item(self, kind: str, item: str) -> None:
        if item not in ITEMS:
            raise Invalid(f"there is no {kind} {item!r}", field="item")


# The same issuer for other processes, which find it in the project's plugins folder.
ISSUER_FILE = '''
from scrm_core.api import Plugin


class Prizes(Plugin):
    name = "prizes"
    version = "1"
    summary = "Test plugin that issues prizes"
    requires_core = ">=0.1.0.dev0"
    reward_kinds = {kind: "a prize" for kind in ("coupon", "points", "product-voucher", "red-packet", "custom")}

    def issue_reward(self, order):
        return {"item": order.item}

    def reverse_reward(self, order):
        return None
'''


class Scene:
    """Acts on one brand as its people and players do; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._acts = 0
        self._codes = 0
        self._people = 0

    @property
    def clock(self) -> ManualClock:
        clock = self.brand.clock
        assert isinstance(clock, ManualClock)
        return clock

    @property
    def games(self) -> Games:
        games: Games = self.brand.plugins["interaction-games"].games  # type: ignore[attr-defined]
        return games

    # Campaigns ---------------------------------------------------------------

    def definition(self, game: str = "wheel", prizes: Sequence[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
        """A definition that is complete; ``more`` replaces parts of it."""
        self._codes += 1
        now = self.brand.now()
        found = [dict(prize) for prize in prizes]
        return {
            "code": f"c{self._codes}",
            "game": game,
            "title": "春日活动",
            "surface": "app",
            "ends_at": now + 30 * DAY_MS,
            "rules": "每人每天一次。",
            "organiser": "Acme 母婴",
            "organiser_contact": "400-000-0000",
            "total_weight": sum(prize.get("weight", 0) for prize in found),
            "prizes": found,
            **more,
        }

    def campaign(
        self,
        game: str = "wheel",
        prizes: Sequence[Mapping[str, Any]] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        surface: str = "app",
        publish: bool = True,
        **more: Any,
    ) -> str:
        """Make a campaign and publish it, so that it runs now; returns its code."""
        made = self.games.create(
            self.definition(game, prizes, settings=dict(settings or {}), surface=surface, **more), actor="mia"
        )
        if publish:
            self.games.publish(made.code, "mia", confirm=True)
        return made.code

    def prize(self, code: str = "tea", *, kind: str = "points", weight: int = 0, **more: Any) -> dict[str, Any]:
        """A prize of a definition."""
        return {"code": code, "title": more.pop("title", code.upper()), "kind": kind, "weight": weight, **more}

    def none(self, weight: int, code: str = "none") -> dict[str, Any]:
        """The explicit "no prize" of a definition."""
        return {"code": code, "title": "谢谢参与", "kind": "none", "weight": weight}

    # People ------------------------------------------------------------------

    def person(self, phone: str = "", *, name: str = "") -> int:
        """A person known by a phone number, a new one when none is given; returns the contact's id."""
        if not phone:
            self._people += 1
            # Far apart: neighbouring numbers are a signal of cheating.
            phone = f"+861391{self._people * 97:07d}"
        contact = self.brand.contacts.capture_lead(
            LeadIn(
                source="test",
                reference=f"{phone} {self.brand.now()}",
                identities=(IdentityIn.of("phone", phone, ""),),
                at=self.brand.now(),
                state="",
                name=name,
                fields={},
            )
        ).contact_id
        return int(contact)

    def people(self, count: int) -> list[int]:
        return [self.person() for _ in range(count)]

    def act(
        self, code: str, action: str, contact: int, *, key: str = "", device: str = "", network: str = "", **data: Any
    ) -> dict[str, Any]:
        """Act at a game; each call is a new act unless it names a key."""
        self._acts += 1
        return self.games.act(
            code, action, contact, key=key or f"act-{self._acts}", data=data, device=device, network=network
        )

    def view(self, code: str, contact: int | None) -> dict[str, Any]:
        """What the game shows a person now."""
        shown: dict[str, Any] = self.games.view(code, contact)["view"]
        return shown

    def give_tickets(self, code: str, contact: int, count: int, key: str = "") -> int:
        """Give chances to a person; returns the balance."""
        self._acts += 1
        return self.games.grant_tickets(code, contact, count, key=key or f"gift-{self._acts}", actor="mia")

    def draw(self, code: str, contact: int, **more: Any) -> Any:
        """Draw once through the engine itself, as any game does; returns the DrawView."""
        self._acts += 1
        key = more.pop("key", f"draw-{self._acts}")
        with self.brand.transaction():
            return self.games.turn(code, contact, key).draw(**more)

    def award(self, code: str, contact: int, prize: str, key: str, **more: Any) -> Any:
        """Award a certain prize through the engine itself; returns the view."""
        with self.brand.transaction():
            return self.games.turn(code, contact, key).award(prize, key, **more)

    # The shop ----------------------------------------------------------------

    def order(self, number: str, contact: int, paid: int) -> None:
        phone = next(i.value for i in self.brand.contacts.identities(contact) if i.kind == "phone")
        self.brand.orders.upsert(
            OrderIn(
                source="shop", number=number, status="completed", paid_at=self.brand.now(), paid_minor=paid,
                buyer=(IdentityIn.of("phone", phone, ""),), lines=(), platform="tmall",
            )
        )  # fmt: skip

    def refund(self, number: str, amount: int, refund: str = "R1") -> None:
        self.brand.orders.refund(
            RefundIn(
                source="shop", order_number=number, number=refund, amount_minor=amount, at=self.brand.now(), reason=""
            )
        )

    def deliver(self) -> None:
        """Hand all events to the plugins, also those that they tell themselves."""
        while True:
            while self.brand.handle.engine == "postgresql" and not execute(_LOG_IS_READABLE).fetchone()[0]:
                execute("SELECT pg_sleep(0.02)")
            step = Delivery(self.brand).drain()
            assert step.errors == []
            if not step.delivered:
                return

    # What came of it ---------------------------------------------------------

    def rewards(self, contact: int) -> list[tuple[str, str, int]]:
        """(kind, item, quantity) of what a person was granted, first to last."""
        return [(r.kind, r.item, r.quantity) for r in self.brand.rewards.page(contact_id=contact, limit=200)]

    def stock(self, code: str, prize: str) -> int | None:
        found = self.games.campaigns.get(code)
        left = {p.code: p.stock_left for p in self.games.campaigns.prizes(found.id)}
        return left[prize]

    def spent(self, code: str) -> int:
        return self.games.campaigns.get(code).spent_minor

    def break_issuer(self, broken: bool = True) -> None:
        """Let the plugin that issues prizes fail, or work again."""
        self.brand.installation.issuer_broken = broken  # type: ignore[attr-defined]

    def close_issuer(self, closed: bool = True) -> None:
        """Let the plugin that issues prizes refuse, or work again."""
        self.brand.installation.issuer_closed = closed  # type: ignore[attr-defined]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Fields of the plugin's own events with this name, first to last."""
        rows = execute("SELECT data FROM event WHERE type = 'plugin.event' ORDER BY id").fetchall()
        found = [json.loads(row[0]) for row in rows]
        return [each["fields"] for each in found if each["name"] == name and each["plugin"] == "interaction-games"]
