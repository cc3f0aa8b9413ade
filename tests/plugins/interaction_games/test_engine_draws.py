"""Draws: one chance, one number, one prize; what is out becomes nothing and costs nothing."""

from __future__ import annotations

import pytest
from games_scene import DAY_MS, Scene

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, Plugin
from scrm_core.db.bulk import execute

HOUR_MS = 3_600_000
SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def code_of(call, *args, **kwargs) -> str:
    """The code of the Conflict that a call is refused with."""
    with pytest.raises(Conflict) as refused:
        call(*args, **kwargs)
    return refused.value.code


def test_a_draw_spends_a_chance_takes_stock_and_budget_and_grants_the_prize(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", item="tea", weight=10, stock=5, value_minor=300)], budget_minor=1_000,
        chances={"daily": 1},
    )  # fmt: skip
    answer = scene.act(code, "play", anna, key="k1")
    assert (answer["prize"], answer["state"], answer["word"]) == ("tea", "granted", "won")
    # A repeated request gets the first answer, and nothing more happens.
    assert scene.act(code, "play", anna, key="k1") == answer
    assert (scene.stock(code, "tea"), scene.spent(code)) == (4, 300)
    assert scene.rewards(anna) == [("points", "tea", 1)]
    assert code_of(scene.act, code, "play", anna, key="k2") == "no_ticket"
    (told,) = scene.events("played")
    assert (told["campaign"], told["game"], told["draw"]) == (code, "wheel", answer["draw"])
    # The reward carries the draw's key, so it is never granted twice.
    (key,) = execute("SELECT grant_key FROM reward").fetchone()
    assert key == f"draw:{answer['draw']}"


def test_every_draw_has_its_number_and_all_checks_of_it_hold(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=3, stock=2), scene.prize("cup", weight=3), scene.none(4)],
        chances={"start": 12},
    )  # fmt: skip
    draws = [scene.draw(code, anna, client_seed=f"seed-{n}") for n in range(12)]
    assert [draw.n for draw in draws] == list(range(1, 13))
    assert {draw.proof["client_seed"] for draw in draws} == {f"seed-{n}" for n in range(12)}
    for draw in draws:
        _, checks = scene.games.verify(draw.uid)
        assert [check.name for check in checks] == [
            "commitment", "rules", "table", "total", "number", "prize", "decision"
        ]  # fmt: skip
        assert all(check.holds for check in checks)


def test_a_prize_that_is_out_becomes_nothing_and_the_chance_returns(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1_000_000, stock=1), scene.prize("cup", weight=1, stock=5)],
        chances={"start": 2}, limits={"per_day": 5},
    )  # fmt: skip
    assert scene.draw(code, anna).prize.code == "tea"
    gone = scene.draw(code, anna)
    assert (gone.prize, gone.state, gone.word, gone.why, gone.counted) == (None, "none", "sold_out", "sold_out", False)
    view = scene.view(code, anna)
    assert view["chances"] == 1
    # The odds of the other prize were not raised: the number pointed to the tea.
    assert gone.picked == "tea"
    ledger = scene.games.engine.draws(scene.games.campaigns.get(code), scene.brand.now()).tickets.ledger(anna)
    assert [(delta, source) for delta, source, *_ in ledger] == [
        (2, "start"), (-1, "spent"), (-1, "spent"), (1, "returned")
    ]  # fmt: skip
    # A draw that cost nothing counts for no limit; its number stays used.
    (draws, n) = execute("SELECT draws, n FROM interaction_games_player").fetchone()
    assert (draws, n) == (1, 2)


def test_when_everything_is_out_the_draw_is_refused_and_the_chance_kept(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1, stock=1)], chances={"start": 1})
    scene.draw(code, anna)
    assert code_of(scene.draw, code, berta) == "sold_out"
    assert scene.view(code, berta)["chances"] == 1
    assert execute("SELECT count(*) FROM interaction_games_draw").fetchone()[0] == 1


