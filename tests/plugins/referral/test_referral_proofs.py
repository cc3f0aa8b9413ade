"""Whose an invitee is and what proves it, when things go back, come late, or people are merged and erased."""

from __future__ import annotations

import json
from typing import Any

import pytest
from referral_scene import DAY, HOUR, Scene, rung

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn


def told(scene: Scene, *names: str) -> list[tuple[str, dict[str, Any]]]:
    """Referral's own events with these names, in order."""
    rows = execute("SELECT data FROM event WHERE type = 'plugin.event' ORDER BY id").fetchall()
    events = [json.loads(row[0]) for row in rows]
    return [(e["name"], e["fields"]) for e in events if e["plugin"] == "referral" and e["name"] in names]


def order_id(number: str) -> int:
    return int(execute("SELECT id FROM orders WHERE source = 'shop' AND number = ?", (number,)).fetchone()[0])


def phone_of(scene: Scene, contact: int) -> str:
    return next(i.value for i in scene.brand.contacts.identities(contact) if i.kind == "phone")


def test_events_name_the_first_order_that_was_credited_and_the_one_that_went_back(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    ((bo, number),) = scene.customers(code, 1)
    scene.refund(number)
    scene.deliver()
    again = scene.order(bo)
    scene.deliver()
    common = {"campaign": "spring", "friend": bo}
    assert told(scene, "locked", "qualified", "revoked") == [
        ("locked", common),
        ("qualified", {**common, "order_id": order_id(number)}),
        ("revoked", {**common, "order_id": order_id(number)}),
        ("qualified", {**common, "order_id": order_id(again)}),
    ]


def test_without_the_gate_of_a_first_order_no_order_is_credited(scene: Scene) -> None:
    scene.campaign(gates=[{"gate": "member"}])
    _, code = scene.inviter()
    ((bo, _),) = scene.customers(code, 1)
    assert told(scene, "qualified") == [("qualified", {"campaign": "spring", "friend": bo})]


def test_whoever_had_ordered_again_before_the_refund_counts_on_and_the_voucher_stays(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    people = scene.customers(code, 5)
    uid = scene.rungs()[0][1]
    assert scene.approve(uid) == "granted"
    second = scene.order(people[0][0])
    scene.deliver()
    scene.refund(people[0][1])
    scene.deliver()
    # Five before and five after: nothing is taken back and nothing becomes due a second time.
    assert scene.states() == {"qualified": 5} and scene.rungs() == []
    assert scene.referrals.rungs.get(uid).state == "granted"
    assert scene.vouchers_of(anna) == [("cotton-tissue", "claimed")]
    assert scene.relation(people[0][0])["steps"]["first_order"]["evidence"] == f"order shop {second}"
    assert [(name, fields["order_id"]) for name, fields in told(scene, "qualified", "revoked")[5:]] == [
        ("revoked", order_id(people[0][1])), ("qualified", order_id(second)),
    ]  # fmt: skip
    # The second order's own window is what counts now.
    scene.refund(second)
    scene.deliver()
    assert scene.states() == {"qualified": 4, "locked": 1} and scene.vouchers_of(anna) == [("cotton-tissue", "void")]


def test_a_proof_names_the_event_of_that_order_and_of_no_other(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    bo = scene.person(state=code)
    scene.deliver()
    buyer = (IdentityIn.of("phone", phone_of(scene, bo), ""),)
    # The first order came with an import of history, of which nobody was told.
    first = OrderIn("shop", "H1", "paid", scene.brand.now() + HOUR, 9_900, buyer=buyer)
    scene.brand.orders.upsert(first, backfill=True)
    scene.clock.set(scene.brand.now() + 2 * HOUR)
    scene.order(bo, number="A2")
    scene.deliver()
    step = scene.relation(bo)["steps"]["first_order"]
    assert (step["evidence"], step["event_id"]) == ("order shop H1", None)


@pytest.mark.parametrize("first", ["left", "own"])
def test_an_invitation_that_does_not_hold_leaves_a_candidate_to_the_next_one(scene: Scene, first: str) -> None:
    scene.campaign()
    (anna, gone), (eva, code) = scene.inviter(), scene.inviter()
    bo = scene.person(known=True)
    touch = scene.referrals.counting.touch
    if first == "left":
        touch(gone, bo, "click")
    else:
        touch(scene.referrals.campaigns.sign_up("spring", bo).code or "", bo, "click")
    scene.clock.set(scene.brand.now() + HOUR)
    touch(code, bo, "click")
    scene.referrals.campaigns.leave("spring", anna)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    scene.deliver()
    assert scene.relation(bo)["state"] == "locked"
    assert scene.relation(bo)["inviter"] == scene.brand.contacts.get_by_id(eva).uid


def test_a_click_repeated_at_once_is_one_click(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    bo = scene.person(known=True)
    for seconds in (0, 1, 59, 61):
        scene.referrals.counting.touch(code, bo, "click", at=scene.brand.now() + seconds * 1_000)
    assert execute("SELECT count(*) FROM referral_candidate").fetchone()[0] == 2


def test_an_add_before_the_inviter_left_is_theirs_however_late_it_is_told(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    early = scene.person(state=code)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.referrals.campaigns.leave("spring", anna)
    late = scene.person(state=code)
    scene.deliver()
    assert (scene.relation(early)["state"], scene.relation(late)) == ("locked", {})


def test_nothing_becomes_due_for_an_inviter_who_was_erased(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)])
    anna, code = scene.inviter()
    bo = scene.person(state=code)
    scene.deliver()
    scene.brand.privacy.erase(anna, actor="mia")
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    scene.order(bo)
    scene.deliver()
    assert scene.states() == {"qualified": 1}
    assert [scene.rungs(state) for state in ("due", "approved", "granted")] == [[], [], []]


def test_an_invitee_who_has_themselves_erased_still_gives_the_reward_back_with_the_order(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)])
    anna, code = scene.inviter()
    ((bo, number),) = scene.customers(code, 1)
    assert scene.approve(scene.rungs()[0][1]) == "granted"
    scene.brand.privacy.erase(bo, actor="mia")
    assert scene.states() == {"qualified": 1} and scene.vouchers_of(anna) == [("cup", "claimed")]
    scene.refund(number)
    scene.deliver()
    assert scene.states() == {"locked": 1} and scene.vouchers_of(anna) == [("cup", "void")]
    assert scene.referrals.campaigns.get("spring").spent_minor == 0
    # And an order that is closed without a refund is found by the job.
    ((cleo, other),) = scene.customers(code, 1)
    phone, paid_at = phone_of(scene, cleo), scene.brand.now()
    assert scene.approve(scene.rungs()[0][1]) == "granted"
    scene.brand.privacy.erase(cleo, actor="mia")
    scene.brand.orders.upsert(
        OrderIn("shop", other, "closed", paid_at, 9_900, buyer=(IdentityIn.of("phone", phone, ""),))
    )
    scene.referrals.settle()
    assert scene.states() == {"locked": 2} and scene.vouchers_of(anna)[-1] == ("cup", "void")


@pytest.mark.parametrize("side", ["inviter first", "invitee first"])
def test_a_merged_person_on_both_sides_is_no_reward_before_nor_after_the_grant(scene: Scene, side: str) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100), rung(2, "bag", 200)])
    anna, code = scene.inviter()
    people = scene.customers(code, 2)
    (_, cup), (_, bag) = scene.rungs()
    assert scene.approve(cup) == "granted"
    pair = (anna, people[0][0]) if side == "inviter first" else (people[0][0], anna)
    scene.brand.contacts.merge(*pair, actor="mia", reason="one person")
    scene.deliver()
    # Anna was one of her own two friends: one is left, which pays the cup and not the bag.
    assert scene.states() == {"qualified": 1, "void": 1}
    assert scene.referrals.rungs.get(cup).state == "granted"
    assert scene.referrals.rungs.get(bag).state == "withdrawn"


