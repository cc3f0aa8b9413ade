"""Figures by hand: a cohort of ten coupons, its refund and its open rest; gated against ungated."""

from __future__ import annotations

import pytest
from coupon_scene import CouponScene

from scrm_core.api import MetricsQuery
from scrm_core.db.bulk import execute, insert_model_rows
from scrm_core.errors import Invalid, NotFound
from scrm_core.models import Contact
from scrm_coupon_threshold.models import Coupon
from scrm_coupon_threshold.report import comparison_view, coupon_metrics, coupon_report, expiring, gate_comparison

GATE = {"tasks": [{"task": "joined"}]}


def redeem(scene: CouponScene, uid: str, amount: int, discount: int, items: int, *, reverses: str | None = None) -> None:
    """What a cart's redemption leaves in the tables; with ``reverses`` the linked entry that takes one back."""
    sign = -1 if reverses else 1
    with scene.acme as brand:
        coupon_id, batch_id, contact_id = execute(
            "SELECT id, batch_id, contact_id FROM coupon_threshold_coupon WHERE uid = ?", (uid,)
        ).fetchone()
        origin = None
        if reverses:
            (origin,) = execute("SELECT id FROM coupon_threshold_redemption WHERE uid = ?", (reverses,)).fetchone()
        else:
            execute("UPDATE coupon_threshold_coupon SET state = 'used' WHERE id = ?", (coupon_id,))
        name = f"{'back ' if reverses else ''}{uid}"
        execute(
            "INSERT INTO coupon_threshold_redemption (uid, key, coupon_id, batch_id, contact_id, source, order_number, "
            "ticket, device, actor, at, day, amount_minor, discount_minor, shipping_minor, items, shares, reason, "
            "reverses_id) VALUES (?, ?, ?, ?, ?, 'shop', ?, '', '', '', ?, ?, ?, ?, 0, ?, '[]', '', CAST(? AS BIGINT))",
            (name, name, coupon_id, batch_id, contact_id, name, brand.now(), brand.day(brand.now()), sign * amount,
             sign * discount, sign * items, origin),
        )  # fmt: skip


def give_back(scene: CouponScene, uid: str) -> str:
    """The new coupon that a refund makes of a used one."""
    with scene.acme:
        row = Coupon.get(Coupon.uid == uid)
        values = {name: getattr(row, name) for name in ("nth", "valid_from", "valid_to", "claimed_at", "day", "source")}
        insert_model_rows(
            Coupon,
            [{
                **values, "nth": -row.id, "uid": f"again {uid}", "code": f"B{row.code}", "batch": row.batch_id,
                "contact": row.contact_id, "state": "claimed", "grant_key": f"return:{uid}", "returns": row.id,
            }],
        )  # fmt: skip
    return f"again {uid}"


def row_of(scene: CouponScene, batch: str) -> dict:
    with scene.acme as brand:
        (row,) = coupon_report(brand, batch=batch).rows
    return dict(row)


