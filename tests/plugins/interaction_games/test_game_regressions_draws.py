"""Defects of draws that were found once, each held by the scene that showed it."""

from __future__ import annotations

import copy
import hashlib
import hmac
import html
import itertools
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from games_scene import Scene
from signing import PAGE, fields, sign_in

from scrm_core.api import Conflict, Invalid
from scrm_core.db.bulk import execute
from scrm_core.web.app import create_app
from scrm_interaction_games.engine import fairness
from scrm_interaction_games.engine.stock import Stock
from scrm_interaction_games.engine.verifying import verify_file

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


# What a published file proves ----------------------------------------------------


def told(scene: Scene, code: str) -> dict[str, Any]:
    """The campaign's published file after its end, as anybody reads it."""
    scene.games.end(code, actor="mia", reason="活动结束")
    scene.games.reveal(code, actor="mia")
    found: dict[str, Any] = json.loads(json.dumps(scene.games.published_file(code)))
    return found


def wrong(file: dict[str, Any]) -> set[str]:
    """Names of the checks of a file that do not hold."""
    return {check.name for _, check in verify_file(file) if not check.holds}


def resealed(file: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The file with other rules, its own hash of them made anew as a cheat would."""
    rule_set = json.loads(file["ruleset"])
    change(rule_set)
    text = json.dumps(rule_set, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {**file, "ruleset": text, "rules_hash": hashlib.sha256(text.encode()).hexdigest()}


def aimed(scene: Scene, code: str, person: int, wanted: str) -> Any:
    """A draw whose number points to the wanted prize: its part of the player's is looked for with the seed."""
    campaign = scene.games.campaigns.get(code)
    seed, wheel = scene.games.campaigns.secret_seed(campaign.id), scene.games.campaigns.odds_table(campaign)
    row = execute(
        "SELECT uid, n + 1 FROM interaction_games_player WHERE campaign_id = ? AND contact_id = ?",
        (campaign.id, scene.brand.contacts.survivor(person)),
    ).fetchone()
    uid, n = row or (scene.brand.contacts.get_by_id(person).uid, 1)
    for place in itertools.count():
        if wheel.pick(fairness.number(seed, code, uid, n, f"s{place}", wheel.total)) == wanted:
            return scene.draw(code, person, client_seed=f"s{place}")


@pytest.fixture
def honest(scene: Scene) -> dict[str, Any]:
    """Ten players at a wheel that has every rule at once, and all that happens beside draws."""
    people = scene.people(10)
    weights = {"phone": 40, "cup": 150, "tea": 250, "sample": 160, "none": 400}
    code = scene.campaign(
        "wheel",
        [
            scene.prize("phone", weight=40, stock=3, grade="g", value_minor=900, fallback="bag", per_person=1,
                        item="phone"),
            scene.prize("bag", stock=4, grade="g", value_minor=900, review=True),
            scene.prize("cup", weight=150, per_day=6, value_minor=20, fallback="mug", item="cup"),
            scene.prize("tea", weight=250, stock=40, release="even", value_minor=10, per_person=4),
            scene.prize("sample", weight=160),
            scene.prize("mug", stock=2, value_minor=20),
            scene.none(400),
        ],
        budget_minor=7_300,
        guarantee={"draws": 6, "grade": "g", "prize": "phone", "substitute": "bag"},
        limits={"per_day": 40, "per_person": 200},
        ends_at=scene.brand.now() + 48 * HOUR_MS,
    )  # fmt: skip
    for person in people:
        scene.give_tickets(code, person, 100)
    dice = random.Random(5)

    def reserve(person: int, prize: str) -> None:
        with scene.brand.transaction():
            scene.games.turn(code, person, "k").reserve(prize, "plant", scene.brand.now() + HOUR_MS)

    def merge() -> None:
        scene.brand.contacts.merge(people[3], people[4], actor="mia", reason="same person")
        scene.deliver()

    beside: dict[int, Callable[[], object]] = {
        0: lambda: scene.award(code, people[1], "tea", "sorry"),
        1: lambda: reserve(people[1], "cup"),
        31: lambda: (reserve(people[2], "tea"), scene.award(code, people[2], "tea", "plant")),
        90: merge,
        100: scene.games.settle,
        120: lambda: scene.games.campaigns.add_stock(code, "phone", 2, actor="mia"),
        130: lambda: scene.games.campaigns.add_budget(code, 500, actor="mia"),
        150: lambda: scene.games.campaigns.lengthen(code, scene.brand.now() + 90 * HOUR_MS, actor="mia"),
        170: lambda: scene.brand.privacy.erase(people.pop(), actor="kim"),
    }
    for place in range(260):
        beside.get(place, lambda: None)()
        (wanted,) = dice.choices(list(weights), list(weights.values()))
        draw = aimed(scene, code, people[dice.randrange(len(people))], wanted)
        if draw.state == "held" and dice.random() < 0.6:
            scene.games.reviews.reject(draw.uid, actor="kim", reason="同一设备多个账号")
        if place % 20 == 10:
            scene.clock.advance(hours=3)
    return told(scene, code)


def test_an_honest_file_holds_with_every_rule_at_once(honest: dict[str, Any]) -> None:
    found = verify_file(honest)
    assert [(uid, check) for uid, check in found if not check.holds] == []
    assert {check.name for uid, check in found if not uid} == {
        "commitment", "rules", "table", "total", "items", "numbers", "moves", "limits"
    }  # fmt: skip
    assert {check.name for uid, check in found if uid} == {"number", "prize", "decision", "stock"}
    # The scene is what it claims to be: each reason, and each kind of move, is in it.
    words = {word for draw in honest["draws"] for word in draw["why"].split()}
    assert words == {
        "guarantee", "substitute", "picked", "fallback", "sold_out", "paced", "per_day", "per_person", "budget"
    }  # fmt: skip
    assert {each["what"] for each in honest["movements"]} == {"returned", "reserved", "stock", "budget", "erased"}
    assert len(honest["players"]) == 9 and honest["carried"]


@SQLITE
def test_a_person_parted_and_erased_leaves_a_file_that_holds(scene: Scene) -> None:
    anna, berta, carla = scene.people(3)
    code = scene.campaign(
        "wheel",
        [scene.prize("tea", weight=1, stock=50, per_person=3, grade="g"), scene.none(1)],
        guarantee={"draws": 3, "grade": "g", "prize": "tea", "substitute": "tea"},
    )
    for person in (anna, berta, carla):
        scene.give_tickets(code, person, 40)
    for person in (berta, berta, carla):
        scene.draw(code, person)
    # Anna plays as Berta for a while; then they are two again, and one of them leaves.
    merge = scene.brand.contacts.merge(anna, berta, actor="mia", reason="same person")
    scene.deliver()
    for _ in range(6):
        scene.draw(code, anna)
    scene.brand.contacts.undo_merge(merge, actor="mia")
    scene.deliver()
    for person in (anna, berta, anna, berta):
        scene.draw(code, person)
    scene.brand.privacy.erase(anna, actor="kim")
    for _ in range(5):
        scene.draw(code, berta)
    file = told(scene, code)
    assert wrong(file) == set()
    assert [len(each["numbers"]) for each in file["erased"]] == [6]
    # What the erased draws were is not told, and no others may be missing.
    file["draws"] = [draw for draw in file["draws"] if draw["n"] != 1]
    assert "numbers" in wrong(file)


@SQLITE
def test_a_cheated_file_is_found_out(honest: dict[str, Any]) -> None:
    def cheated(change: Callable[[dict[str, Any]], object]) -> set[str]:
        file = copy.deepcopy(honest)
        change(file)
        return wrong(file)

    def draws(keep: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], object]:
        return lambda file: file.update(draws=[draw for draw in file["draws"] if keep(draw)])

    def rewritten(pick: Callable[[dict[str, Any]], bool], **change: Any) -> Callable[[dict[str, Any]], object]:
        return lambda file: [draw.update(change) for draw in file["draws"] if pick(draw)]

    last = max(honest["draws"], key=lambda draw: draw["n"])
    won = [draw for draw in honest["draws"] if draw["given"] == "phone"]
    assert "numbers" in cheated(draws(lambda draw: draw not in won))
    assert "moves" in cheated(draws(lambda draw: draw["uid"] != won[0]["uid"]))
    assert "numbers" in cheated(draws(lambda draw: draw["uid"] != last["uid"]))
    assert "numbers" in cheated(lambda file: file["players"].update({last["person"]: 10**12}))
    assert "numbers" in cheated(lambda file: file["draws"].append({**file["draws"][0], "uid": "twice"}))
    # The promise withheld, everywhere or once.
    kept = [draw for draw in honest["draws"] if draw["why"] == "guarantee"]
    assert kept and {"decision", "stock"} <= cheated(
        lambda file: [
            draw.update(why="", given="" if draw["picked"] == "none" else draw["picked"])
            for draw in file["draws"] if draw["why"].startswith("guarantee")
        ]
    )  # fmt: skip
    assert "decision" in cheated(rewritten(lambda draw: draw["uid"] == kept[0]["uid"], why="", given=""))
    # What is without limit is never sold out, and nobody has a share of it.
    free = next(draw["uid"] for draw in honest["draws"] if draw["given"] == "sample")
    for word in ("sold_out", "per_person", "per_day", "paced", "budget", "nonsense"):
        assert "decision" in cheated(rewritten(lambda draw: draw["uid"] == free, why=word, given=""))
    # What has a stock is sold out only once it is.
    assert "stock" in cheated(rewritten(lambda draw: draw["uid"] == won[0]["uid"], why="sold_out", given=""))
    tea = next(draw for draw in honest["draws"] if draw["given"] == "tea")
    for word in ("sold_out", "per_person", "paced", "budget"):
        assert "stock" in cheated(rewritten(lambda draw: draw["uid"] == tea["uid"], why=word, given=""))
    out = next(draw for draw in honest["draws"] if draw["why"] == "per_day fallback")
    assert "decision" in cheated(rewritten(lambda draw: draw["uid"] == out["uid"], given="sample"))
    assert "decision" in cheated(rewritten(lambda draw: draw["uid"] == out["uid"], why="budget", given="tea"))
    # Other rules than those whose hash was published.
    assert cheated(lambda file: file.update(ruleset=file["ruleset"].replace('"per_day":6', '"per_day":5'))) >= {"rules"}
    assert cheated(lambda file: file.update(items={**file["items"], "phone": "cup"})) == {"items"}
    assert cheated(lambda file: file["movements"].pop(0)) >= {"moves"}
    for change in (
        lambda rule_set: rule_set.update(guarantee=None),
        lambda rule_set: rule_set["prizes"][4].update(kind="none"),
        lambda rule_set: rule_set["prizes"][0].update(stock=2),
        lambda rule_set: rule_set["prizes"][2].update(per_day=5),
        lambda rule_set: rule_set.update(budget_minor=7_000),
        lambda rule_set: rule_set["limits"].update(per_day=1),
    ):
        file = resealed(honest, change)
        assert wrong({**file, "rules_hash": honest["rules_hash"]}) >= {"rules"}
        # Even with a hash of their own, they do not explain what was drawn.
        assert wrong(file) - {"rules"}


