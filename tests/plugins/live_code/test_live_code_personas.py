"""Personas: a profile that says what is missing, a funnel per persona, and add rates that are compared with care."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from live_scene import Scene
from test_live_code_reception import step

from scrm_core.errors import Invalid, NotFound


def funnel(scene: Scene) -> dict[str, dict[str, Any]]:
    with scene.brand as brand:
        return {row["persona"]: dict(row) for row in brand.reports.run("live-code-personas").rows}


def personas(scene: Scene) -> None:
    """Two personas, of a company's and of a person's account."""
    scene.staff("ann", "ben")
    with scene.brand:
        made = scene.here.personas
        made.put("shop", name="官方客服", actor="lin")
        made.put("mei", name="育儿师小美", kind="personal", profile={"truth": "两个孩子的妈妈"}, actor="lin")
        made.cast("shop", "ann", actor="lin")
        made.cast("mei", "ben", actor="lin")


def test_a_profile_has_a_checklist_of_the_principles_and_the_brands_elements(scenes):
    scene, other = scenes('persona_elements = ["voice"]\n')
    personas(scene)
    with scene.brand:
        made = scene.here.personas
        mei = made.get("mei")
        assert [item for item, _ in mei.profile] == ["aspiration", "conflict", "truth", "voice"]
        assert (mei.done, dict(mei.profile)["truth"], mei.staff) == (1, "两个孩子的妈妈", ("ben",))
        assert made.put("mei", name="小美", kind="personal", actor="lin").done == 1  # nothing told: the profile stays
        assert made.put("mei", name="小美", profile={"voice": " ", "conflict": "夜醒"}, actor="lin").done == 1
        for bad in ({"code": "Mei"}, {"code": "x", "kind": "moon"}, {"code": "x", "name": " "}, {"code": "x", "profile": {"look": "x"}}):
            with pytest.raises(Invalid):
                made.put(**{"name": "x", "actor": "lin", **bad})
        with pytest.raises(NotFound):
            made.cast("mei", "eve", actor="lin")
        with pytest.raises(NotFound):  # ann is somebody else
            made.cast("mei", "ann", cast=False, actor="lin")
        with pytest.raises(Invalid):
            made.exposed("mei", date(2026, 1, 2), 5)
        with pytest.raises(Invalid):
            made.exposed("mei", date(2026, 1, 1), -1)
    with other.brand:
        assert other.here.personas.all() == []


def test_the_funnel_of_a_persona_counts_what_its_staff_brought_while_they_were_it(scene: Scene, clock):
    personas(scene)
    path = scene.code(ann="", ben="")
    assert sorted(scene.scan(path) for _ in range(4)) == ["ann", "ann", "ben", "ben"]
    one, two = scene.lead("one", "poster-01", staff="ben"), scene.lead("two", "poster-01", staff="ben")
    with scene.brand:
        scene.here.personas.cast("shop", "ben", actor="lin")
    three = scene.lead("three", "poster-01", staff="ben")
    for person, name in ((one, "spoke"), (one, "ordered"), (two, "spoke"), (three, "spoke")):
        step(scene, person, name, clock.now())
    with scene.brand:
        for people in (5, 8):
            scene.here.personas.exposed("mei", date(2026, 1, 1), people)
    names = ("exposed", "added", "replied", "ordered", "add_rate", "reply_rate", "order_rate")
    found = funnel(scene)
    # mei: two scans and eight requests, of which two added, both wrote, one ordered. What ben brings now is the shop's.
    assert [found["mei"][name] for name in names] == [10, 2, 2, 1, 0.2, 1.0, 0.5]
    assert [found["shop"][name] for name in names] == [2, 1, 1, 0, 0.5, 1.0, 0.0]
    assert [found[code][f"practice_{end}"] for code in ("shop", "mei") for end in ("low", "high")] == [0.12, 0.12, 0.6, 0.65]


def test_add_rates_are_compared_with_intervals_and_no_winner_under_the_minimum(scene: Scene):
    personas(scene)
    scene.code(ann="", ben="")
    with scene.brand, pytest.raises(Invalid):
        scene.here.personas.compare()
    for who, people in (("ann", 12), ("ben", 60)):
        for n in range(people):
            with scene.brand as brand:
                from scrm_core.services.contacts import IdentityIn, LeadIn

                brand.contacts.capture_lead(
                    LeadIn(
                        source="shop", reference=f"{who}{n}", identities=(IdentityIn.of("buyer", f"{who}{n}", "shop"),),
                        at=brand.now(), state="poster-01", fields={"staff": who},
                    )
                )  # fmt: skip
    scene.deliver()
    with scene.brand:
        made = scene.here.personas
        made.exposed("shop", date(2026, 1, 1), 11)
        assert funnel(scene)["shop"]["add_rate"] is None  # more were added than are known to be exposed
    with scene.brand:
        made.exposed("shop", date(2026, 1, 1), 99)
        made.exposed("mei", date(2026, 1, 1), 100)
        assert (made.compare().verdict, made.compare().winner) == ("too few persons", None)
        made.exposed("shop", date(2026, 1, 1), 100)
        found = made.compare()
        shop, mei = found.arms
        assert (found.verdict, found.winner, shop.share, mei.share) == ("winner", "mei", 0.12, 0.6)
        assert (round(shop.interval.low, 4), round(shop.interval.high, 4)) == (0.0700, 0.1981)
        assert mei.against_control.difference == pytest.approx(0.48)
