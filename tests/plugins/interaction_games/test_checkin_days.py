"""Check-in through the engine: one day once, streaks and cycles, milestones, make-up and its limits, whose day it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from games_scene import Scene

from scrm_core.api import Conflict, Invalid, execute, local_instant

WEEK = {
    "daily": ["p1", "p1", "p2", "p2", "p3", "p3", "p10"],
    "milestones": [{"days": 3, "prize": "three"}, {"days": 7, "prize": "seven"}],
}


def prizes(scene: Scene) -> list[dict]:
    points = [scene.prize(f"p{n}", quantity=n) for n in (1, 2, 3, 10)]
    return [*points, scene.prize("three", kind="coupon", item="tea"), scene.prize("seven", kind="coupon", item="cup")]


def week(scene: Scene, **more) -> str:
    return scene.campaign("checkin", prizes(scene), settings={**WEEK, **more.pop("settings", {})}, **more)


def at(scene: Scene, text: str) -> None:
    scene.clock.set(local_instant(datetime.fromisoformat(text), scene.brand.zone))


def refusal(scene: Scene, code: str, action: str, who: int, **data: str) -> str:
    with pytest.raises(Conflict) as refused:
        scene.act(code, action, who, **data)
    return refused.value.code


def given(scene: Scene, code: str) -> list[str]:
    rows = execute(
        "SELECT p.code FROM interaction_games_draw d JOIN interaction_games_prize p ON p.id = d.prize_id "
        "JOIN interaction_games_campaign c ON c.id = d.campaign_id WHERE c.code = ? ORDER BY d.id",
        (code,),
    ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def new_york(games_installation) -> Iterator[Scene]:
    """Moonco, whose days are New York's."""
    brand = games_installation().brand("moonco")
    with brand:
        yield Scene(brand)


