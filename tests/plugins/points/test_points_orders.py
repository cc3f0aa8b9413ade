"""Orders earn points, refunds take them back and return spent ones, to the last point."""

from __future__ import annotations

import pytest

from scrm_core.carts import Cart, CartDiscount, CartLine
from scrm_core.errors import Conflict
from scrm_points.carts import Worth, usable

CAPPED = "\n[plugins.points]\nredeem_minor = 1\nredeem_cap_bp = 3000\nredeem_step = 10\n"


def test_refunds_in_parts_take_back_exactly_what_the_order_earned(scenes):
    scene, other = scenes()
    for each in (scene, other):
        ann = each.person("ann")
        each.order("A1", "ann", 19_999)
        each.deliver()
        assert each.has(ann) == (199, 0)
    ann = scene.person("ann")
    taken = []
    for n, amount in enumerate((6_666, 6_666, 6_667)):
        scene.refund("A1", f"R{n}", amount)
        scene.deliver()
        taken.append(scene.amounts(ann)[-1])
    assert taken == [("reversal", -66), ("reversal", -66), ("reversal", -67)]
    assert (scene.has(ann), other.has(other.person("ann"))) == ((0, 0), (199, 0))
    with scene.brand:
        assert {entry.reverses for entry in scene.book.entries(ann)} == {None, scene.book.entries(ann)[0].key}
    assert scene.adds_up() and other.adds_up()


def test_a_replay_of_every_event_earns_and_takes_back_nothing_twice(scene):
    from scrm_core.db.bulk import execute

    ann = scene.person("ann")
    scene.order("A1", "ann", 10_000)
    scene.refund("A1", "R1", 3_333)
    scene.deliver()
    before = scene.amounts(ann)
    assert before == [("earn", 100), ("reversal", -33)]
    with scene.brand:
        execute("UPDATE plugin_cursor SET event_id = 0, xid = '0'")
    scene.deliver()
    assert scene.amounts(ann) == before
    assert scene.adds_up()


def test_refunded_points_that_are_spent_are_netted_at_the_next_order(scene):
    ann = scene.person("ann")
    scene.order("A1", "ann", 10_000)
    scene.deliver()
    with scene.brand:
        scene.book.hold(ann, 80, key="cart")
    scene.refund("A1", "R1", 10_000)
    scene.deliver()
    assert scene.has(ann) == (0, 80)
    scene.order("A2", "ann", 20_000)
    scene.deliver()
    assert scene.has(ann) == (120, 0)
    assert scene.adds_up()


def test_an_order_waits_for_its_buyer_and_keeps_its_refunds_in_mind(scene):
    scene.order("A1", "", 10_000)
    scene.refund("A1", "R1", 2_500)
    scene.deliver()
    with scene.brand:
        assert scene.brand.plugins["points"].earnings.settle() == 0
    scene.order("A1", "ann", 10_000)
    with scene.brand:
        scene.brand.plugins["points"].settle()
        scene.brand.plugins["points"].settle()
    ann = scene.person("ann")
    assert scene.amounts(ann) == [("earn", 100), ("reversal", -25)]
    scene.refund("A1", "R2", 7_500)
    scene.deliver()
    assert scene.has(ann) == (0, 0)
    assert scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_orders_earn_nothing_below_the_unit_from_other_sources_from_history_or_by_default(scenes):
    scene, _ = scenes("\n[plugins.points]\nearn_points = 2\nearn_per_minor = 1000\nearn_sources = ['shop']\n")
    ann = scene.person("ann")
    points_of = scene.brand.plugins["points"].earnings.points_of
    assert [points_of("shop", paid) for paid in (0, 999, 1_000, 1_999, 2_000)] == [0, 0, 2, 2, 4]
    assert points_of("jd", 5_000) == 0
    scene.order("A1", "ann", 5_000, backfill=True)
    scene.order("A2", "ann", 0)
    scene.deliver()
    assert scene.amounts(ann) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_earning_is_off_unless_the_brand_says_otherwise(scenes):
    scene, _ = scenes("\n[plugins.points]\n")
    ann = scene.person("ann")
    scene.order("A1", "ann", 100_000)
    scene.deliver()
    assert scene.amounts(ann) == []
    assert scene.cart(1_000, contact=ann).refusals[0].reason == "redeem_off"
    with scene.brand, pytest.raises(Conflict) as refused:
        scene.book.hold(ann, 1, key="cart")
    assert refused.value.code == "redeem_off"


def test_points_spent_on_an_order_come_back_in_proportion_to_its_refunds(scene, clock):
    ann = scene.person("ann")
    scene.give(ann, 1_000, "start")
    with scene.brand:
        scene.book.hold(ann, 100, key="cart")
    scene.order("A1", "ann", 9_900)  # earns 99
    scene.deliver()
    with scene.brand:
        for _ in range(2):
            assert scene.book.capture("cart", "shop", "A1").state == "spent"
        with pytest.raises(Conflict) as refused:
            scene.book.release("cart")
        assert refused.value.code == "hold_spent"
        with pytest.raises(Conflict):
            scene.book.capture("cart", "shop", "A2")
    scene.refund("A1", "R1", 3_333)
    scene.deliver()
    # floor(100 x 3333 / 9900) = 33 of the spent come back, floor(99 x 3333 / 9900) = 33 of the earned go.
    assert scene.amounts(ann)[-2:] == [("reversal", -33), ("return", 33)]
    scene.refund("A1", "R2", 6_567)
    scene.deliver()
    assert scene.amounts(ann)[-2:] == [("reversal", -66), ("return", 67)]
    assert scene.has(ann) == (1_000, 0)
    assert scene.adds_up()