def test_a_merge_that_closes_a_circle_of_three_breaks_it_once(scene: Scene) -> None:
    # Anna invited Bo, Bo invited Cleo, and Cleo's other self is the one who invited Anna.
    scene.campaign(ladder=[rung(1, "cup", 100)])
    cleos_other, first = scene.inviter()
    anna, _ = scene.customer(first)
    scene.deliver()
    second = scene.referrals.campaigns.sign_up("spring", anna).code or ""
    bo, _ = scene.customer(second)
    scene.deliver()
    third = scene.referrals.campaigns.sign_up("spring", bo).code or ""
    cleo, _ = scene.customer(third)
    scene.deliver()
    assert scene.states() == {"qualified": 3}
    merge = scene.brand.contacts.merge(cleos_other, cleo, actor="mia", reason="one person")
    scene.deliver()
    # Somebody who invited Anna cannot have been invited by her friend: that link goes, the two others stay.
    assert scene.states() == {"qualified": 2, "void": 1}
    assert scene.relation(cleos_other)["reason"] == "circle"
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    assert scene.states() == {"qualified": 3}


def test_a_self_referral_found_after_the_refund_window_is_final(scene: Scene) -> None:
    scene.campaign(ladder=[rung(1, "cup", 100)], refund_days=15)
    anna, code = scene.inviter()
    ((bo, _),) = scene.customers(code, 1)
    scene.days(15)
    scene.brand.contacts.merge(anna, bo, actor="mia", reason="one person")
    scene.deliver()
    assert scene.states() == {"qualified": 1}


