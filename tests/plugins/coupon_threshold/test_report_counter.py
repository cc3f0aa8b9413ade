"""Redemptions clerk by clerk, counted by hand: who redeems much more than others, and who for one customer."""

from __future__ import annotations

import pytest
from cart_scene import CartScene

from scrm_core.errors import Invalid
from scrm_coupon_threshold.carts.watch import counter_report

OFF_10 = {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000}


@pytest.fixture
def shop(scene):
    made = CartScene(scene)
    scene.go_to("2026-03-01T10:00")
    with made.brand:
        made.carts.stores.add_store("S1")
        for code in ("anna", "ben", "cho", "dan"):
            made.carts.stores.add_clerk(code, "271828", name=code.title(), store="S1")
        made.carts.stores.add_clerk("mona", "081547", role="manager")
    scene.open("M", rule=OFF_10, limits={"per_person": None}, validity={"kind": "rolling", "days": 90})
    return made


def redeem(shop, clerk, owner, amount=12_000, *, after=120):
    coupon = shop.scene.claim("M", owner)
    shop.scene.clock.advance(seconds=after)
    done = shop.press(coupon.code, f"{clerk} {shop.scene.clock.now()}", amount, clerk=clerk, terminal=f"T-{clerk}")
    assert done.redeemed
    return done.redemption


def rows(shop, **more):
    with shop.brand as brand:
        return {row["clerk"]: row for row in counter_report(brand, **more).rows}


def test_a_clerk_who_redeems_much_more_or_for_one_customer_stands_out(shop):
    assert rows(shop) == {}
    people = [shop.scene.person() for _ in range(12)]
    # On 1 March anna redeems two, ben four, cho three of which all for one customer; dan twelve.
    for clerk, owners in (("anna", people[:2]), ("ben", people[:4]), ("cho", [people[0]] * 3), ("dan", people)):
        for owner in owners:
            redeem(shop, clerk, owner)
    found = rows(shop)
    assert [(clerk, row["redemptions"], row["days"], row["customers"]) for clerk, row in found.items()] == [
        ("anna", 2, 1, 2), ("ben", 4, 1, 4), ("cho", 3, 1, 1), ("dan", 12, 1, 12),
    ]  # fmt: skip
    # The others of dan have 2, 4 and 3 a day: the median is 3, and 12 is four times that. Of ben 2, 3 and 12: 3.
    assert (found["dan"]["per_day"], found["dan"]["others_per_day"], found["dan"]["look"]) == (12.0, 3, "much")
    assert (found["ben"]["others_per_day"], found["ben"]["look"]) == (3, "")
    assert (found["cho"]["most_of_one"], found["cho"]["look"]) == (3, "same customer")
    assert (found["anna"]["name"], found["anna"]["discount_minor"]) == ("Anna", 2_000)
    # One of nine or fewer is never much: the shop is only small.
    assert found["ben"]["redemptions"] < 10


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_quick_exact_and_undone_redemptions_are_counted_on_the_brands_days(shop):
    owner = shop.scene.person()
    redeem(shop, "anna", owner, after=59)
    redeem(shop, "anna", owner, 9_900, after=60)
    wrong = redeem(shop, "anna", shop.scene.person(), 9_900, after=10)
    with shop.brand:
        shop.carts.counter.undo(wrong.uid, store="S1", manager="mona", reason="wrong ticket")
    # Half an hour before midnight in Shanghai is still the same day; half an hour after it is another.
    shop.scene.go_to("2026-03-01T23:30")
    redeem(shop, "anna", owner)
    shop.scene.go_to("2026-03-02T00:30")
    redeem(shop, "anna", owner)
    (row,) = rows(shop).values()
    assert (row["redemptions"], row["undone"], row["days"], row["customers"]) == (5, 1, 2, 2)
    assert (row["quick"], row["exact"], row["most_of_one"], row["look"]) == (2, 2, 3, "same customer")
    assert (row["per_day"], row["others_per_day"]) == (2.5, None)
    assert rows(shop, days=1)["anna"]["redemptions"] == 1
    shop.scene.go_to("2026-03-31T10:00")
    assert rows(shop)["anna"]["redemptions"] == 1  # thirty days: from 2 March on
    with pytest.raises(Invalid):
        rows(shop, days=0)
    with shop.brand as brand:
        assert [row["clerk"] for row in brand.reports.run("coupon-threshold-counter").rows] == ["anna"]
    with shop.scene.moonco as moonco:
        assert list(counter_report(moonco).rows) == []
