"""Carts of a shop: quoted, held, redeemed, released, reversed and refunded, with every refusal's reason."""

from __future__ import annotations

import pytest
from cart_scene import OPEN_END, CartScene

from scrm_core.api import CartLine, Conflict, Invalid, NotFound, from_instant
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_coupon_threshold.rules.codes import ALPHABET, new_code

LADDER = {
    "kind": "ladder",
    "steps": [{"min_minor": 30_000, "off_minor": 3_000}, {"min_minor": 50_000, "off_minor": 6_000}],
}
AUTOMATIC = {"automatic": True}
CASE_3 = ((1, 19_900), (2, 8_900), (1, 12_990))


@pytest.fixture
def shop(scene):
    return CartScene(scene)


def reasons(cart):
    return [(refusal.code, refusal.reason) for refusal in cart.refusals]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_codes_that_do_not_apply_say_why_and_strangers_learn_nothing(shop):
    scene = shop.scene
    owner, other = scene.person(), scene.person()
    scene.open("M", validity={"kind": "natural", "days": 2}, limits={"per_person": None})
    scene.open("CH", channels=["mall"], title="商城券")
    scene.open("CAT", scope={"categories": ["food"]})
    scene.open("NEXT", validity={"kind": "next-day", "days": 2})
    ok, spare = scene.claim("M", owner), scene.claim("M", owner)
    channel, category, early = (scene.claim(code, owner) for code in ("CH", "CAT", "NEXT"))

    def asked(*codes, contact=owner, price=30_000, **more):
        return reasons(shop.quote(price, contact=contact, codes=codes, **more))

    assert asked(ok.code) == []
    assert asked(f" {ok.code[:4]}-{ok.code[4:]} ".lower()) == []
    assert asked(ok.uid) == []
    assert asked(ok.code, contact=other) == [(ok.code, "foreign")]
    assert asked(ok.code, contact=None) == [(ok.code, "nobody")]
    wrong = ok.code[:-1] + ALPHABET[(ALPHABET.index(ok.code[-1]) + 1) % 32]
    nobodys = new_code()
    assert asked(wrong, nobodys) == [(wrong, "mistyped"), (nobodys, "unknown")]
    short = shop.quote(29_999, contact=owner, codes=(ok.code,))
    assert reasons(short) == [(ok.code, "threshold")]
    assert short.refusals[0].message == "还差¥0.01可用（满¥300.00）"
    assert asked(channel.code, channel="live") == [(channel.code, "channel")]
    assert asked(channel.code, channel="mall") == []
    assert asked(category.code) == [(category.code, "scope")]
    assert asked(early.code) == [(early.code, "early")]
    # Two of one batch do not go together: one of them is used.
    assert [reason for _, reason in asked(ok.code, spare.code, price=90_000)] == ["group"]
    with scene.acme:
        scene.coupons().voiding.void(spare.uid, reason="test")
    assert asked(spare.code) == [(spare.code, "void")]
    shop.hold("h", 30_000, contact=owner, codes=(ok.code,))
    assert asked(ok.code) == [(ok.code, "held")]
    shop.redeem("h", "1")
    assert asked(ok.code) == [(ok.code, "used")]
    scene.clock.advance(days=3)
    late = shop.quote(30_000, contact=owner, codes=(channel.code, category.code), channel="mall")
    assert [reason for _, reason in reasons(late)] == ["scope"]  # seven days: these are still good
    scene.clock.advance(days=5)
    gone = shop.quote(30_000, contact=owner, codes=(channel.code,), channel="mall")
    assert reasons(gone) == [(channel.code, "expired")] and "过期" in gone.refusals[0].message


