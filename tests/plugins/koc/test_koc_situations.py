"""Which situation goods are in: by given numbers, and by the brand's own products and orders."""

from __future__ import annotations

import json

import pytest

YUAN = 100


@pytest.mark.parametrize(
    ("price", "interval", "typical", "situation"),
    [
        (434_000 * YUAN, 1_800, None, 1),  # a car
        (1_001 * YUAN, 366, None, 1),
        (1_001 * YUAN, 365, None, 2),  # a year sharp is still high repeat
        (1_000 * YUAN, 365, None, 3),  # 1,000 yuan sharp is not above it
        (1_000 * YUAN, 366, None, None),
        (20 * YUAN, 30, 10 * YUAN, 2),  # ice cream of 20 where 10 is usual
        (19 * YUAN, 30, 10 * YUAN, 3),
        (25 * YUAN, 400, 10 * YUAN, 1),
        (1_500 * YUAN, 30, 5_000 * YUAN, 3),  # a cheap laptop
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_given_numbers_are_classified_against_their_category(scene, price, interval, typical, situation):
    with scene.brand:
        found = scene.koc.classifier.given(price, interval, typical_minor=typical)
    assert found.situation == situation


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_each_case_says_what_it_implies_and_low_and_low_is_not_covered(scene):
    with scene.brand:
        views = {
            each: scene.koc.classifier.given(*numbers).view()
            for each, numbers in {1: (200_000, 800), 2: (200_000, 60), 3: (5_000, 30), 4: (5_000, 800)}.items()
        }
    assert "trusted" in views[1]["role"] and views[1]["window_days"] == 90
    assert "seeding 种草" in views[2]["role"] and views[2]["first_order_only"] is True
    assert "lifetime" in views[3]["role"] and views[3]["first_order_only"] is False
    assert views[4]["situation"] is None and views[4]["name"].startswith("not covered")


def test_goods_are_classified_by_their_own_price_and_their_buyers_repeat(scenes):
    settings = '\n[plugins.koc.typical_minor]\n"food/ice" = 1000\n'
    scene, other = scenes(settings)
    scene.goods("ICE", 2_500, "food/ice/cream")
    scene.goods("CAR", 43_400_000, "car")
    # Days between ann's purchases: 20 and 40, bea's: 60; the median of 20, 40, 60 is 40.
    for number, buyer, day in (
        ("1", "ann", "2026-01-01"), ("2", "ann", "2026-01-21"), ("3", "ann", "2026-03-02"),
        ("4", "bea", "2026-01-01"), ("5", "bea", "2026-03-02"), ("6", "cat", "2026-01-01"),
    ):  # fmt: skip
        scene.order(number, buyer, 2_500, f"{day}T12:00", lines=(("ICE", 2_500),))
    scene.order("7", "ann", 43_400_000, "2024-01-01T12:00", lines=(("CAR", 43_400_000),))
    scene.order("8", "ann", 43_400_000, "2026-01-05T12:00", lines=(("CAR", 43_400_000),))
    with scene.brand:
        ice = scene.koc.classifier.sku("ICE")
        assert (ice.situation, ice.interval_days, ice.gaps, ice.buyers) == (2, 40, 3, 3)
        assert ice.threshold_minor == 2_000
        assert scene.koc.classifier.category("food").interval_days == 40
        car = scene.koc.classifier.sku("CAR")
        assert (car.situation, car.interval_days) == (1, 735)
        assert any("few repeats" in why for why in car.why)
    other.goods("ICE", 2_500, "food/ice/cream")
    with other.brand:
        # Nobody has bought again there.
        assert (other.koc.classifier.sku("ICE").situation, other.koc.classifier.sku("ICE").interval_days) == (1, None)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_dear_beside_the_brands_other_goods_of_the_category_is_felt_high(scene):
    for place, price in enumerate((900, 1_000, 1_000, 1_100, 1_200, 2_000)):
        scene.goods(f"I{place}", price, "food/ice")
    scene.order("1", "ann", 2_000, "2026-01-01T12:00", lines=(("I5", 2_000), ("I0", 900)))
    scene.order("2", "ann", 2_000, "2026-01-11T12:00", lines=(("I5", 2_000), ("I0", 900)))
    with scene.brand:
        # The median of the five others is 1,000; twice that is high.
        assert scene.koc.classifier.sku("I5").situation == 2
        assert scene.koc.classifier.sku("I0").situation == 3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_both_doors_classify_and_name_what_is_wrong(scene):
    call = scene.api()
    answer = call("GET", "/classify?price_minor=2500&interval_days=30&typical_minor=1000", scope="koc:read")
    assert (answer.json["situation"], answer.json["high_price"]) == (2, True)
    assert call("GET", "/classify?price_minor=2500").json["field"] == "interval_days"
    assert call("GET", "/classify?foo=1").json["field"] == "foo"
    assert call("GET", "/classify?sku=NOTHING").status_code == 404
    assert call("GET", "/classify?price_minor=2500&interval_days=30", scope="koc:track").status_code == 403
    done = scene.run("classify", "acme", "--price-minor", "2500", "--interval-days", "800", "--json")
    assert json.loads(done.stdout)["situation"] is None
    assert "beside it" in scene.run("classify", "acme", "--price-minor", "2500").output
    assert scene.run("classify", "acme").exit_code != 0
