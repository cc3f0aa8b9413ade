"""Orders and tills at the same moment, in real processes: one coupon, one ticket, one gift, one budget."""

from __future__ import annotations

import json

import pytest
from cart_scene import CartScene
from coupon_scene import OFF_30

CARTS = """
from scrm_core.api import Cart, CartLine, ScrmError
from scrm_coupon_threshold.service import coupons_of

def carts(brand):
    return coupons_of(brand).carts

def cart(brand, price, contact=None, codes=()):
    return Cart((CartLine("A", "A", 1, price),), brand.now(), contact, codes=tuple(codes))
"""


@pytest.fixture
def shop(scene):
    from scrm_core.clock import SystemClock

    # The processes read the machine's clock; coupons of today must be good for them.
    scene.clock.set(SystemClock().now())
    return CartScene(scene)


def run(together, shop, source, count=4):
    return together(shop.scene.installation, CARTS + source, count)


def test_of_two_orders_with_one_coupon_exactly_one_gets_it(shop, together):
    owner = shop.scene.person()
    shop.scene.open("M", rule=OFF_30, budget_minor=3_000)
    coupon = shop.scene.claim("M", owner)
    answers = run(together, shop, f"""
def run(brand, worker):
    try:
        carts(brand).holds.hold(f"order {{worker}}", cart(brand, 30_000, {owner}, ["{coupon.code}"]))
        return carts(brand).redeeming.redeem(f"order {{worker}}", source="shop", order_number=str(worker))["state"]
    except ScrmError as error:
        return error.code
""")  # fmt: skip
    assert sorted(answers) == ["coupon_refused", "coupon_refused", "coupon_refused", "redeemed"]
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(1,)]
    assert (shop.state(coupon.uid), shop.budget("M")) == (("used", 3_000), 3_000)
    shop.sound()


def test_of_two_orders_paying_one_hold_exactly_one_redeems(shop, together):
    owner = shop.scene.person()
    shop.scene.open("M", rule=OFF_30)
    coupon = shop.scene.claim("M", owner)
    shop.hold("h", 30_000, contact=owner, codes=(coupon.code,))
    answers = run(together, shop, """
def run(brand, worker):
    try:
        return carts(brand).redeeming.redeem("h", source="shop", order_number=str(worker % 2))["order_number"]
    except ScrmError as error:
        return error.code
""")  # fmt: skip
    winner = next(answer for answer in answers if answer in "01")
    assert [answer for number, answer in enumerate(answers) if str(number % 2) == winner] == [winner, winner]
    assert answers.count("redeemed") == 2
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_sale") == [(1,)]


def test_one_ticket_pressed_twice_at_once_is_one_redemption(shop, together):
    shop.open_shops()
    owner = shop.scene.person()
    shop.scene.open("M", rule=OFF_30)
    shop.scene.open("N", rule=OFF_30)
    one, two = shop.scene.claim("M", owner), shop.scene.claim("N", owner)
    answers = run(together, shop, f"""
def run(brand, worker):
    code = ["{one.code}", "{one.code}", "{two.code}", "{two.code}"][worker]
    done = carts(brand).counter.redeem_in_store(
        code, store="S1", clerk="anna", terminal="T1", ticket="0001", amount_minor=30_000)
    return [done.redeemed, done.scan.reason if not done.redeemed else done.redemption.coupon]
""")  # fmt: skip
    won = {answer[1] for answer in answers if answer[0]}
    assert len(won) == 1 and sum(answer[0] for answer in answers) == 2
    assert {answer[1] for answer in answers if not answer[0]} == {"ticket_used"}
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(1,)]
    assert sorted(state for (state,) in shop.scene.rows("SELECT state FROM coupon_threshold_coupon")) == [
        "claimed", "used",
    ]  # fmt: skip
    shop.sound()


def test_the_budget_is_never_exceeded_by_holds_of_four_processes(shop, together):
    shop.scene.open("M", rule={"kind": "cash", "off_minor": 100}, budget_minor=1_000, limits={"per_person": None})
    owners = [shop.scene.person() for _ in range(4)]
    codes = [[shop.scene.claim("M", owner).code for _ in range(6)] for owner in owners]
    answers = run(together, shop, f"""
OWNERS, CODES = {owners}, {json.dumps(codes)}

def run(brand, worker):
    told = []
    for number, code in enumerate(CODES[worker]):
        try:
            carts(brand).holds.hold(f"{{worker}}/{{number}}", cart(brand, 500, OWNERS[worker], [code]))
            told.append("held")
        except ScrmError as error:
            told.append(error.code)
    return told
""")  # fmt: skip
    told = [answer for each in answers for answer in each]
    assert told.count("held") == 10 and told.count("coupon_refused") == 14
    assert shop.budget("M") == 1_000
    shop.sound()