def test_the_edges_of_every_window_in_the_brands_own_time(scene: Scene) -> None:
    # Written without an offset in Shanghai: 2026-02-01T00:00 there is 2026-01-31T16:00 in UTC.
    ends = 1_769_875_200_000
    scene.campaign(ends_at="2026-02-01T00:00", grace_days=2, attribution_days=7, refund_days=15, quota=9)
    (_, code), (_, other) = scene.inviter(), scene.inviter()
    clicked = scene.brand.now()
    inside, outside = scene.person(known=True), scene.person(known=True)
    for contact in (inside, outside):
        scene.referrals.counting.touch(code, contact, "click")
    scene.clock.set(clicked + 7 * DAY - 1)
    scene.join(inside)
    scene.clock.set(clicked + 7 * DAY)
    scene.join(outside)
    scene.deliver()
    assert scene.relation(inside)["state"] == "locked" and scene.relation(outside) == {}
    scene.clock.set(ends - 1)
    assert scene.referrals.campaigns.sign_up("spring", scene.person()).state == "accepted"
    last, later = scene.person(state=other), scene.person(state=other)
    scene.clock.set(ends)
    with pytest.raises(Exception, match="takes no sign-ups now"):
        scene.referrals.campaigns.sign_up("spring", scene.person())
    refused = scene.person(state=other)
    for contact in (last, later):
        scene.join(contact)
    scene.order(last, number="in", at=ends + 2 * DAY - 1)
    scene.order(later, number="out", at=ends + 2 * DAY)
    scene.deliver()
    assert (scene.relation(last)["state"], scene.relation(later)["state"]) == ("qualified", "locked")
    assert scene.relation(refused) == {}
    paid = ends + 2 * DAY - 1
    scene.clock.set(paid + 15 * DAY)  # the window is over at this very instant
    scene.refund("in")
    scene.deliver()
    assert scene.relation(last)["state"] == "qualified"


def test_the_last_instant_of_the_refund_window_revokes(scene: Scene) -> None:
    scene.campaign(refund_days=15)
    _, code = scene.inviter()
    ((bo, number),) = scene.customers(code, 1)
    scene.clock.set(scene.brand.now() + 15 * DAY - 1)
    scene.refund(number)
    scene.days(3)  # and it is heard of late
    scene.deliver()
    assert scene.relation(bo)["state"] == "locked"


def test_the_cap_of_a_day_begins_anew_at_the_brands_midnight(scene: Scene) -> None:
    scene.campaign(risk={"per_day": 1})
    _, code = scene.inviter()
    # 2026-01-01T16:00Z is midnight in Shanghai.
    midnight = 1_767_283_200_000
    people = []
    for at in (midnight - 2, midnight - 1, midnight):
        scene.clock.set(at)
        people.append(scene.person(state=code))
    scene.clock.set(midnight + HOUR)
    for contact in people:
        scene.join(contact)
        scene.order(contact)
    scene.deliver()
    assert [scene.relation(each)["state"] for each in people] == ["qualified", "held", "qualified"]
