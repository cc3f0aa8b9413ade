"""Counters of shops: scans, redemptions on tickets, second scans, undoing, wrong codes and PINs."""

from __future__ import annotations

import pytest
from cart_scene import CartScene, lines

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound
from scrm_coupon_threshold.rules.codes import new_code

OFF_10 = {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000}


@pytest.fixture
def shop(scene):
    made = CartScene(scene)
    scene.go_to("2026-01-10T10:00")
    made.open_shops()
    return made


def claimed(shop, code="M", **more):
    owner = shop.scene.person()
    with shop.brand:
        shop.brand.contacts.rename(owner, "王小明")
    shop.scene.open(code, rule=more.pop("rule", OFF_10), **more)
    return shop.scene.claim(code, owner)


def token(shop, coupon):
    with shop.brand:
        return shop.carts.tokens.issue(coupon.uid, coupon.contact_id)


def test_a_coupon_is_redeemed_on_a_ticket_and_a_second_scan_tells_the_first(shop):
    coupon = claimed(shop, budget_minor=5_000, title="满99减10")
    scan = shop.scan(token(shop, coupon))
    assert (scan.usable, scan.owner, scan.phone[-4:], scan.rule) == (True, "王**", "0001", "满¥99.00减¥10.00")
    assert "王小明" not in repr(scan) and "138000" not in scan.phone
    short = shop.press(coupon.code, "0001", 9_899)
    assert (short.redeemed, short.scan.reason, short.scan.message) == (False, "threshold", "还差¥0.01可用（满¥99.00）")
    done = shop.press(coupon.code, "0001", 9_900)
    assert (done.redeemed, done.payable_minor, done.replayed) == (True, 8_900, False)
    # The second press answers the first result.
    again = shop.press(coupon.code, "0001", 9_900)
    assert (again.redeemed, again.replayed, again.redemption) == (True, True, done.redemption)
    shop.scene.clock.advance(seconds=65)
    for second in (shop.scan(coupon.code, terminal="T2"), shop.press(coupon.code, "0002", 9_900).scan):
        assert (second.usable, second.reason) == (False, "used")
        assert second.message == "这张券已于2026-01-10 10:00在人民广场店核销，经手人Anna"
        assert (second.first.store, second.first.clerk, second.first.ticket) == ("S1", "anna", "0001")
    assert shop.scan(coupon.code, language="en").message == (
        "the coupon was redeemed at 2026-01-10 10:00 in 人民广场店 by Anna"
    )
    assert shop.scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(1,)]
    assert (shop.state(coupon.uid), shop.budget("M")) == (("used", 1_000), 1_000)
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_token_is_good_for_a_minute_for_its_owner_and_this_brand_alone(shop):
    coupon = claimed(shop)
    other = shop.scene.person()
    with shop.brand, pytest.raises(NotFound):
        shop.carts.tokens.issue(coupon.uid, other)
    shown = token(shop, coupon)
    shop.scene.clock.advance(seconds=59)
    assert shop.scan(shown).usable
    shop.scene.clock.advance(seconds=1)
    late = shop.scan(shown)
    assert (late.usable, late.reason, late.coupon) == (False, "token_expired", None)
    assert shop.press(shown, "1", 9_900).scan.reason == "token_expired"
    fresh = token(shop, coupon)
    place = len(fresh) // 2
    assert shop.scan(fresh[:place] + ("A" if fresh[place] != "A" else "B") + fresh[place + 1 :]).reason == "unknown"
    moonco = shop.scene.moonco
    with moonco:
        theirs = shop.scene.coupons(moonco).carts
        theirs.stores.add_store("S1")
        assert theirs.counter.scan(fresh, store="S1", terminal="T1").reason == "unknown"
        assert theirs.counter.scan(coupon.code, store="S1", terminal="T1").reason == "unknown"
    with shop.brand:
        shop.carts.tokens.renew()
    assert shop.scan(fresh).reason == "unknown"
    assert shop.press(token(shop, coupon), "2", 9_900).redeemed
    # The id inside addresses is no code that a clerk may redeem by.
    assert shop.scan(coupon.uid).reason == "unknown"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_shops_windows_and_tickets_are_held_to(shop):
    scene = shop.scene
    here = claimed(shop, "HERE", stores=["S2"])
    assert (shop.scan(here.code).reason, shop.scan(here.code).message) == ("store", "此门店不可用，限S2")
    assert shop.press(here.code, "1", 9_900).scan.reason == "store"
    later = claimed(shop, "LATER", validity={"kind": "next-day", "days": 1})
    assert shop.scan(later.code).reason == "early"
    scene.go_to("2026-01-11T00:00")
    assert shop.scan(later.code).usable
    assert shop.press(later.code, "1", 9_900).redeemed
    scene.go_to("2026-01-12T00:00")
    over = claimed(shop, "OVER", validity={"kind": "natural", "days": 1})
    scene.go_to("2026-01-13T00:00")
    assert "过期" in shop.press(over.code, "2", 9_900).scan.message
    # One coupon per ticket.
    fresh = claimed(shop, "FRESH")
    refused = shop.press(fresh.code, "1", 9_900)
    assert (refused.redeemed, refused.scan.reason) == (False, "ticket_used")
    assert shop.press(fresh.code, "1", 9_900, store="S2", terminal="T9", clerk="mona").redeemed
    held = claimed(shop, "HELD")
    shop.hold("h", 20_000, contact=held.contact_id, codes=(held.code,))
    assert shop.press(held.code, "3", 9_900).scan.reason == "held"
    scene.clock.advance(seconds=1_800)
    assert shop.press(held.code, "3", 9_900).redeemed
    assert scene.rows("SELECT state FROM coupon_threshold_hold") == [("expired",)]
    for ticket, amount, field in (("", 1, "ticket"), ("4", -1, "amount_minor"), ("4", True, "amount_minor")):
        with pytest.raises(Invalid) as wrong:
            shop.press(fresh.code, ticket, amount)
        assert wrong.value.field == field
    shop.sound()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_till_that_knows_its_lines_is_held_to_the_scope_and_vouchers_give_their_article(shop):
    food = claimed(shop, "FOOD", scope={"skus": ["A"]})
    goods = lines(9_000, 5_000)
    assert shop.press(food.code, "1", 14_000, lines=goods).scan.reason == "threshold"
    with pytest.raises(Invalid):
        shop.press(food.code, "1", 1, lines=goods)
    assert shop.press(food.code, "1", 19_900, lines=lines(9_900, 10_000)).redemption.shares == (1_000, 0)
    voucher = claimed(shop, "V", rule={"kind": "exchange", "sku": "TEA"})
    assert shop.scan(voucher.code).sku == "TEA"
    done = shop.press(voucher.code, "2", 3_990)
    assert (done.payable_minor, done.redemption.discount_minor) == (0, 3_990)
    poor = claimed(shop, "POOR", budget_minor=500)
    assert shop.press(poor.code, "3", 9_900).scan.reason == "budget"
    assert shop.state(poor.uid) == ("claimed", 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_a_manager_of_the_shop_undoes_and_only_soon(shop):
    coupon = claimed(shop, budget_minor=1_000, returns={"policy": "never"})
    done = shop.press(coupon.code, "1", 9_900).redemption

    def undo(store="S1", manager="mona", reason="wrong ticket"):
        with shop.brand:
            return shop.carts.counter.undo(done.uid, store=store, manager=manager, reason=reason)

    for error, more in (
        (Forbidden, {"manager": "anna"}),
        (Forbidden, {"manager": "nobody"}),
        (Conflict, {"store": "S2"}),
        (Invalid, {"reason": ""}),
    ):
        with pytest.raises(error):
            undo(**more)
    shop.scene.clock.advance(seconds=30 * 60 - 1)
    back = undo()
    assert (back.discount_minor, back.actor, back.reason) == (-1_000, "clerk:mona", "wrong ticket")
    shop.scene.clock.advance(hours=1)
    assert undo().uid == back.uid  # a second call answers the first
    assert "后已撤销；如券已退还，请顾客出示新的券码" in shop.scan(coupon.code).message
    assert "undone since; if it came back, the customer has a new code" in shop.scan(coupon.code, language="en").message
    assert shop.budget("M") == 0
    # A mistake takes nothing from the customer: a new coupon is there at once, for another ticket.
    (code,) = shop.scene.rows("SELECT code FROM coupon_threshold_coupon WHERE returns_id IS NOT NULL")[0]
    assert shop.press(coupon.code, "1", 9_900).scan.reason == "undone"
    assert shop.press(code, "1", 9_900).scan.reason == "ticket_used"
    second = shop.press(code, "2", 9_900)
    assert second.redeemed
    shop.scene.clock.advance(seconds=30 * 60)
    with shop.brand, pytest.raises(Conflict) as late:
        shop.carts.counter.undo(second.redemption.uid, store="S1", manager="mona", reason="late")
    assert late.value.code == "too_late"
    shop.sound()


def test_ten_wrong_codes_lock_the_till_and_its_network_for_an_hour(shop):
    coupon = claimed(shop)
    for _ in range(9):
        assert shop.scan(new_code(), network="n1").reason == "unknown"
    wrong = coupon.code[:-1] + ("2" if coupon.code[-1] != "2" else "3")
    assert shop.press(wrong, "1", 9_900, network="n1").scan.reason == "mistyped"
    until = shop.scene.clock.now() + 3_600_000
    for scan in (
        shop.scan(coupon.code, network="n1"),
        shop.press(coupon.code, "1", 9_900, network="n2").scan,
        shop.scan(coupon.code, terminal="T2", network="n1"),
    ):
        assert (scan.usable, scan.reason, scan.locked_until) == (False, "locked", until)
    assert shop.scan(coupon.code, terminal="T2", network="n2").usable
    shop.scene.clock.advance(hours=1)
    assert shop.scan(coupon.code, network="n1").usable
    # Failures of long ago do not add up.
    for _ in range(12):
        assert shop.scan(new_code()).reason == "unknown"
        shop.scene.clock.advance(hours=1)
    assert shop.scan(coupon.code).usable
    subjects = shop.scene.rows("SELECT subject FROM coupon_threshold_attempt")
    assert not any("T1" in subject or "n1" in subject for (subject,) in subjects)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_clerks_sign_in_with_their_pin_and_ten_wrong_ones_lock_them(shop):
    with shop.brand:
        stores = shop.carts.stores
        assert stores.sign_in("S1", "anna", "4711").role == "clerk"
        assert stores.sign_in("S2", "mona", "081547").role == "manager"
        for store, clerk, pin in (
            ("S2", "anna", "4711"), ("S1", "anna", "4712"), ("S1", "nobody", "4711"), ("S9", "anna", "4711"),
            ("S1", "anna", ""),
        ):  # fmt: skip
            assert stores.sign_in(store, clerk, pin) is None
        digest = shop.scene.rows("SELECT digest FROM coupon_threshold_clerk WHERE code = 'anna'")[0][0]
        assert digest.startswith("scrypt$") and "4711" not in digest
        stores.disable_clerk("anna")
        assert stores.sign_in("S1", "anna", "4711") is None
        with pytest.raises(Forbidden):
            shop.press(new_code(), "1", 9_900)
        stores.add_clerk("anna", "2468", store="S1")
        assert stores.sign_in("S1", "anna", "2468").state == "active"
        for _ in range(10):
            assert stores.sign_in("S1", "mona", "999998") is None
        assert stores.sign_in("S1", "mona", "081547") is None
        assert stores.locked_until("mona") == shop.scene.clock.now() + 3_600_000
        shop.scene.clock.advance(hours=1)
        assert stores.sign_in("S1", "mona", "081547") is not None
        for code, pin, more in (
            ("x y", "4711", {}), ("x", "123", {}), ("x", "12a4", {}), ("x", "1111", {}), ("x", "1234", {}),
            ("x", "4711", {"role": "king"}),
        ):  # fmt: skip
            with pytest.raises(Invalid):
                stores.add_clerk(code, pin, **more)
        with pytest.raises(NotFound):
            stores.add_clerk("x", "4711", store="S9")
        stores.close_store("S1")
        with pytest.raises(Conflict):
            shop.scan("x")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_clerk_does_not_redeem_their_own_coupon_and_a_till_stays_in_its_shop(shop):
    coupon = claimed(shop)
    with shop.brand:
        uid = shop.scene.uid(coupon.contact_id)
        shop.carts.stores.add_clerk("anna", "4711", store="S1", contact=uid)
    with pytest.raises(Forbidden) as own:
        shop.press(coupon.code, "1", 9_900)
    assert own.value.code == "own_coupon"
    assert shop.press(coupon.code, "1", 9_900, clerk="mona").redeemed
    with pytest.raises(Conflict) as elsewhere:
        shop.press(coupon.code, "2", 9_900, store="S2", clerk="mona")
    assert elsewhere.value.code == "terminal_elsewhere"
