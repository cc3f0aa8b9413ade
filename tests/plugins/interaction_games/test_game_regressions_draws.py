"""Defects of draws that were found once, each held by the scene that showed it."""

from __future__ import annotations

import threading

import pytest
from games_scene import Scene
from signing import PAGE, fields, sign_in

from scrm_core.api import Conflict
from scrm_core.db.bulk import execute
from scrm_core.web.app import create_app
from scrm_interaction_games.engine import fairness
from scrm_interaction_games.engine.stock import Stock

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
HOUR_MS = 3_600_000
NUMBER = "scrm_interaction_games.engine.draws.fairness.number"


def refusal(call, *args, **kwargs) -> str:
    """The code of the Conflict that a call is refused with."""
    with pytest.raises(Conflict) as refused:
        call(*args, **kwargs)
    return refused.value.code


def pointing_at(monkeypatch, *numbers: int) -> None:
    """Let the next draws have these numbers."""
    left = iter(numbers)
    monkeypatch.setattr(NUMBER, lambda *args: next(left))


# A promise that cannot be kept ---------------------------------------------------


def test_a_guarantee_that_is_used_up_gives_no_free_draws_and_stays_due(scene: Scene, monkeypatch) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign(
        "wheel",
        [
            scene.prize("cup", stock=1, grade="g", value_minor=100),
            scene.prize("phone", weight=1, stock=1, value_minor=500_000),
            scene.none(199),
        ],
        guarantee={"draws": 2, "grade": "g", "prize": "cup", "substitute": "cup"},
    )
    for person in (anna, berta):
        scene.give_tickets(code, person, 3)
    pointing_at(monkeypatch, *[50] * 6, 0)
    assert [scene.draw(code, anna).why for _ in range(2)] == ["", "guarantee"]
    # The cup is gone. Whoever is due draws as everybody does: nothing is nothing, and costs the chance.
    found = [scene.draw(code, berta) for _ in range(3)]
    out = "guarantee sold_out sold_out picked"
    assert [(draw.why, draw.counted, draw.prize) for draw in found] == [("", True, None), *[(out, True, None)] * 2]
    assert refusal(scene.draw, code, berta) == "no_ticket"
    assert execute("SELECT misses FROM interaction_games_player ORDER BY id DESC LIMIT 1").fetchone()[0] == 3
    # A cup comes back: the promise was due all the time.
    scene.games.campaigns.add_stock(code, "cup", 1, actor="mia")
    scene.give_tickets(code, berta, 2)
    kept = scene.draw(code, berta)
    assert (kept.prize.code, kept.why) == ("cup", "guarantee")
    assert scene.draw(code, berta).prize.code == "phone"


# Refusals and numbers ------------------------------------------------------------


@SQLITE
def test_when_nothing_is_left_no_number_is_made_and_no_chance_is_spent(scene: Scene, monkeypatch) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, stock=1, review=True), scene.none(9)])
    for person in (anna, berta):
        scene.give_tickets(code, person, 5)
    pointing_at(monkeypatch, 0)
    held = scene.draw(code, anna)

    def made(*args: object) -> int:
        raise AssertionError("a number was made for a draw that is refused")

    monkeypatch.setattr(NUMBER, made)
    # Whatever its number would have pointed to, the draw is refused: nobody looks for a seed that wins later.
    assert {refusal(scene.draw, code, berta, client_seed=f"s{place}") for place in range(5)} == {"sold_out"}
    assert scene.view(code, berta)["chances"] == 5
    scene.games.reviews.reject(held.uid, actor="kim", reason="同一设备多个账号")
    monkeypatch.undo()
    assert scene.draw(code, berta, client_seed="s0").n == 1


@SQLITE
def test_the_budget_and_fallbacks_say_whether_anything_is_left(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel",
        [
            scene.prize("tea", weight=1, stock=1, value_minor=100, fallback="cup"),
            scene.prize("cup", stock=1, value_minor=100),
            scene.prize("bag", stock=9, value_minor=1),
            scene.none(0),
        ],
        budget_minor=250,
    )
    scene.give_tickets(code, anna, 9)
    assert [scene.draw(code, anna).prize.code for _ in range(2)] == ["tea", "cup"]
    # The bag is never drawn, and is no fallback: it is not among what can be won.
    assert refusal(scene.draw, code, anna) == "sold_out"
    scene.games.campaigns.add_stock(code, "tea", 1, actor="mia")
    assert refusal(scene.draw, code, anna) == "sold_out"
    scene.games.campaigns.add_budget(code, 50, actor="mia")
    assert scene.draw(code, anna).prize.code == "tea"


def test_once_there_is_a_number_the_draw_is_written_down(scene: Scene, monkeypatch) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, stock=1), scene.none(1)])
    scene.give_tickets(code, anna, 2)
    pointing_at(monkeypatch, 0, 0)
    # Somebody else takes the last tea between the look at the stock and the taking of it.
    with monkeypatch.context() as racing:
        racing.setattr(Stock, "take", lambda *args: "sold_out")
        draw = scene.draw(code, anna)
    assert (draw.n, draw.word, draw.counted) == (1, "sold_out", False)
    assert scene.view(code, anna)["chances"] == 2
    assert scene.draw(code, anna).n == 2


