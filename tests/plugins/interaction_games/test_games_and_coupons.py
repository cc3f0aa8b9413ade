"""Games and coupons, the real plugins together: what is played opens gates, and a coupon that is won is its winner's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from games_scene import Scene

from scrm_core.api import Forbidden, local_instant
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames
from scrm_points import Points

ALL = "\n[plugins.coupon-threshold]\n[plugins.points]\n[plugins.interaction-games]\n"


@pytest.fixture
def scene(new_installation, deliver):
    installation = new_installation(plugins=(CouponThreshold, Points, InteractionGames), acme=ALL, moonco=ALL)
    with installation.brand("acme") as brand:
        found = Scene(brand)
        found.deliver = lambda: deliver(brand)
        yield found


def at(scene: Scene, text: str) -> None:
    scene.clock.set(local_instant(datetime.fromisoformat(text), scene.brand.zone))


def coupon(scene: Scene, code: str, *tasks: dict[str, Any], **more: Any) -> None:
    batches = scene.brand.plugins["coupon-threshold"].coupons.batches
    made = {
        "code": code, "title": code, "rule": {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000},
        "validity": {"kind": "rolling", "days": 7}, **more,
    }  # fmt: skip
    batches.create({**made, "gate": {"tasks": list(tasks)}} if tasks else made)
    batches.open(code)


def claim(scene: Scene, code: str, who: int) -> str:
    """The state of the coupon that a person gets, or the code of the refusal."""
    scene.deliver()
    try:
        claims = scene.brand.plugins["coupon-threshold"].coupons.claims
        return claims.claim(code, who, key=f"{code}-{who}", source="page").state
    except Forbidden as refused:
        return refused.code


def test_a_made_up_day_of_the_check_in_game_counts_for_a_gate_of_days(scene: Scene) -> None:
    at(scene, "2026-03-05T09:00")
    coupon(scene, "regular", {"task": "checked-in", "times": 3})
    anna, ben = scene.person(), scene.person()
    code = scene.campaign("checkin", [scene.prize("p1")], settings={"daily": ["p1"]})
    scene.act(code, "sign", ben)
    scene.act(code, "sign", anna)
    at(scene, "2026-03-07T09:00")
    scene.act(code, "sign", anna)
    scene.act(code, "sign", ben)
    assert claim(scene, "regular", anna) == claim(scene, "regular", ben) == "gate"
    scene.act(code, "make-up", ben, day="2026-03-06")
    assert (claim(scene, "regular", ben), claim(scene, "regular", anna)) == ("claimed", "gate")


def test_only_the_right_answer_of_a_quiz_opens_a_gate_of_answers(scene: Scene) -> None:
    coupon(scene, "clever", {"task": "answered", "times": 1})
    anna, ben = scene.person(), scene.person()
    quiz = {
        "code": "quiz", "kind": "answer", "title": "答题", "amount": 30, "question": "几点喝奶?",
        "choices": ["早上", "晚上"], "right": 2,
    }  # fmt: skip
    settings = {"stages": [20, 40, 60], "sources": [quiz], "prize": "tea"}
    code = scene.campaign("nurture", [scene.prize("tea")], settings=settings)
    assert scene.act(code, "collect", anna, source="quiz", choice="1")["right"] is False
    assert scene.act(code, "collect", ben, source="quiz", choice="2")["right"] is True
    assert (claim(scene, "clever", anna), claim(scene, "clever", ben)) == ("gate", "claimed")


def test_a_coupon_that_is_drawn_is_its_winners_and_playing_opens_a_gate(scene: Scene) -> None:
    coupon(scene, "WON", stock=5)
    coupon(scene, "PLAYED", {"task": "played"})
    anna, ben = scene.person(), scene.person()
    prizes = [scene.prize("ten-off", kind="coupon", item="WON", weight=1)]
    code = scene.campaign("wheel", prizes, chances={"daily": 1})
    answer = scene.act(code, "play", anna)
    assert (answer["won"], answer["state"], answer["prize"]) == (True, "granted", "ten-off")
    coupons = scene.brand.plugins["coupon-threshold"].coupons
    assert coupons.batches.get("WON").stock_left == 4
    rows = coupons.claims.of(anna)
    assert [(each.batch, each.state) for each in rows] == [("WON", "claimed")]
    assert coupons.claims.of(ben) == []
    assert (claim(scene, "PLAYED", anna), claim(scene, "PLAYED", ben)) == ("claimed", "gate")


def test_a_batch_that_is_closed_is_warned_of_and_takes_neither_the_brand_nor_a_chance(scene: Scene) -> None:
    coupon(scene, "WON", stock=5)
    code = scene.campaign("wheel", [scene.prize("ten-off", kind="coupon", item="WON", weight=1)], chances={"daily": 1})
    games = scene.brand.plugins["interaction-games"]
    assert list(games.brand_warnings()) == []
    scene.brand.plugins["coupon-threshold"].coupons.batches.close("WON")
    (warning,) = games.brand_warnings()
    assert f"campaign {code!r}, prize 'ten-off'" in warning
    assert list(games.brand_problems()) == []
    answer = scene.act(code, "play", scene.person())
    assert answer["won"] is False