@SQLITE
def test_a_file_that_is_no_file_of_draws_is_refused_in_words(honest: dict[str, Any]) -> None:
    def changed_table(table: list[list[Any]], total: int) -> dict[str, Any]:
        return {**honest, "table": table, "total_weight": total}

    for file in (
        changed_table([], 0),
        changed_table([["none", 2**65]], 2**65),
        changed_table([["none", -1]], -1),
        {**honest, "ruleset": "{}"},
        {**honest, "ruleset": "[" * 100_000},
        {**honest, "draws": [{}]},
        {**honest, "seed": "x"},
        {**honest, "movements": [{"move": "1"}]},
        {key: value for key, value in honest.items() if key != "moves"},
    ):
        with pytest.raises(Invalid):
            verify_file(file)


@SQLITE
def test_the_whole_rule_set_is_published_with_its_hash_before_the_start(scene: Scene) -> None:
    code = scene.campaign(
        "wheel",
        [scene.prize("tea", weight=1, stock=5, item="tea", value_minor=300, per_person=2), scene.none(9)],
        budget_minor=900, publish=False, limits={"per_day": 3},
    )  # fmt: skip
    answer = scene.games.publish(code, "mia")
    client = create_app(scene.brand.installation).test_client()
    page = client.get(f"/p/acme/interaction-games/g/{code}/rules", headers=PAGE).get_data(as_text=True)
    shown = client.get(f"/p/acme/interaction-games/g/{code}/rules", headers={"Accept": "application/json"}).get_json()
    assert answer["rules_hash"] == shown["rules_hash"] == hashlib.sha256(shown["ruleset"].encode()).hexdigest()
    assert answer["rules_hash"] in page and html.escape(shown["ruleset"], quote=False) in html.unescape(page)
    rule_set = json.loads(shown["ruleset"])
    assert (rule_set["budget_minor"], rule_set["limits"]["per_day"], rule_set["zone"]) == (900, 3, "Asia/Shanghai")
    tea = rule_set["prizes"][0]
    assert (tea["stock"], tea["per_person"], tea["value_minor"], tea["kind"]) == (5, 2, 300, "points")
    # The item is bound and not told: a coupon batch's code would be of use elsewhere.
    seed = scene.games.campaigns.secret_seed(scene.games.campaigns.get(code).id)
    assert tea["item"] == hmac.digest(bytes.fromhex(seed), b"item:tea:tea", "sha256").hex()
    scene.games.campaigns.add_stock(code, "tea", 5, actor="mia")
    assert scene.games.campaigns.get(code).rules_hash == answer["rules_hash"]


@SQLITE
def test_checking_one_draw_reads_the_draws_of_its_player_alone(scene: Scene, monkeypatch) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, stock=50), scene.none(1)], chances={"start": 20})
    mine = [scene.draw(code, anna) for _ in range(3)]
    for _ in range(20):
        scene.draw(code, berta)
    made = []
    real = fairness.number
    monkeypatch.setattr(
        "scrm_interaction_games.engine.verifying.fairness.number", lambda *args: made.append(args[2]) or real(*args)
    )
    _, found = scene.games.verify(mine[2].uid)
    assert all(check.holds for check in found)
    assert made == [mine[0].proof["person"]] * 3
