"""Nurture through the engine: caps and cool-downs, stays proven by the server, growth, and a prize set aside in time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from games_scene import DAY_MS, Scene

from scrm_core.api import Conflict, Invalid, execute, local_instant

SOURCES: list[dict[str, Any]] = [
    {"code": "daily", "kind": "daily", "title": "每日登录", "amount": 20},
    {"code": "dew", "kind": "daily", "title": "收集露水", "amount": 10, "per_day": 2, "cooldown_minutes": 60},
    {"code": "read", "kind": "browse", "title": "看一看", "amount": 15, "seconds": 15, "text": "成分", "per_day": 2},
    {
        "code": "quiz", "kind": "answer", "title": "答题", "amount": 30, "question": "几点喝奶?",
        "choices": ["早上", "晚上"], "right": 2,
    },
    {"code": "order", "kind": "order", "title": "下单", "amount": 50, "per_day": 1},
]  # fmt: skip


def at(scene: Scene, text: str) -> None:
    scene.clock.set(local_instant(datetime.fromisoformat(text), scene.brand.zone))


def nurture(scene: Scene, *, stock: int | None = None, prize: dict | None = None, **settings: Any) -> str:
    made = {"stages": [20, 40, 60], "sources": SOURCES, "prize": "tea", **settings}
    return scene.campaign("nurture", [scene.prize("tea", item="tea", stock=stock, **(prize or {}))], settings=made)


def refusal(scene: Scene, code: str, action: str, who: int, **data: str) -> Conflict:
    with pytest.raises(Conflict) as refused:
        scene.act(code, action, who, **data)
    return refused.value


def water(scene: Scene, code: str, who: int, drops: int) -> None:
    """Put drops into a plant's can, as a month of sources would."""
    scene.view(code, who)
    changed = execute(
        "UPDATE interaction_games_plant SET water = water + ? WHERE contact_id = ? AND campaign_id = "
        "(SELECT id FROM interaction_games_campaign WHERE code = ?)",
        (drops, who, code),
    ).rowcount
    assert changed == 1


