"""Many players in several real processes: stock, budget, limits and chances hold to the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from games_scene import Scene

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_interaction_games.engine.verifying import verify_file

# Each process plays for its share of the people, one thread per person.
RUSH = """
import threading

from scrm_core.api import Conflict


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    people = {people}[worker::{processes}] if {shared} is False else {people}
    counts = {{}}
    lock = threading.Lock()

    def play(person):
        with brand:
            for turn in range({turns}):
                try:
                    answer = games.act({code!r}, "play", person, key=f"{{person}}-{{worker if {shared} else 0}}-{{turn}}")
                    word = answer["state"]
                except Conflict as refused:
                    word = refused.code
                with lock:
                    counts[word] = counts.get(word, 0) + 1

    threads = [threading.Thread(target=play, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts
"""


def rush(
    together: Callable[..., list[Any]],
    installation: Installation,
    code: str,
    people: list[int],
    *,
    turns: int = 1,
    shared: bool = False,
    processes: int = 4,
) -> dict[str, int]:
    """Let people play at once; with ``shared`` each person plays in every process. Returns counts of the answers."""
    source = RUSH.format(code=code, people=people, turns=turns, shared=shared, processes=processes)
    total: dict[str, int] = {}
    for answer in together(installation, source, processes):
        for word, count in answer.items():
            total[word] = total.get(word, 0) + count
    return total


def test_64_players_on_4_processes_win_a_stock_of_100_exactly(open_house, together) -> None:
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        people = scene.people(64)
        code = scene.campaign("wheel", [scene.prize("tea", weight=1, stock=100, value_minor=10)], chances={"start": 2})
    answers = rush(together, installation, code, people, turns=2)
    # Who had a number already when the last one went is told that it has just gone, and keeps the chance as well.
    assert answers.pop("granted") == 100
    assert sum(answers.values()) == 28 and set(answers) <= {"sold_out", "none"}
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        assert (scene.stock(code, "tea"), scene.spent(code)) == (0, 1_000)
        rows = "SELECT count(*), count(DISTINCT grant_key) FROM reward"
        assert tuple(execute(rows).fetchone()) == (100, 100)
        # Who was refused keeps the chance: 128 were given, 100 spent.
        assert sum(scene.give_tickets(code, person, 1) - 1 for person in people) == 28


def test_the_budget_and_the_limit_of_all_draws_hold_in_the_same_rush(open_house, together) -> None:
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        people = scene.people(32)
        money = scene.campaign(
            "wheel", [scene.prize("tea", weight=1, value_minor=300)], chances={"start": 2}, budget_minor=10_000
        )
        few = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 2}, limits={"total": 40})
    # 300 of 10,000: thirty-three fit.
    answers = rush(together, installation, money, people, turns=2)
    assert answers.pop("granted") == 33
    assert sum(answers.values()) == 31 and set(answers) <= {"sold_out", "none"}
    assert rush(together, installation, few, people, turns=2) == {"granted": 40, "total_limit": 24}
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        assert scene.spent(money) == 9_900
        # However the draws came together, their published order explains each of them.
        for code in (money, few):
            scene.games.end(code, actor="mia", reason="活动结束")
            scene.games.reveal(code, actor="mia")
            assert [check for check in verify_file(scene.games.published_file(code)) if not check[1].holds] == []


def test_one_chance_in_four_processes_makes_one_draw(open_house, together) -> None:
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        people = scene.people(6)
        code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"daily": 1})
    assert rush(together, installation, code, people, shared=True) == {"granted": 6, "no_ticket": 18}
    with installation.brand("acme") as brand:
        (lowest,) = execute("SELECT min(remaining) FROM interaction_games_ticket").fetchone()
        assert lowest == 0
        assert execute("SELECT count(*) FROM interaction_games_draw").fetchone()[0] == 6
