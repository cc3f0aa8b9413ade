"""A product voucher as a prize, the real plugins together: won, used for its article, sent back, and taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from games_scene import Scene

from scrm_core.web import create_app
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames

ALL = "\n[plugins.coupon-threshold]\n[plugins.interaction-games]\n"
MUG = {"id": "2", "sku": "MUG", "qty": 1, "unit_minor": 3_990}
TEA = {"id": "1", "sku": "TEA", "qty": 1, "unit_minor": 5_000}

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def scene(new_installation, deliver):
    """Acme and moonco with coupons and games; things happen at acme, and moonco must know nothing of them."""
    installation = new_installation(plugins=(CouponThreshold, InteractionGames), acme=ALL, moonco=ALL)
    with installation.brand("acme") as brand:
        found = Scene(brand)
        found.deliver = lambda: deliver(brand)
        yield found


Call = Callable[..., Any]


@pytest.fixture
def call(scene: Scene) -> Call:
    """A function that calls the API of a brand: ``call(method, path, body)``; answers of 400 and more are told too."""
    client = create_app(scene.brand.installation).test_client()
    secrets = {}
    for name in ("acme", "moonco"):
        with scene.brand.installation.brand(name) as brand:
            secrets[name] = brand.keys.create("test", ("*",))[1]

    def call(method: str, path: str, body: Any = None, *, brand: str = "acme") -> Any:
        headers = {"Authorization": f"Bearer {secrets[brand]}"}
        return client.open(f"/api/v1/{brand}{path}", method=method, json=body, headers=headers)

    return call


COUPONS = "/plugins/coupon-threshold"


def won(scene: Scene, call: Call, who: int, **more: Any) -> tuple[str, str, str]:
    """Win a mug at the wheel: (uid of the draw, code of the voucher, uid of the winner)."""
    call("POST", f"{COUPONS}/batches", {
        "code": "mug", "title": "马克杯券", "rule": {"kind": "exchange", "sku": "MUG"},
        "validity": {"kind": "rolling", "days": 7}, "stock": 5, "budget_minor": 100_000, **more,
    })  # fmt: skip
    call("POST", f"{COUPONS}/batches/mug/state", {"state": "open"})
    prize = scene.prize("mug", kind="product-voucher", item="MUG", weight=1, stock=2, value_minor=3_990)
    code = scene.campaign("wheel", [prize], code="spring", chances={"daily": 1}, budget_minor=10_000)
    answer = scene.act(code, "play", who)
    assert (answer["won"], answer["state"], answer["prize"]) == (True, "granted", "mug")
    assert (scene.stock(code, "mug"), scene.spent(code)) == (1, 3_990)
    contact = scene.brand.contacts.get_by_id(who).uid
    (voucher,) = call("GET", f"{COUPONS}/coupons?contact={contact}").json["coupons"]
    assert (voucher["batch"], voucher["sku"], voucher["state"]) == ("mug", "MUG", "claimed")
    return answer["draw"], voucher["code"], contact


def order(call: Call, number: str, contact: str, code: str, *lines: dict[str, Any], **more: Any) -> Any:
    body = {"lines": list(lines), "contact": contact, "codes": [code], "key": number, "source": "shop"}
    return call("POST", f"{COUPONS}/orders", {**body, "order_number": number}, **more)


def states(call: Call, contact: str) -> list[str]:
    return [each["state"] for each in call("GET", f"{COUPONS}/coupons?contact={contact}").json["coupons"]]


def test_a_won_voucher_pays_for_its_article_and_a_refund_gives_it_back(scene: Scene, call: Call) -> None:
    anna, ben = scene.person(), scene.person()
    _, code, contact = won(scene, call, anna)
    stranger = order(call, "0", scene.brand.contacts.get_by_id(ben).uid, code, MUG)
    assert (stranger.status_code, stranger.json["code"]) == (409, "coupon_refused")
    assert order(call, "0", contact, code, TEA).json["code"] == "coupon_refused"  # nothing in it that it pays for
    paid = order(call, "1", contact, code, TEA, MUG)
    assert paid.status_code == 201
    assert [(line["sku"], line["payable_minor"]) for line in paid.json["lines"]] == [("TEA", 5_000), ("MUG", 0)]
    assert (paid.json["discount_minor"], paid.json["payable_minor"]) == (3_990, 5_000)
    assert states(call, contact) == ["used"]
    assert order(call, "2", contact, code, MUG).json["code"] == "coupon_refused"  # it is used once

    # The mug alone brings nothing back, because nothing was paid for it; with the tea the order is back in full.
    refund = {"source": "shop", "order_number": "1"}
    assert call("POST", f"{COUPONS}/refunds", {**refund, "key": "r1", "lines": {"2": 1}}).json["refund_minor"] == 0
    assert states(call, contact) == ["used"]
    last = call("POST", f"{COUPONS}/refunds", {**refund, "key": "r2", "lines": {"1": 1}}).json
    assert (last["refund_minor"], last["refunded_minor"], last["paid_minor"]) == (5_000, 5_000, 5_000)
    entry = call("GET", f"{COUPONS}/redemptions/{paid.json['redemptions'][0]['redemption']}").json
    linked = call("GET", f"{COUPONS}/redemptions/{entry['reversed_by']}").json
    assert (linked["reversal"], linked["discount_minor"], linked["order_number"]) == (True, -3_990, "1")
    assert states(call, contact) == ["used", "claimed"]
    assert call("GET", f"{COUPONS}/batches/mug").json["budget_used_minor"] == 0
    back = call("GET", f"{COUPONS}/coupons?contact={contact}").json["coupons"][1]
    again = order(call, "3", contact, back["code"], MUG)
    assert (again.status_code, again.json["payable_minor"]) == (201, 0)
    assert call("GET", f"{COUPONS}/batches", brand="moonco").json["batches"] == []


def test_a_prize_that_is_taken_back_buys_nothing_at_the_checkout_or_the_counter(scene: Scene, call: Call) -> None:
    anna = scene.person()
    draw, code, contact = won(scene, call, anna)
    call("POST", f"{COUPONS}/stores", {"code": "S1"})
    call("POST", f"{COUPONS}/clerks", {"code": "li", "pin": "271828", "store": "S1"})
    assert scene.games.fulfilment.take_back(draw, reason="a second account", actor="mia")
    assert states(call, contact) == ["void"]
    refused = order(call, "1", contact, code, MUG)
    assert (refused.status_code, refused.json["code"]) == (409, "coupon_refused")
    assert "作废" in refused.json["detail"]
    press = {"code": code, "store": "S1", "terminal": "T1", "clerk": "li", "ticket": "1", "amount_minor": 3_990}
    told = call("POST", f"{COUPONS}/counter/redemptions", press).json
    assert (told["redeemed"], told["scan"]["reason"]) == (False, "void")
    # The campaign has its mug and its money again, the ledger a linked entry.
    assert (scene.stock("spring", "mug"), scene.spent("spring")) == (2, 0)
    assert scene.rewards(anna) == [("product-voucher", "MUG", 1), ("product-voucher", "MUG", -1)]


@pytest.mark.parametrize(("returns", "before", "after"), [("live", ["used", "claimed"], ["used", "void"]),
                                                          ("never", ["used"], ["used"])])  # fmt: skip
def test_a_used_prize_stays_until_its_order_is_taken_back_and_then_what_came_back_goes(
    scene: Scene, call: Call, returns: str, before: list[str], after: list[str]
) -> None:
    anna = scene.person()
    draw, code, contact = won(scene, call, anna, returns={"policy": returns})
    assert order(call, "1", contact, code, MUG).status_code == 201
    # The mug is out of the house: the brand bears it until the order comes back.
    assert not scene.games.fulfilment.take_back(draw, reason="a second account", actor="mia")
    assert states(call, contact) == ["used"]
    refund = {"source": "shop", "order_number": "1", "key": "r1", "lines": {"2": 1}}
    assert call("POST", f"{COUPONS}/refunds", refund).status_code == 201
    assert states(call, contact) == before
    assert scene.games.fulfilment.take_back(draw, reason="a second account", actor="mia")
    assert states(call, contact) == after
    for gone in call("GET", f"{COUPONS}/coupons?contact={contact}").json["coupons"]:
        assert order(call, gone["uid"], contact, gone["code"], MUG).json["code"] == "coupon_refused"
    assert (scene.stock("spring", "mug"), scene.spent("spring")) == (2, 0)
