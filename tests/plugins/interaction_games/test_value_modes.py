"""What modes of interaction bring, with numbers counted by hand: conversion, phones, share of content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from awards_scene import DAY_MS, HOUR_MS, AwardScene
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.errors import Conflict, Invalid
from scrm_core.facts import MetricsQuery
from scrm_core.services.contacts import IdentityIn
from scrm_core.web import create_app
from scrm_interaction_games.awards.content import Mix
from scrm_interaction_games.awards.service import METRICS

DAY = date(2026, 3, 2).toordinal()


@pytest.fixture
def installed(games_installation):
    return games_installation()


@pytest.fixture
def scene(installed, deliver) -> Iterator[AwardScene]:
    """Acme."""
    with installed.brand("acme") as brand:
        yield AwardScene(brand, deliver)


def row(scene, mode, first=DAY, last=DAY):
    (found,) = [each for each in scene.awards.value.figures(first, last) if each.mode == mode]
    return found


def note(scene, kind, count, mode="", day=DAY, start=0):
    for n in range(count):
        scene.awards.content.add(f"{kind}-{mode}-{start + n}", day, kind, mode=mode, actor="mia")


def test_conversion_counts_people_with_a_valid_order_within_the_days_after_taking_part(scene, clock):
    clock.set(scene.at("2026-03-02T10:00"))
    t0 = scene.brand.now()
    for name in ("ann", "ben", "cat", "dan"):
        scene.give(scene.person(name), f"k-{name}")
    scene.give(scene.person("ann"), "k-again")  # one person, however often
    clock.set(t0 + 8 * DAY_MS)
    scene.order("A0", "cat", t0)  # with the award, not after it
    scene.order("A1", "ann", t0 + 1)
    scene.order("A2", "ann", t0 + DAY_MS)
    scene.order("A3", "ben", t0 + 7 * DAY_MS)  # the last instant
    scene.order("A4", "cat", t0 + 7 * DAY_MS + 1)  # one too late
    scene.order("A5", "dan", t0 + DAY_MS)
    scene.refund("A5", 5_000, t0 + 2 * DAY_MS)  # not valid any more
    found = row(scene, "native")
    assert (found.people, found.ordered, found.conversion) == (4, 2, 0.5)
    nobody = row(scene, "game")
    assert (nobody.people, nobody.ordered, nobody.conversion) == (0, 0, None)
    assert row(scene, "native", DAY + 1, DAY + 8).people == 0


def test_a_phone_is_captured_when_it_became_known_on_the_day_of_taking_part_or_in_the_days_after(scene, clock):
    clock.set(scene.at("2026-03-01T23:59"))
    scene.person("ann", phone="+8613800138001")  # known the day before
    clock.set(scene.at("2026-03-02T00:00"))
    scene.person("ben", phone="+8613800138002")  # signed in that day, before playing
    clock.set(scene.at("2026-03-02T10:00"))
    t0 = scene.brand.now()
    people = {name: scene.person(name) for name in ("ann", "ben", "cat", "dan", "eve")}
    for name, contact in people.items():
        scene.give(contact, f"k-{name}")

    def learn(name, phone):
        scene.brand.contacts.add_identity(people[name], IdentityIn.of("phone", phone, ""), origin="shop")

    clock.set(t0 + 7 * DAY_MS)
    learn("cat", "+8613800138003")
    clock.set(t0 + 7 * DAY_MS + 1)
    learn("dan", "+8613800138004")
    assert row(scene, "native").phones == 2  # ben and cat
    # A second time counts no phone again: the first participation ever decides.
    clock.set(t0 + 9 * DAY_MS)
    scene.give(people["cat"], "k-later")
    later = row(scene, "native", DAY + 9, DAY + 9)
    assert (later.people, later.phones) == (1, 0)


def test_the_share_of_content_is_of_all_content_and_thirty_percent_or_less_warns(scene, clock):
    clock.set(scene.at("2026-03-02T10:00"))
    assert row(scene, "native").content_share is None
    assert scene.awards.value.table().rows[-1]["content_share"] is None
    note(scene, "marketing", 3)
    note(scene, "care", 3)
    note(scene, "daily", 1)
    note(scene, "interaction", 2, "native")
    note(scene, "interaction", 1, "game")
    note(scene, "interaction", 5, "community", day=DAY - 1, start=100)  # another day
    shares = {each.mode: (each.content, each.content_share) for each in scene.awards.value.figures(DAY, DAY)}
    assert shares == {"game": (1, 0.1), "native": (2, 0.2), "community": (0, 0.0)}
    whole = scene.awards.value.table(DAY, DAY).rows[-1]
    assert (whole["content"], whole["content_share"], bool(whole["warning"])) == (3, 0.3, True)
    note(scene, "interaction", 1, "community", start=200)
    whole = scene.awards.value.table(DAY, DAY).rows[-1]
    assert (whole["content"], whole["content_share"], whole["warning"]) == (4, 0.3636, "")


def test_the_warning_compares_exactly():
    assert Mix({"interaction": 3, "daily": 7}, {}).warns(3_000)
    assert not Mix({"interaction": 3_001, "daily": 6_999}, {}).warns(3_000)
    assert Mix({"daily": 1}, {}).warns(0)
    assert not Mix({}, {}).warns(3_000)


def test_whoever_plays_a_game_or_gets_a_welfare_gift_took_part_in_its_mode(scene, clock):
    clock.set(scene.at("2026-03-02T10:00"))
    ann, ben = scene.person("ann"), scene.person("ben")
    with scene.brand.transaction():
        for name, contact in (("played", ann), ("played", ann), ("checked-in", ben), ("published", ben)):
            scene.brand.emit("interaction-games", name, contact, {"campaign": "spring"})
    scene.deliver()
    scene.opened(mode="community", cap_minor=10_000)
    scene.awards.welfare.claim("mid-autumn", ann)
    scene.give(ben, what="question")
    scene.deliver()  # its event says the same once more
    people = {each.mode: each.people for each in scene.awards.value.figures(DAY, DAY)}
    assert people == {"game": 2, "native": 1, "community": 1}
    assert scene.awards.value.table(DAY, DAY).rows[-1]["people"] == 2
    scene.brand.contacts.merge(ann, ben, actor="boss", reason="one person")
    people = {each.mode: each.people for each in scene.awards.value.figures(DAY, DAY)}
    assert people == {"game": 1, "native": 1, "community": 1}


def test_days_are_the_brands(games_installation, deliver, clock):
    installation = games_installation()
    found = {}
    for name in ("acme", "moonco"):
        with installation.brand(name) as brand:
            scene = AwardScene(brand, deliver)
            clock.set(1_772_377_200_000)  # 2026-03-01T15:00Z: 23:00 in Shanghai, 10:00 in New York
            scene.give(scene.person("ann"), "k1")
            clock.advance(ms=2 * HOUR_MS)
            scene.give(scene.person("ben"), "k2")
            found[name] = [row(scene, "native", DAY + n, DAY + n).people for n in (-1, 0)]
    assert found == {"acme": [1, 1], "moonco": [2, 0]}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_content_is_noted_once_and_only_interaction_has_a_mode(scene):
    add = scene.awards.content.add
    first = add("post-1", DAY, "interaction", mode="native", title="quiz 问答", actor="mia")
    assert add("post-1", DAY, "interaction", mode="native", title="quiz 问答", actor="bo") == first
    with pytest.raises(Conflict):
        add("post-1", DAY, "care")
    for arguments, field in (
        (("", DAY, "care"), "key"),
        (("k", DAY, "fun"), "kind"),
        (("k", "2026-03-02", "care"), "day"),
        (("k", 0, "care"), "day"),
        (("k", DAY, "interaction"), "mode"),
    ):
        with pytest.raises(Invalid) as refused:
            add(*arguments)
        assert refused.value.field == field
    with pytest.raises(Invalid) as moded:
        add("k", DAY, "care", mode="native")
    assert moded.value.field == "mode"
    with pytest.raises(Invalid):
        scene.awards.value.figures(DAY, DAY - 1)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_metrics_reports_and_both_doors_tell_the_same(scene, installed, clock):
    clock.set(scene.at("2026-03-02T10:00"))
    ann = scene.person("ann")
    scene.give(ann)
    scene.opened(cap_minor=10_000)
    scene.awards.welfare.claim("mid-autumn", ann)
    (report,) = [r for r in scene.brand.reports.run("interaction-value").rows if r["mode"].startswith("Native")]
    assert (report["people"], report["ordered"], report["conversion"]) == (1, 0, 0.0)
    scene.awards.content.add("p0", DAY - 1, "daily")
    told = scene.brand.plugins["interaction-games"].collect_metrics(MetricsQuery(DAY, DAY))
    mine = {(m.metric, m.dimension, m.value) for m in told if m.metric in METRICS}
    assert mine == {("awards", "native", 1), ("welfare", "mid-autumn", 1), ("welfare_minor", "mid-autumn", 300)}
    key = scene.brand.keys.create("all", ("*",))[1]
    scene.brand.__exit__(None, None, None)
    client = create_app(installed).test_client()

    def call(method, path, body=None):
        headers = {"Authorization": f"Bearer {key}"}
        return client.open(f"/api/v1/acme/plugins/interaction-games{path}", method=method, json=body, headers=headers)

    def scrm(*arguments):
        session = Session(installed.config.root, clock=clock)
        session._installation = installed
        return CliRunner().invoke(root, ["interaction-games", *arguments], obj=session)

    try:
        content = {"key": "p1", "day": "2026-03-02", "kind": "interaction", "mode": "native"}
        assert call("POST", "/content", content).json["day"] == "2026-03-02"
        assert call("POST", "/content", {**content, "day": "02.03.2026"}).json["field"] == "day"
        added = scrm("content", "add", "acme", "care", "--key", "p2", "--json")
        assert json.loads(added.stdout)["day"] == "2026-03-02"
        rows = call("GET", "/value?from=2026-03-02&until=2026-03-02").json["rows"]
        assert [(r["people"], r["content"], r["content_share"]) for r in rows] == [
            (0, 0, 0.0), (1, 1, 0.5), (0, 0, 0.0), (1, 1, 0.5),
        ]  # fmt: skip
        assert json.loads(scrm("value", "acme", "--from", "2026-03-02", "--json").stdout) == rows
        assert call("GET", "/value?from=yesterday").json["field"] == "from"
    finally:
        scene.brand.__enter__()