def test_a_cohort_by_hand(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T10:00:00")
    scene.open("b", limits={"per_person": 2})
    empty = row_of(scene, "b")
    for name in ("claim_rate", "rate", "person_rate", "open_rate", "discount_rate", "items_per_order"):
        assert empty[name] is None
    # Eight people claim ten coupons, two of them two; one coupon is voided.
    people = [scene.person() for _ in range(9)]
    coupons = [scene.claim("b", person) for person in people]
    coupons += [scene.claim("b", person) for person in people[:2]]
    with scene.acme:
        scene.coupons().voiding.void(coupons[8].uid, reason="mistake")
    # Four orders use one: 400.00, 300.00, 350.00, 500.00 with 3, 2, 2, 4 items, 30.00 off each.
    for coupon, amount, items in zip(coupons[:4], (40_000, 30_000, 35_000, 50_000), (3, 2, 2, 4), strict=True):
        redeem(scene, coupon.uid, amount, 3_000, items)
    row = row_of(scene, "b")
    assert (row["claimed"], row["persons"], row["used"], row["returned"]) == (10, 8, 4, 0)
    # Nothing has ended yet, so there is no redemption rate, only what it is so far.
    assert (row["ended"], row["rate"], row["open"], row["open_used"], row["open_rate"]) == (0, None, 10, 4, 0.4)
    # The order of 350.00 is refunded: its coupon comes back, counts as returned and the rate falls.
    redeem(scene, coupons[2].uid, 35_000, 3_000, 2, reverses=coupons[2].uid)
    returned = give_back(scene, coupons[2].uid)
    row = row_of(scene, "b")
    assert (row["claimed"], row["used"], row["returned"], row["open_used"]) == (10, 3, 1, 3)
    # 30.00 of 400.00 + 300.00 + 500.00 three times: 90 / 1200; (3 + 2 + 4) / 3 items.
    assert (row["goods_minor"], row["discount_minor"], row["discount_rate"]) == (120_000, 9_000, 0.075)
    assert row["items_per_order"] == 3.0
    # Used again, it is one used right of the day it was first claimed.
    redeem(scene, returned, 31_000, 3_000, 1)
    assert row_of(scene, "b")["used"] == 4
    # When the validity is over: 4 of 10 coupons, 4 of 8 people.
    scene.go_to("2026-03-08T00:00:00")
    with scene.acme:
        assert scene.coupons().voiding.expire() == 6
    row = row_of(scene, "b")
    assert (row["ended"], row["ended_used"], row["rate"], row["person_rate"]) == (10, 4, 0.4, 0.5)
    assert (row["open"], row["open_rate"], row["expired"]) == (0, None, 6)
    # By the day of the claim; another day has no claims and still no rate.
    with scene.acme as brand:
        day = brand.day(scene.at("2026-03-01T10:00:00"))
        assert coupon_report(brand, days=(day, day)).rows[0]["claimed"] == 10
        assert coupon_report(brand, days=(day + 1, day + 1)).rows[0]["rate"] is None
        found = {(v.metric, v.dimension): v.value for v in coupon_metrics(MetricsQuery(day, day))}
        assert found == {("claimed", "b"): 10, ("expired", "b"): 6, ("redeemed", "b"): 4, ("discount", "b"): 12_000}
        with pytest.raises(NotFound):
            coupon_report(brand, batch="nothing")
    with scene.moonco as brand:
        assert list(coupon_report(brand).rows) == []


def test_coupons_that_end_soon_are_counted_by_their_last_day_in_the_brands_zone(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T10:00:00")
    scene.open("whole")
    scene.open("hours", validity={"kind": "rolling", "days": 1})
    for _ in range(2):
        scene.claim("whole", scene.person())
    scene.claim("hours", scene.person())
    with scene.acme as brand:
        rows = [(row["day"], row["batch"], row["coupons"]) for row in expiring(brand, 7)]
        assert rows == [("2026-03-02", "hours", 1), ("2026-03-07", "whole", 2)]
        assert [row["batch"] for row in expiring(brand, 2)] == ["hours"]
        with pytest.raises(Invalid):
            expiring(brand, 0)
    with scene.moonco as brand:
        assert expiring(brand, 7) == []


def test_claim_rate_is_people_who_claimed_of_people_who_saw_the_link(scene: CouponScene) -> None:
    scene.open("b")
    with scene.acme as brand:
        brand.channels.create("moments", "朋友圈")
        link = brand.links.create("moments", "https://shop.example/c", owner="coupon-threshold", campaign="b")
        rows = [("v1", 0), ("v1", 0), ("v2", 0), ("v3", 0), ("v4", 0), ("bot", 1)]
        for visitor, bot in rows:
            execute(
                "INSERT INTO visit (link_id, at, visitor, bot) VALUES (?, ?, ?, ?)",
                (link.id, brand.now(), visitor, bot),
            )
    scene.claim("b", scene.person())
    row = row_of(scene, "b")
    assert (row["exposed"], row["claim_rate"]) == (4, 0.25)
    for _ in range(4):
        scene.claim("b", scene.person())
    # Five claimed and four were seen: some came another way, so there is no rate.
    assert row_of(scene, "b")["claim_rate"] is None


def cohort(scene: CouponScene, batch: str, gated: int, count: int, used: int) -> None:
    """Claims whose validity is over, written as they are stored; the first ``used`` of them stay redeemed."""
    now = scene.clock.now()
    with scene.acme as brand:
        (batch_id,) = execute("SELECT id FROM coupon_threshold_batch WHERE code = ?", (batch,)).fetchone()
        people = [{"uid": f"{batch} {n}", "created_at": now, "updated_at": now} for n in range(count)]
        insert_model_rows(Contact, people)
        ids = [row[0] for row in execute("SELECT id FROM contact WHERE uid LIKE ? ORDER BY id", (f"{batch} %",))]
        insert_model_rows(
            Coupon,
            [
                {
                    "uid": f"{batch} {n}", "code": f"{batch} {n}", "grant_key": f"{batch} {n}", "batch": batch_id,
                    "contact": ids[n], "nth": 1, "state": "used" if n < used else "expired", "gated": gated,
                    "valid_from": now - 20, "valid_to": now - 10, "claimed_at": now - 20, "source": "page",
                    "day": brand.day(now),
                }
                for n in range(count)
            ],
        )  # fmt: skip
        execute(
            "INSERT INTO coupon_threshold_redemption (uid, key, coupon_id, batch_id, contact_id, source, order_number, "
            "ticket, device, actor, at, day, amount_minor, discount_minor, shipping_minor, items, shares, reason) "
            "SELECT uid, uid, id, batch_id, contact_id, 'shop', uid, '', '', '', claimed_at, day, 30000, 3000, 0, 1, "
            "'[]', '' FROM coupon_threshold_coupon WHERE batch_id = ? AND state = 'used'",
            (batch_id,),
        )


def test_gated_coupons_are_compared_with_ungated_ones_once_their_validity_is_over(scene: CouponScene) -> None:
    scene.open("free")
    scene.open("task", gate=GATE)
    cohort(scene, "free", 0, 2_000, 120)
    cohort(scene, "task", 1, 2_000, 156)
    scene.claim("free", scene.person())  # still open: counts on neither side
    with scene.acme as brand:
        view = comparison_view(gate_comparison(brand, 1_000))
        early = comparison_view(gate_comparison(brand, 2_001))
        alone = comparison_view(gate_comparison(brand, 1_000, batches=("free",)))
    ungated, gated = view["arms"]
    # The worked row of two proportions: 120/2000 against 156/2000, z 2.2458, P 0.0247, 0.23 % to 3.37 %.
    assert (ungated["persons"], ungated["persons_used"], ungated["rate"]) == (2_000, 120, 0.06)
    assert (gated["persons"], gated["persons_used"], gated["rate"]) == (2_000, 156, 0.078)
    assert gated["difference"] == pytest.approx(0.018)
    assert gated["p_value"] == pytest.approx(0.0247, abs=5e-5)
    assert gated["difference_interval"] == pytest.approx([0.0023, 0.0337], abs=5e-5)
    assert (view["verdict"], view["winner"]) == ("winner", "gated")
    assert (early["verdict"], early["winner"]) == ("too few persons", None)
    # One side without anybody: no division, no verdict.
    assert (alone["arms"][1]["rate"], alone["arms"][1]["p_value"], alone["winner"]) == (None, None, None)
