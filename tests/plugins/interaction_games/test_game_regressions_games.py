"""Defects of the games that were found and must not come back: who counts, what is paid, what a page says."""

from __future__ import annotations

from typing import Any

import pytest
from games_scene import Scene
from social_scene import DAY, join, order, told

from scrm_core.api import Conflict, Forbidden, NotFound
from scrm_core.db.bulk import execute
from scrm_core.services.orders import RefundIn

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def refused(scene: Scene, code: str, action: str, person: int, **data: Any) -> str:
    with pytest.raises((Conflict, Forbidden, NotFound)) as refusal:
        scene.act(code, action, person, **data)
    return refusal.value.code


def merge(scene: Scene, winner: int, loser: int) -> int:
    return int(scene.brand.contacts.merge(winner, loser, actor="ann", reason="one person"))


def items(scene: Scene, person: int) -> list[tuple[str, int]]:
    """(item, quantity) of what a person was granted (1) and what was taken back (-1), first to last."""
    found = scene.brand.rewards.page(contact_id=person, limit=50)
    return [(reward.item, reward.quantity) for reward in found]


# Invitations -------------------------------------------------------------------


def invite(scene: Scene, *rungs: int, gates: tuple[str, ...] = ("member", "first_order"), **settings: Any) -> str:
    ladder = [{"invites": invites, "prize": "tea"} for invites in rungs or (1,)]
    return scene.campaign(
        "invite", [scene.prize("tea", item="tea")], settings={"gates": list(gates), "rungs": ladder, **settings},
        surface="offline_code",
    )  # fmt: skip


def code_of(scene: Scene, code: str, person: int) -> str:
    return str(scene.act(code, "start", person)["code"])


def relations() -> list[tuple[str, str]]:
    """(state, reason) of every relation, first to last."""
    return [tuple(row) for row in execute("SELECT state, reason FROM interaction_games_relation ORDER BY id").fetchall()]


@on_sqlite
def test_nobody_accepts_the_code_of_a_contact_that_was_merged_into_them_over_several_steps(scene):
    code = invite(scene)
    first, second, last = scene.people(3)
    codes = [code_of(scene, code, person) for person in (first, second, last)]
    merge(scene, second, first)
    merge(scene, last, second)
    scene.deliver()
    for own in codes:
        assert refused(scene, code, "accept", last, by=own) == "own_code"
    # Whoever that person invited cannot invite them either, whichever of the codes it was.
    friend = scene.person()
    scene.act(code, "accept", friend, by=codes[0])
    assert refused(scene, code, "accept", last, by=code_of(scene, code, friend)) == "invite_circle"


@on_sqlite
def test_an_order_from_before_the_invitation_counts_for_nobody_whenever_it_becomes_known(scene):
    old = scene.person()
    order(scene, "OLD", old, 500)
    scene.deliver()
    scene.clock.advance(days=400)
    code = invite(scene)
    inviter, invitee, late = scene.people(3)
    invitation = code_of(scene, code, inviter)
    scene.act(code, "accept", invitee, by=invitation)
    join(scene, invitee, "M1")
    scene.deliver()
    merge(scene, invitee, old)
    # Even before the merge is heard of, the old order proves nothing.
    scene.games.settle()
    scene.deliver()
    assert relations() == [("void", "not_new")]
    order(scene, "NEW", invitee, 500)
    scene.deliver()
    assert items(scene, inviter) == [] and scene.view(code, inviter)["qualified"] == 0
    # An old order that the shop told of late is the same.
    scene.act(code, "accept", late, by=invitation)
    join(scene, late, "M2")
    now = scene.brand.now()
    scene.clock.set(now - 3 * DAY)
    order(scene, "LATE", late, 500)
    scene.clock.set(now)
    scene.deliver()
    assert items(scene, inviter) == []


