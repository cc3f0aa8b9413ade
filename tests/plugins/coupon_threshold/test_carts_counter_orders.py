"""A coupon redeemed at a till with the order's number comes back when that order is refunded."""

from __future__ import annotations

import pytest
from cart_scene import CartScene
from coupon_scene import PLUGIN, PLUGINS, CouponScene
from pages_scene import ROOT, look_up, on_duty, staff
from signing import PAGE, fields

from scrm_core.api import Conflict
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_core.web import create_app

OFF_10 = {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000}


@pytest.fixture
def shop(scene):
    made = CartScene(scene)
    scene.go_to("2026-01-10T10:00")
    made.open_shops()
    return made


def sell(scene, number, *, source="store", status="paid"):
    with scene.acme:
        scene.acme.orders.upsert(OrderIn(source, number, status, scene.acme.now(), 8_900))


def refund(scene, number, amount=8_900, *, source="store"):
    with scene.acme:
        key = f"R-{source}-{number}-{amount}"
        scene.acme.orders.refund(RefundIn(source, number, key, amount, scene.acme.now(), ""))
    scene.deliver()


def coupons(scene):
    return [row[0] for row in scene.rows("SELECT state FROM coupon_threshold_coupon ORDER BY id")]


def test_a_full_refund_of_the_tills_order_gives_its_coupon_and_budget_back(shop):
    scene = shop.scene
    scene.open("M", rule=OFF_10, budget_minor=5_000)
    coupon = scene.claim("M", scene.person())
    assert shop.press(coupon.code, "0001", 9_900, order_number=" P-77 ").redeemed
    sell(scene, "P-77")
    sell(scene, "P-77", source="mini")  # the online shop counts its orders alike
    refund(scene, "P-77", source="mini")
    assert (coupons(scene), shop.budget("M")) == (["used"], 1_000)
    refund(scene, "P-77", 4_000)  # a part is no reason to give a whole coupon back
    assert (coupons(scene), shop.budget("M")) == (["used"], 1_000)
    refund(scene, "P-77", 4_900)
    assert (coupons(scene), shop.budget("M")) == (["used", "claimed"], 0)
    reversal = "SELECT source, order_number, discount_minor FROM coupon_threshold_redemption WHERE reverses_id IS NOT NULL"
    assert scene.rows(reversal) == [("store", "P-77", -1_000)]
    shop.sound()


def test_without_an_order_number_a_refund_reverses_nothing(shop):
    scene = shop.scene
    scene.open("M", rule=OFF_10)
    coupon = scene.claim("M", scene.person())
    assert shop.press(coupon.code, "P-77", 9_900).redeemed
    sell(scene, "P-77")
    refund(scene, "P-77")
    assert coupons(scene) == ["used"]


def test_an_order_that_went_back_already_takes_no_coupon_and_one_told_late_is_found_by_the_job(shop):
    scene = shop.scene
    scene.open("M", rule=OFF_10)
    first, second = (scene.claim("M", scene.person()) for _ in range(2))
    sell(scene, "P-77")
    refund(scene, "P-77")
    with pytest.raises(Conflict, match="refunded") as refused:
        shop.press(first.code, "0001", 9_900, order_number="P-77")
    assert (refused.value.code, coupons(scene)) == ("order_gone", ["claimed", "claimed"])
    # Closed without a refund: nobody tells of it.
    assert shop.press(second.code, "0002", 9_900, order_number="P-78").redeemed
    sell(scene, "P-78", status="closed")
    with scene.acme:
        scene.acme.plugins["coupon-threshold"].settle_closed()
        scene.acme.plugins["coupon-threshold"].settle_closed()
    assert coupons(scene) == ["claimed", "used", "claimed"]
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_undoing_puts_the_gift_back_also_where_the_tills_order_was_told_and_a_refund_after_it_changes_nothing(shop):
    scene = shop.scene
    scene.open("M", rule={"kind": "gift", "min_minor": 0, "gift_sku": "G", "stock": 1})
    coupon = scene.claim("M", scene.person())
    stock = "SELECT stock_left FROM coupon_threshold_gift"
    done = shop.press(coupon.code, "0001", 9_900, order_number="P-77")
    sell(scene, "P-77", status="completed")
    assert scene.rows(stock) == [(0,)]
    with scene.acme:
        shop.carts.counter.undo(done.redemption.uid, store="S1", manager="mona", reason="wrong coupon")
    refund(scene, "P-77")
    assert scene.rows(stock) == [(1,)] and coupons(scene) == ["used", "claimed"]
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_tills_orders_may_have_a_source_of_their_own(new_installation, clock):
    table = f'{PLUGIN}counter_source = "pos"\n'
    scene = CouponScene(new_installation(plugins=PLUGINS, acme=table, moonco=table), clock)
    shop = CartScene(scene)
    shop.open_shops()
    scene.open("M", rule=OFF_10)
    coupon = scene.claim("M", scene.person())
    assert shop.press(coupon.code, "0001", 9_900, order_number="9").redeemed
    sell(scene, "9", source="pos")
    refund(scene, "9", source="pos")
    assert coupons(scene) == ["used", "claimed"]


def test_the_clerk_types_the_order_number_on_the_page_or_leaves_it_out(scene):
    staff(scene)
    scene.open("spring", rule=OFF_10)
    one, two = (scene.claim("spring", scene.person()) for _ in range(2))
    clerk = on_duty(create_app(scene.installation))
    for coupon, ticket, order in ((one, "T-1", "P-77"), (two, "T-2", "")):
        scanned = look_up(clerk, coupon.code)
        assert "订单号（选填）" in scanned.text
        form = fields(scanned, "/redeem", amount="99.00", ticket=ticket, order=order)
        done = clerk.post(f"{ROOT}clerk/redeem", data=form, headers=PAGE)
        result = clerk.get(done.headers["Location"])
        assert "核销成功" in result.text and ("P-77" in result.text) == bool(order)
    sell(scene, "P-77")
    refund(scene, "P-77")
    assert coupons(scene) == ["used", "used", "claimed"]
    undone = clerk.get(f"{ROOT}clerk/r/" + scene.rows("SELECT uid FROM coupon_threshold_redemption ORDER BY id")[0][0])
    assert "✓" not in undone.text and "P-77" in undone.text
