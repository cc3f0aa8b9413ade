"""Draws as players make them, held against the odds that were published before: 10,000, and 100,000 as a soak."""

from __future__ import annotations

import pytest
from games_scene import Scene

from scrm_interaction_games.engine import fairness, fit

PEOPLE = 1_000
# Four degrees of freedom: an honest wheel passes this once in a million times, exp(-x/2) (1 + x/2) = 0.000001.
ONCE_IN_A_MILLION = 33.377
TABLE = [("phone", 1), ("bag", 50), ("coupon", 1_500), ("points", 4_449), ("none", 4_000)]
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def published_wheel(scene: Scene) -> str:
    """The worked table: published with its odds, a hundred chances for everybody, nothing runs out."""
    prizes = [scene.prize(code, weight=weight) for code, weight in TABLE[:-1]]
    return scene.campaign("wheel", [*prizes, scene.none(4_000)], chances={"start": 100})


def play(scene: Scene, code: str, rounds: int) -> dict[str, int]:
    """Everybody turns the wheel so many times, by the act that pages and the API call; what each was told."""
    people = scene.people(PEOPLE)
    told = dict.fromkeys((prize for prize, _ in TABLE), 0)
    for turn in range(rounds):
        # A round shares a commit, as acts that come together do.
        with scene.brand.transaction():
            for person in people:
                answer = scene.act(code, "play", person, client_seed=f"seed-{turn}")
                told[answer["prize"] or "none"] += 1
    return told


def reported(scene: Scene, code: str) -> dict[str, object]:
    (row,) = [
        row for row in scene.brand.plugins["interaction-games"].campaigns_report().rows if row["campaign"] == code
    ]
    return row


# The more draws, the finer the lie that they give away: half as much again of the bags, or a third of the coupons.
@pytest.mark.parametrize(
    ("rounds", "lie"),
    [
        (10, {"coupon": 2_000, "none": 3_500}),
        pytest.param(100, {"bag": 80, "none": 3_970}, marks=pytest.mark.soak),
    ],
)
def test_draws_by_players_agree_with_the_published_odds(scene: Scene, rounds: int, lie: dict[str, int]) -> None:
    code = published_wheel(scene)
    told = play(scene, code, rounds)
    found = fit.test(TABLE, told)
    assert (found.draws, found.freedom) == (rounds * PEOPLE, 4)
    assert found.chi_square is not None and found.chi_square < ONCE_IN_A_MILLION
    row = reported(scene, code)
    assert (row["draws"], row["players"]) == (rounds * PEOPLE, PEOPLE)
    assert float(str(row["chi_square"])) == pytest.approx(found.chi_square, rel=0.001)
    # Had other odds been published, these draws would have given it away.
    wrong = fit.test([(prize, lie.get(prize, weight)) for prize, weight in TABLE], told)
    assert wrong.chi_square is not None and wrong.chi_square > ONCE_IN_A_MILLION


def test_an_engine_that_draws_otherwise_than_published_is_found_out(scene: Scene, monkeypatch) -> None:
    code = published_wheel(scene)
    honest = fairness.OddsTable.pick
    # 100 of the 4,000 numbers of "no prize" give a bag: 150 in 10,000, three times what was published.
    monkeypatch.setattr(fairness.OddsTable, "pick", lambda table, x: "bag" if x >= 9_900 else honest(table, x))
    told = play(scene, code, 10)
    found = fit.test(TABLE, told)
    assert found.draws == 10_000
    assert found.chi_square is not None and found.chi_square > ONCE_IN_A_MILLION
    assert float(str(reported(scene, code)["p"])) < 0.000_001


# 10% and a fifth draw that always wins: 24.42%, less 0.32% as nobody's last draws run to their end; the spread of 20,000
# draws is 0.12%, that of 5,000 twice as much, five times that either way.
@pytest.mark.parametrize(
    ("players", "least", "most"), [(50, 0.2287, 0.2562), pytest.param(200, 0.2347, 0.2537, marks=pytest.mark.soak)]
)
def test_draws_with_a_guarantee_win_at_its_real_rate(scene: Scene, players: int, least: float, most: float) -> None:
    prizes = [scene.prize("bag", weight=10, grade="A"), scene.prize("tea", weight=0), scene.none(90)]
    promised = {"draws": 5, "grade": "A", "prize": "bag", "substitute": "tea"}
    code = scene.campaign("wheel", prizes, chances={"start": 100}, guarantee=promised)
    people = scene.people(players)
    wins = longest = 0
    misses = dict.fromkeys(people, 0)
    for _ in range(100):
        with scene.brand.transaction():
            for person in people:
                won = scene.act(code, "play", person, client_seed="x")["won"]
                wins, misses[person] = wins + won, 0 if won else misses[person] + 1
                longest = max(longest, misses[person])
    assert least < wins / (players * 100) < most
    assert longest == 4
    # The plain odds of what the numbers point to stay as published: one degree of freedom, once in a million 23.928.
    row = reported(scene, code)
    assert float(str(row["chi_square"])) < 23.928
