"""A batch is checked to the last field, frozen with its first coupon, and valid as its kind of validity says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from coupon_scene import OFF_30, CouponScene, definition

from scrm_core.clock import from_instant, local_instant
from scrm_core.errors import Conflict, Invalid
from scrm_coupon_threshold.batches.definition import read_definition
from scrm_coupon_threshold.batches.validity import Validity

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


def span(validity: Validity, claimed: str, zone: ZoneInfo = SHANGHAI) -> tuple[str, str | None]:
    """First and last wall-clock second of a coupon claimed then; the end is exclusive, so a second is taken off."""
    since, until = validity.span(local_instant(datetime.fromisoformat(claimed), zone), zone)
    last = None if until is None else from_instant(until - 1_000, zone).strftime("%Y-%m-%d %H:%M:%S")
    return from_instant(since, zone).strftime("%Y-%m-%d %H:%M:%S"), last


# The worked table of the three meanings of "7 days", claimed on 2024-01-31 at 23:30.
@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("rolling", "2024-01-31 23:30:00", "2024-02-07 23:29:59"),
        ("natural", "2024-01-31 23:30:00", "2024-02-06 23:59:59"),
        ("next-day", "2024-02-01 00:00:00", "2024-02-07 23:59:59"),
    ],
)
def test_seven_days_have_three_meanings(kind: str, first: str, last: str) -> None:
    assert span(Validity(kind, days=7), "2024-01-31T23:30:00") == (first, last)


def test_calendar_days_are_whole_where_clocks_change_and_rolling_days_have_24_hours() -> None:
    # 2026-03-08 has 23 hours in New York, 2026-11-01 has 25.
    assert span(Validity("natural", days=2), "2026-03-07T22:00:00", NEW_YORK)[1] == "2026-03-08 23:59:59"
    assert span(Validity("rolling", days=1), "2026-03-07T22:00:00", NEW_YORK)[1] == "2026-03-08 22:59:59"
    assert span(Validity("next-day", days=1), "2026-10-31T12:00:00", NEW_YORK) == (
        "2026-11-01 00:00:00",
        "2026-11-01 23:59:59",
    )
    assert span(Validity("rolling", days=1), "2026-10-31T12:00:00", NEW_YORK)[1] == "2026-11-01 10:59:59"
    # Leap day.
    assert span(Validity("natural", days=1), "2024-02-29T00:00:00") == ("2024-02-29 00:00:00", "2024-02-29 23:59:59")


def test_fixed_dates_are_the_same_for_every_coupon() -> None:
    until = local_instant(datetime(2026, 6, 19), SHANGHAI)
    since = local_instant(datetime(2026, 6, 1), SHANGHAI)
    assert span(Validity("absolute", since, until), "2026-05-20T08:00:00") == (
        "2026-06-01 00:00:00",
        "2026-06-18 23:59:59",
    )
    assert span(Validity("absolute"), "2026-05-20T08:00:00") == ("2026-05-20 08:00:00", None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "two words"}, "code"),
        ({"title": ""}, "title"),
        ({"stock": -1}, "stock"),
        ({"stock": 1.5}, "stock"),
        ({"stock": True}, "stock"),
        ({"limits": {"per_person": -1}}, "limits.per_person"),
        ({"limits": {"per_week": 1}}, "limits.per_week"),
        ({"budget_minor": -5}, "budget_minor"),
        ({"rule": {"kind": "percent", "rate_bp": 10_001}}, "rule.rate_bp"),
        ({"rule": {"kind": "magic"}}, "rule.kind"),
        ({"rule": {"kind": "ladder", "steps": [
            {"min_minor": 50_000, "off_minor": 6_000}, {"min_minor": 30_000, "off_minor": 3_000}]}},
         "rule.steps.1.min_minor"),
        ({"scope": {"colour": ["red"]}}, "scope.colour"),
        ({"stacking": {"step": "moon"}}, "stacking.step"),
        ({"validity": {"kind": "absolute", "from": "2026-02-01", "to": "2026-01-01"}}, "validity.to"),
        ({"validity": {"kind": "absolute", "from": "2026-02-01", "to": "2026-02-01"}}, "validity.to"),
        ({"validity": {"kind": "absolute", "to": "soon"}}, "validity.to"),
        ({"validity": {"kind": "natural"}}, "validity.days"),
        ({"validity": {"kind": "rolling", "days": 0}}, "validity.days"),
        ({"validity": {"kind": "rolling", "days": 7, "to": "2026-01-01"}}, "validity.to"),
        ({"validity": {"kind": "absolute", "days": 7}}, "validity.days"),
        ({"claim_from": "2026-02-01", "claim_to": "2026-01-01"}, "claim_to"),
        ({"validity": {"kind": "absolute", "to": "2026-01-01"}, "claim_from": "2026-01-01"}, "claim_from"),
        ({"codes": "pool", "stock": 5}, "stock"),
        ({"promise": True}, "promise"),
        ({"promise_minor": 5}, "promise_minor"),
        ({"promise": True, "budget_minor": 1_000, "promise_minor": 2_999}, "promise_minor"),
        ({"promise": True, "budget_minor": 1_000, "rule": {"kind": "percent", "rate_bp": 1_000}}, "promise_minor"),
        ({"returns": {"policy": "extend"}}, "returns.extend_days"),
        ({"returns": {"policy": "live", "extend_days": 3}}, "returns.extend_days"),
        ({"gate": {"tasks": []}}, "gate.tasks"),
        ({"gate": {"tasks": [{"task": "danced"}]}}, "gate.tasks.0.task"),
        ({"gate": {"tasks": [{"task": "joined", "times": 2}]}}, "gate.tasks.0.times"),
        ({"gate": {"tasks": [{"task": "tag", "group": "vip"}]}}, "gate.tasks.0.tag"),
        ({"gate": {"tasks": [{"task": "joined"}], "window": "days"}}, "gate.days"),
        ({"price": 5}, "price"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_field(changes: dict, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_definition({**definition("x"), **changes}, SHANGHAI)
    assert refusal.value.field == field
    assert str(refusal.value)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_batch_may_change_until_its_first_coupon_and_then_only_gain(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    dated = definition("b", stock=5, validity={"kind": "absolute", "from": "2026-03-01", "to": "2026-03-31"})
    with scene.acme:
        batches = scene.coupons().batches
        made = batches.create(dated)
        assert batches.create(dated) == made and made.state == "draft"
        with pytest.raises(Conflict) as taken:
            batches.create({**dated, "stock": 6})
        assert taken.value.code == "batch_exists"
        # Draft and unclaimed: everything may change.
        changed = batches.update("b", {"rule": {"kind": "cash", "off_minor": 100}, "stock": 7})
        assert (changed.rule, changed.stock_left, changed.title) == ({"kind": "cash", "off_minor": 100}, 7, "满300减30")
        batches.update("b", {"rule": OFF_30, "stock": 5})
        batches.open("b")
    coupon = scene.claim("b", scene.person())
    assert coupon.valid_to == scene.at("2026-03-31T00:00:00")
    with scene.acme:
        for frozen in (
            {"rule": {"kind": "cash", "off_minor": 100}}, {"stock": 50}, {"limits": {"per_person": 9}}, {"gate": None,
            "budget_minor": 5}, {"validity": {"kind": "absolute", "from": "2026-03-01", "to": "2026-03-30"}},
            {"validity": {"kind": "rolling", "days": 300}},
        ):  # fmt: skip
            with pytest.raises(Conflict) as refusal:
                batches.update("b", frozen)
            assert refusal.value.code == "frozen"
        assert batches.update("b", {"title": "三月满减"}).title == "三月满减"
        # A longer validity reaches the coupons that are out.
        longer = batches.update("b", {"validity": {"kind": "absolute", "from": "2026-03-01", "to": "2026-04-15"}})
        assert longer.valid_to == scene.at("2026-04-15T00:00:00")
        assert scene.coupons().claims.get(coupon.uid).valid_to == scene.at("2026-04-15T00:00:00")
        raised = batches.raise_stock("b", 8)
        assert (raised.stock_total, raised.stock_left) == (8, 7)
        assert batches.raise_stock("b", 8) == raised
        with pytest.raises(Invalid) as less:
            batches.raise_stock("b", 7)
        assert less.value.field == "total"
        assert batches.pause("b").state == "paused" and batches.open("b").state == "open"
        assert batches.close("b").state == "closed" and batches.close("b").state == "closed"
        with pytest.raises(Conflict) as closed:
            batches.open("b")
        assert closed.value.code == "is_closed"
        # The title may still change; a pool or stock may not.
        with pytest.raises(Conflict):
            batches.raise_stock("b", 9)
    with scene.moonco:
        assert scene.coupons(scene.moonco).batches.page() == []


_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_two_people_who_change_different_members_at_once_both_have_their_change(scene: CouponScene) -> None:
    scene.open("b")
    written, go, asked = threading.Event(), threading.Event(), threading.Event()

    def rename() -> None:
        with scene.acme as brand, brand.transaction():
            scene.coupons().batches.update("b", {"title": "三月满减"})
            written.set()
            assert go.wait(20)

    def slow_down() -> None:
        with scene.acme:
            asked.set()
            scene.coupons().batches.update("b", {"brakes": {"per_minute": 5}})

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(rename)
        assert written.wait(20)
        second = pool.submit(slow_down)
        assert asked.wait(20)
        if scene.acme.handle.engine == "postgresql":
            while not scene.rows(_WAITS)[0][0]:
                threading.Event().wait(0.005)
        go.set()
        first.result(20)
        second.result(20)
    with scene.acme:
        batch = scene.coupons().batches.get("b")
    assert (batch.title, batch.per_minute) == ("三月满减", 5)