# The player's part of the number -------------------------------------------------


@SQLITE
def test_a_draw_without_a_client_seed_has_an_empty_one(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=3), scene.none(7)])
    scene.give_tickets(code, anna, 5)
    for n in range(1, 6):
        draw = scene.draw(code, anna)
        seed = scene.games.campaigns.secret_seed(scene.games.campaigns.get(code).id)
        assert draw.proof["client_seed"] == ""
        assert draw.proof["x"] == fairness.number(seed, code, draw.proof["person"], n, "", 10)


@SQLITE
@pytest.mark.parametrize(("game", "settings"), [("wheel", {}), ("egg", {"eggs": 3})])
def test_the_form_has_a_place_for_the_players_seed_which_the_server_leaves_empty(
    scene: Scene, game: str, settings: dict[str, int]
) -> None:
    anna = scene.person()
    code = scene.campaign(game, [scene.prize("tea", weight=1)], settings=settings, chances={"daily": 1})
    client = create_app(scene.brand.installation).test_client()
    sign_in(client, scene.brand, anna)
    path = f"/p/acme/interaction-games/g/{code}"
    page = client.get(path, headers=PAGE)
    assert fields(page, f"{path}/play")["client_seed"] == ""
    sent = fields(page, f"{path}/play", client_seed="mine", egg="1")
    assert client.post(f"{path}/play", data=sent, headers=PAGE).status_code == 303
    assert execute("SELECT client_seed FROM interaction_games_draw").fetchone()[0] == "mine"


# Time and people -----------------------------------------------------------------


@SQLITE
def test_lengthening_takes_nothing_back_that_was_released(scene: Scene) -> None:
    people = scene.people(8)
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, stock=24, release="even")], chances={"start": 9},
        ends_at=scene.brand.now() + 24 * HOUR_MS,
    )  # fmt: skip
    scene.clock.advance(hours=5)
    scene.games.campaigns.lengthen(code, scene.brand.now() + 240 * HOUR_MS, actor="mia")
    found = [scene.draw(code, person) for person in people]
    # Six of the twenty-four hours have begun.
    assert [draw.why for draw in found] == [""] * 6 + ["paced"] * 2
    scene.clock.advance(hours=19)
    assert [scene.draw(code, people[place % 8]).why for place in range(18)] == [""] * 18


@SQLITE
def test_a_changed_setting_re_cuts_no_campaign_that_runs(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, stock=24, release="even")], chances={"start": 9},
        ends_at=scene.brand.now() + 24 * HOUR_MS,
    )  # fmt: skip
    scene.clock.advance(hours=1)
    scene.games.settings["release_minutes"] = 720
    assert [scene.draw(code, anna).why for _ in range(3)] == ["", "", "paced"]


def test_the_chance_that_is_shown_after_a_merge_was_undone_can_be_played(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"daily": 1})
    scene.draw(code, anna)
    scene.clock.advance(days=1)
    scene.draw(code, berta)
    # Today's draws of both are counted for Anna from now on, though Berta's chance goes back with Berta.
    merge = scene.brand.contacts.merge(anna, berta, actor="mia", reason="same person")
    scene.deliver()
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    assert [scene.games.view(code, person)["chances"] for person in (anna, berta)] == [1, 0]
    assert scene.draw(code, anna).prize.code == "tea"
    assert {refusal(scene.draw, code, person) for person in (anna, berta)} == {"no_ticket"}


# Contention ----------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_draw_and_a_void_of_one_prize_never_wait_for_each_other(scene: Scene, monkeypatch) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, stock=9, per_day=9, value_minor=10, review=True)], chances={"start": 2}
    )
    held = scene.draw(code, anna)
    taking, waiting, failures = threading.Event(), threading.Event(), []

    def void() -> None:
        with scene.brand:
            taking.wait(20)
            try:
                with scene.brand.transaction():
                    scene.games.fulfilment.void(held.uid, reason="同一设备多个账号", actor="kim")
            except Exception as exc:
                failures.append(exc)

    def slowly(stock: Stock, prize: object) -> str:
        # The draw holds what it has locked until the void waits for it.
        taking.set()
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        for _ in range(2_000):
            if execute(asked).fetchone()[0]:
                waiting.set()
                break
            execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.005)")
        return take_stock(stock, prize)

    take_stock = Stock._take_stock
    monkeypatch.setattr(Stock, "_take_stock", slowly)
    thread = threading.Thread(target=void)
    thread.start()
    try:
        with scene.brand.transaction():
            drawn = scene.games.turn(code, berta, "k").draw()
    finally:
        taking.set()
        thread.join(30)
    assert waiting.is_set() and failures == []
    assert drawn.state == "held"
    assert (scene.stock(code, "tea"), scene.spent(code)) == (8, 10)