def test_a_hold_keeps_what_the_quote_said_and_an_order_uses_it_once(shop):
    scene = shop.scene
    owner = scene.person()
    scene.open("L", rule=LADDER, budget_minor=10_000)
    coupon = scene.claim("L", owner)
    held = shop.hold("h1", *CASE_3, contact=owner, codes=(coupon.code,), shipping_minor=1_000)
    assert held["payable_minor"] == 45_690 and held["state"] == "held"
    assert held["discounts"][0]["shares"] == [2_355, 2_107, 1_538]
    assert [line["payable_minor"] for line in held["lines"]] == [17_545, 15_693, 11_452]
    assert shop.state(coupon.uid) == ("held", 6_000) and shop.budget("L") == 6_000
    # The same key answers the same, another cart under it is refused.
    assert shop.hold("h1", *CASE_3, contact=owner, codes=(coupon.code,), shipping_minor=1_000) == held
    with pytest.raises(Conflict) as refused:
        shop.hold("h1", 50_000, contact=owner, codes=(coupon.code,))
    assert refused.value.code == "hold_key"
    with pytest.raises(Conflict) as refused:
        shop.hold("h2", *CASE_3, contact=owner, codes=(coupon.code,))
    assert refused.value.code == "coupon_refused"
    used = shop.redeem("h1", "1001")
    assert used["state"] == "redeemed" and used["redemptions"][0]["discount_minor"] == 6_000
    assert shop.redeem("h1", "1001") == used
    with pytest.raises(Conflict) as refused:
        shop.redeem("h1", "1002")
    assert refused.value.code == "redeemed"
    with pytest.raises(Conflict) as refused:
        shop.release("h1")
    assert refused.value.code == "redeemed"
    assert shop.state(coupon.uid) == ("used", 6_000)
    entry = scene.rows(
        "SELECT amount_minor, discount_minor, items, shares, source, order_number FROM coupon_threshold_redemption"
    )
    assert entry == [(50_690, 6_000, 4, "[2355,2107,1538]", "shop", "1001")]
    assert scene.rows("SELECT goods_minor, discount_minor, paid_minor FROM coupon_threshold_sale") == [
        (50_690, 6_000, 45_690)
    ]
    told = scene.rows("SELECT count(*) FROM event WHERE data LIKE ?", '%"name":"redeemed"%')
    assert told == [(1,)]
    shop.sound()
    assert scene.rows("SELECT count(*) FROM coupon_threshold_hold", brand=scene.moonco) == [(0,)]


def test_a_hold_that_is_not_paid_gives_everything_back(shop):
    scene = shop.scene
    owner = scene.person()
    scene.open("L", rule=LADDER, budget_minor=6_000)
    gift = {"kind": "gift", "min_minor": 19_900, "gift_sku": "G", "stock": 1}
    scene.open("G", rule=gift, scope=AUTOMATIC, validity=OPEN_END)
    coupon = scene.claim("L", owner)
    held = shop.hold("h1", 50_000, contact=owner, codes=(coupon.code,))
    assert [line["sku"] for line in held["lines"] if line["gift"]] == ["G"]
    assert scene.rows("SELECT stock_left FROM coupon_threshold_gift") == [(0,)]
    assert shop.release("h1")["state"] == "released"
    assert shop.release("h1")["state"] == "released"
    assert shop.state(coupon.uid) == ("claimed", 0) and shop.budget("L") == 0
    assert scene.rows("SELECT stock_left FROM coupon_threshold_gift") == [(1,)]
    with pytest.raises(Conflict) as refused:
        shop.redeem("h1", "1")
    assert refused.value.code == "released"
    with pytest.raises(NotFound):
        shop.release("nothing")
    # A checkout that nobody ends is ended by the job, or by the next order that wants the coupon.
    shop.hold("h2", 50_000, contact=owner, codes=(coupon.code,))
    scene.clock.advance(seconds=30 * 60)
    again = shop.hold("h3", 50_000, contact=owner, codes=(coupon.code,))
    assert again["discount_minor"] == 6_000 and len(again["lines"]) == 2
    assert scene.rows("SELECT key, state FROM coupon_threshold_hold ORDER BY id") == [
        ("h1", "released"), ("h2", "expired"), ("h3", "held"),
    ]  # fmt: skip
    scene.clock.advance(seconds=30 * 60)
    with scene.acme:
        assert (shop.carts.holds.expire(), shop.carts.holds.expire()) == (1, 0)
    assert shop.state(coupon.uid) == ("claimed", 0) and shop.budget("L") == 0
    assert scene.rows("SELECT stock_left FROM coupon_threshold_gift") == [(1,)]
    shop.sound()


