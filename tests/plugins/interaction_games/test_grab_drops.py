"""Daily grab through the engine: first come, first served, one per person and day, never more than there are."""

from __future__ import annotations

from datetime import datetime

import pytest
from games_scene import Scene

from scrm_core.api import Conflict, Invalid, execute, local_instant

DROPS = {"drops": [{"at": "10:00", "prize": "mug", "stock": 2, "minutes": 30}, {"at": "20:00", "prize": "bag", "stock": 1}]}


def at(scene: Scene, text: str) -> None:
    scene.clock.set(local_instant(datetime.fromisoformat(text), scene.brand.zone))


def grab(scene: Scene, **more) -> str:
    prizes = [scene.prize("mug", **more), scene.prize("bag")]
    return scene.campaign("grab", prizes, settings=DROPS)


def refusal(scene: Scene, code: str, who: int) -> Conflict:
    with pytest.raises(Conflict) as refused:
        scene.act(code, "grab", who)
    return refused.value


def taken(code: str) -> list[tuple[int, int, int]]:
    rows = execute(
        "SELECT d.minute, d.stock, d.taken FROM interaction_games_drop d JOIN interaction_games_campaign c "
        "ON c.id = d.campaign_id WHERE c.code = ? ORDER BY d.day, d.minute",
        (code,),
    ).fetchall()
    return [tuple(row) for row in rows]


def test_the_first_ones_get_it_each_once_a_day_and_the_next_day_brings_more(scene: Scene) -> None:
    at(scene, "2026-03-01T09:59:59")
    anna, bob, carl = scene.people(3)
    code = grab(scene)
    early = refusal(scene, code, anna)
    assert (early.code, early.extra["opens"]) == ("closed", "2026-03-01T10:00:00+08:00")
    at(scene, "2026-03-01T10:00")
    first = scene.act(code, "grab", anna, key="tap")
    assert (first["drop"], first["prize"], first["state"]) == ("10:00", "mug", "granted")
    assert scene.act(code, "grab", anna, key="tap") == first
    assert refusal(scene, code, anna).code == "grabbed"
    scene.act(code, "grab", bob)
    assert refusal(scene, code, carl).code == "drop_sold_out"
    assert taken(code) == [(600, 2, 2)]
    at(scene, "2026-03-01T10:30")
    assert refusal(scene, code, carl).code == "closed"
    # Anna had one today; the evening is for others.
    at(scene, "2026-03-01T20:00")
    assert refusal(scene, code, anna).code == "grabbed"
    assert scene.act(code, "grab", carl)["prize"] == "bag"
    at(scene, "2026-03-02T10:00")
    assert scene.act(code, "grab", anna)["prize"] == "mug"
    assert [len(scene.rewards(who)) for who in (anna, bob, carl)] == [2, 1, 1]


def test_what_is_refused_leaves_nothing_behind(scene: Scene) -> None:
    at(scene, "2026-03-01T10:00")
    anna, bob = scene.people(2)
    code = grab(scene, stock=1)
    scene.act(code, "grab", anna)
    # The drop has one more, but the prize is gone altogether.
    assert refusal(scene, code, bob).code == "drop_sold_out"
    assert taken(code) == [(600, 2, 1)]
    assert execute("SELECT count(*) FROM interaction_games_grab").fetchone()[0] == 1
    at(scene, "2026-03-01T20:00")
    assert scene.act(code, "grab", bob)["prize"] == "bag"


def test_the_page_is_told_what_is_left_and_how_long_to_wait(scene: Scene) -> None:
    at(scene, "2026-03-01T09:30")
    anna = scene.person()
    code = grab(scene)
    shown = scene.view(code, None)
    assert (shown["open"], shown["next"]["at"], shown["next"]["in_ms"]) == (None, "10:00", 30 * 60_000)
    at(scene, "2026-03-01T10:05")
    scene.act(code, "grab", anna)
    shown = scene.view(code, anna)
    assert [(each["at"], each["state"], each["left"]) for each in shown["drops"]] == [
        ("10:00", "open", 1), ("20:00", "coming", 1),
    ]  # fmt: skip
    assert (shown["open"], shown["grabbed"]["prize"]) == ("10:00", "mug")
    scene.act(code, "grab", scene.person())
    assert scene.view(code, None)["drops"][0]["state"] == "sold_out"
    assert scene.events("played") == [{"campaign": code, "game": "grab", "prize": "mug"}] * 2


def test_a_clock_moved_back_brings_no_second_piece(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = grab(scene)
    at(scene, "2026-03-01T10:10")
    scene.act(code, "grab", anna)
    at(scene, "2026-03-01T10:00")
    assert refusal(scene, code, anna).code == "grabbed"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("drops", "words"),
    [
        ([], "drops"),
        ([{"at": "25:00", "prize": "mug", "stock": 1}], "HH:MM"),
        ([{"at": "10:00", "prize": "mug", "stock": 0}], "stock"),
        ([{"at": "10:00", "prize": "mug", "stock": -1}], "stock"),
        ([{"at": "10:00", "prize": "mug", "stock": 1.5}], "stock"),
        ([{"at": "10:00", "prize": "mug", "stock": 1}, {"at": "10:30", "prize": "mug", "stock": 1}], "open together"),
        ([{"at": "23:30", "prize": "mug", "stock": 1}], "midnight"),
    ],
)
def test_drops_that_cannot_be_are_refused_with_their_field(scene: Scene, drops: list, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        scene.games.create(scene.definition("grab", [scene.prize("mug")], settings={"drops": drops}), actor="mia")
    assert refused.value.field.startswith("settings.drops")


RUSH = """
from concurrent.futures import ThreadPoolExecutor

from scrm_core.api import execute
from scrm_core.errors import Conflict


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    contacts = [row[0] for row in execute("SELECT id FROM contact ORDER BY id").fetchall()][worker::4]

    def one(contact):
        with brand:
            try:
                return games.act("rush", "grab", contact, key="k")["state"]
            except Conflict as exc:
                return exc.code

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, contacts))
"""


def test_a_thousand_people_on_four_processes_grab_exactly_the_hundred_there_are(open_house, together) -> None:
    house = open_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        with brand.transaction():
            scene.people(1_000)
        # Open whenever the test runs: from the first minute of the day to its end.
        drops = [{"at": "00:00", "prize": "mug", "stock": 100, "minutes": 1440}]
        scene.campaign("grab", [scene.prize("mug")], settings={"drops": drops}, code="rush")
    answers = [answer for told in together(house, RUSH, 4) for answer in told]
    with house.brand("acme"):
        days = len(taken("rush"))
        assert (answers.count("granted"), answers.count("drop_sold_out")) == (100 * days, 1_000 - 100 * days)
        assert execute("SELECT count(*), count(DISTINCT contact_id) FROM reward").fetchone() == (100 * days, 100 * days)
        assert all(row[1:] == (100, 100) for row in taken("rush"))