def test_an_order_that_was_closed_is_refunded_in_points_though_nobody_told_of_a_refund(scene):
    ann = scene.person("ann")
    scene.give(ann, 1_000, "start")
    with scene.brand:
        scene.book.hold(ann, 100, key="cart")
    scene.order("A1", "ann", 10_000)  # earns 100
    scene.order("A2", "ann", 10_000)
    scene.deliver()
    with scene.brand:
        scene.book.capture("cart", "shop", "A1")
    scene.refund("A1", "R1", 2_500)
    scene.deliver()
    assert scene.has(ann) == (1_100, 0)  # 900 left and 25 back; 200 earned and 25 gone
    scene.order("A1", "ann", 10_000, status="closed")
    for _ in range(2):
        with scene.brand:
            scene.brand.plugins["points"].settle_closed()
        assert scene.has(ann) == (1_100, 0)
        assert scene.amounts(ann)[-2:] == [("reversal", -75), ("return", 75)]
    # One that was paid with points alone gives all of them back.
    with scene.brand:
        scene.book.hold(ann, 50, key="gift")
        scene.book.capture("gift", "shop", "A3")
    scene.order("A3", "ann", 0)
    scene.order("A3", "ann", 0, status="closed")
    with scene.brand:
        scene.brand.plugins["points"].settle_closed()
    assert scene.has(ann) == (1_100, 0)
    # A refund that is told after all takes nothing more.
    scene.refund("A1", "R2", 7_500)
    scene.deliver()
    assert scene.amounts(ann)[-2:] == [("spend", -50), ("return", 50)]
    assert scene.adds_up()


def test_a_hold_captured_after_its_orders_refund_returns_its_part_at_once(scene):
    ann = scene.person("ann")
    scene.give(ann, 100, "start")
    with scene.brand:
        scene.book.hold(ann, 100, key="cart")
    scene.order("A1", "", 1_000)
    scene.refund("A1", "R1", 500)
    scene.deliver()
    with scene.brand:
        assert scene.book.capture("cart", "shop", "A1").returned == 50
    assert scene.has(ann)[0] == 50
    assert scene.adds_up()


def test_a_hold_ends_by_itself_and_is_then_neither_captured_nor_given_back_twice(scene, clock):
    ann = scene.person("ann")
    scene.give(ann, 100, "start")
    with scene.brand:
        scene.book.hold(ann, 60, key="cart", minutes=5)
        assert scene.book.hold(ann, 60, key="cart", minutes=5).state == "held"
    clock.advance(seconds=300)
    with scene.brand:
        with pytest.raises(Conflict) as refused:
            scene.book.capture("cart", "shop", "A1")
        assert refused.value.code == "hold_ended"
        assert scene.book.end_holds() == 1
        assert scene.book.end_holds() == 0
        assert scene.book.release("cart").state == "expired"
    assert scene.has(ann) == (100, 0)
    assert scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_points_pay_up_to_the_cap_and_are_shared_by_largest_remainder(scenes):
    scene, _ = scenes(CAPPED)
    ann = scene.person("ann")
    scene.give(ann, 6_000, "start")
    lines = (CartLine("a", "A", 1, 12_900), CartLine("b", "B", 1, 5_900))
    with scene.brand:
        coupon = CartDiscount("coupon-threshold", "c1", "coupon", (1_372, 628))
        cart = Cart(lines, scene.brand.now(), ann, shipping_minor=1_000, codes=("points",), discounts=(coupon,))
        priced = scene.brand.carts.quote(cart)
    points = priced.discounts[-1]
    assert (points.offer, points.shares) == ("points:5040", (3_458, 1_582))
    assert [priced.left(0), priced.left(1), priced.payable_minor] == [8_070, 3_690, 12_760]
    with scene.brand:
        scene.book.hold(ann, 5_040, key="cart")
    assert scene.has(ann) == (960, 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_code_that_does_not_apply_is_answered_with_its_reason(scenes):
    scene, _ = scenes(CAPPED)
    ann = scene.person("ann")
    scene.give(ann, 100, "start")

    def reasons(*prices, **more):
        cart = scene.cart(*prices, **more)
        return [refusal.reason for refusal in cart.refusals] or [d.offer for d in cart.discounts]

    assert reasons(1_000) == ["sign_in"]
    assert reasons(1_000, contact=ann, codes=("points:101",)) == ["not_enough_points"]
    assert reasons(33, contact=ann) == ["nothing_usable"]  # 30% of 33 is 9, the step is 10
    assert reasons(1_000, contact=ann, codes=("points:9",)) == ["nothing_usable"]
    assert reasons(1_000, contact=ann, codes=("points:57",)) == ["points:50"]
    assert reasons(1_000, contact=ann, codes=("POINTS",)) == ["points:100"]
    assert reasons(1_000, contact=ann, codes=("pointless",)) == []


def test_usable_points_stop_at_what_is_there_at_the_cap_and_at_the_step():
    assert usable(6_000, 16_800, Worth(1, 3_000, 1)) == 5_040
    assert usable(5_000, 16_800, Worth(1, 3_000, 1)) == 5_000
    assert usable(6_000, 16_800, Worth(1, 3_000, 100)) == 5_000
    assert usable(6_000, 16_800, Worth(50, 10_000, 1)) == 336
    assert usable(6_000, 0, Worth(1, 10_000, 1)) == 0
    assert usable(6_000, 16_800, Worth(0, 10_000, 1)) == 0