def test_a_payment_within_the_hold_is_honoured_though_the_coupon_expired_or_it_is_told_late(shop):
    scene = shop.scene
    scene.go_to("2026-01-07T23:50")
    owner = scene.person()
    scene.open("D", rule={"kind": "cash", "off_minor": 500}, validity={"kind": "natural", "days": 1})
    first = scene.claim("D", owner)
    shop.hold("h1", 1_000, contact=owner, codes=(first.code,))
    scene.go_to("2026-01-08T00:10")
    assert shop.redeem("h1", "1")["state"] == "redeemed"
    # Told only after the hold was taken back: honoured, because nobody else has the coupon.
    scene.open("E", rule={"kind": "cash", "off_minor": 500}, limits={"per_person": None})
    second, third = scene.claim("E", owner), scene.claim("E", owner)
    for key, coupon in (("h2", second), ("h3", third)):
        shop.hold(key, 1_000, contact=owner, codes=(coupon.code,))
    paid = scene.at("2026-01-08T00:39")
    scene.go_to("2026-01-08T00:41")
    with scene.acme:
        assert shop.carts.holds.expire() == 2
    with pytest.raises(Conflict) as late:
        shop.redeem("h2", "2")
    assert late.value.code == "hold_expired"
    assert shop.redeem("h2", "2", paid_at=paid)["state"] == "redeemed"
    # The other coupon was taken meanwhile.
    shop.hold("h4", 1_000, contact=owner, codes=(third.code,))
    with pytest.raises(Conflict) as taken:
        shop.redeem("h3", "3", paid_at=paid)
    assert taken.value.code == "hold_expired"
    assert scene.rows("SELECT state FROM coupon_threshold_hold WHERE key = 'h3'") == [("expired",)]
    for moment in (scene.at("2026-01-08T00:00"), scene.at("2026-01-09T00:00")):
        with pytest.raises(Invalid) as wrong:
            shop.redeem("h4", "4", paid_at=moment)
        assert wrong.value.field == "paid_at"
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_payment_in_time_that_is_told_after_the_coupon_expired_is_honoured_whichever_job_ran(shop):
    scene = shop.scene
    scene.go_to("2026-01-07T23:50")
    one, two = scene.person(), scene.person()
    scene.open("F", rule={"kind": "cash", "off_minor": 500}, validity={"kind": "natural", "days": 1},
               budget_minor=1_000, promise=True)  # fmt: skip
    for owner, key in ((one, "h1"), (two, "h2")):
        shop.hold(key, 1_000, contact=owner, codes=(scene.claim("F", owner).code,))
    scene.go_to("2026-01-08T00:25")
    with scene.acme:
        assert shop.carts.holds.expire() == 2
        assert scene.coupons().voiding.expire() == 2
    assert shop.budget("F") == 0
    paid = scene.at("2026-01-08T00:15")  # within the thirty minutes of the hold
    assert shop.redeem("h1", "1", paid_at=paid)["redemptions"][0]["discount_minor"] == 500
    assert shop.budget("F") == 500
    with pytest.raises(Conflict) as late:
        shop.redeem("h2", "2", paid_at=scene.at("2026-01-08T00:20"))
    assert late.value.code == "hold_expired"
    assert scene.rows("SELECT state FROM coupon_threshold_coupon ORDER BY id") == [("used",), ("expired",)]
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_promotions_need_no_coupon_and_the_better_one_of_an_order_is_used(shop):
    scene = shop.scene
    owner = scene.person()
    automatic = {"scope": AUTOMATIC, "validity": OPEN_END}
    scene.open("P1", rule={"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000},
               stacking={"step": "order"}, title="满300减30", **automatic)  # fmt: skip
    scene.open("P2", rule={"kind": "percent", "zhe": "95折"}, stacking={"step": "order"}, **automatic)
    scene.open("C", rule={"kind": "threshold", "min_minor": 30_000, "off_minor": 2_000})
    coupon = scene.claim("C", owner)
    # Case 8: the coupon's basis is the price before the promotion of the order.
    cart = shop.quote(32_000, contact=owner, codes=(coupon.code,))
    assert [(each.offer, each.amount_minor) for each in cart.discounts] == [
        ("promotion:P1", 3_000),
        (coupon.uid, 2_000),
    ]
    assert cart.payable_minor == 27_000 and cart.refusals == ()
    assert shop.quote(90_000).discount_minor == 4_500
    assert shop.quote(29_000).discount_minor == 1_450  # nobody known: promotions apply to everybody
    shop.hold("h", 32_000, contact=owner, codes=(coupon.code,))
    shop.redeem("h", "1")
    assert scene.rows(
        "SELECT b.code, r.amount_minor, r.discount_minor FROM coupon_threshold_redemption r "
        "JOIN coupon_threshold_batch b ON b.id = r.batch_id ORDER BY b.code"
    ) == [("C", 29_000, 2_000), ("P1", 32_000, 3_000)]
    with scene.acme:
        scene.coupons().batches.pause("P1")
        scene.coupons().batches.pause("P2")
    assert shop.quote(32_000).discounts == ()
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_gift_that_is_gone_and_a_budget_that_is_used_up_are_told_before_paying(shop):
    scene = shop.scene
    owner = scene.person()
    gift = {"kind": "gift", "min_minor": 19_900, "gift_sku": "G", "stock": 1}
    scene.open("G", rule=gift, scope=AUTOMATIC, validity=OPEN_END)
    assert reasons(shop.quote(19_899)) == []
    shop.hold("h1", 19_900)
    told = shop.hold("h2", 19_900)
    assert told["refusals"] == [{"code": "G", "reason": "gift_out_of_stock", "message": "赠品已领完"}]
    assert (told["payable_minor"], len(told["lines"])) == (19_900, 1)
    scene.open("B", rule={"kind": "cash", "off_minor": 600}, budget_minor=1_000, limits={"per_person": None})
    first, second = scene.claim("B", owner), scene.claim("B", owner)
    shop.hold("h3", 900, contact=owner, codes=(first.code,))
    assert reasons(shop.quote(900, contact=owner, codes=(second.code,))) == [(second.code, "budget")]
    # A smaller cart needs less of the budget.
    assert shop.quote(400, contact=owner, codes=(second.code,)).discount_minor == 400
    with pytest.raises(Conflict) as refused:
        shop.hold("h4", 900, contact=owner, codes=(second.code,))
    assert refused.value.code == "coupon_refused"
    assert scene.rows("SELECT count(*) FROM coupon_threshold_hold WHERE key = 'h4'") == [(0,)]
    with pytest.raises(Conflict) as changed:
        shop.hold("h5", 400, contact=owner, codes=(second.code,), expect_payable_minor=1)
    assert changed.value.code == "price_changed"
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_voucher_is_bound_to_its_article_and_a_promise_keeps_its_budget(shop):
    scene = shop.scene
    owner = scene.person()
    scene.open("V", rule={"kind": "exchange"})
    voucher = scene.claim("V", owner, source="staff", sku="B")
    assert reasons(shop.quote(5_000, contact=owner, codes=(voucher.code,))) == [(voucher.code, "missing_sku")]
    cart = shop.quote(5_000, (3, 700), contact=owner, codes=(voucher.code,))
    assert cart.discounts[0].shares == (0, 700)
    promised = {"rule": {"kind": "threshold", "min_minor": 1_000, "off_minor": 800}, "budget_minor": 800, "promise": True}
    scene.open("P", **promised)
    coupon = scene.claim("P", owner)
    assert shop.state(coupon.uid) == ("claimed", 800)
    assert shop.quote(1_000, contact=owner, codes=(coupon.code,)).discount_minor == 800
    shop.hold("h", 1_000, contact=owner, codes=(coupon.code,))
    shop.release("h")
    assert shop.state(coupon.uid) == ("claimed", 800)
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_best_of_a_wallet_is_found_and_a_first_order_coupon_is_for_first_orders(shop):
    scene = shop.scene
    owner = scene.person()
    for code, rule, stacking in (
        ("X", {"kind": "threshold", "min_minor": 20_000, "off_minor": 2_500}, {"exclusive": True}),
        ("Y", {"kind": "percent", "zhe": "88折", "cap_minor": 4_000}, {"exclusive": True}),
    ):
        scene.open(code, rule=rule, stacking=stacking)
    x, y = scene.claim("X", owner), scene.claim("Y", owner)
    with scene.acme:
        best = shop.carts.best(shop.cart(26_000, contact=owner))
    assert [each.offer for each in best.cart.discounts] == [y.uid]
    assert best.cart.discount_minor == 3_120 and best.cart.refusals == ()
    both = shop.quote(26_000, contact=owner, codes=(x.code, y.code))
    assert (both.discount_minor, reasons(both)) == (3_120, [(x.code, "exclusive")])
    scene.open("F", rule={"kind": "cash", "off_minor": 100}, scope={"first_order": True})
    first = scene.claim("F", owner)
    assert shop.quote(1_000, contact=owner, codes=(first.code,)).discount_minor == 100
    with scene.acme:
        phone = scene.acme.contacts.identities(owner)[0]
        scene.acme.orders.upsert(
            OrderIn(source="shop", number="old", status="completed", paid_at=scene.acme.now(), paid_minor=900,
                    buyer=(IdentityIn.of(phone.kind, phone.value, ""),), lines=(), platform="tmall")
        )  # fmt: skip
    assert reasons(shop.quote(1_000, contact=owner, codes=(first.code,))) == [(first.code, "first_order")]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_coupons_follow_their_owner_through_a_merge_while_a_checkout_is_in_flight(shop):
    scene = shop.scene
    winner, loser = scene.person(), scene.person()
    scene.open("M", rule={"kind": "cash", "off_minor": 500}, limits={"per_person": 2})
    first, second = scene.claim("M", loser), scene.claim("M", loser)
    shop.hold("h", 1_000, contact=loser, codes=(first.code,))
    with scene.acme:
        scene.acme.contacts.merge(winner, loser, actor="test", reason="one person")
    scene.deliver()
    assert shop.redeem("h", "1")["state"] == "redeemed"
    for contact in (winner, loser):  # an id of before the merge still names the person
        assert shop.quote(1_000, contact=contact, codes=(second.code,)).discount_minor == 500
    assert scene.rows("SELECT DISTINCT contact_id FROM coupon_threshold_redemption") == [(winner,)]
    assert scene.rows("SELECT contact_id FROM coupon_threshold_sale") == [(winner,)]


# Reversals and refunds -----------------------------------------------------------


def sold(shop, *, policy="allocation", number="1", **more):
    owner = shop.scene.person()
    shop.scene.open("L" + number, rule=LADDER, **more)
    coupon = shop.scene.claim("L" + number, owner)
    shop.hold("h" + number, *CASE_3, contact=owner, codes=(coupon.code,), shipping_minor=1_000)
    shop.redeem("h" + number, number, policy=policy)
    return coupon


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_units_come_back_by_allocation_to_the_last_cent(shop):
    coupon = sold(shop)
    assert shop.refund("1", "r1", {"B": 1})["refund_minor"] == 7_846
    assert shop.refund("1", "r1", {"B": 1})["refunded_minor"] == 7_846  # the same refund again is one
    with pytest.raises(Conflict):
        shop.refund("1", "r1", {"B": 2})
    with pytest.raises(Invalid):
        shop.refund("1", "r2", {"B": 2})
    with shop.brand:
        assert shop.carts.refunding.preview("shop", "1", {"B": 1}) == 7_847
    assert shop.refund("1", "r2", {"B": 1})["refund_minor"] == 7_847
    assert shop.state(coupon.uid)[0] == "used"
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_coupon") == [(1,)]  # a part gives no coupon back
    last = shop.refund("1", "r3", {"A": 1, "C": 1}, shipping=True)
    assert last["refunded_minor"] == last["paid_minor"] == 45_690
    with pytest.raises(Invalid):
        shop.refund("1", "r4", {"A": 1})
    back = shop.scene.rows("SELECT state, reserved_minor, source = 'return' FROM coupon_threshold_coupon ORDER BY id")
    assert back == [("used", 0, 0), ("claimed", 0, 1)]
    assert shop.budget("L1") == 0
    with pytest.raises(NotFound):
        shop.refund("2", "r1", {"A": 1})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("returned", "amount"), [({"A": 1}, 16_900), ({"B": 2, "C": 1}, 24_790)])
