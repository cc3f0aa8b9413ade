"""Prizes whose issuer has less than the campaign counts: what it refuses is out, and costs nobody a chance.

The issuers are the real ones: a coupon batch that others claim too, money that was not put in, a packet's last share.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from games_scene import DAY_MS, Scene

from scrm_core.api import Conflict
from scrm_core.db.bulk import execute
from scrm_coupon_threshold import CouponThreshold
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.engine.verifying import verify_file
from scrm_points import Points
from scrm_red_packet import RedPacket

ALL = (
    "\n[plugins.coupon-threshold]\n[plugins.points]\n[plugins.red-packet]\nmin_minor = 1\nmax_minor = 100000\n"
    "[plugins.interaction-games]\n"
)


@pytest.fixture
def scene(new_installation):
    plugins = (CouponThreshold, Points, RedPacket, InteractionGames)
    with new_installation(plugins=plugins, acme=ALL, moonco=ALL).brand("acme") as brand:
        yield Scene(brand)


def batch(scene: Scene, code: str, stock: int, **more: Any) -> None:
    batches = scene.brand.plugins["coupon-threshold"].coupons.batches
    batches.create(
        {
            "code": code, "title": code, "rule": {"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000},
            "validity": {"kind": "rolling", "days": 7}, "stock": stock, **more,
        }
    )  # fmt: skip
    batches.open(code)


def chances(scene: Scene, code: str, who: int) -> int:
    return int(scene.games.view(code, who)["chances"])


def refusals(scene: Scene) -> dict[str, tuple[int, str]]:
    rows = scene.brand.plugins["interaction-games"].prizes_report().rows
    return {row["prize"]: (row["refused"], row["refusal"]) for row in rows if row["refused"]}


def verified(scene: Scene, code: str) -> dict[str, Any]:
    """The published file after the reveal, in which everything holds."""
    scene.games.end(code, actor="mia", reason="over")
    scene.clock.advance(days=60)
    scene.games.settle()
    told = scene.games.published_file(code)
    assert [check for check in verify_file(told) if not check[1].holds] == []
    return told


def test_a_coupon_that_others_claimed_away_is_no_win_and_the_chance_returns(scene: Scene) -> None:
    batch(scene, "TEN", 1)
    anna, ben = scene.people(2)
    prizes = [scene.prize("ten-off", kind="coupon", item="TEN", weight=1, stock=5, value_minor=1_000, per_day=5)]
    code = scene.campaign("wheel", prizes, chances={"start": 1}, budget_minor=10_000)
    assert scene.draw(code, anna).state == "granted"
    draw = scene.draw(code, ben)
    assert (draw.prize, draw.state, draw.word, draw.why) == (None, "none", "sold_out", "refused")
    assert (chances(scene, code, anna), chances(scene, code, ben)) == (0, 1)
    # The campaign holds nothing back for it: one was given, four and their money are left.
    assert (scene.stock(code, "ten-off"), scene.spent(code)) == (4, 1_000)
    assert scene.rewards(ben) == [] and scene.games.fulfilment.failed() == []
    assert refusals(scene) == {"ten-off": (1, "all coupons of this batch are gone")}
    # With more of the batch the same chance wins.
    scene.brand.plugins["coupon-threshold"].coupons.batches.raise_stock("TEN", 2)
    assert scene.draw(code, ben).state == "granted"
    told = verified(scene, code)
    # Nobody can hang the reason on a draw that does not tell whose issuer refused.
    forged = copy.deepcopy(told)
    next(each for each in forged["draws"] if each["why"] == "refused")["refused"] = None
    assert {check.name for _, check in verify_file(forged) if not check.holds} == {"decision", "stock"}


def test_what_the_issuer_refuses_gives_way_to_the_fallback_and_to_the_promises_substitute(scene: Scene) -> None:
    batch(scene, "TEN", 0)
    anna, ben = scene.people(2)
    prizes = [
        scene.prize("cash", kind="red-packet", quantity=188, value_minor=188, weight=1, fallback="ten-off", grade="big"),
        scene.prize("ten-off", kind="coupon", item="TEN", value_minor=200, stock=3, fallback="points"),
        scene.prize("points", kind="points", quantity=300, value_minor=300, stock=1, grade="big"),
        scene.none(9_999),
    ]
    code = scene.campaign(
        "wheel", prizes, chances={"start": 9},
        guarantee={"grade": "big", "draws": 1, "prize": "cash", "substitute": "points"},
    )  # fmt: skip
    draw = scene.draw(code, anna)
    assert (draw.prize.code, draw.state, draw.why) == ("points", "granted", "guarantee refused substitute")
    assert scene.rewards(anna) == [("points", "", 300)]
    assert (scene.stock(code, "ten-off"), scene.stock(code, "points")) == (3, 0)
    # Nothing that is promised is there now: what the number points to counts, and the promise stays due.
    assert scene.draw(code, ben).why == "guarantee refused sold_out picked"
    scene.brand.plugins["red-packet"].packets.budget.fund(188, key="f", reason="campaign", actor="finance")
    paid, after = scene.draw(code, ben), scene.draw(code, ben)
    assert (paid.prize.code, paid.why, after.prize) == ("cash", "guarantee", None)
    # Anna's draw, Ben's first, and his last: with a promise kept and one draw in a row the next is due again.
    assert refusals(scene)["cash"][0] == 3
    verified(scene, code)


def test_a_fallback_that_its_issuer_refuses_is_passed_over_and_the_file_tells_so(scene: Scene) -> None:
    batch(scene, "TEN", 0)
    anna = scene.person()
    prizes = [
        scene.prize("cash", kind="red-packet", quantity=188, value_minor=188, weight=1, fallback="ten-off"),
        scene.prize("ten-off", kind="coupon", item="TEN", value_minor=200, stock=3, fallback="points"),
        scene.prize("points", kind="points", quantity=300, value_minor=300),
    ]
    code = scene.campaign("wheel", prizes, chances={"start": 1})
    draw = scene.draw(code, anna)
    assert (draw.prize.code, draw.state, draw.why, draw.counted) == ("points", "granted", "refused fallback", True)
    told = verified(scene, code)
    assert told["draws"][0]["refused"] == "cash:refused ten-off:refused"
    assert refusals(scene) == {"cash": (1, ""), "ten-off": (1, "all coupons of this batch are gone")}
    for wrong in ("cash:refused", "ten-off:refused"):
        forged = copy.deepcopy(told)
        forged["draws"][0]["refused"] = wrong
        assert [check for _, check in verify_file(forged) if not check.holds]


def test_a_second_share_of_a_packet_of_which_each_has_one_is_no_win_that_never_comes(scene: Scene) -> None:
    packets = scene.brand.plugins["red-packet"].packets
    packets.budget.fund(1_000, key="f", reason="campaign", actor="finance")
    packets.packets.prepare("rain", 1_000, 2, actor="lin")
    anna, ben = scene.people(2)
    prizes = [scene.prize("rain", kind="red-packet", item="rain", weight=1, value_minor=999)]
    code = scene.campaign("wheel", prizes, chances={"start": 2})
    assert scene.draw(code, anna).state == "granted"
    draw = scene.draw(code, anna)
    # Hers alone is refused, so her chance is spent: it would return until another prize came.
    assert (draw.prize, draw.word, draw.why, chances(scene, code, anna)) == (None, "none", "refused_person", 0)
    with pytest.raises(Conflict) as refused:
        scene.award(code, anna, "rain", "a1")
    assert refused.value.code == "prize_limit"
    assert scene.draw(code, ben).state == "granted"
    told = verified(scene, code)
    assert [each["refused"] for each in told["draws"] if each["why"]] == ["rain:refused_person"]
    forged = copy.deepcopy(told)
    next(each for each in forged["draws"] if each["why"])["why"] = "refused"
    assert {check.name for _, check in verify_file(forged) if not check.holds} == {"decision", "stock"}


def test_a_certain_prize_whose_issuer_has_none_is_refused_as_sold_out_and_comes_when_there_is_more(
    scene: Scene, caplog
) -> None:
    batch(scene, "GIFT", 0)
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("gift", kind="coupon", item="GIFT", weight=1, stock=2)])
    with pytest.raises(Conflict) as refused:
        scene.award(code, anna, "gift", "a1")
    assert (refused.value.code, refused.value.extra["why"]) == ("sold_out", "refused")
    # What the issuer said is for the operator's log, not for the player.
    assert refused.value.message == "'GIFT' is gone"
    assert "no gift, its issuer says: all coupons of this batch are gone" in caplog.text
    assert scene.stock(code, "gift") == 2
    scene.brand.plugins["coupon-threshold"].coupons.batches.raise_stock("GIFT", 1)
    assert scene.award(code, anna, "gift", "a1").state == "granted"
    assert scene.stock(code, "gift") == 1


def test_a_prize_that_was_kept_for_a_person_stays_theirs_when_its_issuer_refuses(scene: Scene) -> None:
    batch(scene, "GIFT", 0)
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("gift", kind="coupon", item="GIFT", weight=1, stock=1)])
    with scene.brand.transaction():
        scene.games.turn(code, anna, "k").reserve("gift", "team", scene.brand.now() + DAY_MS)
    assert scene.award(code, anna, "gift", "team").state == "won"
    scene.brand.plugins["coupon-threshold"].coupons.batches.raise_stock("GIFT", 1)
    scene.clock.advance(seconds=60)
    assert scene.games.settle()["granted"] == 1
    assert execute("SELECT count(*) FROM interaction_games_draw WHERE state = 'granted'").fetchone()[0] == 1


def refused_for(scene: Scene, code: str) -> str:
    """What publishing a draft says that its issuers lack; empty when it was published."""
    try:
        scene.games.publish(code, "mia")
    except Conflict as refused:
        assert refused.code == "shortage" and scene.games.campaigns.get(code).state == "draft"
        return refused.message
    return ""


def test_a_campaign_whose_red_packets_nobody_has_funded_says_so_before_it_is_published(scene: Scene) -> None:
    packets = scene.brand.plugins["red-packet"].packets
    cash = [
        scene.prize("small", kind="red-packet", quantity=500, value_minor=500, weight=1, stock=9),
        scene.prize("large", kind="red-packet", quantity=2_000, value_minor=2_000, weight=1, stock=2),
    ]
    code = scene.campaign("wheel", cash, publish=False)
    assert "red packets cost ¥85.00 and their budget has ¥0.00 left" in refused_for(scene, code)
    packets.budget.fund(8_499, key="f1", reason="campaign", actor="finance")
    assert "¥85.00 and their budget has ¥84.99 left" in refused_for(scene, code)
    packets.budget.fund(1, key="f2", reason="campaign", actor="finance")
    assert refused_for(scene, code) == ""
    # A campaign's own budget is the most that it gives away; of a prize without a limit there is at least one.
    within = scene.campaign("wheel", cash, publish=False, budget_minor=8_500)
    packets.budget.fund(-1, key="f3", reason="campaign", actor="finance")
    assert "¥85.00" in refused_for(scene, within)
    endless = [scene.prize("cash", kind="red-packet", quantity=8_500, value_minor=8_500, weight=1)]
    assert "¥85.00" in refused_for(scene, scene.campaign("wheel", endless, publish=False))
    assert refused_for(scene, scene.campaign("wheel", cash, publish=False, budget_minor=8_499)) == ""
    # Confirmed, it runs: money may come later.
    assert scene.games.publish(within, "mia", confirm=True)["code"] == within


def test_a_campaign_whose_coupons_are_not_there_says_so_before_it_is_published(scene: Scene) -> None:
    batch(scene, "TEN", 5)
    batches = scene.brand.plugins["coupon-threshold"].coupons.batches
    prizes = [
        scene.prize("one", kind="coupon", item="TEN", value_minor=1_000, weight=1, stock=2),
        scene.prize("two", kind="coupon", item="TEN", value_minor=2_000, weight=1, stock=2, quantity=2),
    ]
    code = scene.campaign("wheel", prizes, publish=False)
    assert "the batch 'TEN' gives 5 of the 6 coupons that are planned" in refused_for(scene, code)
    batches.raise_stock("TEN", 6)
    batches.pause("TEN")
    assert "gives 0 of the 6 coupons that are planned (this coupon cannot be claimed now" in refused_for(scene, code)
    batches.open("TEN")
    assert refused_for(scene, code) == ""


def test_a_prepared_packet_with_too_few_shares_and_an_amount_that_no_packet_holds_are_told(scene: Scene) -> None:
    packets = scene.brand.plugins["red-packet"].packets
    packets.budget.fund(1_000_000, key="f", reason="campaign", actor="finance")
    packets.packets.prepare("rain", 1_000, 3, actor="lin")
    rain = {"kind": "red-packet", "item": "rain", "value_minor": 999}
    code = scene.campaign(
        "wheel", [scene.prize("one", weight=1, stock=2, **rain), scene.prize("two", weight=1, stock=2, **rain)],
        publish=False,
    )  # fmt: skip
    assert "red packet 'rain' has 3 shares left, 4 are planned" in refused_for(scene, code)
    assert refused_for(scene, scene.campaign("wheel", [scene.prize("one", weight=1, stock=3, **rain)], publish=False)) == ""
    wide = scene.prize("big", kind="red-packet", quantity=100_001, value_minor=100_001, weight=1, stock=1)
    assert "a packet holds 1 to 100000 minor units, not 100001" in refused_for(
        scene, scene.campaign("wheel", [wide], publish=False)
    )


def test_a_wheel_of_red_packets_without_money_costs_no_chance_and_pays_once_it_is_there(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("cash", kind="red-packet", quantity=500, value_minor=500, weight=1, stock=9)],
        chances={"start": 1},
    )  # fmt: skip
    first = scene.act(code, "play", anna)
    assert (first["won"], first["word"], chances(scene, code, anna)) == (False, "sold_out", 1)
    scene.brand.plugins["red-packet"].packets.budget.fund(500, key="f", reason="campaign", actor="finance")
    second = scene.act(code, "play", anna)
    assert (second["won"], second["state"], chances(scene, code, anna)) == (True, "granted", 0)
