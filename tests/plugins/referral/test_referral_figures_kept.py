"""Figures of large campaigns are kept by the job: equal to a count by hand, told with their instant, cheap to read."""

from __future__ import annotations

import random
from typing import Any

import pytest
from referral_scene import DAY, HOUR, Scene, rung

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_referral import figures


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LIVE", 0)


def report_of(scene: Scene) -> dict[str, Any]:
    (row,) = scene.brand.reports.run("referral").rows
    return dict(row)


def by_hand(scene: Scene) -> dict[str, int]:
    """The figures counted one by one from the raw rows."""
    contacts = {row[0]: row[1:] for row in execute("SELECT id, merged_into_id, lead_at FROM contact").fetchall()}

    def person(contact: int | None) -> int | None:
        while contact is not None and contacts[contact][0] is not None:
            contact = contacts[contact][0]
        return contact

    orders: dict[int | None, list[int]] = {}
    for contact, at, net in execute(
        "SELECT contact_id, paid_at, paid_minor - refund_minor FROM orders WHERE valid = 1"
    ).fetchall():
        if net > 0:
            orders.setdefault(contact, []).append(at)
    found = dict.fromkeys(("invited", "added", "qualified", "held", "matured", "hva", "cost", "lost"), 0)
    known: set[int | None] = set()
    month = 30 * DAY
    for contact, state, since, at, was_added, was_hva in execute(
        "SELECT contact_id, state, since, qualified_at, was_added, was_hva FROM referral_relation"
    ).fetchall():
        who = person(contact)
        if who is None:
            found["invited"] += 1
        known.add(who)
        lead = None if who is None else contacts[who][1]
        if state != "void" and (was_added or (lead is not None and lead >= since)):
            found["added"] += 1
        if state == "held":
            found["held"] += 1
        if state == "qualified":
            found["qualified"] += 1
            found["matured"] += at + month <= scene.brand.now()
            found["hva"] += bool(was_hva or any(at < paid <= at + month for paid in orders.get(who, [])))
    known |= {row[0] for row in execute("SELECT contact_id FROM referral_candidate").fetchall()}
    known |= {row[0] for row in execute("SELECT contact_id FROM visit WHERE contact_id IS NOT NULL").fetchall()}
    found["invited"] += len(known - {None})
    for state, value in execute("SELECT state, value_minor FROM referral_rung").fetchall():
        if state in ("granted", "lost"):
            found["cost"] += value
            found["lost"] += value if state == "lost" else 0
    return found


@pytest.mark.parametrize("seed", [3, 8])
def test_after_any_history_what_is_kept_is_what_a_count_by_hand_finds(scene: Scene, seed: int) -> None:
    lot = random.Random(seed)
    scene.campaign(ladder=[rung(2, "cup", 600), rung(4, "bag", 900)], gates=[{"gate": "first_order"}])
    codes = [scene.inviter()[1] for _ in range(3)]
    people: list[int] = []
    paid: list[str] = []
    merges: list[int] = []
    counted = {"refunds": 0, "merges": 0, "undone": 0, "erasures": 0, "revoked": 0}
    for _ in range(60):
        deed = lot.choice(["come"] * 4 + ["click", "order", "order", "order", "refund", "merge", "undo", "erase",
                                          "refuse", "approve", "days"])  # fmt: skip
        scene.clock.set(scene.brand.now() + HOUR)
        if deed == "come":
            people.append(scene.person(state=lot.choice(codes)))
        elif deed == "click":
            people.append(scene.person(known=True))
            scene.referrals.counting.touch(lot.choice(codes), people[-1], "click")
        elif deed == "order" and people:
            paid.append(scene.order(scene.brand.contacts.survivor(lot.choice(people))))
        elif deed == "refund" and paid:
            scene.refund(paid.pop(lot.randrange(len(paid))))
            counted["refunds"] += 1
        elif deed == "merge" and len(people) > 1:
            one, two = (scene.brand.contacts.survivor(each) for each in lot.sample(people, 2))
            if one != two:
                merges.append(scene.brand.contacts.merge(one, two, actor="mia", reason="one"))
                counted["merges"] += 1
        elif deed == "undo" and merges:
            scene.brand.contacts.undo_merge(merges.pop(), actor="mia")
            counted["undone"] += 1
        elif deed == "erase" and len(people) > 8 and not merges:
            gone = people.pop(lot.randrange(len(people)))
            scene.brand.privacy.erase(scene.brand.contacts.survivor(gone), actor="mia")
            people = [each for each in people if alive(each)]
            counted["erasures"] += 1
        elif deed == "refuse":
            sql = "SELECT uid FROM referral_relation WHERE state = 'qualified' AND reversible_until > ? LIMIT 1"
            for (uid,) in execute(sql, (scene.brand.now(),)).fetchall():
                scene.referrals.counting.review(uid, "refuse", reason="no customer", actor="li")
                counted["revoked"] += 1
        elif deed == "approve":
            scene.deliver()
            for _, uid in scene.rungs():
                scene.approve(uid)
        elif deed == "days":
            scene.days(lot.choice([1, 4, 12]))
        scene.deliver()
        scene.referrals.settle()
        scene.clock.set(scene.brand.now() + 600_000)
        scene.referrals.settle()
        kept = report_of(scene)
        assert {name: kept[name] for name in by_hand(scene)} == by_hand(scene), deed
    assert execute("SELECT count(*) FROM referral_figures").fetchone()[0] == 1
    assert min(counted["refunds"], counted["merges"], counted["revoked"]) > 0, counted
    assert report_of(scene)["qualified"] > 0 and report_of(scene)["hva"] > 0


