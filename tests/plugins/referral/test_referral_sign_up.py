"""Signing up: places, the wait-list in order, staff in turn; and many at once."""

from __future__ import annotations

import pytest
from referral_scene import DAY, Scene

from scrm_core.clock import iso
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_core.installation import Installation
from scrm_referral import campaigns


def test_whoever_comes_after_the_last_place_waits_in_order_and_moves_up(scene: Scene) -> None:
    scene.campaign(quota=2, staff=["li", "wang", "zhao"])
    sign_up, leave = scene.referrals.campaigns.sign_up, scene.referrals.campaigns.leave
    people = [scene.person() for _ in range(5)]
    found = [sign_up("spring", each) for each in people]
    assert [(each.state, each.staff) for each in found] == [
        ("accepted", "li"), ("accepted", "wang"), ("waiting", ""), ("waiting", ""), ("waiting", ""),
    ]  # fmt: skip
    assert sign_up("spring", people[0]).code == found[0].code  # the same person again
    assert scene.referrals.progress("spring", people[3])["waiting"] == 2
    leave("spring", people[3])  # from the wait-list: nobody moves up
    (promoted,) = leave("spring", people[0])
    assert (promoted.contact_id, promoted.state, promoted.staff) == (people[2], "accepted", "zhao")
    assert leave("spring", people[0]) == []
    with pytest.raises(Conflict):
        sign_up("spring", people[0])
    assert scene.referrals.counting.touch(found[0].code or "", people[4], "opened")["reason"] == "not_open"
    assert [each.contact_id for each in scene.referrals.campaigns.enlarge("spring", 3, actor="mia")] == [people[4]]
    with pytest.raises(Invalid):
        scene.referrals.campaigns.enlarge("spring", 2, actor="mia")
    assert scene.referrals.campaigns.get("spring").accepted == 3


def test_sign_ups_are_taken_in_the_window_only(scene: Scene) -> None:
    now = scene.brand.now()
    scene.campaign(starts_at=iso(now + DAY, scene.brand.zone))
    anna = scene.person()
    with pytest.raises(Conflict):
        scene.referrals.campaigns.sign_up("spring", anna)
    scene.days(1)
    assert scene.referrals.campaigns.sign_up("spring", anna).state == "accepted"
    scene.referrals.campaigns.close("spring", actor="mia")
    with pytest.raises(Conflict):
        scene.referrals.campaigns.sign_up("spring", scene.person())


# Four processes, each with a thread per person, all at the same moment.
RUSH = """
import threading

from scrm_referral.service import referrals_of


def run(brand, worker):
    people = {people}[worker::4]
    states = []
    lock = threading.Lock()

    def one(person):
        with brand:
            state = referrals_of(brand).campaigns.sign_up("spring", person).state
        with lock:
            states.append(state)

    threads = [threading.Thread(target=one, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return states
"""

# Four processes; in each the same rung is approved and paid, and invitees' last gates are passed.
PAY = """
from scrm_core.errors import Conflict
from scrm_referral.service import referrals_of


def run(brand, worker):
    here = referrals_of(brand)
    for round in range(5):
        here.settle()
        for due in here.rungs.queue():
            try:
                here.rungs.review(due.uid, "approve", reason="", actor=f"staff {worker}")
            except Conflict:
                continue
    return len(here.rungs.queue(state="granted"))
"""


def test_exactly_the_quota_is_accepted_when_forty_sign_up_in_four_processes(open_house, together, deliver) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.campaign(quota=15, staff=["li", "wang", "zhao"])
        people = [scene.person() for _ in range(40)]
    answers = together(installation, RUSH.format(people=people), 4)
    states = [state for answer in answers for state in answer]
    assert (states.count("accepted"), states.count("waiting")) == (15, 25)
    with installation.brand("acme"):
        staff = execute(
            "SELECT staff, count(*) FROM referral_inviter WHERE state = 'accepted' GROUP BY staff ORDER BY staff"
        )
        assert [tuple(row) for row in staff.fetchall()] == [("li", 5), ("wang", 5), ("zhao", 5)]
        accepted, applied = execute("SELECT accepted, applied FROM referral_campaign").fetchone()
        assert (accepted, applied) == (15, 40)


# Two processes let people leave while two sign others up.
CHURN = """
from scrm_referral.service import referrals_of


def run(brand, worker):
    here = referrals_of(brand).campaigns
    if worker < 2:
        for person in {there}[worker::2]:
            here.leave("spring", person)
    else:
        for person in {coming}[worker - 2 :: 2]:
            here.sign_up("spring", person)
    return 0
"""


def test_places_stay_full_and_the_wait_list_in_order_while_people_leave_and_come(open_house, together, deliver) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.campaign(quota=8)
        there, coming = [scene.person() for _ in range(8)], [scene.person() for _ in range(20)]
        for person in there:
            scene.referrals.campaigns.sign_up("spring", person)
    together(installation, CHURN.format(there=there, coming=coming), 4)
    with installation.brand("acme"):
        rows = execute("SELECT id, state FROM referral_inviter ORDER BY id").fetchall()
        states = [state for _, state in rows]
        assert (states.count("left"), states.count("accepted"), states.count("waiting")) == (8, 8, 12)
        last = max(each for each, state in rows if state == "accepted")
        assert last < min(each for each, state in rows if state == "waiting")
        assert execute("SELECT accepted FROM referral_campaign").fetchone()[0] == 8


def test_each_rung_is_paid_once_when_four_processes_settle_and_approve(open_house, together, deliver) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        # Gates that no hook tells of: the processes themselves find at the same moment that ten people count.
        brand.groups.upsert("vip", "VIP")
        scene.campaign(gates=[{"gate": "member"}, {"gate": "joined_group", "group": "vip"}])
        anna, code = scene.inviter()
        for _ in range(10):
            contact = scene.person(state=code)
            scene.join(contact)
        scene.deliver()
        for (contact,) in execute("SELECT contact_id FROM referral_relation ORDER BY id").fetchall():
            brand.groups.join("vip", contact, at=brand.now(), source="test")
        assert scene.states() == {"locked": 10}
    together(installation, PAY, 4)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        assert scene.states() == {"qualified": 10}
        assert sorted(i for i, _ in scene.rungs("granted")) == [5, 10]
        assert scene.vouchers_of(anna) == [("cotton-tissue", "claimed"), ("bath-towel", "claimed")]
        assert execute("SELECT spent_minor FROM referral_campaign").fetchone()[0] == 12_900
        persons = execute(
            "SELECT g.invites, count(DISTINCT v.person) FROM referral_review v JOIN referral_rung g ON g.id = v.rung_id "
            "GROUP BY g.invites ORDER BY g.invites"
        ).fetchall()
        assert [tuple(row) for row in persons] == [(5, 1), (10, 2)]


def test_places_and_budget_are_not_lowered_by_who_waited_for_another(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.campaign(quota=3, budget_minor=50_000)
    real = campaigns.hold

    def meanwhile(campaign_id: int) -> None:
        execute("UPDATE referral_campaign SET quota = 9, budget_minor = 90000 WHERE id = ?", (campaign_id,))
        real(campaign_id)

    monkeypatch.setattr(campaigns, "hold", meanwhile)
    with pytest.raises(Invalid, match="there are 9"):
        scene.referrals.campaigns.enlarge("spring", 5, actor="mia")
    with pytest.raises(Invalid, match="it is 90000"):
        scene.referrals.campaigns.fund("spring", 60_000, actor="mia")
