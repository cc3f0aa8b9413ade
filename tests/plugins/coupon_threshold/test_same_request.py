"""One request sent twice has one effect and one answer: ``Idempotency-Key`` on every route that changes something."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from coupon_scene import CouponScene, definition

from scrm_core.api import Brand, Cart, CartLine
from scrm_core.db.bulk import execute
from scrm_core.web import create_app
from scrm_coupon_threshold.models import MODELS
from scrm_coupon_threshold.rules import new_code
from scrm_coupon_threshold.service import coupons_of

ROOT = "plugins/coupon-threshold"
LINES = [{"id": "A", "sku": "A", "qty": 2, "unit_minor": 20_000}]
TILL = {"store": "S1", "terminal": "T1"}
PRESS = {**TILL, "clerk": "anna", "ticket": "7", "amount_minor": 30_000}


class World:
    """A brand with something for every route to change; ``coupon`` and ``spare`` are claimed, ``owner`` has both."""

    def __init__(self, scene: CouponScene, brand: Brand) -> None:
        contact = scene.person(brand)
        self.owner = scene.uid(contact, brand)
        scene.open("M", brand, limits={"per_person": None})
        self.coupon, self.spare, held, paid, pressed = (scene.claim("M", contact, brand=brand) for _ in range(5))
        with brand:
            here = coupons_of(brand)
            here.batches.create(definition("draft", stock=5))
            here.batches.create(definition("pool", codes="pool"))
            here.batches.create(definition("card", codes="handed-out"))
            here.pools.draw("card", 2)
            here.batches.open("card")
            self.card, self.other_card = here.pools.printed("card")
            brand.channels.create("moments", "朋友圈")
            for code, role in (("anna", "clerk"), ("mona", "manager")):
                here.carts.stores.add_store("S1", "One")
                here.carts.stores.add_clerk(code, "271828", store="S1", role=role)
            for key, coupon in (("held", held), ("paid", paid)):
                cart = Cart((CartLine("A", "A", 2, 20_000),), brand.now(), contact, codes=(coupon.code,))
                here.carts.holds.hold(key, cart)
            done = here.carts.redeeming.redeem("paid", source="shop", order_number="1")
            self.redemption = done["redemptions"][0]["redemption"]
            press = here.carts.counter.redeem_in_store(pressed.code, **{**PRESS, "ticket": "1"})
            assert press.redemption is not None
            self.pressed = press.redemption.uid

    def cart(self, **more: Any) -> dict[str, Any]:
        return {"lines": LINES, "contact": self.owner, "codes": [self.coupon.code], **more}


Request = tuple[str, dict[str, Any], dict[str, Any]]
"""A path, the body that is sent twice, and what another body has instead."""

REQUESTS: dict[str, Callable[[World], Request]] = {
    "/batches": lambda _: ("/batches", definition("new"), {"title": "other"}),
    "/batches/dry-run": lambda _: ("/batches/dry-run", definition("new"), {"title": "other"}),
    "/batches/<code>/changes": lambda _: ("/batches/draft/changes", {"title": "三月券"}, {"title": "四月券"}),
    "/batches/<code>/state": lambda _: ("/batches/draft/state", {"state": "open"}, {"state": "closed"}),
    "/batches/<code>/stock": lambda _: ("/batches/draft/stock", {"total": 20}, {"total": 30}),
    "/batches/<code>/codes": lambda _: ("/batches/pool/codes", {"draw": 3}, {"draw": 4}),
    "/batches/<code>/links": lambda _: (
        "/batches/M/links", {"channel": "moments", "target": "https://shop.example/m"}, {"variant": "b"},
    ),
    "/claims": lambda w: ("/claims", {"batch": "M", "contact": w.owner, "key": "one"}, {"key": "two"}),
    "/claims/code": lambda w: ("/claims/code", {"code": w.card, "contact": w.owner}, {"code": w.other_card}),
    "/coupons": lambda w: (
        "/coupons", {"batch": "M", "contact": w.owner, "key": "one", "reason": "sorry"}, {"key": "two"},
    ),
    "/coupons/<uid>/void": lambda w: (f"/coupons/{w.coupon.uid}/void", {"reason": "mistake"}, {"reason": "other"}),
    "/quotes": lambda w: ("/quotes", w.cart(), {"codes": []}),
    "/holds": lambda w: ("/holds", w.cart(key="new"), {"codes": [w.spare.code]}),
    "/holds/<key>/release": lambda _: ("/holds/held/release", {}, {"reason": "cancelled"}),
    "/redemptions": lambda _: (
        "/redemptions", {"hold": "held", "source": "shop", "order_number": "2"}, {"order_number": "3"},
    ),
    "/orders": lambda w: ("/orders", w.cart(key="new", source="shop", order_number="2"), {"order_number": "3"}),
    "/redemptions/<uid>/reverse": lambda w: (
        f"/redemptions/{w.redemption}/reverse", {"reason": "cancelled"}, {"reason": "other"},
    ),
    "/reversals": lambda _: (
        "/reversals", {"source": "shop", "order_number": "1", "reason": "cancelled"}, {"reason": "other"},
    ),
    "/refunds": lambda _: (
        "/refunds", {"source": "shop", "order_number": "1", "key": "r", "lines": {"A": 1}}, {"lines": {"A": 2}},
    ),
    # A wrong code is counted once, however often the till sends it.
    "/counter/scan": lambda _: ("/counter/scan", {**TILL, "code": new_code()}, {"code": new_code()}),
    "/counter/redemptions": lambda w: (
        "/counter/redemptions", {**PRESS, "code": w.coupon.code}, {"amount_minor": 90_000},
    ),
    "/counter/redemptions/<uid>/undo": lambda w: (
        f"/counter/redemptions/{w.pressed}/undo",
        {"store": "S1", "manager": "mona", "pin": "271828", "reason": "wrong ticket"},
        {"reason": "other"},
    ),
    "/stores": lambda _: ("/stores", {"code": "S2", "name": "Two"}, {"name": "Other"}),
    "/stores/<code>/close": lambda _: ("/stores/S1/close", {}, {"reason": "moved"}),
    "/clerks": lambda _: ("/clerks", {"code": "bob", "pin": "908354", "store": "S1"}, {"pin": "314159"}),
    "/clerks/<code>/disable": lambda _: ("/clerks/anna/disable", {}, {"reason": "left"}),
}  # fmt: skip
CHANGES_NOTHING = ("/quotes", "/batches/dry-run")


@pytest.fixture
def post(scene: CouponScene):
    """A function that posts to a brand, with one API key for each brand: ``post(brand, path, body, key="k")``."""
    client = create_app(scene.installation).test_client()
    secrets = {}
    for brand in (scene.acme, scene.moonco):
        with brand:
            secrets[brand.id] = brand.keys.create("test", ("*",))[1]

    def post(brand: Brand, path: str, body: Any, *, key: str) -> Any:
        headers = {"Authorization": f"Bearer {secrets[brand.id]}", "Idempotency-Key": key}
        return client.post(f"/api/v1/{brand.id}/{ROOT}{path}", json=body, headers=headers)

    return post


def everything(brand: Brand) -> dict[str, list[Any]]:
    """All that the plugin holds of a brand, and what it told."""
    tables = [model._meta.table_name for model in MODELS]
    with brand:
        return {table: execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in (*tables, "event", "link")}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_route_that_takes_a_body_is_left_out_here(scene: CouponScene) -> None:
    client = create_app(scene.installation).test_client()
    with scene.acme:
        secret = scene.acme.keys.create("test", ("*",))[1]
    (shown,) = client.get("/api/v1/acme/plugins", headers={"Authorization": f"Bearer {secret}"}).json["items"]
    assert {route["path"] for route in shown["routes"] if "POST" in route["methods"]} == set(REQUESTS)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("route", REQUESTS)
def test_a_key_answers_its_first_request_again_and_no_other_and_none_of_another_brand(scene, post, route) -> None:
    scene.go_to("2026-03-01T12:00:00")
    path, body, change = REQUESTS[route](World(scene, scene.acme))
    theirs = REQUESTS[route](World(scene, scene.moonco))
    before = everything(scene.acme)
    first = post(scene.acme, path, body, key="tap")
    assert first.status_code in (200, 201), first.json
    assert "Idempotent-Replayed" not in first.headers
    after = everything(scene.acme)
    assert (after == before) == (route in CHANGES_NOTHING)

    scene.clock.advance(seconds=180)
    again = post(scene.acme, path, body, key="tap")
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (
        first.status_code, first.data, "true",
    )  # fmt: skip
    other = post(scene.acme, path, {**body, **change}, key="tap")
    assert (other.status_code, other.json["code"], other.json["field"]) == (
        422, "idempotency_mismatch", "Idempotency-Key",
    )  # fmt: skip
    # In another brand the key has never been used: its own request is done there.
    moonco = everything(scene.moonco)
    own = post(scene.moonco, *theirs[:2], key="tap")
    assert own.status_code == first.status_code and "Idempotent-Replayed" not in own.headers
    assert (everything(scene.moonco) == moonco) == (route in CHANGES_NOTHING)
    assert everything(scene.acme) == after


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_refused_request_keeps_no_answer_and_one_that_said_no_does(scene: CouponScene, post) -> None:
    world = World(scene, scene.acme)
    hold = world.cart(key="new", expect_payable_minor=36_999)
    refused = post(scene.acme, "/holds", hold, key="tap")
    assert (refused.status_code, refused.json["code"]) == (409, "price_changed")
    mended = post(scene.acme, "/holds", {**hold, "expect_payable_minor": 37_000}, key="tap")
    assert mended.status_code == 201 and "Idempotent-Replayed" not in mended.headers
    # "Below the threshold" is an answer of the counter: a new amount is a new request, with a key of its own.
    short = {**PRESS, "code": world.spare.code, "amount_minor": 29_999}
    told = post(scene.acme, "/counter/redemptions", short, key="button")
    assert (told.status_code, told.json["redeemed"], told.json["scan"]["reason"]) == (200, False, "threshold")
    assert post(scene.acme, "/counter/redemptions", short, key="button").data == told.data
    enough = {**short, "amount_minor": 30_000}
    assert post(scene.acme, "/counter/redemptions", enough, key="button").status_code == 422
    assert post(scene.acme, "/counter/redemptions", enough, key="next").json["redeemed"] is True


AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor

from scrm_core.web import create_app

def run(brand, worker):
    app = create_app(brand.installation)

    def press(_):
        answer = app.test_client().post("/api/v1/acme/plugins/coupon-threshold{path}", json={body}, headers={headers})
        return [answer.status_code, answer.get_data(as_text=True), answer.headers.get("Idempotent-Replayed")]

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(press, range(4)))
"""


@pytest.mark.parametrize("path", ["/counter/redemptions", "/orders"])
def test_sixteen_at_once_with_one_key_are_one_redemption_and_one_answer(scene: CouponScene, together, path) -> None:
    from scrm_core.clock import SystemClock

    # The processes read the machine's clock; coupons of today must be good for them.
    scene.clock.set(SystemClock().now())
    _, body, _ = REQUESTS[path](World(scene, scene.acme))
    with scene.acme:
        secret = scene.acme.keys.create("test", ("*",))[1]
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "tap"}
    source = AT_ONCE.format(path=path, body=body, headers=headers)
    answers = [answer for each in together(scene.installation, source, 4) for answer in each]
    assert len(answers) == 16 and {status for status, _, _ in answers} == {201}
    (text,) = {text for _, text, _ in answers}
    assert sorted(str(replayed) for _, _, replayed in answers) == ["None"] + ["true"] * 15
    # The world has two redemptions already, of 30.00 each.
    assert scene.rows("SELECT count(*), sum(discount_minor) FROM coupon_threshold_redemption") == [(3, 9_000)]
    assert json.loads(text)["payable_minor"] == (27_000 if path == "/counter/redemptions" else 37_000)
