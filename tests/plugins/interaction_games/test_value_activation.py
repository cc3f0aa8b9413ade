"""What an activation did to a group's next week, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from awards_scene import DAY_MS, AwardScene
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.plugin import Plugin
from scrm_core.web import create_app

DAY = date(2026, 3, 10).toordinal()


class Florist(Plugin):
    """Adds a template of its own."""

    name = "florist"
    version = "1"
    summary = "Test plugin with a template"
    requires_core = ">=0.1.0.dev0"
    extensions = {
        "interaction-games.activations": (
            {
                "code": "bouquet",
                "industry": "flowers",
                "title": "Bouquet",
                "kind": "interaction",
                "steps": ["bind one"],
            },
        )
    }


@pytest.fixture
def installed(games_installation):
    return games_installation(plugins=(Florist,), more="[plugins.florist]\n")


@pytest.fixture
def scene(installed, deliver) -> Iterator[AwardScene]:
    """Acme with the group ``tea-1``."""
    with installed.brand("acme") as brand:
        brand.groups.upsert("tea-1", "Tea lovers")
        yield AwardScene(brand, deliver)


def effect(scene):
    (row,) = scene.awards.activations.effects("tea-1").rows
    return row


def test_the_active_rate_of_the_next_week_is_told_once_that_week_is_over(scene, clock):
    day = scene.at("2026-03-10T00:00")
    clock.set(day - 20 * DAY_MS)
    people = {name: scene.person(name, phone=f"+861380013800{n}") for n, name in enumerate("abcdefg")}
    for name in "abcde":
        scene.brand.groups.join("tea-1", people[name], at=day - 10 * DAY_MS)
    scene.brand.groups.leave("tea-1", people["e"], at=day)  # left as the day began
    scene.brand.groups.join("tea-1", people["f"], at=day)  # joined as it began: 5 members a b c d f
    scene.brand.groups.join("tea-1", people["g"], at=day + 1)  # joined later

    def act(name, at, n=iter(range(100))):
        clock.set(at)
        scene.give(people[name], f"k{next(n)}")

    act("a", day - 7 * DAY_MS)  # the first instant of the week before
    act("b", day - 7 * DAY_MS - 1)  # too early
    act("b", day)  # the day itself counts in neither
    act("a", day + DAY_MS)  # the first instant of the week after
    scene.brand.outreach.received("sms", "+8613800138002", "hello", ref="m1", at=day + 2 * DAY_MS)  # c writes
    act("g", day + 2 * DAY_MS)  # was no member
    act("f", day + 8 * DAY_MS - 1)  # the last instant
    scene.awards.activations.add("march", "tea-brewing", "tea-1", DAY, actor="mia")
    waiting = effect(scene)
    assert (waiting["members"], waiting["active_before"], waiting["rate_before"]) == (5, 1, 0.2)
    assert (waiting["active_after"], waiting["rate_after"], waiting["change"]) == (None, None, None)
    act("d", day + 8 * DAY_MS)  # too late, and now the week is over
    done = effect(scene)
    assert (done["active_after"], done["rate_after"], done["change"]) == (3, 0.6, 0.4)


def test_a_group_without_members_has_no_rate(scene, clock):
    clock.set(scene.at("2026-04-01T00:00"))
    scene.awards.activations.add("march", "small-game", "tea-1", DAY, actor="mia")
    row = effect(scene)
    assert (row["members"], row["active_after"], row["rate_before"], row["rate_after"], row["change"]) == (
        0, 0, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_templates_are_data_that_plugins_add_to_and_an_activation_names_one(scene):
    templates = scene.awards.activations.templates
    assert {row.industry for row in templates("flowers")} == {"", "flowers"}
    assert [row.source for row in templates() if row.code == "bouquet"] == ["florist"]
    assert "tea-brewing" in {row.code for row in templates("tea")}
    add = scene.awards.activations.add
    first = add("march", "bouquet", "tea-1", DAY, actor="mia")
    assert add("march", "bouquet", "tea-1", DAY, actor="bo") == first
    with pytest.raises(Conflict):
        add("march", "small-game", "tea-1", DAY, actor="mia")
    with pytest.raises(NotFound):
        add("x", "bouquet", "nosuch", DAY, actor="mia")
    for arguments, actor, field in (
        ((" ", "bouquet", "tea-1", DAY), "mia", "code"),
        (("x", "dance", "tea-1", DAY), "mia", "template"),
        (("x", "bouquet", "tea-1", "today"), "mia", "day"),
        (("x", "bouquet", "tea-1", DAY), "", "actor"),
    ):
        with pytest.raises(Invalid) as refused:
            add(*arguments, actor=actor)
        assert refused.value.field == field


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_both_doors_note_activations_and_show_their_effect(scene, installed, clock):
    clock.set(scene.at("2026-03-10T12:00"))
    key = scene.brand.keys.create("all", ("*",))[1]
    scene.brand.__exit__(None, None, None)
    client = create_app(installed).test_client()

    def call(method, path, body=None):
        headers = {"Authorization": f"Bearer {key}"}
        return client.open(f"/api/v1/acme/plugins/interaction-games{path}", method=method, json=body, headers=headers)

    def scrm(*arguments):
        session = Session(installed.config.root, clock=clock)
        session._installation = installed
        return CliRunner().invoke(root, ["interaction-games", "activation", *arguments], obj=session)

    try:
        body = {"code": "a1", "template": "free-order", "group": "tea-1", "day": "2026-03-09"}
        assert call("POST", "/activations", body).json["day"] == "2026-03-09"
        made = scrm("add", "acme", "tea-1", "--code", "a2", "--template", "small-game", "--as", "mia", "--json")
        assert json.loads(made.stdout)["day"] == "2026-03-10", made.output
        rows = call("GET", "/activations?group=tea-1").json["rows"]
        assert [row["code"] for row in rows] == ["a2", "a1"]
        assert json.loads(scrm("effect", "acme", "--json").stdout) == rows
        shown = call("GET", "/activations/templates?industry=tea").json["templates"]
        told = json.loads(scrm("templates", "acme", "--industry", "tea", "--json").stdout)
        assert [row["code"] for row in shown] == [row["code"] for row in told]
    finally:
        scene.brand.__enter__()
