"""Routes and commands of carts, counters and shops: permissions, foreign brands, replays, and what they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cart_scene import CartScene
from click.testing import CliRunner
from coupon_scene import PLUGIN, PLUGINS, CouponScene

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app
from scrm_coupon_threshold.rules.codes import new_code

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

OFF_30 = {"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}
CART = {"lines": [{"id": "A", "sku": "A", "qty": 2, "unit_minor": 20_000}]}


@pytest.fixture
def shop(new_installation, clock) -> CartScene:
    """Acme with shops and coupons; moonco has the plugin switched off."""
    installation = new_installation(plugins=PLUGINS, acme=PLUGIN, moonco=PLUGIN + "enabled = false\n")
    made = CartScene(CouponScene(installation, clock))
    made.scene.go_to("2026-01-10T10:00")
    made.open_shops()
    return made


@pytest.fixture
def call(shop: CartScene):
    """A function that calls the API: ``call(method, path, body, scopes=...)``."""
    client = create_app(shop.scene.installation).test_client()

    def call(method: str, path: str, body: Any = None, *, scopes=("*",), brand="acme", key="") -> Any:
        with shop.scene.installation.brand(brand) as home:
            secret = home.keys.create("test", scopes)[1]
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        return client.open(f"/api/v1/{brand}/plugins/coupon-threshold{path}", method=method, json=body, headers=headers)

    return call


@pytest.fixture
def scrm(shop: CartScene):
    """A function that runs ``scrm coupon-threshold ...``."""

    def run(*arguments: str, input: str | None = None) -> Any:
        session = Session(shop.scene.installation.config.root, clock=shop.scene.clock)
        try:
            return CliRunner().invoke(root, ["coupon-threshold", *arguments], obj=session, input=input)
        finally:
            session.close()

    return run


def claimed(shop, code="M", **more):
    owner = shop.scene.person()
    shop.scene.open(code, **{"rule": OFF_30, **more})
    return shop.scene.claim(code, owner), shop.scene.uid(owner)


def test_an_order_is_quoted_held_paid_refunded_and_reversed_over_http(shop, call):
    coupon, owner = claimed(shop)
    cart = {**CART, "contact": owner, "codes": [coupon.code]}
    quoted = call("POST", "/quotes", cart)
    assert (quoted.status_code, quoted.json["payable_minor"]) == (200, 37_000)
    best = call("POST", "/quotes", {**CART, "contact": owner, "best": True}).json
    assert (best["discounts"][0]["offer"], best["capped"]) == (coupon.uid, False)
    held = call("POST", "/holds", {**cart, "key": "k1", "expect_payable_minor": 37_000})
    assert (held.status_code, held.json["state"]) == (201, "held")
    again = call("POST", "/holds", {**cart, "key": "k2"})
    assert (again.status_code, again.json["code"]) == (409, "coupon_refused")
    assert call("POST", "/holds/k1/release").json["state"] == "released"
    held = call("POST", "/holds", {**cart, "key": "k3"}).json
    order = {"hold": held["hold"], "source": "shop", "order_number": "1", "paid_at": "2026-01-10T10:00"}
    paid = call("POST", "/redemptions", order)
    assert (paid.status_code, paid.json["state"]) == (201, "redeemed")
    uid = paid.json["redemptions"][0]["redemption"]
    shown = call("GET", f"/redemptions/{uid}").json
    assert (shown["discount_minor"], shown["order_number"], shown["reversal"]) == (3_000, "1", False)
    refund = {"source": "shop", "order_number": "1", "key": "r1", "lines": {"A": 1}}
    assert call("POST", "/refunds", {**refund, "dry_run": True}).json == {"refund_minor": 18_500, "dry_run": True}
    assert call("POST", "/refunds", refund).json["refunded_minor"] == 18_500
    assert call("POST", "/refunds", {**refund, "lines": {"A": 2}, "key": "r2"}).json["field"] == "lines"
    back = call("POST", f"/redemptions/{uid}/reverse", {"reason": "cancelled"})
    assert (back.status_code, back.json["discount_minor"], back.json["reversal"]) == (201, -3_000, True)
    all_back = call("POST", "/reversals", {"source": "shop", "order_number": "1", "reason": "again"}).json
    assert [entry["redemption"] for entry in all_back["reversals"]] == [back.json["redemption"]]


def test_an_order_that_is_paid_at_once_takes_one_step(shop, call):
    coupon, owner = claimed(shop)
    body = {**CART, "contact": owner, "codes": [coupon.code], "key": "k", "source": "shop", "order_number": "1"}
    paid = call("POST", "/orders", body)
    assert (paid.status_code, paid.json["state"], paid.json["payable_minor"]) == (201, "redeemed", 37_000)
    assert call("POST", "/orders", body).json == paid.json
    other = call("POST", "/orders", {**body, "key": "k2", "order_number": "2"})
    assert (other.status_code, other.json["code"]) == (409, "coupon_refused")
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_hold") == [(1,)]


def test_the_counter_over_http_redeems_once_and_counts_wrong_codes_though_nothing_fails(shop, call):
    coupon, _ = claimed(shop)
    till = {"code": coupon.code, "store": "S1", "terminal": "T1"}
    seen = call("POST", "/counter/scan", till)
    assert seen.json["usable"] and seen.json["rule"] == "满¥300.00减¥30.00" and seen.json["phone"].startswith("+86 138****")
    press = {**till, "clerk": "anna", "ticket": "1", "amount_minor": 30_000}
    first = call("POST", "/counter/redemptions", press, key="button")
    assert (first.status_code, first.json["redeemed"], first.json["payable_minor"]) == (201, True, 27_000)
    again = call("POST", "/counter/redemptions", press)
    assert (again.json["replayed"], again.json["redemption"]) == (True, first.json["redemption"])
    late = call("POST", "/counter/redemptions", {**press, "ticket": "2"}).json["scan"]
    assert (late["reason"], late["first"]["store"], late["first"]["clerk"]) == ("used", "S1", "anna")
    uid = first.json["redemption"]["redemption"]
    undo = {"store": "S1", "manager": "mona", "pin": "999998", "reason": "wrong ticket"}
    assert call("POST", f"/counter/redemptions/{uid}/undo", undo).json == {"undone": False, "reason": "pin"}
    undone = call("POST", f"/counter/redemptions/{uid}/undo", {**undo, "pin": "081547"}).json
    assert undone["undone"] and undone["redemption"]["discount_minor"] == -3_000
    for _ in range(10):
        answer = call("POST", "/counter/scan", {**till, "code": new_code()})
        assert (answer.status_code, answer.json["reason"]) == (200, "unknown")
    assert call("POST", "/counter/scan", till).json["reason"] == "locked"


def test_permissions_brands_and_bad_bodies_are_held_to(shop, call):
    redeem = ("coupon-threshold:redeem",)
    assert call("POST", "/quotes", CART, scopes=("coupon-threshold:read",)).status_code == 403
    assert call("POST", "/quotes", CART, scopes=redeem).status_code == 200
    assert call("POST", "/stores", {"code": "S3"}, scopes=redeem).status_code == 403
    assert call("POST", "/quotes", CART, brand="moonco").status_code == 404
    for path, body, field in (
        ("/quotes", {"lines": []}, "lines"),
        ("/quotes", {"lines": [{**CART["lines"][0], "qty": 0}]}, "lines.0.qty"),
        ("/quotes", {"lines": [{**CART["lines"][0], "unit_minor": -1}]}, "lines.0.unit_minor"),
        ("/quotes", {"lines": [{**CART["lines"][0], "price": 1}]}, "lines.0.price"),
        ("/quotes", {**CART, "balance": 1}, "balance"),
        ("/holds", CART, "key"),
        ("/redemptions", {"hold": "x", "source": "s", "order_number": "1", "policy": "double"}, "policy"),
        ("/redemptions", {"hold": "x", "source": "s", "order_number": "1", "paid_at": "noon"}, "paid_at"),
        ("/refunds", {"source": "s", "order_number": "1", "key": "k", "lines": {"A": -1}}, "lines.A.value"),
        ("/counter/scan", {"code": "x"}, "store"),
        ("/clerks", {"code": "c", "pin": "1111"}, "pin"),
    ):
        answer = call("POST", path, body)
        assert (answer.status_code, answer.json["field"]) == (422, field), answer.json
    assert call("POST", "/holds/none/release").status_code == 404
    assert call("GET", "/redemptions/none").status_code == 404
    assert call("POST", "/quotes", {**CART, "contact": "nobody"}).status_code == 404


def test_shops_and_clerks_are_kept_over_http_and_no_pin_leaves(shop, call):
    assert call("POST", "/stores", {"code": "S3", "name": "New"}).json == {"code": "S3", "name": "New", "state": "active"}
    assert call("POST", "/stores/S3/close").json["state"] == "closed"
    assert [store["code"] for store in call("GET", "/stores").json["stores"]] == ["S1", "S2", "S3"]
    made = call("POST", "/clerks", {"code": "bob", "pin": "2468", "store": "S2"})
    assert made.json == {"code": "bob", "name": "", "store": "S2", "role": "clerk", "state": "active"}
    assert call("POST", "/clerks/bob/disable").json["state"] == "closed"
    listed = call("GET", "/clerks")
    assert [clerk["code"] for clerk in listed.json["clerks"]] == ["anna", "bob", "mona"]
    assert "scrypt" not in listed.get_data(as_text=True)


def test_commands_price_redeem_and_reverse(shop, scrm, tmp_path):
    coupon, owner = claimed(shop)
    file = tmp_path / "cart.json"
    file.write_text(json.dumps({**CART, "contact": owner, "codes": [coupon.code, new_code()]}), "utf-8")
    told = scrm("quote", "acme", str(file))
    assert told.exit_code == 0 and "37,000" in told.output and "unknown" in told.output
    quoted = json.loads(scrm("quote", "acme", str(file), "--json").output)
    assert quoted["payable_minor"] == 37_000
    file.write_text("{", "utf-8")
    assert scrm("quote", "acme", str(file)).exit_code != 0
    press = ("redeem", "acme", coupon.code, "--store", "S1", "--clerk", "anna", "--terminal", "T1", "--ticket", "1",
             "--amount", "30000", "--json")  # fmt: skip
    done = json.loads(scrm(*press).output)
    assert (done["redeemed"], done["payable_minor"]) == (True, 27_000)
    assert json.loads(scrm(*press).output)["replayed"]
    uid = done["redemption"]["redemption"]
    back = json.loads(scrm("reverse", "acme", uid, "--reason", "test", "--json").output)
    assert (back["discount_minor"], back["actor"]) == (-3_000, "operator")
    assert "undone" in scrm(*press[:-1]).output


def test_commands_keep_shops_and_clerks(shop, scrm):
    assert json.loads(scrm("store", "add", "acme", "S3", "--name", "New", "--json").output)["state"] == "active"
    assert json.loads(scrm("store", "close", "acme", "S3", "--json").output)["state"] == "closed"
    assert "S3" in scrm("store", "list", "acme").output
    made = scrm("clerk", "add", "acme", "bob", "--store", "S2", "--json", input="2468\n2468\n")
    assert made.exit_code == 0 and "2468" not in made.output
    with shop.brand:
        assert shop.carts.stores.sign_in("S2", "bob", "2468") is not None
    assert json.loads(scrm("clerk", "disable", "acme", "bob", "--json").output)["state"] == "closed"
    assert "bob" in scrm("clerk", "list", "acme").output
    assert scrm("clerk", "add", "acme", "eve", "--pin", "1111").exit_code != 0