def test_a_merge_that_shows_an_old_customer_or_the_inviter_takes_back_within_the_refund_window(scene):
    old = scene.person()
    order(scene, "OLD", old, 500)
    scene.clock.advance(days=30)
    code = invite(scene)
    one, self_invited, other, renewed = scene.people(4)
    for inviter, invitee, number in ((one, self_invited, "A1"), (other, renewed, "A2")):
        scene.act(code, "accept", invitee, by=code_of(scene, code, inviter))
        join(scene, invitee)
        order(scene, number, invitee, 500)
    scene.deliver()
    assert items(scene, one) == items(scene, other) == [("tea", 1)]
    merged = merge(scene, one, self_invited)
    merge(scene, renewed, old)
    scene.deliver()
    assert relations() == [("void", "self"), ("void", "not_new")]
    assert [scene.view(code, person)["qualified"] for person in (one, other)] == [0, 0]
    assert items(scene, one) == items(scene, other) == [("tea", 1), ("tea", -1)]
    assert [each["friend"] for each in told("invite-revoked")] == [one, renewed]
    # The merge was a mistake: two people again, and the invitation counts as it did.
    scene.brand.contacts.undo_merge(merged, actor="ann")
    scene.deliver()
    assert relations()[0][0] == "qualified"
    assert items(scene, one) == [("tea", 1), ("tea", -1), ("tea", 1)]
    # Past the window a merge changes nothing that was paid.
    scene.clock.advance(days=16)
    merge(scene, one, self_invited)
    scene.deliver()
    assert relations()[0][0] == "qualified" and len(items(scene, one)) == 3


def test_two_invitees_who_turn_out_to_be_one_person_count_once(scene):
    code = invite(scene, 1, 2)
    inviter, one, twin = scene.people(3)
    invitation = code_of(scene, code, inviter)
    scene.act(code, "accept", one, by=invitation)
    scene.clock.advance(hours=1)
    scene.act(code, "accept", twin, by=invitation)
    join(scene, one)
    order(scene, "A1", one, 500)
    scene.deliver()
    merge(scene, twin, one)
    scene.deliver()
    assert relations() == [("qualified", ""), ("void", "twice")]
    order(scene, "A2", twin, 500)
    scene.deliver()
    scene.games.settle()
    assert scene.view(code, inviter)["qualified"] == 1 and items(scene, inviter) == [("tea", 1)]
    # The earlier invitation is the person's own now, also where its row could not move with the merge.
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", 500, scene.brand.now()))
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 0
    scene.games.settle()
    assert scene.view(code, inviter)["qualified"] == 1


@on_sqlite
def test_a_merge_that_closes_a_circle_breaks_it(scene):
    code = invite(scene)
    top, middle, low = scene.people(3)
    scene.act(code, "accept", middle, by=code_of(scene, code, top))
    scene.act(code, "accept", low, by=code_of(scene, code, middle))
    merge(scene, top, low)
    scene.deliver()
    assert relations() == [("locked", ""), ("void", "circle")]


def test_the_periodic_look_reads_only_invitees_of_whom_something_new_is_known(scene, monkeypatch):
    from scrm_interaction_games.games import invitations
    from scrm_interaction_games.games.invite import Invite

    monkeypatch.setattr(invitations, "PAGE", 2)
    code = invite(scene, 3, gates=("joined", "first_order"))
    inviter, *invitees = scene.people(6)
    invitation = code_of(scene, code, inviter)
    for person in invitees:
        scene.act(code, "accept", person, by=invitation)
    looked: list[int] = []
    look = Invite._look

    def noted(self, desk, relation):
        looked.append(relation.contact_id)
        return look(self, desk, relation)

    monkeypatch.setattr(Invite, "_look", noted)
    scene.games.settle()
    assert looked == []
    # Orders of which no event has come yet.
    for number, person in enumerate(invitees[:3]):
        order(scene, f"A{number}", person, 500)
    scene.games.settle()
    assert sorted(looked) == sorted(invitees[:3])
    assert scene.view(code, inviter)["qualified"] == 3
    scene.games.settle()
    assert len(looked) == 3


@on_sqlite
def test_a_refund_finds_its_invitation_through_an_index(scene):
    from scrm_interaction_games.games import invitations

    rows = execute("EXPLAIN QUERY PLAN " + invitations.OF_ORDER, ("order shop A1", 1)).fetchall()
    assert "interaction_games_relation_step_order" in str([tuple(row) for row in rows])