@SQLITE
def test_a_named_fallback_of_no_lower_value_is_given_instead(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel",
        [
            scene.prize("tea", weight=1, stock=1, value_minor=100, fallback="cup"),
            scene.prize("cup", stock=1, value_minor=100, fallback="bag"),
            scene.prize("bag", value_minor=150, stock=1),
        ],
        chances={"start": 9},
    )
    found = [scene.draw(code, anna) for _ in range(3)]
    assert [(draw.prize.code, draw.why) for draw in found] == [
        ("tea", ""), ("cup", "sold_out fallback"), ("bag", "sold_out fallback")
    ]  # fmt: skip
    assert all(check.holds for draw in found for check in scene.games.verify(draw.uid)[1])
    assert code_of(scene.draw, code, anna) == "sold_out"
    assert scene.spent(code) == 350


@SQLITE
def test_the_budget_is_a_stock_of_its_own_and_counts_what_is_held(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, value_minor=400, review=True, stock=9)], budget_minor=1_000,
        chances={"start": 9},
    )  # fmt: skip
    held = [scene.draw(code, anna) for _ in range(2)]
    assert {draw.state for draw in held} == {"held"}
    assert scene.spent(code) == 800
    assert code_of(scene.draw, code, anna) == "sold_out"
    scene.games.reviews.reject(held[0].uid, actor="kim", reason="同一设备多个账号")
    assert (scene.spent(code), scene.stock(code, "tea")) == (400, 8)
    assert scene.draw(code, anna).state == "held"


@SQLITE
def test_a_persons_share_of_a_prize_is_a_rule_and_costs_the_chance(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, per_person=1, stock=5), scene.none(0)], chances={"start": 2}
    )
    assert scene.draw(code, anna).prize.code == "tea"
    second = scene.draw(code, anna)
    assert (second.prize, second.why, second.counted, second.word) == (None, "per_person", True, "none")
    assert scene.stock(code, "tea") == 4
    assert scene.view(code, anna)["chances"] == 0


@SQLITE
def test_a_prizes_daily_number_begins_anew_with_the_brands_day(scene: Scene) -> None:
    people = scene.people(3)
    # 23:30 in Shanghai.
    scene.clock.set(1_767_225_600_000 + int(15.5 * HOUR_MS))
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1, per_day=1), scene.prize("cup", weight=0)], chances={"start": 5}
    )
    assert scene.draw(code, people[0]).why == ""
    out = scene.draw(code, people[1])
    assert (out.prize, out.why, out.counted) == (None, "per_day", False)
    scene.clock.advance(hours=1)
    assert scene.draw(code, people[2]).prize.code == "tea"


def test_limits_hold_by_the_brands_day_and_a_clock_moved_back_opens_nothing(scene: Scene) -> None:
    anna = scene.person()
    scene.clock.set(1_767_225_600_000 + int(15.5 * HOUR_MS))  # 23:30 in Shanghai
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1)], chances={"daily": 3}, limits={"per_day": 1, "per_person": 3}
    )
    scene.draw(code, anna)
    assert code_of(scene.draw, code, anna) == "day_limit"
    # Half an hour later it is tomorrow in Shanghai, though not in UTC.
    scene.clock.advance(hours=1)
    assert scene.view(code, anna)["chances"] == 3
    scene.draw(code, anna)
    # The free chances of a day are given once, and yesterday's have ended.
    for hours in (-1, -24, 0.5):
        scene.clock.advance(hours=hours)
        assert code_of(scene.draw, code, anna) in ("day_limit", "no_ticket")
    scene.clock.advance(hours=48.5)
    scene.draw(code, anna)
    scene.clock.advance(days=1)
    assert code_of(scene.draw, code, anna) == "person_limit"
    assert execute("SELECT count(*) FROM interaction_games_ticket WHERE source = 'daily'").fetchone()[0] == 3


@SQLITE
def test_after_a_win_the_next_draw_waits_and_is_not_drawn_from_a_pool_of_losers(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1)], chances={"start": 3}, limits={"cool_down_hours": 24}
    )
    scene.draw(code, anna)
    scene.clock.advance(hours=23)
    assert code_of(scene.draw, code, anna) == "cool_down"
    scene.clock.advance(hours=-30)
    assert code_of(scene.draw, code, anna) == "cool_down"
    assert scene.view(code, anna)["chances"] == 2
    scene.clock.advance(hours=31)
    assert scene.draw(code, anna).prize.code == "tea"


