"""Invitations: only new people who passed every gate count, one inviter each, one level, each rung once."""

from __future__ import annotations

import json

import pytest
from games_scene import Scene
from social_scene import DAY, HOUR, join, order, told

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound
from scrm_core.db.bulk import execute
from scrm_core.services.orders import RefundIn


def campaign(scene, rungs=((2, "tea"), (3, "cup")), **more):
    settings = {
        "gates": ["member", "first_order"],
        "rungs": [{"invites": invites, "prize": prize} for invites, prize in rungs],
        **more.pop("settings", {}),
    }
    prizes = [scene.prize(prize, item=prize, **more.pop(prize, {})) for prize in dict.fromkeys(p for _, p in rungs)]
    return scene.campaign("invite", prizes, settings=settings, surface=more.pop("surface", "offline_code"), **more)


def code_of(scene, code, person):
    return scene.act(code, "start", person)["code"]


def accept(scene, code, person, invitation):
    return scene.act(code, "accept", person, by=invitation)


def refused(scene, code, person, invitation):
    with pytest.raises((Conflict, Forbidden, NotFound)) as refusal:
        accept(scene, code, person, invitation)
    return refusal.value.code


def customer(scene, person, number, paid=5_000):
    """A person becomes a member and orders."""
    join(scene, person)
    order(scene, number, person, paid)
    scene.deliver()