def test_the_worked_week_with_a_missed_day_made_up(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = week(scene)
    for day in (1, 2, 3, 4, 6, 7):
        at(scene, f"2026-03-{day:02}T09:00")
        answer = scene.act(code, "sign", anna)
    assert (answer["streak"], answer["cycle_day"], answer["total"]) == (2, 2, 6)
    made = scene.act(code, "make-up", anna, day="2026-03-05")
    assert (made["day"], made["streak"], made["total"], made["left"]) == ("2026-03-05", 7, 7, 2)
    # The milestone of three was paid on the 3rd and is not paid again; the 5th's own reward is not paid.
    assert [each["days"] for each in made["milestones"]] == [7]
    assert given(scene, code) == ["p1", "p1", "p2", "three", "p2", "p1", "p1", "seven"]
    at(scene, "2026-03-08T09:00")
    eighth = scene.act(code, "sign", anna)
    assert (eighth["streak"], eighth["cycle_day"], eighth["reward"]["prize"]) == (8, 1, "p1")
    assert scene.rewards(anna).count(("coupon", "tea", 1)) == 1


def test_a_day_is_signed_once_by_whichever_door_and_its_answer_stands(scene: Scene) -> None:
    anna, bob = scene.people(2)
    code = week(scene)
    first = scene.act(code, "sign", anna, key="tap")
    assert scene.act(code, "sign", anna, key="tap") == first
    assert refusal(scene, code, "sign", anna) == "signed"
    assert scene.act(code, "sign", bob)["streak"] == 1
    assert given(scene, code) == ["p1", "p1"]
    assert scene.view(code, anna)["signed_today"] is True
    assert scene.view(code, None)["signed_today"] is False


def test_the_day_is_the_brands_and_belongs_to_the_instant_of_the_request(scene: Scene) -> None:
    at(scene, "2026-03-01T23:59:59.900")
    anna = scene.person()
    code = week(scene)
    assert scene.act(code, "sign", anna)["day"] == "2026-03-01"
    scene.clock.advance(ms=100)
    second = scene.act(code, "sign", anna)
    # In UTC both lie on one day.
    assert (second["day"], second["streak"]) == ("2026-03-02", 2)


def test_days_without_an_hour_and_with_one_more_are_one_day_each(new_york: Scene) -> None:
    scene = new_york
    for month, days in (("03", (7, 8, 9)), ("10", (31,)), ("11", (1, 2))):
        at(scene, f"2026-{month}-{days[0]:02}T00:30")
        anna = scene.person()
        code = week(scene)
        for day in days:
            at(scene, f"2026-{month}-{day:02}T00:30")
            scene.act(code, "sign", anna)
            at(scene, f"2026-{month}-{day:02}T23:30")
            assert refusal(scene, code, "sign", anna) == "signed"
        assert scene.view(code, anna)["streak"] == len(days)


def test_a_clock_moved_back_signs_no_earlier_day_and_nothing_twice(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = week(scene)
    at(scene, "2026-03-05T09:00")
    scene.act(code, "sign", anna)
    at(scene, "2026-03-04T09:00")
    assert refusal(scene, code, "sign", anna) == "clock_moved_back"
    at(scene, "2026-03-05T10:00")
    assert refusal(scene, code, "sign", anna) == "signed"
    assert given(scene, code) == ["p1"]


def test_a_time_zone_that_is_changed_meanwhile_is_refused_until_it_is_set_back(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = week(scene)
    scene.act(code, "sign", anna)
    shanghai = scene.brand.zone
    scene.brand.zone = ZoneInfo("America/New_York")
    assert refusal(scene, code, "sign", anna) == "zone_changed"
    scene.clock.advance(days=2)
    assert refusal(scene, code, "make-up", anna, day="2026-03-02") == "zone_changed"
    scene.brand.zone = shanghai
    assert scene.act(code, "make-up", anna, day="2026-03-02")["total"] == 2


def test_making_up_holds_its_limits(scene: Scene) -> None:
    at(scene, "2026-03-20T09:00")
    anna = scene.person()
    code = week(scene, starts_at=None)
    at(scene, "2026-03-31T09:00")
    scene.act(code, "sign", anna)
    bob = scene.person()
    assert refusal(scene, code, "make-up", anna, day="2026-04-01") == "make_up_future"
    assert refusal(scene, code, "make-up", anna, day="2026-03-31") == "make_up_future"
    assert refusal(scene, code, "make-up", anna, day="2026-03-23") == "make_up_too_old"
    assert refusal(scene, code, "make-up", bob, day="2026-03-30") == "make_up_before_joining"
    for day in ("2026-03-30", "2026-03-29", "2026-03-25"):
        scene.act(code, "make-up", anna, day=day)
    assert refusal(scene, code, "make-up", anna, day="2026-03-30") == "make_up_signed"
    assert refusal(scene, code, "make-up", anna, day="2026-03-28") == "make_up_monthly_limit"
    shown = scene.view(code, anna)
    assert (shown["streak"], shown["total"], shown["make_up"]["left"], shown["make_up"]["days"]) == (3, 4, 0, [])
    # A new month has three again, also for days of the old one.
    at(scene, "2026-04-02T09:00")
    assert scene.view(code, anna)["make_up"]["days"] == ["2026-03-26", "2026-03-27", "2026-03-28", "2026-04-01"]
    assert scene.act(code, "make-up", anna, day="2026-03-28")["left"] == 2
    for wrong in ("", "5", "2026-3-28", "2026-02-30", "yesterday", "20260328"):
        with pytest.raises(Invalid) as refused:
            scene.act(code, "make-up", anna, day=wrong)
        assert refused.value.field == "day"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_days_before_the_campaign_began_are_not_made_up(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    at(scene, "2026-03-10T09:00")
    code = week(scene)
    at(scene, "2026-03-12T09:00")
    assert refusal(scene, code, "make-up", anna, day="2026-03-09") == "make_up_before_start"
    assert scene.act(code, "make-up", anna, day="2026-03-10")["total"] == 1


def test_a_make_up_card_is_a_ticket_of_the_campaign(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = week(scene, settings={"make_up": {"cost": "ticket"}})
    at(scene, "2026-03-04T09:00")
    assert refusal(scene, code, "make-up", anna, day="2026-03-03") == "no_ticket"
    assert scene.view(code, anna)["total"] == 0
    scene.give_tickets(code, anna, 1)
    assert scene.view(code, anna)["make_up"]["cards"] == 1
    scene.act(code, "make-up", anna, day="2026-03-03")
    assert scene.view(code, anna)["make_up"]["cards"] == 0
    assert refusal(scene, code, "make-up", anna, day="2026-03-02") == "no_ticket"


def test_a_reward_that_is_sold_out_costs_nobody_the_day(scene: Scene) -> None:
    anna, bob = scene.people(2)
    code = scene.campaign("checkin", [scene.prize("tea", stock=1)], settings={"daily": ["tea"]})
    assert scene.act(code, "sign", anna)["reward"]["state"] == "granted"
    answer = scene.act(code, "sign", bob)
    assert (answer["reward"]["state"], answer["streak"]) == ("sold_out", 1)
    assert scene.stock(code, "tea") == 0


def test_signing_is_told_to_other_plugins_with_day_and_streak(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna = scene.person()
    code = week(scene)
    scene.act(code, "sign", anna)
    at(scene, "2026-03-03T09:00")
    scene.act(code, "make-up", anna, day="2026-03-02")
    base = {"campaign": code, "game": "checkin"}
    assert scene.events("checked-in") == [{**base, "day": "2026-03-01", "streak": 1, "total": 1}]
    assert scene.events("made-up") == [{**base, "day": "2026-03-02", "streak": 2, "total": 2}]


def test_the_calendar_shows_whole_weeks_and_what_each_day_is(scene: Scene) -> None:
    at(scene, "2026-03-02T09:00")
    anna = scene.person()
    code = week(scene)
    scene.act(code, "sign", anna)
    at(scene, "2026-03-05T09:00")
    scene.act(code, "make-up", anna, day="2026-03-04")
    shown = scene.view(code, anna)
    days = {each["day"]: each["state"] for each in shown["calendar"]}
    assert (min(days), max(days), len(days)) == ("2026-02-23", "2026-04-05", 42)
    assert date.fromisoformat(min(days)).weekday() == 0
    picked = [days[f"2026-03-0{n}"] for n in range(1, 7)]
    assert picked == ["before", "signed", "open", "made_up", "today", "future"]
    assert [each["left"] for each in shown["milestones"]] == [2, 6]
    assert [each["state"] for each in shown["daily"]][:3] == ["past", "today", "future"]


def test_merged_contacts_keep_the_days_of_both_and_sign_each_day_once(scene: Scene) -> None:
    at(scene, "2026-03-01T09:00")
    anna, twin = scene.people(2)
    code = week(scene)
    scene.act(code, "sign", anna)
    at(scene, "2026-03-02T09:00")
    scene.act(code, "sign", anna)
    scene.act(code, "sign", twin)
    at(scene, "2026-03-03T09:00")
    scene.act(code, "sign", twin)
    with scene.brand.transaction():
        scene.brand.contacts.merge(anna, twin, actor="ann", reason="one person")
    scene.deliver()
    assert refusal(scene, code, "sign", twin) == "signed"
    assert (scene.view(code, anna)["streak"], scene.view(code, anna)["total"]) == (3, 3)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"mode": "weekly"}, "settings.mode"),
        ({"milestones": [{"days": 8, "prize": "seven"}]}, "settings.milestones"),
        ({"milestones": [{"days": 3, "prize": "three"}, {"days": 3, "prize": "seven"}]}, "settings.milestones"),
        ({"daily": ["p1"] * 8}, "settings.daily"),
        ({"make_up": {"per_month": 4}}, "settings.make_up.per_month"),
        ({"make_up": {"days_back": 8}}, "settings.make_up.days_back"),
        ({"streak": 3}, "settings.streak"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_field(scene: Scene, settings: dict, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        scene.games.create(scene.definition("checkin", prizes(scene), settings=settings), actor="mia")
    assert refused.value.field == field


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_reward_that_is_no_prize_of_the_campaign_is_refused_at_publishing(scene: Scene) -> None:
    for settings in ({"daily": ["nope"]}, {"milestones": [{"days": 3, "prize": "none"}]}):
        made = scene.games.create(
            scene.definition("checkin", [*prizes(scene), scene.none(0)], settings=settings), actor="mia"
        )
        with pytest.raises(Invalid, match="nope|stands for no prize"):
            scene.games.publish(made.code, "mia")


SIGNING = """
from scrm_core.errors import Conflict
from scrm_core.api import execute


def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    (contact,) = execute("SELECT id FROM contact").fetchone()
    answers = []
    for turn in range(3):
        try:
            answers.append(games.act("week", "sign", contact, key=f"{worker}-{turn}")["day"])
        except Conflict as exc:
            answers.append(exc.code)
    return answers
"""


def test_two_processes_that_sign_the_same_day_sign_it_once(open_house, together) -> None:
    house = open_house()
    with house.brand("acme") as brand:
        scene = Scene(brand)
        anna = scene.person()
        scene.campaign("checkin", [scene.prize("tea")], settings={"daily": ["tea"]}, code="week")
    answers = [answer for told in together(house, SIGNING, 2) for answer in told]
    days = [answer for answer in answers if answer != "signed"]
    # The real clock may pass midnight on the way; a day is signed once all the same.
    assert 1 <= len(days) == len(set(days)) <= 2 and len(answers) == 6
    with house.brand("acme"):
        assert execute("SELECT count(*) FROM interaction_games_signed_day").fetchone()[0] == len(days)
        assert len(scene.rewards(anna)) == len(days)