@SQLITE
def test_a_limit_of_0_is_never_and_none_is_no_limit(scene: Scene) -> None:
    anna = scene.person()
    never = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1}, limits={"per_day": 0})
    assert code_of(scene.draw, never, anna) == "day_limit"
    gone = scene.campaign("wheel", [scene.prize("tea", weight=1, per_day=0)], chances={"start": 1})
    assert scene.draw(gone, anna).why == "per_day"
    none = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 5}, limits={"per_day": None})
    assert [scene.draw(none, anna).state for _ in range(5)] == ["granted"] * 5


# Guarantee -----------------------------------------------------------------------


def guaranteed(scene: Scene, **more: object) -> str:
    """Three draws at most until a bag, which the odds alone never give."""
    return scene.campaign(
        "wheel",
        [
            scene.prize("bag", grade="A", value_minor=500, stock=2),
            scene.prize("cup", value_minor=200, stock=1),
            scene.none(1),
        ],
        chances={"start": 50},
        guarantee={"draws": 3, "grade": "A", "prize": "bag", "substitute": "cup"},
        **more,
    )


def test_the_guaranteed_win_comes_on_its_draw_and_the_count_begins_anew(scene: Scene) -> None:
    anna = scene.person()
    code = guaranteed(scene)
    found = [scene.draw(code, anna) for _ in range(6)]
    assert [draw.prize.code if draw.prize else "" for draw in found] == ["", "", "bag", "", "", "bag"]
    assert [draw.why for draw in found] == ["", "", "guarantee", "", "", "guarantee"]
    # The bags are gone now: the promised substitute, and after that there is nothing to win and the chance is kept.
    more = [scene.draw(code, anna) for _ in range(3)]
    assert (more[2].prize.code, more[2].why) == ("cup", "guarantee sold_out substitute")
    assert code_of(scene.draw, code, anna) == "sold_out"
    assert all(check.holds for draw in found + more for check in scene.games.verify(draw.uid)[1])


@SQLITE
def test_a_guarantee_that_cannot_be_kept_keeps_nobody_from_other_prizes(scene: Scene, monkeypatch) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel",
        [scene.prize("bag", grade="A", stock=0), scene.prize("cup", stock=0), scene.prize("tea", weight=1), scene.none(9)],
        chances={"start": 9},
        guarantee={"draws": 2, "grade": "A", "prize": "bag", "substitute": "cup"},
    )
    numbers = iter([5, 5, 0, 5])
    monkeypatch.setattr("scrm_interaction_games.engine.draws.fairness.number", lambda *args: next(numbers))
    found = [scene.draw(code, anna) for _ in range(4)]
    assert [(draw.prize.code if draw.prize else "", draw.why, draw.counted) for draw in found] == [
        ("", "", True),
        ("", "guarantee sold_out sold_out picked", True),
        ("tea", "guarantee sold_out sold_out picked", True),
        ("", "guarantee sold_out sold_out picked", True),
    ]
    assert scene.view(code, anna)["chances"] == 5


def test_a_draw_that_fails_technically_leaves_the_count_of_misses(scene: Scene, monkeypatch) -> None:
    anna = scene.person()
    code = guaranteed(scene)
    for _ in range(2):
        scene.draw(code, anna)
    monkeypatch.setattr("scrm_interaction_games.engine.draws.new_uid", lambda at: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scene.draw(code, anna)
    monkeypatch.undo()
    assert scene.view(code, anna)["chances"] == 48
    assert scene.draw(code, anna).prize.code == "bag"


@SQLITE
def test_a_lucky_win_of_the_grade_resets_the_guarantee_too(scene: Scene, monkeypatch) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel",
        [scene.prize("cup", grade="A", weight=1), scene.prize("bag", grade="A", stock=5), scene.none(9)],
        chances={"start": 50},
        guarantee={"draws": 3, "grade": "A", "prize": "bag", "substitute": "cup"},
    )
    numbers = iter([5, 0, 5, 5, 5, 5])
    monkeypatch.setattr("scrm_interaction_games.engine.draws.fairness.number", lambda *args: next(numbers))
    found = [scene.draw(code, anna) for _ in range(6)]
    assert [draw.prize.code if draw.prize else "" for draw in found] == ["", "cup", "", "", "bag", ""]


# Release -------------------------------------------------------------------------


