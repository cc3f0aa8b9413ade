"""Each signal of cheating is told with its evidence at the review desk, alone holds nothing, and loses nobody a prize."""

from __future__ import annotations

from datetime import datetime

import pytest
from games_scene import DAY_MS, Scene

from scrm_core.api import local_instant

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
REVIEWED = "every win of this prize is reviewed"


def reviewed(scene: Scene, **more) -> str:
    """A wheel on which every turn wins, and every win is looked at by a person."""
    prize = scene.prize("tea", weight=1, value_minor=2_000, review=True)
    return scene.campaign("wheel", [prize], chances={"start": 50, **more.pop("chances", {})}, **more)


def old(scene: Scene, count: int) -> list[int]:
    """People whom the brand has known for some days."""
    people = scene.people(count)
    scene.clock.advance(days=2)
    return people


def seen(scene: Scene, who: int) -> tuple[int, list[str]]:
    """(score, signals) of the latest win of a person as the desk shows it."""
    uid = scene.brand.contacts.get_by_id(who).uid
    latest = [each for each in scene.games.reviews.queue() if each["contact"] == uid][-1]
    return latest["score"], [text for text in latest["signals"] if text != REVIEWED]


def test_neighbouring_phone_numbers_of_three_players_are_a_run(scene: Scene) -> None:
    phones = ["+8613800001000", "+8613800001004", "+8613800001010", "+8613800001011", "+8613900001005"]
    people = [scene.person(phone) for phone in phones]
    scene.clock.advance(days=2)
    code = reviewed(scene)
    for who in people:
        scene.act(code, "play", who)
    assert seen(scene, people[1]) == (0, [])  # two neighbours are a couple
    # 1010 has 1000 and 1004 beside it, 1011 has 1004 and 1010 (1000 is eleven away).
    for who in people[2:4]:
        assert seen(scene, who) == (25, ["3 players with neighbouring phone numbers"])
    assert seen(scene, people[4]) == (0, [])


def test_five_accounts_of_one_network_within_an_hour(scene: Scene) -> None:
    code = reviewed(scene, ends_at=scene.brand.now() + 90 * DAY_MS)
    people = old(scene, 6)
    for who in people[:5]:
        scene.act(code, "play", who, network="n1")
        scene.clock.advance(seconds=14 * 60)  # 56 minutes to the fifth, and never three within ten
    assert seen(scene, people[3]) == (0, [])
    assert seen(scene, people[4]) == (15, ["5 accounts of one network within an hour"])
    scene.clock.advance(hours=1)
    scene.act(code, "play", people[5], network="n1")
    assert seen(scene, people[5]) == (0, [])


def test_three_new_accounts_of_one_network_are_a_burst(scene: Scene) -> None:
    code = reviewed(scene)
    (known,) = old(scene, 1)
    new = scene.people(3)
    for who in new:
        scene.act(code, "play", who, network="n1")
        scene.clock.advance(seconds=20 * 60)
    scene.act(code, "play", known, network="n1")
    alone = (10, ["first seen within a day and without an order"])
    assert [seen(scene, who) for who in new[:2]] == [alone, alone]
    score, signals = seen(scene, new[2])
    assert (score, signals[0]) == (30, "3 accounts of one network, all first seen within a day")
    assert seen(scene, known) == (0, [])  # whom the brand has known belongs to no burst


def test_five_draws_within_two_seconds_are_no_hands(scene: Scene) -> None:
    code = reviewed(scene)
    robot, person = old(scene, 2)
    for gap in (100, 700, 300, 900, 0):  # 2.0 seconds from the first to the fifth
        scene.act(code, "play", robot)
        scene.clock.advance(ms=gap)
    assert seen(scene, robot) == (20, ["5 draws within 2 seconds"])
    for gap in (100, 700, 300, 901, 0):
        scene.act(code, "play", person)
        scene.clock.advance(ms=gap)
    assert seen(scene, person) == (0, [])


def test_draws_of_one_instant_are_one_pull_and_no_speed(scene: Scene) -> None:
    code = reviewed(scene)
    (person,) = old(scene, 1)
    for _ in range(10):
        scene.act(code, "play", person)
    assert seen(scene, person) == (0, [])


def test_ten_draws_in_the_small_hours_alone_are_a_pattern(scene: Scene) -> None:
    code = reviewed(scene)
    owl, person = old(scene, 2)
    for day in range(10):
        scene.clock.set(local_instant(datetime(2026, 1, day + 5, 1 + day % 4, 7 * day % 60), scene.brand.zone))
        scene.act(code, "play", owl)
        scene.act(code, "play", person)
        if day == 5:
            scene.clock.advance(hours=8)
            scene.act(code, "play", person)
    assert seen(scene, owl) == (10, ["the last 10 draws all between 1:00 and 5:00"])
    assert seen(scene, person) == (0, [])


def test_ten_chances_of_one_source_within_a_day_are_told_and_gifts_are_not(scene: Scene) -> None:
    code = reviewed(scene, chances={"order": 5})
    many, few = old(scene, 2)
    for number in range(2):
        scene.order(f"M{number}", many, 1_000)
    scene.order("F", few, 1_000)
    scene.deliver()
    scene.give_tickets(code, few, 40)
    for who in (many, few):
        scene.act(code, "play", who)
    assert seen(scene, many) == (15, ["10 chances from order within a day"])
    assert seen(scene, few) == (0, [])


def test_signals_add_up_to_a_hold_and_the_prize_is_kept_for_a_persons_word(scene: Scene) -> None:
    phones = [f"+861700000100{number}" for number in range(3)]
    people = [scene.person(phone) for phone in phones]
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, value_minor=2_000, stock=3)], chances={"start": 1})
    states = [scene.act(code, "play", who, network="n1")["state"] for who in people]
    assert states == ["granted", "granted", "held"]
    (held,) = scene.games.reviews.queue()
    # 20 network + 20 new together + 15 virtual + 10 new + 25 run
    assert (held["score"], len(held["signals"])) == (90, 5)
    assert scene.stock(code, "tea") == 0
    assert scene.games.reviews.approve(held["uid"], actor="kim", reason="a class of students") == "granted"
    assert scene.rewards(people[2]) == [("points", "", 1)]
