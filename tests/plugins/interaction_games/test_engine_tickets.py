"""Chances: where they come from, when they end, which is spent first, and that they never fall below 0."""

from __future__ import annotations

import pytest
from games_scene import DAY_MS, Scene

from scrm_core.api import Conflict, Invalid
from scrm_core.db.bulk import execute

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
HOUR_MS = 3_600_000


def balance(scene: Scene, code: str, person: int) -> int:
    return scene.games.view(code, person)["chances"]


def test_an_order_gives_chances_once_and_a_refund_revokes_what_is_unused(scene: Scene) -> None:
    anna = scene.person("+8613800000001")
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"order": 2, "order_min_minor": 5_000})
    scene.order("A1", anna, 6_000)
    scene.order("A2", anna, 4_999)
    scene.deliver()
    assert balance(scene, code, anna) == 2
    scene.order("A1", anna, 6_000)
    scene.deliver()
    assert balance(scene, code, anna) == 2
    scene.draw(code, anna)
    # What is left of the payment still reaches what an order has to pay.
    scene.refund("A1", 1_000, "R1")
    scene.deliver()
    assert balance(scene, code, anna) == 1
    scene.refund("A1", 1, "R2")
    scene.deliver()
    assert balance(scene, code, anna) == 0
    with pytest.raises(Conflict):
        scene.draw(code, anna)
    rows = execute("SELECT delta, source FROM interaction_games_ticket ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [(2, "order"), (-1, "spent"), (-1, "revoked")]


@SQLITE
def test_orders_outside_the_campaign_give_nothing(scene: Scene) -> None:
    anna = scene.person("+8613800000001")
    now = scene.brand.now()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1)], chances={"order": 1}, starts_at=now + HOUR_MS, ends_at=now + DAY_MS
    )
    scene.order("A1", anna, 100)
    scene.deliver()
    scene.clock.advance(hours=1)
    scene.order("A2", anna, 0)
    scene.deliver()
    assert balance(scene, code, anna) == 0
    scene.order("A3", anna, 100)
    scene.deliver()
    assert balance(scene, code, anna) == 1


@SQLITE
def test_the_chance_that_ends_soonest_is_spent_first(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)])
    now = scene.brand.now()
    for key, days in (("never", None), ("late", 9), ("soon", 2)):
        until = None if days is None else now + days * DAY_MS
        scene.games.grant_tickets(code, anna, 1, key=key, expires_at=until)
    for expected in ("soon", "late", "never"):
        scene.draw(code, anna)
        rows = execute("SELECT key FROM interaction_games_ticket WHERE delta > 0 AND remaining = 0").fetchall()
        assert f"staff:{expected}" in {row[0] for row in rows}
    assert balance(scene, code, anna) == 0


@SQLITE
def test_chances_end_with_their_time_and_free_ones_with_the_brands_day(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"daily": 2, "expires_days": 3})
    scene.give_tickets(code, anna, 5)
    assert balance(scene, code, anna) == 7
    scene.draw(code, anna)
    assert balance(scene, code, anna) == 6
    scene.clock.advance(days=1)
    # Yesterday's free chance is gone; today's two are there.
    assert balance(scene, code, anna) == 7
    scene.clock.advance(days=2)
    assert balance(scene, code, anna) == 2


@SQLITE
def test_a_gift_of_chances_has_a_key_and_works_once(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)])
    assert scene.give_tickets(code, anna, 2, "sorry") == 2
    assert scene.give_tickets(code, anna, 2, "sorry") == 2
    for count in (0, -1, 1_001):
        with pytest.raises(Invalid):
            scene.give_tickets(code, anna, count, f"k{count}")
    draft = scene.campaign("wheel", [scene.prize("tea", weight=1)], publish=False)
    with pytest.raises(Conflict):
        scene.give_tickets(draft, anna, 1)


@SQLITE
def test_sharing_gives_chances_only_where_it_is_permitted(scene: Scene) -> None:
    anna = scene.person()
    for surface in ("h5", "mini_program", "app"):
        code = scene.campaign("wheel", [scene.prize("tea", weight=1)], surface=surface)

        def share(code: str = code) -> bool:
            with scene.brand.transaction():
                return scene.games.turn(code, anna, "k").tickets.grant(1, "share", "s1")

        if surface == "app":
            assert share() is True
            assert share() is False
        else:
            with pytest.raises(Conflict) as refused:
                share()
            assert refused.value.code == "surface"


def test_a_check_in_gives_chances_in_other_campaigns_once_a_day(scene: Scene) -> None:
    anna = scene.person()
    wheel = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"check_in": 1})
    with scene.brand.transaction():
        for _ in range(2):
            scene.brand.emit("interaction-games", "checked-in", anna, {"campaign": "x"})
    scene.deliver()
    assert balance(scene, wheel, anna) == 1
    scene.clock.advance(days=1)
    with scene.brand.transaction():
        scene.brand.emit("interaction-games", "checked-in", anna, {"campaign": "x"})
    scene.deliver()
    assert balance(scene, wheel, anna) == 2


def test_the_ledger_adds_up_for_everybody(scene: Scene) -> None:
    people = scene.people(3)
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=9, stock=2), scene.none(1)], chances={"start": 1, "daily": 1}
    )
    for turn in range(8):
        person = people[turn % 3]
        scene.give_tickets(code, person, 1)
        try:
            scene.draw(code, person)
        except Conflict as refused:
            assert refused.code == "sold_out"
    rows = execute(
        "SELECT contact_id, sum(delta), sum(remaining), min(remaining) FROM interaction_games_ticket GROUP BY contact_id"
    ).fetchall()
    assert len(rows) == 3
    for _, total, remaining, lowest in rows:
        assert total == remaining and lowest >= 0


@SQLITE
def test_an_order_of_somebody_erased_meanwhile_gives_nothing_and_stops_nobody(scene: Scene) -> None:
    anna, berta = scene.person("+8613800000001"), scene.person("+8613800000002")
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"order": 1, "check_in": 1})
    scene.order("A1", anna, 100)
    with scene.brand.transaction():
        scene.brand.emit("interaction-games", "checked-in", anna, {"campaign": "x"})
    scene.order("B1", berta, 100)
    scene.brand.privacy.erase(anna, actor="kim")
    scene.deliver()
    assert balance(scene, code, berta) == 1
    assert execute("SELECT count(*) FROM interaction_games_ticket").fetchone()[0] == 1


def test_a_first_draw_spends_what_expires_soonest_and_keeps_the_chance_to_begin_with(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    until = scene.brand.now() + HOUR_MS
    scene.games.grant_tickets(code, anna, 1, key="gift", expires_at=until, actor="mia")
    scene.draw(code, anna)
    scene.clock.set(until)
    assert scene.view(code, anna)["chances"] == 1
    scene.draw(code, anna)
    assert scene.view(code, anna)["chances"] == 0
