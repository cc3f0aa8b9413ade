"""New customers in games with friends: their extra cuts of a bargain, and the pack that an invitee has to claim."""

from __future__ import annotations

import json
import runpy

import pytest
from games_scene import Scene
from social_scene import BARGAIN, HOUR, bargain, join, order, pay

from scrm_core.api import Conflict, Forbidden, Invalid, Plugin, execute
from scrm_interaction_games import InteractionGames

POOL = {"newcomers": 2, "newcomer_minor": 500}


class Mall(Plugin):
    """Tells of claimed packs, as a plugin with coupons does."""

    name = "mall"
    version = "1"
    summary = "Test plugin that tells of claims"
    requires_core = ">=0.1.0.dev0"


@pytest.fixture
def mall(games_installation):
    with games_installation(plugins=(Mall,), more="[plugins.mall]\n").brand("acme") as brand:
        yield Scene(brand)


def customers(scene: Scene, count: int) -> list[int]:
    people = scene.people(count)
    for number, person in enumerate(people):
        order(scene, f"OLD-{number}", person, 1_000)
    scene.deliver()
    return people


def test_new_helpers_cut_more_until_the_pool_is_used_and_old_ones_never(scene: Scene) -> None:
    code = bargain(scene, **POOL)  # 299.00 to 99.00 by four helpers; two newcomers cut 5.00 more
    owner, old, one, two, three = scene.people(5)
    order(scene, "OLD", old, 1_000)
    scene.deliver()
    ticket = scene.act(code, "open", owner)["bargain"]
    bonuses = [scene.act(code, "help", who, bargain=ticket)["bonus_minor"] for who in (old, one, two, three)]
    assert bonuses == [0, 500, 500, 0]
    shown = scene.games.view(code, owner)["view"]["bargain"]
    # The list of cuts comes to 99.00 exactly, the pool takes 10.00 of that.
    assert (shown["floor_minor"], shown["price_minor"], shown["helpers_left"]) == (9_900, 8_900, 0)
    (helped,) = execute("SELECT sum(minor) FROM interaction_games_bargain_cut").fetchone()
    (cuts,) = execute("SELECT cuts FROM interaction_games_bargain").fetchone()
    assert (sum(json.loads(cuts)), json.loads(cuts)[0] + helped) == (20_000, 20_000)
    scene.act(code, "buy", owner)
    assert pay(scene, ticket, 8_900, "B1")["state"] == "bought"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_without_newcomers_the_price_stops_at_its_floor(scene: Scene) -> None:
    code = bargain(scene, **POOL)
    owner = scene.person()
    ticket = scene.act(code, "open", owner)["bargain"]
    for helper in customers(scene, 4):
        scene.act(code, "help", helper, bargain=ticket)
    assert scene.games.view(code, owner)["view"]["bargain"]["price_minor"] == 9_900
    with pytest.raises(Conflict):
        scene.act(code, "help", scene.person(), bargain=ticket)


HELPING = """
from scrm_core.api import execute


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    (ticket,) = execute("SELECT uid FROM interaction_games_bargain").fetchone()
    people = [row[0] for row in execute("SELECT id FROM contact ORDER BY id").fetchall()][1:]
    mine = people[worker::4]
    return [games.act("bike", "help", who, key=f"h{who}", data={"bargain": ticket})["bonus_minor"] for who in mine]
"""


def test_newcomers_of_several_processes_share_the_pool_exactly(open_house, together) -> None:
    house = open_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        owner, *_ = scene.people(13)
        settings = {**BARGAIN, "helpers": 12, "newcomers": 5, "newcomer_minor": 100}
        scene.campaign("bargain", settings=settings, surface="offline_code", code="bike")
        scene.act("bike", "open", owner)
    bonuses = [bonus for told in together(house, HELPING, 4) for bonus in told]
    assert sorted(bonuses) == [0] * 7 + [100] * 5
    with house.brand("acme"):
        row = execute(
            "SELECT list_minor - cut_minor, floor_minor, bonuses_left FROM interaction_games_bargain"
        ).fetchone()
        assert tuple(row) == (9_400, 9_400, 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "settings", [{"newcomers": 2}, {"newcomer_minor": 5}, {"newcomers": 99, "newcomer_minor": 100}]
)
def test_a_pool_that_cannot_be_is_refused(scene: Scene, settings: dict) -> None:
    with pytest.raises(Invalid) as refused:
        bargain(scene, **settings)
    assert refused.value.field == "settings.newcomer_minor"