def test_orders_sold_under_recomputing_are_refunded_by_it(shop, returned, amount):
    sold(shop, policy="recompute")
    assert shop.refund("1", "r1", returned)["refund_minor"] == amount
    rest = {name: qty for name, qty in (("A", 1), ("B", 2), ("C", 1)) if name not in returned}
    assert shop.refund("1", "r2", rest)["refunded_minor"] == 44_690


def test_a_refund_in_full_reverses_the_redemption_through_a_linked_entry_once(shop, deliver):
    scene = shop.scene
    coupon = sold(shop, number="77", budget_minor=6_000)

    def refund(number, amount):
        with scene.acme:
            scene.acme.orders.refund(
                RefundIn(source="shop", order_number="77", number=number, amount_minor=amount, at=scene.acme.now(), reason="")
            )

    with scene.acme:
        scene.acme.orders.upsert(
            OrderIn(source="shop", number="77", status="completed", paid_at=scene.acme.now(), paid_minor=45_690,
                    buyer=(), lines=(), platform="mall")
        )  # fmt: skip
    refund("R1", 10_000)
    deliver(scene.acme)
    assert scene.rows("SELECT count(*) FROM coupon_threshold_redemption WHERE reverses_id IS NOT NULL") == [(0,)]
    refund("R2", 35_690)
    refund("R2", 35_690)
    deliver(scene.acme)
    with scene.acme:
        ((plugin, effects),) = scene.acme.orders.effects(scene.acme.orders.by_number("shop", "77").order_id)
    assert plugin == "coupon-threshold"
    assert [(each.title, each.amount, each.unit) for each in effects] == [
        ("Coupon used 用券", 6_000, "money"), ("Coupon given back 退券", -6_000, "money"),
    ]  # fmt: skip
    # The refund is delivered a second time: nothing more happens.
    with scene.acme:
        assert len(shop.carts.reversing.reverse_order("shop", "77", reason="again")) == 1
    entries = scene.rows(
        "SELECT discount_minor, amount_minor, items, shares, reason, reverses_id IS NULL "
        "FROM coupon_threshold_redemption ORDER BY id"
    )
    assert [row[:4] for row in entries] == [
        (6_000, 50_690, 4, "[2355,2107,1538]"),
        (-6_000, -50_690, -4, "[-2355,-2107,-1538]"),
    ]
    assert entries[1][4] == "refund R2"
    assert shop.budget("L77") == 0
    (old, new) = scene.rows("SELECT uid, state, nth, returns_id, code FROM coupon_threshold_coupon ORDER BY id")
    assert (old[0], old[1]) == (coupon.uid, "used")
    assert (new[1], new[2] < 0, new[4] != old[4]) == ("claimed", True, True)
    assert len(scene.rows("SELECT 1 FROM event WHERE data LIKE ?", '%"redemption-reversed"%')) == 1
    owner = coupon.contact_id
    shop.hold("again", *CASE_3, contact=owner, codes=(new[4],))
    assert shop.redeem("again", "78")["redemptions"][0]["discount_minor"] == 6_000
    shop.sound()


