"""What tests of bargains, teams, gifts and invitations share: campaigns as practice has them, a shop that is paid."""

from __future__ import annotations

from typing import Any

from games_scene import Scene

from scrm_core import eventlog
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import LineIn, OrderIn
from scrm_interaction_games.games import purchases

HOUR = 3_600_000
MINUTE = 60_000
DAY = 86_400_000

BARGAIN = {"sku": "BIKE", "goods": "儿童平衡车", "list_minor": 29_900, "floor_minor": 9_900, "helpers": 4, "hours": 24}
GROUP = {"sku": "WIPES", "goods": "湿巾 12 包", "price_minor": 3_990, "single_minor": 5_990, "size": 3, "hours": 24}


def bargain(scene: Scene, **more: Any) -> str:
    return scene.campaign("bargain", settings={**BARGAIN, **more}, surface="offline_code")


def group(scene: Scene, prizes: Any = (), **more: Any) -> str:
    return scene.campaign("groupbuy", prizes, settings={**GROUP, **more}, surface="offline_code")


def pay(scene: Scene, ticket: str, amount: int, number: str, **more: Any) -> dict[str, Any]:
    """The shop tells that an order of its own paid for a ticket."""
    return purchases.pay(scene.games, ticket, source="shop", number=number, amount_minor=amount, **more)


def due(scene: Scene) -> list[tuple[str, int, str]]:
    """(order, amount, reason) of the refunds that are due."""
    return [(each.number, each.amount_minor, each.reason) for each in purchases.refunds_due(scene.games)]


def order(scene: Scene, number: str, contact: int, paid: int, sku: str = "") -> None:
    """A paid order of somebody, with one line when a SKU is named."""
    phone = next(i.value for i in scene.brand.contacts.identities(contact) if i.kind == "phone")
    lines = (LineIn(sku=sku, qty=1, paid_minor=paid),) if sku else ()
    scene.brand.orders.upsert(
        OrderIn(
            source="shop", number=number, status="paid", paid_at=scene.brand.now(), paid_minor=paid,
            buyer=(IdentityIn.of("phone", phone, ""),), lines=lines,
        )
    )  # fmt: skip


def join(scene: Scene, contact: int, number: str = "") -> None:
    """Somebody becomes a member."""
    scene.brand.membership.join(contact, number, at=scene.brand.now(), source="test")


def told(name: str) -> list[dict[str, Any]]:
    """Fields of the plugin's own events with this name, first to last."""
    found = [event.data for event in reversed(eventlog.tail(1_000)) if event.type == "plugin.event"]
    return [each["fields"] for each in found if (each["plugin"], each["name"]) == ("interaction-games", name)]