def items(scene, person):
    return [item for _, item, _ in scene.rewards(person)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_invitees_count_when_every_gate_is_passed_in_whatever_order_with_its_evidence(scene):
    code = campaign(scene)
    inviter, one, two, three = scene.people(4)
    invitation = code_of(scene, code, inviter)
    assert code_of(scene, code, inviter) == invitation
    for person in (one, two, three):
        assert accept(scene, code, person, invitation) == {"accepted": True, "state": "locked"}
    assert accept(scene, code, one, invitation)["accepted"]
    join(scene, one, "M-1")
    order(scene, "A2", two, 500)
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 0
    order(scene, "A1", one, 500)
    join(scene, two, "M-2")
    scene.deliver()
    shown = scene.view(code, inviter)
    assert (shown["qualified"], shown["next"]) == (2, 1)
    assert [(each["state"], each["passed"]) for each in shown["invitees"]] == [
        ("locked", []), ("qualified", ["member", "first_order"]), ("qualified", ["member", "first_order"]),
    ]  # fmt: skip
    proofs = execute(
        "SELECT gate, evidence FROM interaction_games_relation_step ORDER BY relation_id, gate"
    ).fetchall()
    assert [tuple(row) for row in proofs] == [
        ("first_order", "order shop A1"), ("member", "member M-1"),
        ("first_order", "order shop A2"), ("member", "member M-2"),
    ]  # fmt: skip
    assert items(scene, inviter) == ["tea"]
    assert [each["qualified"] for each in told("invited")] == [1, 2]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_practice_counts_seven_qualified_of_twelve_and_pays_the_rung_at_five_only(scene):
    code = campaign(scene, rungs=((5, "tea"), (10, "cup")))
    inviter, *invitees = scene.people(13)
    invitation = code_of(scene, code, inviter)
    for number, person in enumerate(invitees):
        accept(scene, code, person, invitation)
        if number < 9:
            join(scene, person)
        if number < 7:
            order(scene, f"A{number}", person, 500)
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 7
    assert items(scene, inviter) == ["tea"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_invites_themselves_a_customer_in_a_circle_or_over_the_head_of_another(scene):
    code = campaign(scene)
    one, two, three, other = scene.people(4)
    codes = {person: code_of(scene, code, person) for person in (one, two, three, other)}
    assert refused(scene, code, one, codes[one]) == "own_code"
    accept(scene, code, two, codes[one])
    accept(scene, code, three, codes[two])
    assert refused(scene, code, one, codes[three]) == "invite_circle"
    assert refused(scene, code, one, codes[two]) == "invite_circle"
    assert refused(scene, code, two, codes[other]) == "invited_already"
    assert refused(scene, code, one, "guessed") == "not_found"
    old = scene.person()
    order(scene, "OLD", old, 500)
    assert refused(scene, code, old, codes[one]) == "not_new"
    friend = scene.person()
    scene.clock.set(scene.brand.now() + 25 * HOUR)
    assert refused(scene, code, friend, codes[one]) == "not_new"
    # One level only: what three does counts for two, and for nobody above.
    customer(scene, three, "A3")
    assert [scene.view(code, person)["qualified"] for person in (one, two)] == [0, 1]


def test_a_refund_in_the_window_takes_the_count_and_the_rung_back_and_another_order_earns_it_again(scene):
    code = campaign(scene, rungs=((2, "tea"),))
    inviter, one, two = scene.people(3)
    invitation = code_of(scene, code, inviter)
    for number, person in enumerate((one, two)):
        accept(scene, code, person, invitation)
        customer(scene, person, f"A{number}")
    assert items(scene, inviter) == ["tea"]
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", 5_000, scene.brand.now()))
    scene.deliver()
    shown = scene.view(code, inviter)
    assert (shown["qualified"], shown["rungs"][0]["state"]) == (1, "revoked")
    ledger = scene.brand.rewards.page(contact_id=inviter, limit=10)
    assert [each.quantity for each in ledger] == [1, -1]
    assert [each["qualified"] for each in told("invite-revoked")] == [1]
    customer_again = scene.brand.now() + HOUR
    scene.clock.set(customer_again)
    order(scene, "A9", two, 5_000)
    scene.deliver()
    assert scene.view(code, inviter)["rungs"][0]["state"] == "granted"
    assert sum(each.quantity for each in scene.brand.rewards.page(contact_id=inviter, limit=10)) == 1
    # Past the window a refund changes nothing.
    scene.clock.set(scene.brand.now() + 15 * DAY)
    scene.brand.orders.refund(RefundIn("shop", "A9", "R2", 5_000, scene.brand.now()))
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 2


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_reward_that_cannot_be_taken_back_is_noted_as_lost(scene, monkeypatch):
    from games_scene import Prizes

    from scrm_core.api import Veto

    code = campaign(scene, rungs=((1, "tea"),))
    inviter, one = scene.people(2)
    accept(scene, code, one, code_of(scene, code, inviter))
    customer(scene, one, "A1")

    def used(self, order):
        raise Veto("the coupon was used", "used")

    monkeypatch.setattr(Prizes, "reverse_reward", used)
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", 5_000, scene.brand.now()))
    scene.deliver()
    assert scene.view(code, inviter)["rungs"][0]["state"] == "lost"
    assert items(scene, inviter) == ["tea"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_highest_ladder_pays_one_rung_when_everything_is_over(scene):
    code = campaign(
        scene, rungs=((1, "tea"), (2, "cup")), settings={"mode": "highest", "refund_days": 3, "grace_days": 1}
    )
    inviter, one, two = scene.people(3)
    invitation = code_of(scene, code, inviter)
    for number, person in enumerate((one, two)):
        accept(scene, code, person, invitation)
        customer(scene, person, f"A{number}")
    ends = scene.games.campaigns.get(code).ends_at
    for moment, expected in ((ends - 1, []), (ends + 4 * DAY - 1, []), (ends + 4 * DAY, ["cup"]), (ends + 5 * DAY, ["cup"])):
        scene.clock.set(moment)
        scene.games.settle()
        assert items(scene, inviter) == expected


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_gates_count_only_until_the_end_and_its_grace(scene):
    code = campaign(scene, rungs=((1, "tea"),), settings={"gates": ["first_order"], "grace_days": 2})
    inviter, one, two = scene.people(3)
    invitation = code_of(scene, code, inviter)
    for person in (one, two):
        accept(scene, code, person, invitation)
    ends = scene.games.campaigns.get(code).ends_at
    scene.clock.set(ends + 2 * DAY - 1)
    order(scene, "A1", one, 500)
    scene.clock.set(ends + 2 * DAY)
    order(scene, "A2", two, 500)
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_merge_that_shows_inviter_and_invitee_to_be_one_person_pays_nothing(scene):
    code = campaign(scene, rungs=((1, "tea"),))
    inviter, one = scene.people(2)
    accept(scene, code, one, code_of(scene, code, inviter))
    scene.brand.contacts.merge(inviter, one, actor="ann", reason="same person")
    customer(scene, inviter, "A1")
    scene.games.settle()
    assert items(scene, inviter) == []
    (state, reason) = execute("SELECT state, reason FROM interaction_games_relation").fetchone()
    assert (state, reason) == ("void", "self")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_day_of_invitations_has_its_limit_and_a_rung_that_is_out_says_so(scene):
    code = campaign(scene, rungs=((1, "tea"), (2, "cup")), settings={"per_day": 1}, tea={"stock": 0})
    inviter, one, two = scene.people(3)
    invitation = code_of(scene, code, inviter)
    accept(scene, code, one, invitation)
    assert refused(scene, code, two, invitation) == "invites_used_up"
    scene.clock.set(scene.brand.now() + 17 * HOUR)
    accept(scene, code, two, invitation)
    for number, person in enumerate((one, two)):
        customer(scene, person, f"A{number}")
    assert [rung["state"] for rung in scene.view(code, inviter)["rungs"]] == ["sold_out", "granted"]
    assert items(scene, inviter) == ["cup"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_ladder_that_does_not_rise_and_a_forbidden_surface_are_refused(scene):
    with pytest.raises(Invalid) as refusal:
        campaign(scene, rungs=((3, "tea"), (3, "cup")))
    assert refusal.value.field == "settings.rungs"
    with pytest.raises(Invalid, match="2019-10-28"):
        campaign(scene, surface="h5")
    with pytest.raises(Invalid) as refusal:
        campaign(scene, settings={"gates": ["shared"]})
    assert refusal.value.field.startswith("settings.gates")


def test_an_erased_inviter_and_an_erased_invitee_leave_nothing_that_names_them(scene):
    code = campaign(scene, rungs=((1, "tea"),))
    inviter, one, two = scene.people(3)
    invitation = code_of(scene, code, inviter)
    accept(scene, code, one, invitation)
    accept(scene, code, two, invitation)
    scene.brand.privacy.erase(one, actor="ann")
    customer(scene, two, "A2")
    assert scene.view(code, inviter)["qualified"] == 1
    scene.brand.privacy.erase(inviter, actor="ann")
    for table in ("inviter", "relation", "relation_step", "rung"):
        assert execute(f"SELECT count(*) FROM interaction_games_{table}").fetchone()[0] == 0
    assert refused(scene, code, scene.person(), invitation) == "not_found"


GATES = """
from scrm_core.facts import MemberJoined

def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    for contact in json.loads(Path(TASKS).read_text())[worker]:
        with brand.transaction():
            games.hear("on_member", MemberJoined(event_id=1, at=brand.now(), backfill=False, contact_id=contact))
    return True
"""


def test_people_who_qualify_in_several_processes_at_once_pay_each_rung_once(open_house, together, tmp_path):
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        code = campaign(
            scene, rungs=((5, "tea"), (10, "cup")), settings={"gates": ["member"]}, surface="app"
        )
        inviter, *invitees = scene.people(13)
        invitation = code_of(scene, code, inviter)
        for person in invitees:
            accept(scene, code, person, invitation)
            join(scene, person)
    shares = [invitees[worker::3] for worker in range(3)]
    # Each invitee's event comes to two processes.
    (tmp_path / "tasks.json").write_text(json.dumps([*shares, shares[0]]))
    together(installation, f"TASKS = {str(tmp_path / 'tasks.json')!r}\n" + GATES, 4)
    with brand:
        assert scene.view(code, inviter)["qualified"] == 12
        assert items(scene, inviter) == ["tea", "cup"]
        rungs = execute("SELECT invites, nth, state FROM interaction_games_rung ORDER BY invites").fetchall()
        assert [tuple(row) for row in rungs] == [(5, 1, "granted"), (10, 1, "granted")]


CIRCLE = """
def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    who, invitation = json.loads(Path(TASKS).read_text())[worker]
    try:
        return games.act("c1", "accept", who, key="k", data={"by": invitation})["state"]
    except Exception as refusal:
        return getattr(refusal, "code", repr(refusal))
"""


def test_people_who_accept_each_other_at_once_never_close_a_circle(open_house, together, tmp_path):
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        code = campaign(scene, surface="app")
        people = scene.people(4)
        codes = [code_of(scene, code, person) for person in people]
    tasks = [[person, codes[(place + 1) % 4]] for place, person in enumerate(people)]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    said = together(installation, f"TASKS = {str(tmp_path / 'tasks.json')!r}\n" + CIRCLE, 4)
    assert sorted(said) == ["invite_circle", "locked", "locked", "locked"]