def test_a_longer_validity_reaches_coupons_that_came_back_and_those_that_still_may(shop):
    scene = shop.scene
    scene.go_to("2026-02-20T12:00")
    until = {"kind": "absolute", "from": "2026-01-01", "to": "2026-03-01"}
    cash = {"rule": {"kind": "cash", "off_minor": 500}, "validity": until, "limits": {"per_person": None}}
    scene.open("G", **cash)
    scene.open("X", **cash, returns={"policy": "extend", "extend_days": 90})
    owner = scene.person()
    entries = []
    for number, batch in enumerate(("G", "G", "X", "G")):
        shop.hold(f"h{number}", 1_000, contact=owner, codes=(scene.claim(batch, owner).code,))
        entries.append(shop.redeem(f"h{number}", str(number))["redemptions"][0]["redemption"])

    def back(number):
        with scene.acme:
            shop.carts.reversing.reverse(entries[number], reason="refund")

    def ends():
        rows = scene.rows(
            "SELECT b.code, c.valid_to FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
            "WHERE c.returns_id IS NOT NULL ORDER BY c.id"
        )
        return [(code, from_instant(end, scene.acme.zone).date().isoformat()) for code, end in rows]

    back(0)  # comes back before the validity is lengthened
    scene.go_to("2026-03-02T12:00")
    back(2)  # expired by now, so it is good for ninety days more
    longer = {**until, "to": "2026-04-01"}
    scene.go_to("2026-02-25T12:00")
    with scene.acme:
        for batch in ("G", "X"):
            scene.coupons().batches.update(batch, {"validity": longer})
    scene.go_to("2026-03-10T12:00")
    back(1)  # was used when the validity was lengthened
    assert ends() == [("G", "2026-04-01"), ("X", "2026-05-31"), ("G", "2026-04-01")]
    scene.go_to("2026-04-02T12:00")
    back(3)
    assert len(ends()) == 3
    with scene.acme:
        scene.coupons().batches.update("G", {"validity": {"kind": "absolute", "from": "2026-01-01"}})
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon WHERE valid_to IS NULL") == [(5,)]
    shop.sound()


