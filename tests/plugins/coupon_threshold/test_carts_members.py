"""Offers for customers of a level (会员等级): who carries the tag when the cart is priced, at checkouts and counters."""

from __future__ import annotations

import pytest
from cart_scene import OPEN_END, CartScene

from scrm_core.api import Conflict, Invalid
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn, RefundIn
from scrm_coupon_threshold.rules import read_scope

GOLD = {"tags": [{"group": "level", "tag": "gold"}, {"group": "level", "tag": "black"}]}


@pytest.fixture
def shop(scene):
    """Acme with shops; gold members have a twentieth off everything."""
    made = CartScene(scene)
    made.open_shops()
    scene.open("MEMBERS", rule={"kind": "percent", "zhe": "95折"}, stacking={"step": "order"}, validity=OPEN_END,
               scope={**GOLD, "automatic": True})  # fmt: skip
    return made


def level(shop, contact, name):
    with shop.brand as brand:
        brand.tags.add(contact, brand.tags.define("level", name, plan="thank"))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_promotion_for_a_level_takes_part_in_the_carts_of_who_has_it_now(shop):
    anna, ben = shop.scene.person(), shop.scene.person()
    level(shop, anna, "gold")
    level(shop, ben, "silver")
    assert shop.quote(20_000, contact=anna).discount_minor == 1_000
    for other in (ben, None):
        cart = shop.quote(20_000, contact=other)
        assert (cart.discount_minor, cart.refusals) == (0, ())  # nobody is told what others get
    level(shop, ben, "black")
    held = shop.hold("h", 20_000, contact=ben)
    assert held["payable_minor"] == 19_000
    # What a hold has promised stays, whatever becomes of the tag.
    with shop.brand as brand:
        brand.tags.remove(ben, brand.tags.define("level", "black", plan="thank"))
    assert shop.quote(20_000, contact=ben).discount_minor == 0
    assert shop.redeem("h", "1")["payable_minor"] == 19_000


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_coupon_for_a_level_is_refused_to_others_online_and_in_the_shop(shop):
    anna = shop.scene.person()
    shop.scene.open("GOLD", rule={"kind": "cash", "off_minor": 500}, scope=GOLD)
    coupon = shop.scene.claim("GOLD", anna)
    (refusal,) = shop.quote(1_000, contact=anna, codes=(coupon.code,)).refusals
    assert (refusal.reason, refusal.message) == ("tags", "仅限指定等级的会员使用")
    with pytest.raises(Conflict) as refused:
        shop.hold("h", 1_000, contact=anna, codes=(coupon.code,))
    assert refused.value.code == "coupon_refused"
    press = shop.press(coupon.code, "1", 1_000)
    assert (press.redeemed, press.scan.reason) == (False, "tags")
    level(shop, anna, "gold")
    done = shop.press(coupon.code, "1", 1_000)
    assert (done.redeemed, done.payable_minor) == (True, 500)
    # Moonco's person of the same level is another brand's: the promotion is acme's alone.
    moonco = shop.scene.moonco
    with moonco:
        assert shop.scene.coupons(moonco).batches.page() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_coupon_for_new_customers_is_looked_at_again_when_it_is_used(shop):
    anna = shop.scene.person()
    shop.scene.open("NEW", rule={"kind": "cash", "off_minor": 500}, scope={"first_order": True})
    coupon = shop.scene.claim("NEW", anna)
    assert shop.scan(coupon.code).usable
    with shop.brand as brand:
        phone = brand.contacts.identities(anna)[0].value
        buyer = (IdentityIn.of("phone", phone, ""),)
        brand.orders.upsert(OrderIn("shop", "1", "completed", brand.now(), 900, buyer=buyer))
    press = shop.press(coupon.code, "1", 1_000)
    assert (press.redeemed, press.scan.reason, press.scan.message) == (False, "first_order", "仅限首单使用")
    # An order that was refunded in full is none: the customer is new again.
    with shop.brand as brand:
        brand.orders.refund(RefundIn("shop", "1", "R1", 900, brand.now(), ""))
    assert shop.press(coupon.code, "1", 1_000).redeemed


def test_a_promotion_is_used_by_one_customer_as_often_as_it_says(shop):
    scene = shop.scene
    anna, ben = scene.person(), scene.person()
    scene.open("TWICE", rule={"kind": "cash", "off_minor": 100}, scope={"automatic": True}, limits={"per_person": 2},
               validity=OPEN_END)  # fmt: skip
    assert shop.quote(1_000).discount_minor == 0  # nobody known: nobody to count it for
    for key in ("1", "2"):
        assert shop.hold(key, 1_000, contact=anna)["payable_minor"] == 900
    # Two checkouts in flight are two uses.
    assert shop.quote(1_000, contact=anna).discount_minor == 0
    assert shop.hold("3", 1_000, contact=anna)["payable_minor"] == 1_000
    assert shop.quote(1_000, contact=ben).discount_minor == 100
    shop.release("1")
    assert shop.quote(1_000, contact=anna).discount_minor == 100
    shop.redeem("2", "2")
    shop.hold("4", 1_000, contact=anna)
    shop.redeem("4", "4")
    assert shop.quote(1_000, contact=anna).discount_minor == 0
    # An order that comes back in full was no use of it.
    shop.refund("4", "r1", {"A": 1})
    assert shop.quote(1_000, contact=anna).discount_minor == 100
    # Two who turn out to be one have used it as often as both together.
    shop.hold("5", 1_000, contact=ben)
    shop.redeem("5", "5")
    with shop.brand as brand:
        brand.contacts.merge(anna, ben, actor="test", reason="the same phone")
    scene.deliver()
    assert shop.quote(1_000, contact=anna).discount_minor == 0
    shop.sound()


def test_the_tags_of_a_scope_are_read_and_written_back():
    scope = read_scope({"tags": [{"group": "level", "tag": "gold"}, {"group": "level", "tag": "gold"}]})
    assert scope.as_dict() == {"tags": [{"group": "level", "tag": "gold"}]}
    assert read_scope(scope.as_dict()) == scope
    assert read_scope({"tags": None}) == read_scope({"tags": []}) == read_scope({})


@pytest.mark.parametrize(
    ("tags", "field"),
    [("gold", "scope.tags"), ([{"group": "level"}], "scope.tags.0.tag"), ([{"tag": "gold"}], "scope.tags.0.group"),
     ([{"group": "level", "tag": "gold", "level": 1}], "scope.tags.0.level"), (["gold"], "scope.tags.0")],
)  # fmt: skip
def test_tags_that_cannot_be_name_their_field(tags, field):
    with pytest.raises(Invalid) as refused:
        read_scope({"tags": tags})
    assert refused.value.field == field
