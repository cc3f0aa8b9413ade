"""One coupon per right and person, never more than there are; a refusal says why."""

from __future__ import annotations

import pytest
from coupon_scene import CouponScene, definition

from scrm_core.errors import Conflict, NotFound


def refused(scene: CouponScene, code: str, contact_id: int, key: str = "", **more) -> str:
    with pytest.raises(Conflict) as refusal:
        scene.claim(code, contact_id, key, **more)
    return refusal.value.code


def test_claims_stop_at_stock_and_person_and_a_replay_answers_the_first_coupon(scene: CouponScene) -> None:
    scene.open("two", stock=2)
    ann, bob, cho = scene.person(), scene.person(), scene.person()
    first = scene.claim("two", ann, "ann-1")
    assert first.state == "claimed" and first.nth == 1 and first.contact_id == ann and first.batch == "two"
    assert scene.claim("two", ann, "ann-1") == first
    assert refused(scene, "two", ann, "ann-2") == "limit"
    scene.claim("two", bob, "bob-1")
    assert refused(scene, "two", cho) == "sold_out"
    # The replay is answered although the batch is sold out and closed by now.
    with scene.acme:
        scene.coupons().batches.close("two")
    assert scene.claim("two", ann, "ann-1") == first
    assert refused(scene, "two", cho) == "closed"
    assert scene.rows("SELECT stock_total, stock_left, issued FROM coupon_threshold_batch") == [(2, 0, 2)]
    assert scene.rows("SELECT contact_id, nth FROM coupon_threshold_coupon ORDER BY id") == [(ann, 1), (bob, 1)]
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon", brand=scene.moonco) == [(0,)]
    assert refused(scene, "two", bob, "ann-1") == "grant_key_used"


def test_daily_release_personal_day_and_lifetime_limits_follow_the_brands_day(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T23:30:00")
    scene.open("daily", stock=10, limits={"per_person": 3, "per_person_day": 1, "per_day": 2})
    ann, bob, cho = scene.person(), scene.person(), scene.person()
    assert scene.claim("daily", ann).nth == 1
    assert refused(scene, "daily", ann) == "day_limit"
    scene.claim("daily", bob)
    assert refused(scene, "daily", cho) == "day_sold_out"
    # Half an hour later it is the next day in Shanghai, though still the same in UTC.
    scene.go_to("2026-03-02T00:00:00")
    assert scene.claim("daily", ann).nth == 2
    scene.claim("daily", cho)
    assert refused(scene, "daily", bob) == "day_sold_out"
    scene.go_to("2026-03-03T00:00:00")
    assert scene.claim("daily", ann).nth == 3
    scene.go_to("2026-03-04T00:00:00")
    assert refused(scene, "daily", ann) == "limit"
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(5, 5)]
    assert sorted(row[0] for row in scene.rows("SELECT issued FROM coupon_threshold_day")) == [1, 2, 2]


def test_one_device_and_one_network_get_their_share_and_no_more(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    scene.open("d", stock=9, limits={"per_device": 2, "per_network_day": 3, "per_day": 9})
    people = [scene.person() for _ in range(6)]
    scene.claim("d", people[0], device="phone", network="home")
    scene.claim("d", people[1], device="phone", network="home")
    assert refused(scene, "d", people[2], device="phone", network="home") == "device_limit"
    scene.claim("d", people[2], device="tablet", network="home")
    assert refused(scene, "d", people[3], device="other", network="home") == "network_limit"
    # What a refusal took of other counters is back, and claims from nowhere are not limited by them.
    marks = dict(scene.rows("SELECT subject, issued FROM coupon_threshold_mark WHERE issued > 0"))
    assert marks == {"device:phone": 2, "device:tablet": 1, "network:home": 3}
    assert scene.rows("SELECT issued FROM coupon_threshold_day") == [(3,)]
    scene.claim("d", people[3])
    scene.go_to("2026-03-02T12:00:00")
    scene.claim("d", people[4], device="other", network="home")
    assert refused(scene, "d", people[5], device="phone", network="elsewhere") == "device_limit"
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(4, 5)]
    with scene.acme:
        scene.coupons().batches.close("d")
        scene.coupons().voiding.expire()
    assert scene.rows("SELECT count(*) FROM coupon_threshold_mark") == [(0,)]