def test_an_order_that_was_closed_gives_its_coupons_back_though_nobody_told_of_a_refund(shop):
    scene = shop.scene
    sold(shop, number="77", budget_minor=6_000)

    def order(status):
        with scene.acme:
            scene.acme.orders.upsert(
                OrderIn(source="shop", number="77", status=status, paid_at=scene.acme.now(), paid_minor=44_690,
                        buyer=(), lines=(), platform="mall")
            )  # fmt: skip

    def settle():
        with scene.acme:
            scene.acme.plugins["coupon-threshold"].settle_closed()
        return scene.rows("SELECT count(*) FROM coupon_threshold_redemption WHERE reverses_id IS NOT NULL")[0][0]

    order("completed")
    assert settle() == 0
    order("closed")
    assert (settle(), settle()) == (1, 1)
    entries = scene.rows("SELECT discount_minor, reason, actor FROM coupon_threshold_redemption ORDER BY id")
    assert [tuple(entry) for entry in entries][1] == (-6_000, "the order was closed or refunded", "orders")
    assert shop.budget("L77") == 0
    assert scene.rows("SELECT state FROM coupon_threshold_coupon ORDER BY id") == [("used",), ("claimed",)]
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("returns", "days", "comes_back"),
    [({"policy": "live"}, 1, 7), ({"policy": "live"}, 8, None), ({"policy": "never"}, 1, None),
     ({"policy": "extend", "extend_days": 3}, 8, 11), ({"policy": "extend", "extend_days": 3}, 1, 7)],
)  # fmt: skip
def test_a_returned_coupon_follows_the_terms_of_its_batch(shop, returns, days, comes_back):
    scene = shop.scene
    scene.go_to("2026-01-10T00:00")
    sold(shop, returns=returns)
    scene.clock.advance(days=days)
    with scene.acme:
        shop.carts.reversing.reverse_order("shop", "1", reason="cancelled")
    back = scene.rows("SELECT valid_to FROM coupon_threshold_coupon WHERE returns_id IS NOT NULL")
    assert back == ([] if comes_back is None else [(scene.at("2026-01-10T00:00") + comes_back * 86_400_000,)])
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_reversals_need_a_reason_and_are_themselves_not_reversed(shop):
    sold(shop)
    (uid,) = shop.scene.rows("SELECT uid FROM coupon_threshold_redemption")[0]
    with shop.brand:
        with pytest.raises(Invalid) as refused:
            shop.carts.reversing.reverse(uid, reason=" ")
        assert refused.value.field == "reason"
        back = shop.carts.reversing.reverse(uid, reason="typo")
        assert shop.carts.reversing.reverse(uid, reason="again").uid == back.uid
        with pytest.raises(Invalid):
            shop.carts.reversing.reverse(back.uid, reason="no")
        with pytest.raises(NotFound):
            shop.carts.reversing.reverse("nothing", reason="no")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_hold_for_a_cart_that_cannot_be_is_refused(shop):
    twice = (CartLine("A", "A", 1, 100), CartLine("A", "B", 1, 100))
    for cart in ((), twice, (CartLine("A", "A", 0, 100),), (CartLine("A", "A", 1, -1),)):
        with shop.brand, pytest.raises(Invalid):
            shop.carts.holds.hold("h", shop.cart(lines=cart))
    with pytest.raises(Invalid):
        shop.hold("", 100)