def inviting(scene: Scene, **more) -> str:
    settings = {
        "gates": ["claimed_pack", "member"],
        "pack": {"plugin": "mall", "value": "NEW10"},
        "rungs": [{"invites": 1, "prize": "tea"}],
        **more,
    }
    return scene.campaign("invite", [scene.prize("tea", item="tea")], settings=settings, surface="offline_code")


def claim(scene: Scene, person: int, batch: str) -> None:
    scene.brand.emit("mall", "claimed", person, {"batch": batch})
    scene.deliver()


def test_an_invitee_counts_who_claimed_the_pack_and_joined_in_whatever_order(mall: Scene) -> None:
    code = inviting(mall)
    inviter, first, second, other = mall.people(4)
    invitation = mall.act(code, "start", inviter)["code"]
    claim(mall, first, "NEW10")  # before accepting, but not long before
    mall.clock.advance(seconds=3_600)
    for person in (first, second, other):
        mall.act(code, "accept", person, by=invitation)
    join(mall, first)
    join(mall, second)
    claim(mall, other, "SUMMER")  # another pack
    claim(mall, other, "NEW10")  # the pack, but no member
    assert mall.view(code, inviter)["qualified"] == 1
    claim(mall, second, "NEW10")
    claim(mall, second, "NEW10")  # claiming twice counts once
    shown = mall.view(code, inviter)
    assert shown["qualified"] == 2
    assert [(each["state"], each["passed"]) for each in shown["invitees"]] == [
        ("locked", ["claimed_pack"]), ("qualified", ["claimed_pack", "member"]),
        ("qualified", ["claimed_pack", "member"]),
    ]  # fmt: skip
    proofs = execute(
        "SELECT evidence FROM interaction_games_relation_step WHERE gate = 'claimed_pack' ORDER BY relation_id"
    ).fetchall()
    assert [row[0] for row in proofs] == ["mall claimed NEW10"] * 3
    assert mall.rewards(inviter) == [("points", "tea", 1)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_pack_claimed_by_a_contact_that_is_merged_is_the_persons(mall: Scene) -> None:
    code = inviting(mall, gates=["claimed_pack"])
    inviter, person, twin = mall.people(3)
    mall.act(code, "accept", person, by=mall.act(code, "start", inviter)["code"])
    claim(mall, twin, "NEW10")
    mall.brand.contacts.merge(person, twin, actor="boss", reason="one person")
    mall.deliver()
    mall.games.settle()
    assert mall.view(code, inviter)["qualified"] == 1
    mall.brand.privacy.erase(person, actor="boss")
    assert execute("SELECT count(*) FROM interaction_games_pack").fetchone() == (0,)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_pack_claimed_long_before_the_invitation_shows_that_somebody_is_not_new(mall: Scene) -> None:
    code = inviting(mall, gates=["claimed_pack"], fresh_hours=1)
    inviter, person = mall.people(2)
    claim(mall, person, "NEW10")
    mall.clock.advance(seconds=2 * HOUR // 1000)
    invitation = mall.act(code, "start", inviter)["code"]
    try:
        mall.act(code, "accept", person, by=invitation)
    except Forbidden as exc:  # refused at once, or void at the look: never counted
        assert exc.code == "not_new"
    mall.games.settle()
    assert mall.view(code, inviter)["qualified"] == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("more", [{"pack": None}, {"gates": ["member"]}])
def test_the_gate_and_its_pack_go_together(mall: Scene, more: dict) -> None:
    with pytest.raises(Invalid) as refused:
        inviting(mall, **more)
    assert refused.value.field == "settings.pack"


def test_the_steps_of_invitations_outlive_the_table_that_learns_the_new_gate(scene: Scene) -> None:
    code = scene.campaign(
        "invite", [scene.prize("tea", item="tea")], surface="offline_code",
        settings={"gates": ["member", "first_order"], "rungs": [{"invites": 2, "prize": "tea"}]},
    )  # fmt: skip
    inviter, person = scene.people(2)
    scene.act(code, "accept", person, by=scene.act(code, "start", inviter)["code"])
    join(scene, person, "M-1")
    scene.deliver()
    rows = execute("SELECT * FROM interaction_games_relation_step").fetchall()
    folder = InteractionGames.migrations_path()
    assert len(rows) == 1 and folder is not None
    with scene.brand.transaction():
        runpy.run_path(str(folder / "0007_newcomers.py"))["_permit_gate"](scene.brand.handle.database)
    assert execute("SELECT * FROM interaction_games_relation_step").fetchall() == rows
    order(scene, "A1", person, 500)
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 1
    scene.brand.privacy.erase(person, actor="boss")
    assert execute("SELECT count(*) FROM interaction_games_relation_step").fetchone() == (0,)
