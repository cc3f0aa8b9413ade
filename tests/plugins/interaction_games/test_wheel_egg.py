"""Wheel and eggs: what is drawn is what is shown, pages that are older than the last draw draw nothing again."""

from __future__ import annotations

import re

import pytest
from games_scene import Scene
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.api import Conflict, Invalid, execute
from scrm_interaction_games.games.slices import RADIUS, slices


def draws(code: str) -> list[tuple[str, str]]:
    """(key, uid) of a campaign's draws, first to last."""
    rows = execute(
        "SELECT d.key, d.uid FROM interaction_games_draw d JOIN interaction_games_campaign c ON c.id = d.campaign_id "
        "WHERE c.code = ? AND d.kind = 'draw' ORDER BY d.id",
        (code,),
    ).fetchall()
    return [(key, uid) for key, uid in rows]


def test_two_tabs_of_the_same_page_draw_once_and_show_the_same_prize(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=3), scene.none(1)], chances={"daily": 3})
    assert scene.view(code, anna)["after"] == 0
    first = scene.act(code, "play", anna, after="0")
    second = scene.act(code, "play", anna, after="0")
    assert second == first
    assert [uid for _, uid in draws(code)] == [first["draw"]]
    shown = scene.view(code, anna)
    assert (shown["after"], shown["chances"], shown["last"]["draw"]) == (1, 2, first["draw"])
    third = scene.act(code, "play", anna, after="1")
    assert third["draw"] != first["draw"]
    # The first tab is still open: it gets its own draw again, and nothing more is spent.
    assert scene.act(code, "play", anna, after="0") == first
    assert scene.view(code, anna)["chances"] == 1
    assert [each["draw"] for each in scene.events("played")] == [first["draw"], third["draw"]]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("after", ["1", "-1", "1.5", "x", "９", "9" * 13])
def test_a_page_that_claims_draws_which_were_not_made_is_refused(scene: Scene, after: str) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"daily": 3})
    with pytest.raises(Invalid) as refused:
        scene.act(code, "play", anna, after=after)
    assert refused.value.field == "after"
    assert draws(code) == []


def test_the_slice_on_which_the_wheel_rests_is_the_recorded_prize_or_the_one_of_no_prize(scene: Scene) -> None:
    people = scene.people(8)
    code = scene.campaign(
        "wheel", [scene.prize("phone", weight=1, stock=1), scene.prize("tea", weight=1), scene.none(1)],
        chances={"daily": 1},
    )  # fmt: skip
    shown = {each["code"] for each in scene.view(code, people[0])["slices"]}
    for who in people:
        answer = scene.act(code, "play", who)
        row = execute(
            "SELECT p.code FROM interaction_games_draw d LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
            "WHERE d.uid = ?",
            (answer["draw"],),
        ).fetchone()
        assert answer["prize"] == row[0]
        assert answer["slice"] == (row[0] or "none") and answer["slice"] in shown
        assert answer["won"] is (row[0] is not None)
        assert scene.view(code, who)["last"]["prize"] == row[0]


def test_an_egg_is_broken_once_a_day_and_shows_what_was_in_it(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "egg", [scene.prize("tea", weight=1)], settings={"eggs": 3}, chances={"daily": 5}, surface="h5"
    )
    first = scene.act(code, "play", anna, egg="2")
    assert scene.act(code, "play", anna, egg="2") == first
    assert len(draws(code)) == 1
    shown = scene.view(code, anna)
    assert [egg["broken"] is not None for egg in shown["eggs"]] == [False, True, False]
    assert (shown["eggs"][1]["broken"]["title"], shown["eggs_left"], shown["chances"]) == ("TEA", 2, 4)
    for egg in ("1", "3"):
        assert scene.act(code, "play", anna, egg=egg)["draw"] != first["draw"]
    assert scene.view(code, anna)["eggs_left"] == 0
    for egg in ("0", "4", "", "x", "１"):
        with pytest.raises(Invalid) as refused:
            scene.act(code, "play", anna, egg=egg)
        assert refused.value.field == "egg"
    scene.clock.advance(days=1)
    assert scene.view(code, anna)["eggs_left"] == 3
    assert scene.act(code, "play", anna, egg="2")["draw"] != first["draw"]
    assert len(scene.events("played")) == 4


