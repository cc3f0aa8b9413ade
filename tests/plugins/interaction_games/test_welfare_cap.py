"""A welfare campaign is tied to an occasion, gives one gift per person and stops exactly at its cap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from awards_scene import DAY_MS, AwardScene
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound, ScrmError
from scrm_core.services.products import ProductIn
from scrm_core.web import create_app
from scrm_interaction_games.awards.welfare import AT_CAP

CLAIMS = """
from scrm_core.errors import Conflict
from scrm_interaction_games.awards.service import Awards


def run(brand, worker):
    welfare = Awards.of(brand).welfare
    granted = 0
    for n in range(40):
        contact = brand.contacts.find("buyer", f"p{(n + 10 * worker) % 40}", "shop").id
        try:
            granted += welfare.claim("mid-autumn", contact).outcome == "granted"
        except Conflict as exc:
            assert exc.code == "welfare_closed", exc.code
    return granted
"""
RUNS = """
from scrm_interaction_games.awards.service import Awards


def run(brand, worker):
    return Awards.of(brand).welfare.run("everybody").granted
"""


@pytest.fixture
def installed(games_installation):
    return games_installation()


@pytest.fixture
def scene(installed, deliver) -> Iterator[AwardScene]:
    """Acme."""
    with installed.brand("acme") as brand:
        yield AwardScene(brand, deliver)


@pytest.fixture
def house(open_house, deliver) -> Iterator[AwardScene]:
    """Acme as other processes see it too: forty people, the real clock."""
    with open_house().brand("acme") as brand:
        scene = AwardScene(brand, deliver)
        for n in range(40):
            scene.person(f"p{n}")
        yield scene


def test_forty_people_on_four_processes_claim_until_the_cap_and_one_gift_each(house, together):
    house.opened(unit_cost_minor=300, cap_minor=5_000)  # 16 gifts cost 4,800; a 17th would cost 5,100
    granted = together(house.brand.installation, CLAIMS, 4)
    assert sum(granted) == 16
    found = house.awards.welfare.get("mid-autumn")
    assert (found.spent_minor, found.granted, found.state, found.stop_reason) == (4_800, 16, "stopped", AT_CAP)
    assert execute("SELECT count(*), count(DISTINCT contact_id) FROM reward").fetchone() == (16, 16)
    assert execute("SELECT count(*) FROM interaction_games_welfare_grant").fetchone() == (16,)


def test_four_processes_that_give_to_one_audience_give_each_person_one_gift(house, together):
    house.opened("everybody", unit_cost_minor=10, cap_minor=250, claim=False, audience="orders = 0")
    assert sum(together(house.brand.installation, RUNS, 4)) == 25
    found = house.awards.welfare.get("everybody")
    assert (found.spent_minor, found.granted, found.state) == (250, 25, "stopped")
    assert execute("SELECT count(*), count(DISTINCT contact_id) FROM reward").fetchone() == (25, 25)


def test_the_gift_after_which_no_other_fits_stops_the_campaign_and_says_why(scene):
    people = [scene.person(name) for name in ("ann", "ben", "cat", "dan", "eve")]
    scene.opened()  # 300 each, 1,000 in all
    gifts = [scene.awards.welfare.claim("mid-autumn", contact) for contact in people[:3]]
    assert [gift.outcome for gift in gifts] == ["granted"] * 3
    found = scene.awards.welfare.get("mid-autumn")
    assert (found.state, found.stop_reason, found.spent_minor) == ("stopped", AT_CAP, 900)
    with pytest.raises(Conflict) as refused:
        scene.awards.welfare.claim("mid-autumn", people[3])
    assert (refused.value.code, AT_CAP in refused.value.message) == ("welfare_closed", True)
    again = scene.awards.welfare.claim("mid-autumn", people[0])
    assert (again.outcome, again.reward) == ("already", gifts[0].reward)
    with pytest.raises(Conflict):
        scene.awards.welfare.open("mid-autumn", actor="mia")
    with pytest.raises(Invalid) as lower:
        scene.awards.welfare.raise_cap("mid-autumn", 1_000, actor="boss", reason="more")
    assert lower.value.field == "cap_minor"
    assert scene.awards.welfare.raise_cap("mid-autumn", 1_100, actor="boss", reason="more").state == "stopped"
    assert scene.awards.welfare.raise_cap("mid-autumn", 1_200, actor="boss", reason="even more").state == "open"
    assert scene.awards.welfare.claim("mid-autumn", people[3]).outcome == "granted"
    assert scene.awards.welfare.get("mid-autumn").state == "stopped"
    told = [(what, cap, reason, actor) for what, cap, reason, actor, _ in scene.awards.welfare.changes("mid-autumn")]
    assert told == [
        ("create", 1_000, "", "mia"),
        ("open", 1_000, "", "mia"),
        ("cap", 1_100, "more", "boss"),
        ("cap", 1_200, "even more", "boss"),
    ]
    assert [cost for _, _, cost, _ in scene.granted()] == [300] * 4


def test_an_audience_is_given_to_and_a_claim_outside_it_refused(scene, installed):
    now = scene.brand.now()
    buyers = [scene.person(name) for name in ("ann", "ben")]
    stranger = scene.person("cat")
    scene.order("A1", "ann", now)
    scene.order("A2", "ben", now)
    scene.opened("vip", audience="orders >= 1", claim=True)
    with pytest.raises(Conflict) as refused:
        scene.awards.welfare.claim("vip", stranger)
    assert refused.value.code == "not_in_audience"
    scene.awards.welfare.claim("vip", buyers[1])
    done = scene.awards.welfare.run("vip", limit=1)
    assert (done.granted, done.onward, done.state) == (1, None, "open")
    assert scene.awards.welfare.run("vip").granted == 0
    scene.opened("push", audience="orders >= 1", claim=False)
    with pytest.raises(Conflict) as pushed:
        scene.awards.welfare.claim("push", buyers[0])
    assert pushed.value.code == "not_claimable"
    assert scene.awards.welfare.settle() == 2
    assert scene.awards.welfare.settle() == 0
    installed.issuer_closed = True
    scene.opened("closed", audience="orders >= 1", claim=False)
    first = scene.awards.welfare.run("closed", limit=1)
    assert (first.granted, first.refused[0][0], first.onward) == (0, buyers[0], buyers[0])
    second = scene.awards.welfare.run("closed", after=first.onward, limit=1)
    assert (second.refused[0][0], second.onward) == (buyers[1], None)
    assert scene.awards.welfare.settle() == 0
    assert scene.awards.welfare.get("closed").spent_minor == 0


def test_a_campaign_gives_only_in_its_time_and_while_it_is_open(scene, clock):
    ann = scene.person("ann")
    start = scene.at("2026-09-20T10:00")
    clock.set(start - 1)
    scene.awards.welfare.create(scene.campaign(starts_at=start, ends_at=start + DAY_MS), actor="mia")

    def code_of(act):
        with pytest.raises(ScrmError) as refused:
            act()
        return refused.value.code

    def claim():
        scene.awards.welfare.claim("mid-autumn", ann)

    assert code_of(claim) == "welfare_closed"  # a draft
    scene.awards.welfare.open("mid-autumn", actor="mia")
    assert code_of(claim) == "not_now"
    clock.set(start)
    with pytest.raises(Invalid):
        scene.awards.welfare.stop("mid-autumn", actor="mia", reason=" ")
    stopped = scene.awards.welfare.stop("mid-autumn", actor="mia", reason="cakes are late")
    assert (stopped.state, stopped.stop_reason) == ("stopped", "cakes are late")
    assert code_of(claim) == "welfare_closed"
    scene.awards.welfare.open("mid-autumn", actor="mia", reason="cakes are here")
    clock.set(start + DAY_MS)
    assert code_of(claim) == "not_now"
    scene.awards.welfare.settle()
    assert scene.awards.welfare.get("mid-autumn").state == "ended"
    assert code_of(lambda: scene.awards.welfare.open("mid-autumn", actor="mia")) == "welfare_over"
    clock.set(start + DAY_MS - 1)  # a clock moved back opens nothing
    assert code_of(claim) == "welfare_closed"
    assert scene.granted() == []


def test_goods_that_would_lose_money_are_refused(scene):
    goods = {"kind": "product-voucher", "item": "tea", "unit_cost_minor": 400, "cap_minor": 4_000}

    def create(**more):
        return scene.awards.welfare.create(scene.campaign(**(goods | more)), actor="mia")

    with pytest.raises(Invalid) as unknown:
        create()
    assert unknown.value.field == "basket_minor"
    with pytest.raises(Invalid) as loses:
        create(basket_minor=999)  # 40% of 999 is 399
    assert (loses.value.code, "399" in loses.value.message) == ("gift_loses_money", True)
    scene.brand.products.upsert_many([ProductIn("tea", "Tea", cost_minor=401)])
    with pytest.raises(Invalid) as cheap:
        create(basket_minor=1_000)
    assert (cheap.value.field, "401" in cheap.value.message) == ("unit_cost_minor", True)
    scene.brand.products.upsert_many([ProductIn("tea", "Tea", cost_minor=400)])
    assert create(basket_minor=1_000).state == "draft"
    assert create(basket_minor=1_000).code == "mid-autumn"  # the same again
    with pytest.raises(Conflict) as other:
        create(basket_minor=1_001)
    assert other.value.code == "welfare_exists"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"occasion": "birthday"}, "occasion"),
        ({"occasion_name": " "}, "occasion_name"),
        ({"mode": "phone"}, "mode"),
        ({"unit_cost_minor": 0}, "unit_cost_minor"),
        ({"unit_cost_minor": 1_001}, "cap_minor"),
        ({"cap_minor": 1.5}, "cap_minor"),
        ({"quantity": 0}, "quantity"),
        ({"ends_at": 0}, "ends_at"),
        ({"claim": False}, "audience"),
        ({"audience": "orders >="}, None),
        ({"item": "nosuch"}, "item"),
        ({"title": "a\u0000"}, "title"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(scene, more, field):
    with pytest.raises(Invalid) as refused:
        scene.awards.welfare.create(replace(scene.campaign(), **more), actor="mia")
    assert field is None or refused.value.field == field
    with pytest.raises(NotFound):
        scene.awards.welfare.get("mid-autumn")


def test_of_two_merged_people_who_both_got_the_gift_one_gift_stays_theirs(scene):
    ann, twin, old = scene.person("ann"), scene.person("twin"), scene.person("old")
    scene.opened(cap_minor=10_000)
    mine = scene.awards.welfare.claim("mid-autumn", ann)
    scene.awards.welfare.claim("mid-autumn", twin)
    scene.awards.welfare.claim("mid-autumn", old)
    new = scene.person("new")
    scene.brand.contacts.merge(ann, twin, actor="boss", reason="one person")
    scene.brand.contacts.merge(new, old, actor="boss", reason="one person")
    for contact in (ann, twin):
        assert scene.awards.welfare.claim("mid-autumn", contact).reward == mine.reward
    assert scene.awards.welfare.claim("mid-autumn", new).outcome == "already"
    scene.brand.privacy.erase(ann, actor="boss")
    assert scene.awards.welfare.get("mid-autumn").granted == 3
    assert len(scene.granted()) == 3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_over_http_and_on_the_command_line_a_campaign_lives_from_draft_to_cap(scene, installed, clock):
    clock.set(scene.at("2026-09-20T10:00"))
    uids = [scene.brand.contacts.get_by_id(scene.person(name)).uid for name in ("ann", "ben")]
    key = scene.brand.keys.create("all", ("*",))[1]
    scene.brand.__exit__(None, None, None)
    client = create_app(installed).test_client()

    def call(method, path, body=None):
        headers = {"Authorization": f"Bearer {key}"}
        return client.open(f"/api/v1/acme/plugins/interaction-games{path}", method=method, json=body, headers=headers)

    def scrm(*arguments):
        session = Session(installed.config.root, clock=clock)
        session._installation = installed
        return CliRunner().invoke(root, ["interaction-games", "welfare", *arguments], obj=session)

    body = {
        "code": "autumn", "title": "Tea", "occasion": "season", "occasion_name": "Autumn 秋", "kind": "custom",
        "unit_cost_minor": 100, "cap_minor": 150, "claim": True, "starts_at": "2026-09-20", "ends_at": "2026-09-27",
    }  # fmt: skip
    try:
        made = call("POST", "/welfare", body)
        assert (made.status_code, made.json["state"], made.json["starts_at"]) == (
            201,
            "draft",
            "2026-09-20T00:00:00+08:00",
        )
        assert call("POST", "/welfare", {**body, "spent_minor": 1}).json["field"] == "spent_minor"
        assert call("POST", "/welfare", {**body, "code": "x", "starts_at": "soon"}).json["field"] == "starts_at"
        assert call("POST", "/welfare/autumn/open", {}).json["state"] == "open"
        assert call("POST", "/welfare/autumn/claims", {"contact": uids[0]}).status_code == 201
        assert call("POST", "/welfare/autumn/claims", {"contact": uids[0]}).status_code == 200
        late = call("POST", "/welfare/autumn/claims", {"contact": uids[1]})
        assert (late.status_code, late.json["code"]) == (409, "welfare_closed")
        shown = call("GET", "/welfare/autumn").json
        assert (shown["state"], shown["stop_reason"], shown["left_minor"], shown["gifts_left"]) == (
            "stopped", AT_CAP, 50, 0,
        )  # fmt: skip
        assert [w["code"] for w in call("GET", "/welfare").json["welfare"]] == ["autumn"]
        assert call("POST", "/welfare/autumn/run", {}).json["code"] == "no_audience"
        assert call("POST", "/welfare/autumn/cap", {"cap_minor": 300, "reason": "more"}).json["state"] == "open"
        given = (
            "--title", "New tea", "--occasion", "launch", "--occasion-name", "Spring tea", "--kind", "custom",
            "--unit-cost-minor", "10", "--cap-minor", "1000", "--audience", "orders = 0",
            "--from", "2026-09-20", "--until", "2026-09-21T12:00", "--as", "mia",
        )  # fmt: skip
        assert scrm("create", "acme", "launch", *given).exit_code == 0
        assert scrm("open", "acme", "launch", "--as", "mia").exit_code == 0
        done = json.loads(scrm("run", "acme", "launch").stdout)
        assert (done["granted"], done["state"], done["next"]) == (2, "open", None)
        assert json.loads(scrm("claim", "acme", "autumn", uids[1], "--json").stdout)["outcome"] == "granted"
        assert (
            json.loads(scrm("stop", "acme", "launch", "--reason", "sold", "--as", "mia", "--json").stdout)[
                "stop_reason"
            ]
            == "sold"
        )
        assert (
            json.loads(scrm("raise-cap", "acme", "launch", "2000", "--reason", "r", "--as", "mia", "--json").stdout)[
                "cap_minor"
            ]
            == 2_000
        )
        rows = json.loads(scrm("list", "acme", "--json").stdout)
        assert [(row["code"], row["granted"]) for row in rows] == [("autumn", 2), ("launch", 2)]
    finally:
        scene.brand.__enter__()