@SQLITE
def test_evenly_released_stock_lasts_and_what_nobody_won_rolls_over(scene: Scene) -> None:
    people = scene.people(5)
    code = scene.campaign(
        "wheel",
        [scene.prize("tea", weight=1, stock=24, release="even"), scene.prize("cup", stock=1)],
        chances={"start": 30},
        ends_at=scene.brand.now() + 24 * HOUR_MS,
    )

    def won_now() -> int:
        won = 0
        try:
            while scene.draw(code, people[won % 5]).prize is not None:
                won += 1
        except Conflict as refused:
            assert refused.code == "sold_out"
        return won

    assert won_now() == 1  # the first of 24 hours
    out = scene.draw(code, people[0])
    assert (out.why, out.counted) == ("paced", False)
    scene.clock.advance(hours=3)
    assert won_now() == 3
    scene.clock.advance(hours=20, seconds=3_599)
    assert won_now() == 20
    assert scene.stock(code, "tea") == 0


# Keys and people -----------------------------------------------------------------


def test_acts_are_of_a_person_a_key_and_an_action(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    scene.act(code, "play", anna, key="same")
    assert scene.act(code, "play", berta, key="same")["state"] == "granted"
    with pytest.raises(NotFound, match="no action"):
        scene.act(code, "win", anna)
    with pytest.raises(NotFound):
        scene.act("nothing", "play", anna)
    with pytest.raises(Invalid):
        scene.act(code, "play", anna, key=" ")
    with pytest.raises(Invalid, match="client_seed"):
        scene.act(code, "play", anna, client_seed="<script>")


@SQLITE
@pytest.mark.parametrize("name", ["contact", "contact_id"])
def test_an_identity_in_the_request_is_refused_whatever_it_says(scene: Scene, name: str) -> None:
    anna, berta = scene.people(2)
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    with pytest.raises(Forbidden) as refused:
        scene.games.act(code, "play", anna, key="k", data={name: str(berta)})
    assert refused.value.code == "identity"
    assert scene.rewards(anna) == scene.rewards(berta) == []


@SQLITE
def test_nothing_is_played_outside_the_campaigns_time(scene: Scene) -> None:
    anna = scene.person()
    now = scene.brand.now()
    code = scene.campaign(
        "wheel", [scene.prize("tea", weight=1)], chances={"daily": 1}, starts_at=now + HOUR_MS, ends_at=now + 5 * HOUR_MS
    )
    assert code_of(scene.act, code, "play", anna) == "not_started"
    scene.clock.advance(hours=1)
    scene.act(code, "play", anna, key="first")
    scene.games.pause(code, actor="mia", reason="系统维护")
    assert code_of(scene.act, code, "play", anna) == "paused"
    scene.games.resume(code, actor="mia")
    scene.clock.advance(hours=4)
    assert code_of(scene.act, code, "play", anna) == "ended"
    # What was answered before is still answered.
    assert scene.act(code, "play", anna, key="first")["state"] == "granted"


def test_two_players_who_become_one_keep_their_draws_and_have_one_limit(scene: Scene) -> None:
    anna, berta = scene.people(2)
    code = guaranteed(scene, limits={"per_person": 5})
    scene.draw(code, anna)
    scene.draw(code, berta)
    scene.draw(code, berta)
    scene.brand.contacts.merge(anna, berta, actor="mia", reason="same person")
    scene.deliver()
    # Three draws of one person; the higher count of misses goes on.
    assert scene.draw(code, anna).prize.code == "bag"
    scene.draw(code, berta)
    assert code_of(scene.draw, code, anna) == "person_limit"
    assert all(check.holds for (uid,) in execute("SELECT uid FROM interaction_games_draw").fetchall()
               for check in scene.games.verify(uid)[1])  # fmt: skip
    assert execute("SELECT count(DISTINCT contact_id) FROM interaction_games_draw").fetchone()[0] == 1


def test_other_brands_see_nothing_of_a_campaign(scene: Scene) -> None:
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 1})
    anna = scene.person()
    draw = scene.draw(code, anna)
    installation = scene.brand.installation
    moon = installation.brand("moonco")

    def look() -> None:
        with moon:
            games = moon.plugins["interaction-games"].games  # type: ignore[attr-defined]
            with pytest.raises(NotFound):
                games.view(code, None)
            with pytest.raises(NotFound):
                games.verify(draw.uid)
            assert games.campaigns.list() == []

    look()