def alive(contact: int) -> bool:
    return execute("SELECT state FROM contact WHERE id = ?", (contact,)).fetchone()[0] != "erased"


def test_what_is_kept_is_read_without_counting_and_says_of_when_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.campaign()
    _, code = scene.inviter()
    people = scene.customers(code, 3)
    scene.referrals.settle()
    at = scene.brand.now()
    scene.refund(people[0][1])
    scene.deliver()
    with monkeypatch.context() as patch:
        patch.setattr(figures, "count", lambda *_: pytest.fail("every invitee was read"))
        told = report_of(scene)
        assert (told["qualified"], told["as_of"]) == (3, at)
    scene.clock.set(at + 600_000)  # the job runs every ten minutes
    scene.referrals.settle()
    assert (report_of(scene)["qualified"], report_of(scene)["as_of"]) == (2, at + 600_000)
    # No worker runs: what is too old to be told is counted anew.
    scene.refund(people[1][1])
    scene.deliver()
    scene.clock.set(at + 600_000 + 3 * 600_000 + 1)
    assert (report_of(scene)["qualified"], report_of(scene)["as_of"]) == (1, scene.brand.now())


def test_a_campaign_that_is_over_is_counted_once_a_day(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.campaign()
    _, code = scene.inviter()
    scene.customers(code, 1)
    scene.days(60 + 15 + 30 + 1)
    scene.referrals.settle()
    counts: list[int] = []
    whole = figures.count
    monkeypatch.setattr(figures, "count", lambda *args: counts.append(1) or whole(*args))
    for _ in range(30):
        scene.clock.set(scene.brand.now() + HOUR)
        scene.referrals.settle()
        assert report_of(scene)["qualified"] == 1
    assert len(counts) == 1


def test_a_small_campaign_is_counted_when_it_is_asked_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LIVE", 3)
    scene.campaign()
    _, code = scene.inviter()
    people = scene.customers(code, 3)
    scene.referrals.settle()
    scene.refund(people[0][1])
    scene.deliver()
    assert report_of(scene)["qualified"] == 2
    assert execute("SELECT count(*) FROM referral_figures").fetchone()[0] == 0


KEEP = """
from scrm_core.delivery import Delivery
from scrm_core.services.orders import RefundIn
from scrm_referral import figures
from scrm_referral.service import referrals_of

figures.LIVE = figures.EVERY_MS = 0


def run(brand, worker):
    if worker == 0:
        for number in {refunds}:
            brand.orders.refund(RefundIn("shop", number, "R-" + number, 9_900, brand.now(), ""))
            Delivery(brand).step()
        return 0
    for _ in range(10):
        referrals_of(brand).settle()
    return 0
"""


def test_four_processes_that_count_while_orders_go_back_keep_what_a_count_by_hand_finds(
    open_house, together, deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.campaign(gates=[{"gate": "first_order"}])
        _, code = scene.inviter()
        people = [scene.person(state=code) for _ in range(8)]
        numbers = [scene.order(each) for each in people]
        scene.deliver()
    together(installation, KEEP.format(refunds=numbers[:4]), 4)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.deliver()
        monkeypatch.setattr(figures, "EVERY_MS", 0)
        scene.referrals.settle()
        kept = figures._kept(1)
        assert kept is not None and {name: kept[1][name] for name in by_hand(scene)} == by_hand(scene)
        assert kept[1]["qualified"] == 4
