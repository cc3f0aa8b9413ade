"""Owners become one, part again or are erased; coupons are rewards, end unused, and give back what they promised."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from coupon_scene import CouponScene

from scrm_core.api import new_uid
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, Veto
from scrm_coupon_threshold.claims.wishes import Wish
from scrm_coupon_threshold.rules import new_code

VOUCHER = {"kind": "exchange", "sku": "TISSUE", "qty": 1}


def owners(scene: CouponScene, batch: str = "b") -> list[tuple[Any, ...]]:
    return scene.rows(
        "SELECT c.contact_id, c.nth, c.state FROM coupon_threshold_coupon c "
        "JOIN coupon_threshold_batch b ON b.id = c.batch_id WHERE b.code = ? ORDER BY c.id",
        batch,
    )


def grant(scene: CouponScene, kind: str, contact_id: int, key: str, **more: Any) -> Any:
    with scene.acme as brand:
        return brand.rewards.grant(kind, contact_id, grant_key=key, **more)


def test_two_owners_that_become_one_keep_both_coupons_and_cannot_claim_again(scene: CouponScene) -> None:
    scene.open("b")
    scene.open("c")
    ann, too = scene.person(), scene.person()
    scene.claim("b", ann, "ann")
    second = scene.claim("b", too, "too")
    scene.claim("c", too)
    with scene.acme as brand:
        merge = brand.contacts.merge(ann, too, actor="lin", reason="same phone")
    # At once, before any event is handled: the claim follows the merge and the limit holds.
    for who in (ann, too):
        with pytest.raises(Conflict) as refusal:
            scene.claim("b", who)
        assert refusal.value.code == "limit"
    assert scene.claim("b", too, "too").uid == second.uid
    scene.deliver()
    assert owners(scene) == [(ann, 1, "claimed"), (ann, 2, "claimed")] and owners(scene, "c") == [(ann, 1, "claimed")]
    with pytest.raises(Conflict):
        scene.claim("c", too)
    with scene.acme as brand:
        brand.contacts.undo_merge(merge, actor="lin")
    scene.deliver()
    assert owners(scene) == [(ann, 1, "claimed"), (too, 1, "claimed")] and owners(scene, "c") == [(too, 1, "claimed")]
    assert scene.claim("c", ann).nth == 1


_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.mark.parametrize("crowd", [False, True], ids=["alone", "with others"])
def test_a_claim_at_the_moment_of_a_merge_is_the_survivors_and_the_limit_holds(scene: CouponScene, crowd: bool) -> None:
    scene.open("b")
    ann, too, bob = scene.person(), scene.person(), scene.person()
    scene.claim("b", ann)
    merged, go = threading.Event(), threading.Event()

    def merge() -> None:
        with scene.acme as brand, brand.transaction():
            brand.contacts.merge(ann, too, actor="lin", reason="same phone")
            merged.set()
            assert go.wait(20)

    def claim() -> Any:
        with scene.acme as brand, brand.transaction():
            claims = scene.coupons().claims
            if not crowd:
                return claims.claim("b", too, key="k")
            wishes = [
                Wish("b", who, f"api:k{who}", "api", "", "", "", "", "", "", new_uid(brand.now()), new_code())
                for who in (too, bob)
            ]
            return claims._crowd(wishes)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(merge)
        assert merged.wait(20)
        second = pool.submit(claim)
        if scene.acme.handle.engine == "postgresql":
            while not scene.rows(_WAITS)[0][0]:
                threading.Event().wait(0.005)
        go.set()
        first.result(20)
        if crowd:
            refused, given = second.result(20)
            assert isinstance(refused, Conflict) and refused.code == "limit"
            assert given.contact_id == bob
        else:
            with pytest.raises(Conflict) as told:
                second.result(20)
            assert told.value.code == "limit"
    scene.deliver()
    assert owners(scene) == [(ann, 1, "claimed")] + [(bob, 1, "claimed")] * crowd
    assert scene.rows("SELECT issued FROM coupon_threshold_batch") == [(1 + crowd,)]


def test_a_voided_coupon_of_a_merged_owner_frees_one_place_and_no_second(scene: CouponScene) -> None:
    scene.open("b")
    ann, too = scene.person(), scene.person()
    first = scene.claim("b", ann)
    scene.claim("b", too)
    with scene.acme as brand:
        brand.contacts.merge(ann, too, actor="lin", reason="same phone")
    scene.deliver()
    with scene.acme:
        scene.coupons().voiding.void(first.uid, reason="one is enough")
    assert owners(scene) == [(ann, -first.id, "void"), (ann, 2, "claimed")]
    with pytest.raises(Conflict) as refusal:
        scene.claim("b", ann)
    assert refusal.value.code == "limit"


def test_a_coupon_voided_while_its_owners_were_one_stays_void_and_frees_its_place_when_they_part(
    scene: CouponScene,
) -> None:
    scene.open("b")
    ann, too = scene.person(), scene.person()
    kept = scene.claim("b", ann)
    voided = scene.claim("b", too)
    with scene.acme as brand:
        merge = brand.contacts.merge(ann, too, actor="lin", reason="same phone")
    scene.deliver()
    with scene.acme as brand:
        scene.coupons().voiding.void(voided.uid, reason="one is enough")
        brand.contacts.undo_merge(merge, actor="lin")
    scene.deliver()
    assert owners(scene) == [(ann, 1, "claimed"), (too, -voided.id, "void")]
    # Whose only coupon is void may have another; who kept theirs may not.
    assert scene.claim("b", too).nth == 1
    with pytest.raises(Conflict) as refusal:
        scene.claim("b", ann)
    assert refusal.value.code == "limit" and kept.nth == 1


def test_a_coupon_voided_before_a_merge_is_followed_does_not_keep_it_from_being_undone(scene: CouponScene) -> None:
    scene.open("b", limits={"per_person": 2})
    ann, too = scene.person(), scene.person()
    first, second = scene.claim("b", too), scene.claim("b", too)
    own = scene.claim("b", ann)
    with scene.acme as brand:
        # The second coupon moves at once, the first waits for a number of its own.
        merge = brand.contacts.merge(ann, too, actor="lin", reason="same phone")
        assert owners(scene) == [(too, 1, "claimed"), (ann, 2, "claimed"), (ann, 1, "claimed")]
        scene.coupons().voiding.void(own.uid, reason="given by mistake")
        brand.contacts.undo_merge(merge, actor="lin")
    scene.deliver()
    assert owners(scene) == [(too, 1, "claimed"), (too, 2, "claimed"), (ann, -own.id, "void")]
    assert (first.nth, second.nth) == (1, 2)
    assert [scene.claim("b", ann).nth for _ in range(2)] == [1, 2]
    with pytest.raises(Conflict) as refusal:
        scene.claim("b", too)
    assert refusal.value.code == "limit"


def test_an_erased_person_leaves_amounts_without_identity(scene: CouponScene) -> None:
    scene.open("b", budget_minor=9_000, promise=True)
    ann, bob = scene.person(), scene.person()
    first, used = scene.claim("b", ann), scene.claim("b", bob)
    with scene.acme as brand:
        told = brand.privacy.export(ann)["plugins"]["coupon-threshold"]
        assert [row["code"] for row in told["coupon_threshold_coupon.contact_id"]] == [first.code]
        execute("UPDATE coupon_threshold_coupon SET state = 'used' WHERE uid = ?", (used.uid,))
        execute(
            "INSERT INTO coupon_threshold_redemption (uid, key, coupon_id, batch_id, contact_id, source, order_number, "
            "ticket, device, actor, at, day, amount_minor, discount_minor, shipping_minor, items, shares, reason) "
            "VALUES ('r', 'k', ?, ?, ?, 'shop', 'O-1', '', '', '', 1, 1, 30000, 3000, 0, 1, '[3000]', '')",
            (used.id, used.batch_id, bob),
        )
        brand.privacy.erase(ann, actor="test")
        brand.privacy.erase(bob, actor="test")
    assert owners(scene) == [(None, -scene.rows("SELECT min(id) FROM coupon_threshold_coupon")[0][0], "void"),
                             (None, 1, "used")]  # fmt: skip
    assert scene.rows("SELECT contact_id, discount_minor FROM coupon_threshold_redemption") == [(None, 3_000)]
    assert scene.rows("SELECT budget_used_minor FROM coupon_threshold_batch") == [(3_000,)]
    with pytest.raises(NotFound):
        scene.claim("b", ann)


def test_a_reward_is_a_coupon_of_its_batch_and_is_taken_back_unused(scene: CouponScene) -> None:
    scene.open("prize", stock=5, limits={"per_person": None}, gate={"tasks": [{"task": "joined"}]})
    ann = scene.person()
    granted = grant(scene, "coupon", ann, "wheel 7", item="prize", quantity=2, reason="lucky wheel")
    assert granted.issued["batch"] == "prize" and len(set(granted.issued["codes"])) == 2
    assert grant(scene, "coupon", ann, "wheel 7", item="prize", quantity=2).issued == granted.issued
    assert scene.rows("SELECT count(*), min(source), max(gated) FROM coupon_threshold_coupon") == [(2, "reward", 0)]
    with pytest.raises(Veto) as sold:
        grant(scene, "coupon", ann, "wheel 8", item="prize", quantity=4)
    assert sold.value.code == "sold_out"
    # The four that did not fit left nothing behind.
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(3, 2)]
    with scene.acme as brand:
        brand.rewards.reverse("wheel 7", reason="order refunded")
    assert {row[2] for row in owners(scene, "prize")} == {"void"}
    granted = grant(scene, "coupon", ann, "wheel 9", item="prize")
    with scene.acme as brand:
        execute("UPDATE coupon_threshold_coupon SET state = 'used' WHERE uid = ?", (granted.issued["coupons"][0],))
        with pytest.raises(Veto) as refusal:
            brand.rewards.reverse("wheel 9", reason="order refunded")
    assert refusal.value.code == "coupon_used"


def test_a_prize_is_not_held_to_what_a_person_may_claim_and_uses_nothing_of_it_up(scene: CouponScene) -> None:
    scene.open("one", stock=5, limits={"per_person": 1})
    ann = scene.person()
    won = [grant(scene, "coupon", ann, key, item="one").issued["coupons"][0] for key in ("a", "b")]
    claimed = scene.claim("one", ann, "press")
    assert len({*won, claimed.uid}) == 3
    with pytest.raises(Conflict) as refused:
        scene.claim("one", ann, "again")
    assert refused.value.code == "limit"
    with scene.acme as brand:
        brand.rewards.reverse("a", reason="taken back")
    grant(scene, "coupon", ann, "c", item="one")
    assert scene.rows("SELECT state, count(*) FROM coupon_threshold_coupon GROUP BY state ORDER BY state") == [
        ("claimed", 3), ("void", 1),
    ]  # fmt: skip
    assert scene.rows("SELECT stock_left FROM coupon_threshold_batch WHERE code = 'one'") == [(1,)]


def test_a_product_voucher_is_bound_to_its_article_and_owner(scene: CouponScene) -> None:
    scene.open("tissue", title="纸巾券", rule=VOUCHER)
    scene.open("any", title="商品券", rule={"kind": "exchange"}, limits={"per_person": None})
    scene.open("promo", scope={"automatic": True}, validity={"kind": "absolute", "from": "2025-12-01", "to": "2030-01-01"})
    ann = scene.person()
    by_sku = grant(scene, "product-voucher", ann, "a", item="TISSUE")
    assert (by_sku.issued["batch"], by_sku.issued["sku"]) == ("tissue", "TISSUE")
    other = grant(scene, "product-voucher", ann, "b", item="TOWEL")
    assert (other.issued["batch"], other.issued["sku"]) == ("any", "TOWEL")
    by_batch = grant(scene, "product-voucher", scene.person(), "c", item="tissue")
    assert by_batch.issued["sku"] == "TISSUE"
    assert scene.rows("SELECT contact_id, sku FROM coupon_threshold_coupon WHERE contact_id = ? ORDER BY id", ann) == [
        (ann, "TISSUE"), (ann, "TOWEL"),
    ]  # fmt: skip
    with scene.acme as brand:
        for kind, item in (("coupon", "nothing"), ("coupon", ""), ("product-voucher", "any"), ("coupon", "promo")):
            with pytest.raises(Invalid) as refusal:
                brand.rewards.check(kind, item)
            assert refusal.value.field == "item"
        brand.rewards.check("coupon", "tissue")
        scene.coupons().batches.close("any")
        with pytest.raises(Invalid):
            brand.rewards.check("product-voucher", "TOWEL")
        with pytest.raises(Veto):
            brand.rewards.grant("product-voucher", ann, grant_key="d", item="TOWEL")


def test_what_ends_unused_gives_its_promise_back(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    scene.open("b", budget_minor=6_000, promise=True, limits={"per_person": 1})
    ann, bob = scene.person(), scene.person()
    first = scene.claim("b", ann)
    scene.claim("b", bob)
    with pytest.raises(Conflict) as full:
        scene.claim("b", scene.person())
    assert full.value.code == "budget"
    with scene.acme:
        voiding = scene.coupons().voiding
        assert voiding.void(first.uid, reason="given by mistake", actor="lin").state == "void"
        assert voiding.void(first.uid, reason="again").reason == "given by mistake"
        assert voiding.expire() == 0
    # Whose coupon was voided may claim again; the place in the budget is free again.
    again = scene.claim("b", ann)
    assert again.nth == 1 and scene.rows("SELECT budget_used_minor FROM coupon_threshold_batch") == [(6_000,)]
    scene.go_to("2026-03-07T23:59:59")
    with scene.acme:
        assert scene.coupons().voiding.expire() == 0
        scene.go_to("2026-03-08T00:00:00")
        execute("UPDATE coupon_threshold_coupon SET state = 'used' WHERE uid = ?", (again.uid,))
        assert scene.coupons().voiding.expire() == 1
        assert scene.coupons().voiding.expire() == 0
        with pytest.raises(Conflict) as refusal:
            scene.coupons().voiding.void(again.uid, reason="late")
        assert refusal.value.code == "used"
    assert [row[2] for row in owners(scene)] == ["void", "expired", "used"]
    assert scene.rows("SELECT budget_used_minor FROM coupon_threshold_batch") == [(3_000,)]
    assert scene.rows("SELECT sum(reserved_minor) FROM coupon_threshold_coupon") == [(3_000,)]
