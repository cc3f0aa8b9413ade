"""Who counts: gates in any order, event time, newness, circles, refunds, merges."""

from __future__ import annotations

import itertools
import json

import pytest
from referral_scene import HOUR, Scene, rung

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn


def test_seven_of_twelve_friends_who_became_customers_reach_the_rung_of_five_only(scene: Scene) -> None:
    # The worked example of growth.md 1.2: 12 added, 9 members, 7 first orders.
    scene.campaign()
    anna, code = scene.inviter()
    people = [scene.person(state=code) for _ in range(12)]
    scene.days(1)
    for contact in people[:9]:
        scene.join(contact)
    for contact in people[:7]:
        scene.order(contact)
    scene.deliver()
    assert scene.states() == {"qualified": 7, "locked": 5}
    assert [invites for invites, _ in scene.rungs()] == [5]
    shown = scene.referrals.progress("spring", anna)
    assert (shown["qualified"], [(r["invites"], r["state"]) for r in shown["rungs"]]) == (7, [(5, "due"), (10, "open")])


def test_steps_count_in_any_order_at_the_time_of_the_last_one(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    began = scene.brand.now()
    bo = scene.person(known=True)
    scene.referrals.counting.touch(code, bo, "click")
    scene.order(bo, number="first", at=began + HOUR)  # invited, an order first, then the add
    scene.clock.set(began + 2 * HOUR)
    scene.join(bo)
    phone = next(i.value for i in scene.brand.contacts.identities(bo) if i.kind == "phone")
    scene.clock.set(began + 3 * HOUR)
    scene.person(phone=phone, state=code)
    scene.days(2)  # what is delivered late counts at its own time
    scene.deliver()
    found = scene.relation(bo)
    assert found["state"] == "qualified"
    assert execute("SELECT qualified_at FROM referral_relation").fetchone()[0] == began + 2 * HOUR
    assert found["steps"]["first_order"]["evidence"] == "order shop first"
    assert found["steps"]["member"]["evidence"] == f"member M{bo}"
    assert found["staff"] == "li"


@pytest.mark.parametrize("order", list(itertools.permutations(("add", "join", "buy"))))
def test_whatever_comes_first_the_friend_counts_with_the_last_step(scene: Scene, order: tuple[str, ...]) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    bo = scene.person(known=True)
    scene.referrals.counting.touch(code, bo, "click")
    phone = next(i.value for i in scene.brand.contacts.identities(bo) if i.kind == "phone")
    began = scene.brand.now()
    acts = {
        "add": lambda: scene.person(phone=phone, state=code),
        "join": lambda: scene.join(bo),
        "buy": lambda: scene.order(bo),
    }
    for hour, act in enumerate(order):
        scene.clock.set(began + hour * HOUR)
        assert scene.states().get("qualified", 0) == int({"join", "buy"} <= set(order[:hour]))
        acts[act]()
        scene.deliver()
    assert scene.states() == {"qualified": 1}
    last = max(hour for hour, act in enumerate(order) if act != "add")
    assert execute("SELECT qualified_at FROM referral_relation").fetchone()[0] == began + last * HOUR
    events = [json.loads(row[0]) for row in execute("SELECT data FROM event WHERE type = 'plugin.event' ORDER BY id")]
    told = [(each["name"], each["fields"]) for each in events if each["plugin"] == "referral"]
    order_id = execute("SELECT id FROM orders").fetchone()[0]
    fields = {"campaign": "spring", "friend": bo}
    assert told == [("locked", fields), ("qualified", {**fields, "order_id": order_id})]
    assert anna != bo


def test_the_four_gates_of_practice_each_with_its_proof(scene: Scene) -> None:
    scene.coupons.batches.create(
        {"code": "newcomer", "title": "新人礼包", "rule": {"kind": "cash", "off_minor": 500},
         "validity": {"kind": "natural", "days": 30}}
    )  # fmt: skip
    scene.coupons.batches.open("newcomer")
    tag = scene.brand.tags.define("stage", "pregnant", plan="target")
    scene.campaign(
        gates=[
            {"gate": "target", "segment": 'tag = "pregnant"'},
            {"gate": "pack", "plugin": "coupon-threshold", "event": "claimed", "match": {"batch": "newcomer"}},
            {"gate": "member"},
            {"gate": "first_order", "min_minor": 1_000},
        ]
    )
    _, code = scene.inviter()
    bo = scene.person(state=code)
    scene.days(0.5)
    scene.coupons.claims.claim("newcomer", bo, key="k1")
    scene.join(bo)
    scene.order(bo, 999)  # below the gate's least
    scene.deliver()
    assert set(scene.relation(bo)["steps"]) == {"pack", "member"}
    scene.order(bo, 1_000, number="enough")
    scene.deliver()
    assert scene.states() == {"locked": 1}  # everything but the target person
    scene.brand.tags.add(bo, tag)
    assert scene.referrals.settle() == (1, 0)
    steps = scene.relation(bo)["steps"]
    rows = execute("SELECT id, data FROM event WHERE type = 'plugin.event' ORDER BY id").fetchall()
    (claimed,) = [row[0] for row in rows if "newcomer" in row[1]]
    assert steps["pack"]["event_id"] == claimed and steps["pack"]["evidence"] == f"event {claimed}"
    assert steps["first_order"]["evidence"] == "order shop enough" and steps["first_order"]["event_id"] is not None
    assert steps["target"]["evidence"] == 'segment tag = "pregnant"'


def test_customers_members_and_friends_of_before_are_not_new(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    buyer, member, friend = scene.person(known=True), scene.person(known=True), scene.person()
    scene.order(buyer)
    scene.join(member)
    scene.days(3)
    for contact in (buyer, member, friend):
        phone = next(i.value for i in scene.brand.contacts.identities(contact) if i.kind == "phone")
        scene.person(phone=phone, state=code)  # deleted and added again
    scene.deliver()
    assert [scene.relation(c)["reason"] for c in (buyer, member, friend)] == ["not_new"] * 3
    assert scene.states() == {"void": 3}


@pytest.mark.parametrize("touch", ["opened", "added"])
@pytest.mark.parametrize("fresh", [0, 24])
def test_whoever_bought_before_the_first_touch_is_no_new_customer_however_fresh_the_order(
    scene: Scene, touch: str, fresh: int
) -> None:
    early = scene.person(known=True)
    scene.order(early)  # three minutes before the campaign is there
    scene.clock.set(scene.brand.now() + 3 * 60_000)
    scene.campaign(gates=[{"gate": "first_order"}], ladder=[rung(1, "cup", 100)], fresh_hours=fresh)
    _, code = scene.inviter()
    today, at_once = scene.person(known=True), scene.person(known=True)
    scene.order(today)
    scene.clock.set(scene.brand.now() + 1)
    scene.order(at_once)  # at the very instant of the touch
    for contact in (early, today, at_once):
        scene.referrals.counting.touch(code, contact, touch)
    scene.order(early)
    scene.deliver()
    scene.referrals.settle()
    states = [(scene.relation(each)["state"], scene.relation(each)["reason"]) for each in (early, today, at_once)]
    assert states == [("void", "not_new"), ("void", "not_new"), ("qualified", "")]
    assert [invites for invites, _ in scene.rungs()] == [1]


def test_an_order_imported_late_from_before_the_touch_makes_the_friend_no_new_customer(scene: Scene) -> None:
    scene.campaign(gates=[{"gate": "first_order"}])
    _, code = scene.inviter()
    paid = scene.brand.now()
    scene.clock.set(paid + HOUR)
    bo = scene.person(known=True)
    scene.referrals.counting.touch(code, bo, "opened")
    scene.order(bo, at=paid)
    scene.deliver()
    assert scene.referrals.settle() == (0, 0) and scene.states() == {"locked": 1}
    scene.order(bo)
    scene.deliver()
    assert (scene.relation(bo)["state"], scene.relation(bo)["reason"]) == ("void", "not_new")


def test_a_membership_counts_from_shortly_before_the_touch_but_not_from_before_the_campaign(scene: Scene) -> None:
    before = scene.person(known=True)
    scene.join(before)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.campaign(gates=[{"gate": "member"}], fresh_hours=24)
    _, code = scene.inviter()
    inside = scene.person(known=True)
    scene.join(inside)
    scene.clock.set(scene.brand.now() + HOUR)
    for contact in (before, inside):
        scene.referrals.counting.touch(code, contact, "opened")
    assert (scene.relation(before)["reason"], scene.relation(inside)["state"]) == ("not_new", "qualified")


def test_a_click_makes_a_candidate_and_the_first_qualified_touch_in_the_window_locks_them(scene: Scene) -> None:
    scene.campaign(attribution_days=7)
    _, code = scene.inviter()
    _, other = scene.inviter()
    touch = scene.referrals.counting.touch
    early, late = scene.person(known=True), scene.person(known=True)
    assert touch(code, early, "click") == {"state": "candidate", "reason": ""}
    touch(code, late, "click")
    scene.days(1)
    touch(other, early, "click")  # the first valid inviter keeps
    scene.deliver()
    assert scene.states() == {}
    scene.days(5)
    scene.join(early)
    scene.days(1.1)
    scene.join(late)  # more than seven days after the click
    scene.deliver()
    assert scene.relation(early)["state"] == "locked" and scene.relation(late) == {}
    assert (
        scene.relation(early)["inviter"]
        == scene.brand.contacts.get_by_id(
            execute("SELECT contact_id FROM referral_inviter WHERE code = ?", (code,)).fetchone()[0]
        ).uid
    )
    # Whoever comes by another code later stays where they are.
    assert touch(other, early, "opened") == {"state": "refused", "reason": "invited_already"}


def test_a_visit_of_the_short_link_that_the_core_knows_the_person_of_is_a_click(scene: Scene) -> None:
    scene.campaign()
    _, code = scene.inviter()
    bo = scene.person(known=True)
    scene.brand.links.visit(code, at=scene.brand.now(), visitor="cookie", agent="Mozilla/5.0")
    scene.clock.set(scene.brand.now() + HOUR)
    scene.brand.links.attribute("cookie", bo, scene.brand.now())
    scene.join(bo)
    scene.deliver()
    assert (scene.relation(bo)["state"], scene.relation(bo)["source"]) == ("locked", "member")


def test_nobody_invites_themselves_or_their_inviter_and_nobody_is_paid_for_friends_of_friends(scene: Scene) -> None:
    scene.campaign(ladder=[{"invites": 1, "item": "cup", "value_minor": 100}])
    anna, code = scene.inviter()
    touch = scene.referrals.counting.touch
    assert touch(code, anna, "opened")["reason"] == "self"
    bo, _ = scene.customer(code)
    scene.deliver()
    second = scene.referrals.campaigns.sign_up("spring", bo).code
    assert second
    cleo, _ = scene.customer(second)
    scene.deliver()
    third = scene.referrals.campaigns.sign_up("spring", cleo).code
    assert third
    assert touch(second, anna, "opened")["reason"] == "circle"
    assert touch(third, anna, "opened")["reason"] == "circle"
    # Anna is paid for Bo, Bo for Cleo: one level.
    assert sorted(due.invites for due in scene.referrals.rungs.queue()) == [1, 1]
    assert scene.referrals.progress("spring", anna)["qualified"] == 1


def test_a_refund_in_the_window_revokes_and_another_order_counts_again(scene: Scene) -> None:
    scene.campaign(refund_days=15)
    _, code = scene.inviter()
    people = scene.customers(code, 5)
    assert [invites for invites, _ in scene.rungs()] == [5]
    scene.refund(people[0][1])
    scene.deliver()
    assert scene.states() == {"qualified": 4, "locked": 1}
    assert (scene.rungs(), [i for i, _ in scene.rungs("withdrawn")]) == ([], [5])
    scene.order(people[0][0])
    scene.deliver()
    assert scene.states() == {"qualified": 5} and [i for i, _ in scene.rungs()] == [5]
    scene.days(16)
    scene.refund(people[1][1])  # the window is over
    scene.deliver()
    assert scene.states() == {"qualified": 5}


def test_a_partial_refund_that_leaves_enough_keeps_the_invitee(scene: Scene) -> None:
    scene.campaign(gates=[{"gate": "first_order", "min_minor": 5_000}])
    _, code = scene.inviter()
    (_, number), *_ = scene.customers(code, 1)
    scene.refund(number, 4_900)
    scene.deliver()
    assert scene.states() == {"qualified": 1}


def test_a_merge_shows_an_inviter_who_invited_themselves_and_undoing_it_counts_them_again(scene: Scene) -> None:
    scene.campaign(ladder=[{"invites": 1, "item": "cup", "value_minor": 100}])
    anna, code = scene.inviter()
    (other, _), *_ = scene.customers(code, 1)
    assert [i for i, _ in scene.rungs()] == [1]
    merge = scene.brand.contacts.merge(anna, other, actor="mia", reason="one person")
    scene.deliver()
    assert scene.states() == {"void": 1} and scene.relation(anna)["reason"] == "self"
    assert scene.rungs() == [] and [i for i, _ in scene.rungs("withdrawn")] == [1]
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    assert scene.states() == {"qualified": 1} and [i for i, _ in scene.rungs()] == [1]


@pytest.mark.parametrize("winner", [0, 1])
def test_two_invitees_who_are_one_person_count_once(scene: Scene, winner: int) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    people = scene.customers(code, 5)
    pair = (people[0][0], people[1][0])
    scene.brand.contacts.merge(pair[winner], pair[1 - winner], actor="mia", reason="one person")
    scene.deliver()
    assert scene.states() == {"qualified": 4, "void": 1}
    assert scene.referrals.progress("spring", anna)["qualified"] == 4
    assert (scene.rungs(), [i for i, _ in scene.rungs("withdrawn")]) == ([], [5])


def test_two_inviters_who_are_one_person_are_counted_and_paid_as_one(scene: Scene) -> None:
    scene.campaign()
    anna, code = scene.inviter()
    eva, other = scene.inviter()
    scene.customers(code, 5)
    scene.customers(other, 5)
    assert [i for i, _ in scene.rungs()] == [5, 5]
    merge = scene.brand.contacts.merge(anna, eva, actor="mia", reason="one person")
    scene.deliver()
    # Ten people behind one person: the rungs of five and ten, each once.
    assert sorted(i for i, _ in scene.rungs()) == [5, 10]
    assert scene.referrals.progress("spring", anna)["qualified"] == 10
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    assert sorted(i for i, _ in scene.rungs()) == [5, 5]


def test_an_invitees_first_order_says_whose_campaign_it_counts_for(scene: Scene) -> None:
    scene.campaign(gates=[{"gate": "first_order"}])
    _, code = scene.inviter()
    bo = scene.person(state=code)
    scene.clock.set(scene.brand.now() + HOUR)
    number, later = scene.order(bo), scene.order(bo)
    scene.deliver()
    orders = [scene.brand.orders.by_number("shop", each).order_id for each in (number, later)]
    ((plugin, (effect,)),) = scene.brand.orders.effects(orders[0])
    assert (plugin, effect.title, effect.detail) == ("referral", "First order of an invitee 被邀请人首单", "spring: qualified")
    assert scene.brand.orders.effects(orders[1]) == []


def test_proofs_go_back_with_a_merge_that_is_undone(scene: Scene) -> None:
    scene.campaign(gates=[{"gate": "first_order"}])
    _, code = scene.inviter()
    bo, other = scene.person(state=code), scene.person(known=True)
    scene.clock.set(scene.brand.now() + HOUR)
    scene.order(other)
    scene.deliver()
    assert scene.states() == {"locked": 1}
    merge = scene.brand.contacts.merge(bo, other, actor="mia", reason="one person")
    scene.deliver()
    assert scene.states() == {"qualified": 1}
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    assert scene.states() == {"locked": 1} and scene.relation(bo)["steps"] == {}


def test_an_order_closed_without_a_refund_is_found_before_anything_is_granted(scene: Scene) -> None:
    scene.campaign(ladder=[{"invites": 1, "item": "cup", "value_minor": 100}], observation_days=7)
    anna, code = scene.inviter()
    ((bo, number),) = scene.customers(code, 1)
    assert scene.approve(scene.rungs()[0][1]) == "approved"
    scene.days(8)
    phone = next(i.value for i in scene.brand.contacts.identities(bo) if i.kind == "phone")
    paid_at = scene.brand.now() - 8 * 24 * HOUR
    scene.brand.orders.upsert(
        OrderIn("shop", number, "closed", paid_at, 9_900, buyer=(IdentityIn.of("phone", phone, ""),))
    )
    assert scene.referrals.settle() == (0, 0)
    assert scene.states() == {"locked": 1} and scene.vouchers_of(anna) == []


def test_a_person_invited_by_two_is_the_first_ones(scene: Scene) -> None:
    scene.campaign()
    (_, first), (eva, second) = scene.inviter(), scene.inviter()
    bo = scene.person(state=first)
    phone = next(i.value for i in scene.brand.contacts.identities(bo) if i.kind == "phone")
    scene.clock.set(scene.brand.now() + HOUR)
    scene.person(phone=phone, state=second)
    scene.join(bo)
    scene.order(bo)
    scene.deliver()
    assert scene.states() == {"qualified": 1}
    assert scene.referrals.progress("spring", eva)["invitees"] == []


def test_a_refused_invitee_stays_refused_when_the_order_goes_back(scene: Scene) -> None:
    scene.campaign(risk={"hold": 1, "weights": {"same_device": 40}})
    anna, code = scene.inviter()
    bo = scene.person(state=code)
    scene.deliver()
    for contact in (anna, bo):
        scene.referrals.add_trait("spring", contact, "device", "D")
    scene.clock.set(scene.brand.now() + HOUR)
    scene.join(bo)
    number = scene.order(bo)
    scene.deliver()
    scene.referrals.counting.review(scene.relation(bo)["uid"], "refuse", reason="同一人", actor="li")
    scene.refund(number)
    scene.order(bo)
    scene.deliver()
    assert scene.states() == {"void": 1} and scene.relation(bo)["reason"] == "refused"


def test_the_other_brand_sees_nothing(scene: Scene, house) -> None:
    scene.campaign()
    _, code = scene.inviter()
    scene.customers(code, 1)
    with house.brand("moonco") as moonco:
        for table in ("campaign", "inviter", "relation", "rung"):
            assert execute(f"SELECT count(*) FROM referral_{table}").fetchone()[0] == 0
        assert list(moonco.reports.run("referral").rows) == []