# Awards and reservations ---------------------------------------------------------


def test_an_award_is_given_once_per_person_and_key_while_there_is_stock(scene: Scene) -> None:
    anna, berta, carla = scene.people(3)
    code = scene.campaign("checkin", [scene.prize("tea", stock=2, value_minor=100)], budget_minor=1_000)
    first = scene.award(code, anna, "tea", "finish")
    assert (first.state, first.n, first.prize.code) == ("granted", None, "tea")
    assert scene.award(code, anna, "tea", "finish").uid == first.uid
    scene.award(code, berta, "tea", "finish")
    assert code_of(scene.award, code, carla, "tea", "finish") == "sold_out"
    assert (scene.stock(code, "tea"), scene.spent(code)) == (0, 200)
    assert len(scene.rewards(anna)) == 1


def test_a_reservation_keeps_a_prize_until_it_is_used_released_or_expired(scene: Scene) -> None:
    anna, berta, carla = scene.people(3)
    code = scene.campaign("checkin", [scene.prize("tea", stock=1, value_minor=100)], budget_minor=100)
    now = scene.brand.now()

    def reserve(person: int, until: int) -> None:
        with scene.brand.transaction():
            scene.games.turn(code, person, "k").reserve("tea", "plant", until)

    reserve(anna, now + HOUR_MS)
    reserve(anna, now + HOUR_MS)
    assert (scene.stock(code, "tea"), scene.spent(code)) == (0, 100)
    assert code_of(scene.award, code, berta, "tea", "x") == "sold_out"
    assert scene.award(code, anna, "tea", "plant").state == "granted"
    assert scene.spent(code) == 100
    with scene.brand.transaction():
        assert scene.games.turn(code, anna, "k").release("plant") is False
    other = scene.campaign("checkin", [scene.prize("tea", stock=1)])
    with scene.brand.transaction():
        scene.games.turn(other, berta, "k").reserve("tea", "plant", now + HOUR_MS)
    scene.clock.advance(hours=1)
    assert scene.games.settle()["released"] == 1
    assert scene.stock(other, "tea") == 1
    with scene.brand.transaction():
        scene.games.turn(other, berta, "k").reserve("tea", "plant", now + 9 * HOUR_MS)
        assert scene.games.turn(other, berta, "k").release("plant") is True
    assert scene.award(other, carla, "tea", "x").state == "granted"


@SQLITE
def test_a_ten_pull_stops_where_the_chances_end_and_keeps_what_was_drawn(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"start": 3})
    with scene.brand.transaction():
        turn = scene.games.turn(code, anna, "ten")
        drawn = []
        for place in range(10):
            try:
                drawn.append(turn.draw(key=f"ten:{place}"))
            except Conflict as refused:
                assert refused.code == "no_ticket"
                break
    assert len(drawn) == len(scene.rewards(anna)) == 3
    assert execute("SELECT n, draws FROM interaction_games_player").fetchone() == (3, 3)
    assert DAY_MS == 24 * HOUR_MS


@SQLITE
def test_a_game_cannot_go_on_where_its_acts_own_draw_was_refused(games_installation) -> None:
    class Careless:
        kind = "careless"
        title = {"zh": "试", "en": "Careless"}
        mechanics: frozenset[str] = frozenset()
        draws = True
        Settings = None
        actions = {"play": "play"}
        page = "games_draw.html"

        def view(self, turn):
            return {}

        def play(self, turn):
            try:
                return {"won": turn.draw().state}
            except Conflict:
                return {"won": "perhaps"}

    class Other(Plugin):
        name = "other"
        version = "1"
        summary = "Test plugin with a game"
        requires_core = ">=0.1.0.dev0"
        extensions = {"interaction-games.games": (Careless,)}

    brand = games_installation(plugins=(Other,), more="[plugins.other]\n").brand("acme")
    with brand:
        scene = Scene(brand)
        anna = scene.person()
        code = scene.campaign("careless", [scene.prize("tea", weight=1)], chances={"start": 1}, limits={"per_day": 1})
        assert scene.act(code, "play", anna) == {"won": "granted"}
        assert code_of(scene.act, code, "play", anna) == "day_limit"
        assert execute("SELECT n, draws FROM interaction_games_player").fetchone() == (1, 1)