def test_an_egg_without_a_chance_stays_whole(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("egg", [scene.prize("tea", weight=1)], chances={"daily": 1})
    scene.act(code, "play", anna, egg="1")
    with pytest.raises(Conflict) as refused:
        scene.act(code, "play", anna, egg="2")
    assert refused.value.code == "no_ticket"
    assert [egg["broken"] is not None for egg in scene.view(code, anna)["eggs"]] == [True, False, False]


def test_merged_players_draw_on_behind_all_their_draws(scene: Scene) -> None:
    anna, twin = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 5})
    scene.act(code, "play", anna, after="0")
    for after in ("0", "1", "2"):
        scene.act(code, "play", twin, after=after)
    with scene.brand.transaction():
        scene.brand.contacts.merge(anna, twin, actor="ann", reason="one person")
    scene.deliver()
    before = {uid for _, uid in draws(code)}
    for _ in range(2):
        known = str(scene.view(code, anna)["after"])
        answer = scene.act(code, "play", anna, after=known)
        assert answer["draw"] not in before
        before.add(answer["draw"])


TABS = """
from scrm_core.api import execute


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    (contact,) = execute("SELECT id FROM contact").fetchone()
    return [games.act("spring", "play", contact, key=f"{worker}-{n}", data={"after": str(n)})["draw"] for n in range(4)]
"""


def test_tabs_in_several_processes_draw_once_for_each_page(open_house, together) -> None:
    house = open_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        scene.person()
        scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 9}, code="spring")
    answers = together(house, TABS, 3)
    assert answers[0] == answers[1] == answers[2]
    with house.brand("acme"):
        assert [uid for _, uid in draws("spring")] == answers[0]
        assert execute("SELECT count(*) FROM reward").fetchone()[0] == 4


# The drawing of the wheel ----------------------------------------------------


@given(st.integers(1, 100))
def test_slices_share_the_wheel_and_none_has_the_colour_of_its_neighbours(count: int) -> None:
    made = slices([(f"p{n}", "Prize") for n in range(count)])
    assert [each.code for each in made] == [f"p{n}" for n in range(count)]
    middles = [each.middle for each in made]
    assert middles == pytest.approx([(n + 0.5) * 360 / count for n in range(count)], abs=0.001)
    if count > 1:
        assert all(one.shade != two.shade for one, two in zip(made, [*made[1:], made[0]], strict=True))
        # Each slice begins where the one before it ends.
        ends = [re.search(r"0 [01] 1 ([-\d.]+),([-\d.]+) Z", each.path).groups() for each in made]
        begins = [re.match(r"M0,0 L([-\d.]+),([-\d.]+)", each.path).groups() for each in made]
        for end, begin in zip(ends, [*begins[1:], begins[0]], strict=True):
            assert [float(each) for each in end] == pytest.approx([float(each) for each in begin])


def test_four_slices_are_quarters() -> None:
    made = slices([("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")])
    assert made[0].path == f"M0,0 L0.00,-{RADIUS:.2f} A150,150 0 0 1 150.00,-0.00 Z"
    assert [each.middle for each in made] == [45, 135, 225, 315]


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("手机", ("手机",)),
        ("满一百减二十元券", ("满一百减二十", "元券")),
        ("一二三四五六七八九十一二三", ("一二三四五六", "七八九十一…")),
        ("Donaudampfschiff", ("Donaudamp…",)),
        ("Thank you", ("Thank you",)),
        ("A voucher of 20 yuan", ("A voucher", "of 20 yuan")),
    ],
)
def test_words_of_a_slice_fit_into_two_lines(title: str, lines: tuple[str, ...]) -> None:
    assert slices([("x", title)])[0].lines == lines