def test_water_grows_the_plant_through_its_stages_to_a_prize(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = nurture(scene, stock=1)
    assert scene.view(code, None)["growth"] == 0
    assert scene.act(code, "collect", anna, source="daily") == {"source": "daily", "amount": 20, "water": 20}
    assert refusal(scene, code, "collect", anna, source="daily").code == "daily_cap"
    one = scene.act(code, "pour", anna)
    assert (one["growth"], one["water"], one["stage"], one["grew"]) == (10, 10, 0, False)
    assert scene.act(code, "pour", anna)["grew"] is True
    assert refusal(scene, code, "pour", anna).code == "dry"
    water(scene, code, anna, 100)
    for _ in range(2):
        last = scene.act(code, "pour", anna)
    # The last stage begins: the only prize is set aside before the plant is finished.
    assert (last["growth"], last["reserved_until"]) == (40, scene.brand.now() + 14 * DAY_MS)
    assert (scene.stock(code, "tea"), scene.rewards(anna)) == (0, [])
    for _ in range(2):
        last = scene.act(code, "pour", anna)
    assert (last["finished"], last["reward"]["state"], last["water"]) == (True, "granted", 60)
    assert scene.rewards(anna) == [("points", "tea", 1)]
    assert scene.stock(code, "tea") == 0
    shown = scene.view(code, anna)
    assert (shown["finished"], shown["progress"]["percent"], shown["stage"]) == (True, 100, 3)
    assert refusal(scene, code, "pour", anna).code == "finished"
    assert refusal(scene, code, "collect", anna, source="daily").code == "finished"


def test_whoever_comes_too_late_for_a_prize_waits_below_the_last_stage_and_goes_on_when_one_comes_free(
    scene: Scene,
) -> None:
    at(scene, "2026-03-01T09:00")
    anna, bob = scene.people(2)
    code = nurture(scene, stock=1, keep_days=2)
    for who in (anna, bob):
        scene.act(code, "collect", who, source="daily")
        water(scene, code, who, 100)
    for _ in range(4):
        scene.act(code, "pour", anna)
    for _ in range(3):
        scene.act(code, "pour", bob)
    late = refusal(scene, code, "pour", bob)
    assert late.code == "none_to_reserve"
    shown = scene.view(code, bob)
    assert (shown["growth"], shown["water"]) == (30, 90)
    # Anna does not finish within two days: her reservation lapses, her plant stays.
    scene.clock.advance(days=2)
    scene.games.settle()
    assert (scene.stock(code, "tea"), scene.view(code, anna)["reserved_until"]) == (1, None)
    assert scene.act(code, "pour", bob)["growth"] == 40
    assert refusal(scene, code, "pour", anna).code == "none_to_reserve"
    assert scene.view(code, anna)["growth"] == 40
    for _ in range(2):
        done = scene.act(code, "pour", bob)
    assert (done["finished"], scene.rewards(bob), scene.rewards(anna)) == (True, [("points", "tea", 1)], [])


def test_a_lapsed_reservation_is_renewed_by_the_next_drop_while_there_is_stock(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = nurture(scene, stock=1, keep_days=2)
    scene.act(code, "collect", anna, source="daily")
    water(scene, code, anna, 100)
    for _ in range(4):
        scene.act(code, "pour", anna)
    scene.clock.advance(days=3)
    # Nobody has settled yet: the old reservation is given back and a new one made in the same act.
    again = scene.act(code, "pour", anna)
    assert again["reserved_until"] == scene.brand.now() + 2 * DAY_MS
    assert scene.stock(code, "tea") == 0
    scene.games.settle()
    assert scene.view(code, anna)["reserved_until"] == again["reserved_until"]
    assert scene.act(code, "pour", anna)["finished"] is True
    assert len(scene.rewards(anna)) == 1


def test_a_cool_down_is_waited_for_and_a_new_day_counts_afresh(scene: Scene) -> None:
    at(scene, "2026-03-01T07:00")
    anna = scene.person()
    code = nurture(scene)
    at(scene, "2026-03-01T09:00")
    scene.act(code, "collect", anna, source="dew")
    soon = refusal(scene, code, "collect", anna, source="dew")
    assert (soon.code, soon.extra["ready_at"]) == ("cooldown", scene.brand.now() + 3_600_000)
    shown = {each["code"]: each for each in scene.view(code, anna)["sources"]}
    assert (shown["dew"]["state"], shown["dew"]["left"], shown["daily"]["state"]) == ("waiting", 1, "ready")
    at(scene, "2026-03-01T10:00")
    scene.act(code, "collect", anna, source="dew")
    at(scene, "2026-03-01T23:59")
    assert refusal(scene, code, "collect", anna, source="dew").code == "daily_cap"
    # A clock moved back opens nothing.
    at(scene, "2026-03-01T08:00")
    assert refusal(scene, code, "collect", anna, source="dew").code == "daily_cap"
    at(scene, "2026-03-02T00:00")
    assert scene.act(code, "collect", anna, source="dew")["water"] == 30


def test_a_stay_counts_when_the_server_saw_it_begin_and_last(scene: Scene) -> None:
    at(scene, "2026-03-01T08:00")
    anna, bob = scene.people(2)
    code = nurture(scene)
    at(scene, "2026-03-01T09:00")
    assert refusal(scene, code, "collect", anna, source="read", token="").code == "no_stay"
    begun = scene.act(code, "begin", anna, source="read")
    assert (begun["seconds"], begun["text"]) == (15, "成分")
    scene.clock.advance(ms=14_999)
    stay = scene.view(code, anna)["stay"]
    assert (stay["token"], stay["text"], stay["left_ms"]) == (begun["token"], "成分", 1)
    assert scene.view(code, bob)["stay"] is None
    early = refusal(scene, code, "collect", anna, source="read", token=begun["token"])
    assert (early.code, early.extra["ready_at"]) == ("too_early", scene.brand.now() + 1)
    assert refusal(scene, code, "collect", bob, source="read", token=begun["token"]).code == "no_stay"
    scene.clock.advance(ms=1)
    assert scene.act(code, "collect", anna, source="read", token=begun["token"])["amount"] == 15
    assert refusal(scene, code, "collect", anna, source="read", token=begun["token"]).code == "no_stay"
    # A second stay ends the one before it; one that began too long ago, or in the future, proves nothing.
    first = scene.act(code, "begin", anna, source="read")
    second = scene.act(code, "begin", anna, source="read")
    scene.clock.advance(seconds=-60)
    assert refusal(scene, code, "collect", anna, source="read", token=second["token"]).code == "too_early"
    scene.clock.advance(seconds=60 + 1801)
    assert refusal(scene, code, "collect", anna, source="read", token=first["token"]).code == "no_stay"
    assert refusal(scene, code, "collect", anna, source="read", token=second["token"]).code == "no_stay"
    assert scene.view(code, anna)["water"] == 15


def test_a_question_is_answered_once_and_its_answer_is_not_on_the_page(scene: Scene) -> None:
    anna, bob = scene.people(2)
    code = nurture(scene)
    shown = next(each for each in scene.view(code, anna)["sources"] if each["code"] == "quiz")
    assert shown["choices"] == ["早上", "晚上"] and "right" not in shown
    assert scene.act(code, "collect", anna, source="quiz", choice="1")["right"] is False
    assert refusal(scene, code, "collect", anna, source="quiz", choice="2").code == "daily_cap"
    assert scene.act(code, "collect", bob, source="quiz", choice="2") == {
        "source": "quiz", "amount": 30, "water": 30, "right": True,
    }  # fmt: skip
    for wrong in ("0", "3", "", "二"):
        with pytest.raises(Invalid) as refused:
            scene.act(code, "collect", scene.person(), source="quiz", choice=wrong)
        assert refused.value.field == "choice"
    assert [each["right"] for each in scene.events("answered")] == [0, 1]


def test_water_that_gathers_by_itself_follows_the_servers_clock_and_has_a_cap(scene: Scene) -> None:
    at(scene, "2026-03-01T01:00")
    anna = scene.person()
    code = nurture(scene, idle={"per_hour": 10, "cap": 40})
    at(scene, "2026-03-01T09:00")
    scene.act(code, "collect", anna, source="daily")
    assert refusal(scene, code, "collect", anna, source="idle").code == "nothing_yet"
    scene.clock.advance(seconds=3_599)
    assert scene.view(code, anna)["idle"]["ready"] == 9
    assert scene.act(code, "collect", anna, source="idle")["amount"] == 9
    # The fraction that was left goes on: one second later the tenth drop is there.
    scene.clock.advance(seconds=1)
    assert scene.act(code, "collect", anna, source="idle")["amount"] == 1
    scene.clock.advance(hours=-5)
    assert refusal(scene, code, "collect", anna, source="idle").code == "nothing_yet"
    scene.clock.advance(hours=48)
    assert scene.view(code, anna)["idle"]["ready"] == 40
    assert scene.act(code, "collect", anna, source="idle")["water"] == 20 + 9 + 1 + 40
    assert refusal(scene, code, "collect", anna, source="idle").code == "nothing_yet"


def test_a_plant_withers_to_the_floor_of_its_stage_and_no_further(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = nurture(scene, decay={"after_days": 2, "per_day": 5})
    scene.act(code, "collect", anna, source="daily")
    water(scene, code, anna, 100)
    for _ in range(3):
        scene.act(code, "pour", anna)
    at(scene, "2026-03-03T09:00")
    assert scene.view(code, anna)["growth"] == 30
    at(scene, "2026-03-04T09:00")
    assert scene.view(code, anna)["growth"] == 25
    assert scene.act(code, "pour", anna)["growth"] == 35
    at(scene, "2026-03-29T09:00")
    assert (scene.view(code, anna)["growth"], scene.view(code, anna)["stage"]) == (20, 1)


def test_a_paid_order_waters_a_plant_once_and_a_refund_takes_back_what_was_not_poured(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna, bob = scene.people(2)
    code = nurture(scene)
    scene.act(code, "collect", anna, source="daily")
    scene.order("O1", anna, 9_900)
    scene.order("O2", anna, 9_900)
    scene.order("O3", bob, 9_900)
    scene.deliver()
    # One order a day counts; who has no plant gets no water.
    assert scene.view(code, anna)["water"] == 70
    assert execute("SELECT count(*) FROM interaction_games_plant").fetchone()[0] == 1
    with pytest.raises(Invalid):
        scene.act(code, "collect", anna, source="order")
    for _ in range(3):
        scene.act(code, "pour", anna)
    scene.refund("O1", 9_900)
    scene.deliver()
    assert scene.view(code, anna)["water"] == 0
    scene.refund("O2", 9_900, refund="R2")
    scene.deliver()
    assert scene.view(code, anna)["growth"] == 30


def test_publishing_says_how_long_it_takes_and_refuses_what_nobody_can_finish(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    prizes = [scene.prize("tea")]
    base = {"sources": [SOURCES[0]], "prize": "tea"}
    # 20 drops a day: 3,000 take 150 days, and the last stage 75.
    for settings, days, words in [
        ({**base, "keep_days": 80}, 100, "150 days"),
        ({**base, "keep_days": 14}, 200, "75 days"),
        ({**base, "sources": [SOURCES[4]]}, 200, "nobody ever finishes"),
        ({**base, "prize": "cake"}, 200, "cake"),
    ]:
        made = scene.games.create(
            scene.definition("nurture", prizes, settings=settings, ends_at=scene.brand.now() + days * DAY_MS), actor="a"
        )
        with pytest.raises(Invalid, match=words):
            scene.games.publish(made.code, "mia")
    good = scene.definition(
        "nurture", prizes, settings={**base, "keep_days": 80}, ends_at=scene.brand.now() + 160 * DAY_MS
    )
    scene.games.create(good, actor="a")
    told = scene.games.publish(good["code"], "mia")
    assert (told["days_to_finish"], told["last_stage_days"], told["campaign_days"]) == (150, 75, 160)
    assert scene.view(good["code"], None)["days_to_finish"] == 150


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"stages": [100, 100, 300]}, "settings.stages"),
        ({"stages": [300, 100]}, "settings.stages"),
        ({"stages": [100]}, "settings.stages"),
        ({"sources": []}, "settings.sources"),
        ({"sources": [SOURCES[0], SOURCES[0]]}, "settings.sources"),
        ({"sources": [{**SOURCES[0], "seconds": 15}]}, "settings.sources.0.seconds"),
        ({"sources": [{k: v for k, v in SOURCES[2].items() if k != "seconds"}]}, "settings.sources.0.seconds"),
        ({"sources": [{**SOURCES[3], "right": 3}]}, "settings.sources.0.right"),
        ({"sources": [{**SOURCES[0], "amount": 0}]}, "settings.sources.0.amount"),
        ({"idle": {"per_hour": 5}}, "settings.idle.cap"),
        ({"keep_days": 0}, "settings.keep_days"),
        ({"grow": 1}, "settings.grow"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_field(scene: Scene, settings: dict, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        made = {"sources": SOURCES, "prize": "tea", **settings}
        scene.games.create(scene.definition("nurture", [scene.prize("tea")], settings=made), actor="mia")
    assert refused.value.field == field


CARE = """
from scrm_core.api import execute
from scrm_core.errors import Conflict


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    (contact,) = execute("SELECT id FROM contact").fetchone()
    told = []
    for n, (action, data) in enumerate([("collect", {"source": "dew"}), ("pour", {}), ("pour", {}), ("pour", {})]):
        try:
            games.act("tree", action, contact, key=f"{worker}-{n}", data=data)
            told.append(action)
        except Conflict as exc:
            told.append(exc.code)
    return told
"""


def test_two_processes_that_care_for_one_plant_gather_no_more_than_the_cap_and_finish_it_once(
    open_house, together
) -> None:
    house = open_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        anna = scene.person()
        dew = {"code": "dew", "kind": "daily", "title": "露水", "amount": 40, "cooldown_minutes": 1_440}
        settings = {"stages": [20, 40], "sources": [dew], "prize": "tea"}
        scene.campaign("nurture", [scene.prize("tea", item="tea", stock=2)], settings=settings, code="tree")
    told = [word for words in together(house, CARE, 2) for word in words]
    # One turn of the source gives 40 drops: enough for four pours of ten, the fourth of which finishes the plant.
    assert told.count("collect") == 1 and told.count("pour") <= 4
    assert set(told) <= {"collect", "pour", "cooldown", "daily_cap", "dry", "finished"}
    with house.brand("acme"):
        growth, water = execute("SELECT growth, water FROM interaction_games_plant").fetchone()
        assert (growth, growth + water) == (10 * told.count("pour"), 40)
        assert len(scene.rewards(anna)) == int(growth == 40)
        assert scene.stock("tree", "tea") == (2 if growth < 20 else 1)
