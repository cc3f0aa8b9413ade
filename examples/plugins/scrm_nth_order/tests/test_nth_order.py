"""What the plugin does, through the doors that a brand uses, beside the real coupons."""

from __future__ import annotations

import json

import pytest

from scrm_core.testing import assert_plugin_ok
from scrm_coupon_threshold import CouponThreshold
from scrm_nth_order import NthOrder

BATCH = {
    "code": "THIRD", "title": "第三单立减30", "stock": 2, "validity": {"kind": "natural", "days": 7},
    "rule": {"kind": "threshold", "min_minor": 10_000, "off_minor": 3_000},
}  # fmt: skip
OURS = {"tag": "value/regular", "batch": "THIRD"}


@pytest.fixture
def app(scrm_app, tmp_path):
    app = scrm_app(NthOrder, CouponThreshold, settings={"nth-order": OURS, "coupon-threshold": {}})
    (tmp_path / "batch.json").write_text(json.dumps(BATCH))
    for brand in ("acme", "moonco"):
        app.command("coupon-threshold", "create", brand, str(tmp_path / "batch.json"))
        app.command("coupon-threshold", "open", brand, "THIRD")
    return app


def buy(app, person, times, paid=20_000):
    orders = []
    for _ in range(times):
        orders.append(app.brand.order(person, paid))
        app.clock.advance(hours=1)
    return orders


def regular(app):
    person = app.brand.lead()
    app.brand.tag(person, "value", "regular")
    return person


def gifts(shop):
    found = shop.client("nth-order:read").get("plugins/nth-order/gifts", limit=50).json["gifts"]
    return [(row["contact"], row["state"]) for row in found]


def coupons(app, person):
    told = app.command("coupon-threshold", "coupons", "acme", person.uid, "--json")
    return [coupon["state"] for coupon in json.loads(told)]


def test_the_third_order_gives_one_coupon_and_the_fourth_none(app):
    ada = regular(app)
    buy(app, ada, 2)
    app.brand.deliver()
    assert gifts(app.brand) == []
    buy(app, ada, 2)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "given")]
    assert coupons(app, ada) == ["claimed"]
    assert gifts(app.second_brand) == []


def test_who_has_no_tag_gets_none_until_tagged(app):
    ada = app.brand.lead()
    buy(app, ada, 3)
    app.brand.deliver()
    assert gifts(app.brand) == []
    app.brand.tag(ada, "value", "regular")
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "given")]


def test_a_late_tag_gives_none_where_the_brand_says_so(app):
    app.configure({"nth-order": {**OURS, "late": False}, "coupon-threshold": {}})
    ada = app.brand.lead()
    buy(app, ada, 3)
    app.brand.tag(ada, "value", "regular")
    buy(app, ada, 1)
    app.brand.deliver()
    assert gifts(app.brand) == []


def test_a_refund_takes_the_unused_coupon_back_and_the_next_order_gives_another(app):
    ada = regular(app)
    third = buy(app, ada, 3)[2]
    app.brand.deliver()
    app.brand.refund(third)
    app.brand.deliver_twice()
    assert coupons(app, ada) == ["void"]
    buy(app, ada, 1)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "taken-back"), (ada.uid, "given")]


def test_a_closed_order_is_seen_by_the_nightly_job(app):
    ada = regular(app)
    third = buy(app, ada, 3)[2]
    app.brand.deliver()
    app.brand.order(ada, 20_000, number=third.number, status="closed")
    app.brand.deliver()
    app.clock.advance(days=1)
    assert "nth-order/recheck" in app.brand.run_jobs()
    assert coupons(app, ada) == ["void"]


def test_a_merge_makes_a_third_order_and_its_undoing_takes_the_coupon_back(app):
    ada, bob = regular(app), app.brand.lead()
    buy(app, ada, 2)
    buy(app, bob, 1)
    app.brand.deliver()
    merge = app.brand.merge(ada, bob)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "given")]
    app.brand.undo_merge(merge)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "taken-back")]
    app.brand.merge(ada, bob)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "taken-back"), (ada.uid, "given")]


def test_sold_out_is_tried_again_nightly(app):
    people = [regular(app) for _ in range(3)]
    for person in people:
        buy(app, person, 3)
    app.brand.deliver_twice()
    assert [state for _, state in gifts(app.brand)] == ["given", "given", "refused"]
    app.command("coupon-threshold", "stock", "acme", "THIRD", "3")
    app.clock.advance(days=1)
    app.brand.run_jobs()
    assert [state for _, state in gifts(app.brand)] == ["given"] * 3


def test_a_coupon_that_was_used_is_kept_when_its_order_goes_back_and_no_other_is_given(app):
    ada = regular(app)
    third = buy(app, ada, 3)[2]
    app.brand.deliver()
    app.command("coupon-threshold", "store", "add", "acme", "ONE")
    app.command("coupon-threshold", "clerk", "add", "acme", "lin", "--pin", "135790")
    (coupon,) = json.loads(app.command("coupon-threshold", "coupons", "acme", ada.uid, "--json"))
    till = ("--store", "ONE", "--clerk", "lin", "--terminal", "T1", "--ticket", "1", "--amount", "20000")
    app.command("coupon-threshold", "redeem", "acme", coupon["shown_code"], *till)
    app.brand.refund(third)
    app.brand.deliver()
    buy(app, ada, 1)
    app.brand.deliver_twice()
    assert gifts(app.brand) == [(ada.uid, "kept")]


def test_a_buyer_who_becomes_known_later_is_seen_by_the_daily_job(app):
    ada = regular(app)
    buy(app, ada, 2)
    third = app.brand.order(None, 20_000)
    app.brand.deliver()
    with app.brand as brand:
        brand.orders.claim(third.order_id, ada.id, method="card serial")
    app.clock.advance(days=1)
    app.brand.run_jobs()
    assert gifts(app.brand) == [(ada.uid, "given")]


def test_a_page_of_gifts_says_where_the_next_begins(app):
    people = [regular(app) for _ in range(2)]
    for person in people:
        buy(app, person, 3)
    app.brand.deliver()
    door = app.brand.client("nth-order:read")
    first = door.get("plugins/nth-order/gifts", limit=1).json
    assert [row["contact"] for row in first["gifts"]] == [people[0].uid]
    second = door.get("plugins/nth-order/gifts", limit=1, after=first["after"]).json
    assert [row["contact"] for row in second["gifts"]] == [people[1].uid]


def test_what_is_missing_is_said_before_the_first_order(scrm_app):
    app = scrm_app(NthOrder, CouponThreshold, settings={"nth-order": OURS, "coupon-threshold": {}})
    with app.brand as brand:
        assert brand.plugins["nth-order"].brand_warnings() == [
            "the tag 'value/regular' is not defined: nobody has it", "item: no coupon batch is called 'THIRD'",
        ]  # fmt: skip


def test_the_plugin_meets_the_checklist():
    ours = {"tag": "interest/cups", "number": 2, "batch": "THIRD"}  # what the checklist's people have
    assert_plugin_ok(NthOrder, CouponThreshold, settings={"nth-order": ours, "coupon-threshold": {}})
