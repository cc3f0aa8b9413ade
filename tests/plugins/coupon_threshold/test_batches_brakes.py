"""Brakes of a batch: so many claims a minute, and a breaker for a budget that is used much faster than planned."""

from __future__ import annotations

import pytest
from coupon_scene import CouponScene, definition
from pages_scene import ROOT, claim, customer

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_core.web import create_app

PLAN = {"budget_minor": 100_000, "promise": True, "claim_from": "2026-03-01", "claim_to": "2026-03-11"}
"""Ten days, 10,000 minor units each; a coupon promises 3,000."""


def refused(scene: CouponScene, code: str, **more) -> str:
    with pytest.raises(Conflict) as refusal:
        scene.claim(code, scene.person(), **more)
    return refusal.value.code


def paused(scene: CouponScene, code: str) -> tuple[str, str]:
    with scene.acme:
        batch = scene.coupons().batches.get(code)
    return batch.state, batch.pause_reason


def test_so_many_claims_a_minute_and_no_more(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:59")
    scene.open("rush", stock=9, limits={"per_person": 1, "per_day": 9}, brakes={"per_minute": 2})
    ann = scene.person()
    first = scene.claim("rush", ann, "ann")
    scene.claim("rush", scene.person())
    assert refused(scene, "rush") == "slow_down"
    # Who has one is answered it, and gifts of staff and rewards are nobody's rush.
    assert scene.claim("rush", ann, "ann") == first
    scene.claim("rush", scene.person(), source="staff")
    scene.go_to("2026-03-01T12:01:00")
    scene.claim("rush", scene.person())
    # Refusals took nothing of the minute, the day and the stock.
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(5, 4)]
    assert scene.rows("SELECT issued FROM coupon_threshold_day") == [(4,)]
    assert sorted(scene.rows("SELECT issued FROM coupon_threshold_mark")) == [(1,), (2,)]
    with scene.acme:
        scene.coupons().voiding.expire()
    assert scene.rows("SELECT issued FROM coupon_threshold_mark") == [(1,)]


def test_a_budget_used_three_times_too_fast_pauses_its_batch_with_the_reason(scene: CouponScene) -> None:
    scene.open("fast", **PLAN, brakes={"speed_bp": 30_000, "from_minor": 9_000})
    scene.go_to("2026-03-01T00:00:01")
    for _ in range(3):
        scene.claim("fast", scene.person())
    assert paused(scene, "fast") == ("open", "")  # 9,000 are used, not more
    # Half a day: 5,000 by plan, three times that are 15,000.
    scene.go_to("2026-03-01T12:00:00")
    for _ in range(2):
        scene.claim("fast", scene.person())
    assert paused(scene, "fast")[0] == "open"
    scene.claim("fast", scene.person())
    reason = "budget used too fast: more than 15000 by 2026-03-01T12:00:00+08:00"
    assert paused(scene, "fast") == ("paused", reason)
    ((told,),) = scene.rows("SELECT CAST(data AS TEXT) FROM event ORDER BY id DESC LIMIT 1")
    assert all(word in told for word in ("paused", "18000", "15000"))
    assert refused(scene, "fast") == "not_open"
    # A person looked, and lets it go on: at five times the plan this is no haste.
    with scene.acme:
        batches = scene.coupons().batches
        batches.update("fast", {"brakes": {"speed_bp": 50_000}})
        assert batches.open("fast").pause_reason == ""
    scene.claim("fast", scene.person())
    assert paused(scene, "fast") == ("open", "")
    with scene.acme:
        scene.coupons().batches.update("fast", {"brakes": {}})
    for _ in range(20):
        scene.claim("fast", scene.person())
    assert paused(scene, "fast") == ("open", "")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_budget_that_carts_use_is_watched_by_a_job(scene: CouponScene) -> None:
    plan = {**PLAN, "promise": False}
    scene.open("carts", **plan, brakes={"speed_bp": 20_000})
    scene.open("calm", **plan)
    # One day of ten, at twice the plan: 20,000.
    scene.go_to("2026-03-02T00:00:00")
    for used, state in ((20_000, "open"), (20_001, "paused")):
        with scene.acme as brand:
            execute("UPDATE coupon_threshold_batch SET budget_used_minor = ?", (used,))
            brand.plugins["coupon-threshold"].watch_budgets()
        assert paused(scene, "carts")[0] == state
    assert paused(scene, "calm") == ("open", "")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_brakes_are_off_unless_set_and_refused_where_there_is_no_plan(scene: CouponScene) -> None:
    with scene.acme:
        batches = scene.coupons().batches
        assert batches.create(definition("plain")).speed_bp is None
        assert batches.create(definition("b", **PLAN, brakes={"speed_bp": 30_000})).speed_from_minor == 10_000
        for brakes, more, field in (
            ({"per_minute": 0}, {}, "brakes.per_minute"),
            ({"speed_bp": 9_999}, PLAN, "brakes.speed_bp"),
            ({"speed_bp": 30_000}, {**PLAN, "claim_to": None}, "brakes.speed_bp"),
            ({"speed_bp": 30_000}, {"claim_to": "2026-03-11"}, "brakes.speed_bp"),
            ({"from_minor": 5}, PLAN, "brakes.from_minor"),
            ({"per_hour": 5}, PLAN, "brakes.per_hour"),
        ):
            with pytest.raises(Invalid) as refusal:
                batches.create(definition("c", **more, brakes=brakes))
            assert refusal.value.field == field


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pages_say_that_many_claim_and_that_claims_are_paused(scene: CouponScene) -> None:
    scene.open("rush", brakes={"per_minute": 1})
    app = create_app(scene.installation)
    assert claim(customer(scene, app, scene.person()), "rush").status_code == 303
    second = customer(scene, app, scene.person())
    refusal = claim(second, "rush")
    assert refusal.status_code == 409 and "请一分钟后再试" in refusal.text
    with scene.acme:
        scene.coupons().batches.pause("rush")
    assert "暂停领取" in second.get(f"{ROOT}b/rush").text
