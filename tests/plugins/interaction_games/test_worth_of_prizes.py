"""Budget and legal cap count what a prize is worth, so its value is not below what its issuer knows."""

from __future__ import annotations

from typing import Any

import pytest
from games_scene import Scene

from scrm_core.api import Invalid
from scrm_core.services.products import ProductIn
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames
from scrm_points import Points
from scrm_red_packet import RedPacket

ALL = (
    "\n[plugins.coupon-threshold]\n[plugins.red-packet]\nmin_minor = 1\nmax_minor = 9000000\n"
    "[plugins.points]\n{points}[plugins.interaction-games]\n{games}"
)
PLUGINS = (CouponThreshold, Points, RedPacket, InteractionGames)


@pytest.fixture
def scene(new_installation):
    acme = ALL.format(points="", games="")
    moonco = ALL.format(points="redeem_minor = 1\n", games="top_prize_minor = 10000\n")
    installation = new_installation(plugins=PLUGINS, acme=acme, moonco=moonco)
    with installation.brand("acme") as brand:
        brand.products.upsert_many([ProductIn(sku="TUB", title="米粉", price_minor=9_900)])
        batches = brand.plugins["coupon-threshold"].coupons.batches
        for code, rule in (
            ("TUBS", {"kind": "exchange", "sku": "TUB"}),
            ("TEN", {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000}),
        ):
            batches.create({"code": code, "title": code, "rule": rule, "validity": {"kind": "rolling", "days": 7}})
            batches.open(code)
        brand.plugins["red-packet"].packets.budget.fund(10_000_000, key="f", reason="campaign", actor="finance")
        yield Scene(brand)


def told(scene: Scene, prize: dict[str, Any], **more: Any) -> str:
    """What making a wheel with this prize says; empty when it was made."""
    try:
        scene.campaign("wheel", [{"weight": 1, "code": "a", "title": "奖", **prize}], publish=False, **more)
    except Invalid as refused:
        assert refused.field == "prizes.0.value_minor"
        return refused.message
    return ""


CASH = {"kind": "red-packet", "quantity": 188}


@pytest.mark.parametrize(
    ("prize", "least"),
    [
        (CASH, 188),
        ({"kind": "product-voucher", "item": "TUB"}, 9_900),
        ({"kind": "product-voucher", "item": "TUBS", "quantity": 2}, 19_800),
    ],
)
def test_a_prize_of_a_draw_is_worth_no_less_than_its_issuer_says(scene: Scene, prize, least: int) -> None:
    for value in ({}, {"value_minor": least - 1}):
        assert f"{least} minor units" in told(scene, {**prize, **value})
    assert told(scene, {**prize, "value_minor": least}) == ""


def test_the_cap_of_prizes_holds_for_cash_whose_value_was_left_out_or_understated(scene: Scene) -> None:
    cash = {"kind": "red-packet", "quantity": 10_001}
    with scene.brand.installation.brand("moonco") as brand:
        for value in (0, 100, 10_000, 10_001):
            assert told(Scene(brand), {**cash, "value_minor": value})
        assert told(Scene(brand), {**cash, "quantity": 10_000, "value_minor": 10_000}) == ""
    assert told(scene, {**cash, "value_minor": 10_001}) == ""  # acme's own cap is the law's


def test_the_largest_share_of_a_prepared_packet_counts(scene: Scene) -> None:
    scene.brand.plugins["red-packet"].packets.packets.prepare("rain", 500, 1, actor="lin")
    assert "500 minor units" in told(scene, {"kind": "red-packet", "item": "rain", "value_minor": 499})
    assert told(scene, {"kind": "red-packet", "item": "rain", "value_minor": 500}) == ""


def test_a_budget_needs_the_value_of_what_nobody_else_can_value(scene: Scene) -> None:
    ten = {"kind": "coupon", "item": "TEN"}
    assert told(scene, ten) == ""
    assert "say what one win is worth" in told(scene, ten, budget_minor=1_000)
    assert told(scene, {**ten, "value_minor": 300}, budget_minor=1_000) == ""


def test_points_are_worth_what_they_pay_in_this_brands_carts(scene: Scene) -> None:
    prize = {"kind": "points", "quantity": 300}
    assert told(scene, prize, budget_minor=1_000) == ""  # acme's points pay nothing
    with scene.brand.installation.brand("moonco") as brand:
        assert "300 minor units" in told(Scene(brand), prize, budget_minor=1_000)


def test_a_games_certain_prizes_count_too_once_there_is_a_budget(scene: Scene) -> None:
    cash = {"code": "p1", "title": "红包", "weight": 0, **CASH}
    settings = {"daily": ["p1"]}
    scene.campaign("checkin", [cash], settings=settings, publish=False)
    with pytest.raises(Invalid) as refused:
        scene.campaign("checkin", [cash], settings=settings, publish=False, budget_minor=1_000)
    assert refused.value.field == "prizes.0.value_minor"


def test_a_price_that_rose_since_the_draft_is_seen_when_it_is_published(scene: Scene) -> None:
    prize = {"code": "tub", "title": "米粉", "kind": "product-voucher", "item": "TUB", "weight": 1, "value_minor": 9_900}
    code = scene.campaign("wheel", [prize], publish=False)
    scene.brand.products.upsert_many([ProductIn(sku="TUB", title="米粉", price_minor=12_900)])
    with pytest.raises(Invalid) as refused:
        scene.games.publish(code, "mia", confirm=True)
    assert "12900 minor units" in refused.value.message