def test_the_last_gift_goes_to_one_order_and_the_others_are_told_before_paying(shop, together):
    gift = {"kind": "gift", "min_minor": 19_900, "gift_sku": "G", "stock": 1}
    shop.scene.open("G", rule=gift, scope={"automatic": True}, validity={"kind": "absolute", "from": "2026-01-01"})
    answers = run(together, shop, """
def run(brand, worker):
    told = carts(brand).holds.hold(f"order {worker}", cart(brand, 19_900))
    return [len(told["lines"]) - 1, [each["reason"] for each in told["refusals"]], told["payable_minor"]]
""")  # fmt: skip
    assert sorted(answers) == [[0, ["gift_out_of_stock"], 19_900]] * 3 + [[1, [], 19_900]]
    assert shop.scene.rows("SELECT stock_left FROM coupon_threshold_gift") == [(0,)]


def test_a_promotion_that_one_customer_may_use_once_is_in_one_of_their_carts(shop, together):
    owner, other = shop.scene.person(), shop.scene.person()
    shop.scene.open("P", rule={"kind": "cash", "off_minor": 100}, scope={"automatic": True}, limits={"per_person": 1},
                    validity={"kind": "absolute", "from": "2026-01-01"})  # fmt: skip
    answers = run(together, shop, f"""
def run(brand, worker):
    told = []
    for number in range(3):
        who = [{owner}, {other}][(worker + number) % 2]
        held = carts(brand).holds.hold(f"{{worker}}/{{number}}", cart(brand, 500, who))
        told.append([who, held["payable_minor"]])
    return told
""")  # fmt: skip
    told = [tuple(answer) for each in answers for answer in each]
    for who in (owner, other):
        assert sorted(paid for person, paid in told if person == who) == [400] + [500] * 5
    rows = shop.scene.rows("SELECT contact_id, nth FROM coupon_threshold_coupon WHERE state = 'held' ORDER BY contact_id")
    assert rows == [(owner, 1), (other, 1)]
    shop.sound()


def test_a_refund_told_twice_at_once_reverses_once_and_pays_once(shop, together):
    owner = shop.scene.person()
    shop.scene.open("M", rule=OFF_30, budget_minor=3_000)
    coupon = shop.scene.claim("M", owner)
    shop.hold("h", (4, 10_000), contact=owner, codes=(coupon.code,))
    shop.redeem("h", "1")
    answers = run(together, shop, """
def run(brand, worker):
    try:
        told = carts(brand).refunding.refund("shop", "1", f"refund {worker % 2}", {"A": 2})
        return told["refund_minor"]
    except ScrmError as error:
        return error.code
""")  # fmt: skip
    assert answers == [18_500] * 4
    assert shop.scene.rows("SELECT refunded_minor, paid_minor FROM coupon_threshold_sale") == [(37_000, 37_000)]
    answers = run(together, shop, """
def run(brand, worker):
    return [entry.uid for entry in carts(brand).reversing.reverse_order("shop", "1", reason="refund")]
""")  # fmt: skip
    assert len({tuple(answer) for answer in answers}) == 1
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_redemption WHERE reverses_id IS NOT NULL") == [(1,)]
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_coupon WHERE returns_id IS NOT NULL") == [(1,)]
    assert shop.budget("M") == 0
    shop.sound()


def test_a_prize_is_used_or_taken_back_and_a_prize_that_was_taken_back_leaves_no_coupon(shop, together):
    owner = shop.scene.person()
    shop.scene.open("V", rule={"kind": "exchange", "sku": "A"}, limits={"per_person": None})
    codes = []
    with shop.brand:
        for number in range(6):
            granted = shop.brand.rewards.grant("product-voucher", owner, grant_key=f"prize {number}", item="A")
            codes.append(granted.issued["codes"][0])
    answers = run(together, shop, f"""
CODES = {codes}

def run(brand, worker):
    told = []
    for number, code in enumerate(CODES):
        try:
            if worker % 2:
                carts(brand).holds.hold(f"{{worker}}/{{number}}", cart(brand, 500, {owner}, [code]))
                carts(brand).redeeming.redeem(f"{{worker}}/{{number}}", source="shop", order_number=f"{{worker}}/{{number}}")
            else:
                brand.rewards.reverse(f"prize {{number}}", reason="a second account")
            told.append("done")
        except ScrmError as error:
            told.append(error.code)
    return told
""")  # fmt: skip
    for number, (back, used, again, other) in enumerate(zip(*answers, strict=True)):
        assert {back, again} == {"done"} or {back, again} <= {"coupon_held", "coupon_used"}, number
        # Of two orders one gets the coupon, and neither gets one that was taken back.
        assert [used, other].count("done") == (0 if back == "done" else 1), number
    # The orders come back while the prizes are taken back: whoever is first, no prize that is gone leaves a coupon.
    run(together, shop, """
def run(brand, worker):
    for number in range(6):
        try:
            if worker % 2:
                carts(brand).reversing.reverse_order("shop", f"{worker}/{number}", reason="sent back")
            else:
                brand.rewards.reverse(f"prize {number}", reason="a second account")
        except ScrmError as error:
            assert error.code.startswith("coupon_"), error
""")  # fmt: skip
    left = shop.scene.rows("SELECT count(*) FROM coupon_threshold_coupon WHERE state = 'claimed'")[0][0]
    ((gone,),) = shop.scene.rows("SELECT count(*) FROM reward WHERE reverses_id IS NOT NULL")
    assert left + gone == 6
    shop.sound()