def test_a_budget_that_claims_promise_is_never_promised_twice(scene: CouponScene) -> None:
    scene.open("money", budget_minor=10_000, promise=True)
    for _ in range(3):
        assert scene.claim("money", scene.person()).reserved_minor == 3_000
    assert refused(scene, "money", scene.person()) == "budget"
    assert scene.rows("SELECT budget_used_minor, issued FROM coupon_threshold_batch") == [(9_000, 3)]
    assert scene.rows("SELECT sum(reserved_minor) FROM coupon_threshold_coupon") == [(9_000,)]


def test_zero_means_none_and_null_means_no_limit(scene: CouponScene) -> None:
    ann = scene.person()
    scene.open("none", stock=0)
    scene.open("nobody", limits={"per_person": 0})
    scene.open("never", limits={"per_day": 0})
    scene.open("many", limits={"per_person": None})
    assert refused(scene, "none", ann) == "sold_out"
    assert refused(scene, "nobody", ann) == "limit"
    assert refused(scene, "never", ann) == "day_sold_out"
    assert [scene.claim("many", ann).nth for _ in range(4)] == [1, 2, 3, 4]
    assert scene.rows("SELECT code, issued FROM coupon_threshold_batch WHERE issued > 0") == [("many", 4)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_an_open_batch_in_its_time_gives_coupons_to_people_who_are_there(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    ann = scene.person()
    with scene.acme:
        scene.coupons().batches.create(
            definition(
                "later",
                validity={"kind": "rolling", "days": 3},
                claim_from="2026-03-02",
                claim_to="2026-03-03",
            )
        )
    assert refused(scene, "later", ann) == "not_open"
    with scene.acme:
        scene.coupons().batches.open("later")
    assert refused(scene, "later", ann) == "not_open"
    scene.go_to("2026-03-02T00:00:00")
    coupon = scene.claim("later", ann)
    assert coupon.valid_to == scene.at("2026-03-05T00:00:00")
    with scene.acme:
        scene.coupons().batches.pause("later")
    assert refused(scene, "later", ann) == "not_open"
    with scene.acme:
        scene.coupons().batches.open("later")
    with pytest.raises(NotFound):
        scene.claim("later", 999_999)
    with pytest.raises(NotFound):
        scene.claim("nothing", ann)
    bob = scene.person()
    with scene.acme:
        scene.acme.privacy.erase(bob, actor="test")
    with pytest.raises(NotFound):
        scene.claim("later", bob)
    scene.go_to("2026-03-03T00:00:00")
    assert refused(scene, "later", scene.person()) == "closed"


def test_a_promotion_that_applies_by_itself_has_no_coupons_to_claim(scene: CouponScene) -> None:
    scene.open("auto", scope={"automatic": True}, validity={"kind": "absolute"})
    scene.open("plain", scope={"skus": ['"automatic":true']})
    ann = scene.person()
    for source in ("page", "api", "staff", "reward"):
        assert refused(scene, "auto", ann, source=source) == "closed"
    assert scene.claim("plain", ann).state == "claimed"
    assert scene.rows("SELECT code, issued FROM coupon_threshold_batch ORDER BY id") == [("auto", 0), ("plain", 1)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_claim_costs_the_database_three_statements(scene: CouponScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.open("fast", stock=5)
    ann = scene.person()
    seen: list[str] = []
    database = scene.acme.handle.database
    original = type(database).execute_sql

    def counting(self, sql, params=None, *args, **kwargs):
        seen.append(sql)
        return original(self, sql, params, *args, **kwargs)

    monkeypatch.setattr(type(database), "execute_sql", counting)
    with scene.acme:
        scene.coupons().claims.claim("fast", ann, key="k")
    verbs = [sql.split()[0] for sql in seen]
    assert verbs.count("UPDATE") == 1 and verbs.count("INSERT") == 2 and "SELECT" not in verbs
