"""Wheel, eggs, grab, check-in and nurture in a real browser at a phone's size: what is shown is what is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from phones import PHONE, shoot
from served import Premises, make, points, serving

from scrm_core.clock import MS_PER_DAY, from_instant
from scrm_core.db.bulk import execute

FILE = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.points]
[plugins.interaction-games]
"""
WHEEL = [
    ("phone", "50 积分大奖", 50, 1, 1), ("p20", "20 积分", 20, 100, 50), ("p10", "10 积分", 10, 300, None),
    ("p5", "5 积分", 5, 599, None), ("p2", "2 积分", 2, 1_000, None),
]  # fmt: skip


class Arcade(Premises):
    """Games, and what was drawn in them."""

    def draws(self, contact: int) -> list[tuple[str, str | None, str]]:
        """(uid, title of the prize, state) of a person's draws, first to last."""
        with self.brand:
            return [
                tuple(row)
                for row in execute(
                    "SELECT d.uid, p.title, d.state FROM interaction_games_draw d "
                    "LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
                    "WHERE d.contact_id = ? AND d.kind = 'draw' ORDER BY d.id",
                    (contact,),
                ).fetchall()
            ]

    def rewards(self, contact: int) -> int:
        with self.brand:
            return int(execute("SELECT count(*) FROM reward WHERE contact_id = ?", (contact,)).fetchone()[0])


@pytest.fixture(scope="module")
def arcade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arcade]:
    root = tmp_path_factory.mktemp("arcade") / "shop"
    house = Arcade(*make(root, {"acme": FILE}))
    made(house)
    with serving(root, house.base, "--no-worker"):
        yield house
    house.installation.close()


def made(house: Arcade) -> None:
    """The campaigns of this module."""
    prizes = [points(*row) for row in WHEEL]
    none = {"code": "none", "title": "谢谢参与", "kind": "none", "weight": 8_000}
    wins = [points(code, title, n, weight) for code, title, n, weight, _ in WHEEL]
    house.campaign("wheel", [*prizes, none], {}, title="春日大转盘", chances={"daily": 3})
    house.campaign("wheel", wins, {}, code="wheel-sure", title="会员大转盘", chances={"daily": 2})
    house.campaign("egg", wins, {"eggs": 3}, title="砸金蛋", chances={"daily": 2})
    drops = {"drops": [{"at": "00:00", "prize": "p20", "stock": 2, "minutes": 1_440}]}
    house.campaign("grab", [points("p20", "20 积分礼包", 20)], drops, title="每日抢")
    with house.brand as brand:
        later = from_instant(brand.now(), brand.zone) + timedelta(hours=2)
    soon = {"drops": [{"at": f"{later:%H:%M}", "prize": "p20", "stock": 100, "minutes": 1}]}
    house.campaign("grab", [points("p20", "20 积分礼包", 20)], soon, code="grab-later", title="整点抢")
    daily = [points(f"d{n}", f"{n} 积分", n) for n in (1, 2, 3, 10)]
    stones = [{"days": 3, "prize": "d3"}, {"days": 7, "prize": "d10"}]
    cycle = {"daily": ["d1", "d1", "d2", "d2", "d3", "d3", "d10"], "milestones": stones}
    house.campaign("checkin", daily, cycle, title="每日签到", code="checkin")
    sources = [
        {"code": "daily", "kind": "daily", "title": "每日登录", "amount": 40},
        {"code": "read", "kind": "browse", "title": "看看育儿小贴士", "amount": 20, "seconds": 1, "text": "宝宝洗澡的水温以 38 度左右为宜。"},
        {"code": "quiz", "kind": "answer", "title": "每日一问", "amount": 30, "question": "洗澡水温多少合适?", "choices": ["28 度", "38 度", "48 度"], "right": 2},
        {"code": "order", "kind": "order", "title": "下单一次", "amount": 100},
    ]  # fmt: skip
    nurture = {"plant": "石榴树", "stages": [20, 60, 120, 200, 300], "sources": sources, "prize": "p20", "idle": {"per_hour": 10, "cap": 80}}
    house.campaign("nurture", [points("p20", "20 积分", 20, stock=100)], nurture, title="养一棵石榴树")


@pytest.fixture
def phone(phones: Any, arcade: Arcade) -> Any:
    """A function that gives a person's phone: ``phone(cookie)``."""
    return partial(phones, arcade.base)


def shown_prize(page: Any) -> tuple[str, str]:
    """The draw and the prize that the dialog shows, once it is there."""
    dialog = page.locator("[data-result][open]")
    dialog.wait_for()
    return dialog.get_attribute("data-draw"), dialog.locator("[data-prize]").inner_text()


def test_the_wheel_stops_at_the_prize_that_was_recorded(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie)
    page = mine.open(f"{arcade.root}/g/wheel-sure")
    mine.hurry(page)
    assert page.title() == "会员大转盘 · Acme 母婴"
    shoot(page, "game-wheel")
    button = page.locator(".wheel-go")
    box = button.bounding_box()
    assert box["height"] >= 44 and box["y"] + box["height"] < PHONE["height"]
    # A double tap: the second one finds a resting button.
    button.evaluate("b => { b.click(); b.click(); b.form.requestSubmit(b); }")
    uid, title = shown_prize(page)
    ((recorded, prize, state),) = arcade.draws(who)
    assert (uid, title, state) == (recorded, prize, "granted")
    # The words of that prize lie under the pointer, at the top of the wheel and upright.
    across, up = page.evaluate(
        """(title) => {
          const wheel = document.querySelector(".wheel").getBoundingClientRect();
          const slice = [...document.querySelectorAll("[data-slice]")].find((e) => e.dataset.slice === title);
          const words = slice.querySelector("text").getBoundingClientRect();
          return [words.x + words.width / 2 - wheel.x - wheel.width / 2, words.y + words.height / 2 - wheel.y];
        }""",
        next(code for code, words, *_ in WHEEL if words == prize),
    )
    assert abs(across) < 8 and 20 < up < 90
    assert prize in page.locator("#result").inner_text()
    shoot(page, "game-wheel-won", full=False)
    assert arcade.rewards(who) == 1
    # The phone added a random part of its own to the number.
    with arcade.brand:
        (seed,) = execute("SELECT client_seed FROM interaction_games_draw WHERE uid = ?", (uid,)).fetchone()
    assert len(bytes.fromhex(seed)) == 16


def test_two_tabs_reload_and_back_never_draw_twice_or_lose_a_prize(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie, reduced_motion="reduce")
    first, second = mine.open(f"{arcade.root}/g/wheel-sure"), mine.open(f"{arcade.root}/g/wheel-sure")
    first.locator(".wheel-go").tap()
    shown = shown_prize(first)
    # The other tab was opened before that draw: it shows it, and draws nothing.
    second.locator(".wheel-go").tap()
    assert shown_prize(second) == shown
    assert [row[0] for row in arcade.draws(who)] == [shown[0]]
    first.reload()
    assert shown[1] in first.locator(".last-draw").inner_text()
    assert first.locator("[data-chances]").inner_text() == "1"
    first.locator(".wheel-go").tap()
    again = shown_prize(first)
    first.keyboard.press("Escape")
    first.locator(".wheel-go[disabled]").wait_for()
    # Away and back: the page is as new as its last draw, and has no chance left.
    first.goto(f"{arcade.root}/g/wheel-sure/rules")
    first.go_back(wait_until="load")
    first.locator(".wheel-go[disabled]").wait_for()
    assert [row[0] for row in arcade.draws(who)] == [shown[0], again[0]]
    assert arcade.rewards(who) == 2


def test_without_a_script_the_form_leads_to_the_recorded_prize(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie, java_script_enabled=False)
    page = mine.open(f"{arcade.root}/g/wheel-sure")
    hidden = page.locator("form input[type=hidden]")
    form = {each.get_attribute("name"): each.get_attribute("value") for each in hidden.all()}
    page.locator(".wheel-go").tap()
    page.wait_for_url("**/result/*")
    ((uid, prize, _),) = arcade.draws(who)
    assert page.url.endswith(uid) and prize in page.inner_text("main")
    shoot(page, "game-wheel-plain")
    # The same form sent once more leads to the same prize; the page that the back button shows is a new one.
    again = mine.context.request.post(f"{arcade.root}/g/wheel-sure/play", form=form, headers={"Accept": "text/html"})
    assert again.url.endswith(uid)
    page.go_back()
    assert prize in page.locator(".last-draw").inner_text()
    assert page.locator("[data-chances]").inner_text() == "1"
    assert len(arcade.draws(who)) == 1
    page.goto(f"{arcade.root}/g/checkin")
    page.locator(".checkin-go").tap()
    page.locator(".checkin-go[disabled]").wait_for()
    assert page.locator("[data-streak]").inner_text() == "1"


def test_a_slow_and_a_broken_line_draw_once(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie, reduced_motion="reduce")
    page = mine.open(f"{arcade.root}/g/wheel-sure")
    asked = []

    def lose_the_answer(route):
        asked.append(route.request.post_data)
        if len(asked) == 1:
            route.fetch()  # the server gets it; its answer is lost on the way back
            route.abort()
        else:
            route.continue_()

    page.route("**/play", lose_the_answer)
    page.locator(".wheel-go").tap()
    page.locator("#result.bad").wait_for()
    assert len(arcade.draws(who)) == 1
    # Once more, over a slow line: the same form asks for the answer that was lost.
    mine.slow_down(page)
    page.locator(".wheel-go").tap()
    uid, title = shown_prize(page)
    first, second = (dict(parse_qsl(body)) for body in asked)
    assert first["once"] == second["once"] and first["after"] == second["after"]
    assert [(row[0], row[1]) for row in arcade.draws(who)] == [(uid, title)]


def test_a_visitor_sees_the_odds_and_is_asked_to_join_first(arcade, phone):
    page = phone().open(f"{arcade.root}/g/wheel?lang=en")
    assert page.locator(".wheel-go").is_disabled()
    rows = dict(zip(page.locator(".odds tbody th").all_inner_texts(), page.locator(".odds tbody td:nth-child(2)").all_inner_texts(), strict=True))
    assert (rows["50 积分大奖"], rows["谢谢参与"]) == ("0.01%", "80%")
    assert "/-/join?next=" in page.locator("main a.button").first.get_attribute("href")


def test_an_egg_shows_what_was_in_it_and_stays_broken(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie, reduced_motion="reduce")
    page = mine.open(f"{arcade.root}/g/egg")
    shoot(page, "game-egg", full=False)
    page.get_by_label("砸第 2 个金蛋").tap()
    uid, title = shown_prize(page)
    assert [(row[0], row[1]) for row in arcade.draws(who)] == [(uid, title)]
    shoot(page, "game-egg-won", full=False)
    page.locator("[data-result] button").tap()
    broken = page.get_by_label("第 2 个金蛋已砸开")
    broken.wait_for()
    assert broken.is_disabled() and page.locator("[data-egg='2'] [data-word]").inner_text() == title
    shoot(page, "game-egg-broken", full=False)


def test_a_grab_is_taken_once_and_sold_out_is_said(arcade, phone):
    people = [arcade.person() for _ in range(3)]
    late = phone(people[2][1]).open(f"{arcade.root}/g/grab")
    for who, cookie in people[:2]:
        mine = phone(cookie)
        page = mine.open(f"{arcade.root}/g/grab")
        if who == people[0][0]:
            shoot(page, "game-grab", full=False)
        page.locator(".rush-go").evaluate("b => { b.click(); b.click(); }")
        page.locator(".rush-tick").wait_for()
        assert "20 积分礼包" in page.locator(".rush").inner_text()
        assert arcade.rewards(who) == 1
    shoot(page, "game-grab-had", full=False)
    # The late one's page was opened while there were some.
    late.locator(".rush-go").tap()
    late.locator("#result.bad").wait_for()
    assert late.locator("#result").inner_text() == "手慢了，已抢光"
    assert late.locator(".rush-go").is_disabled() and arcade.rewards(people[2][0]) == 0
    late.reload()
    assert late.locator(".rush-go").inner_text() == "已抢光"


def test_the_countdown_is_the_servers_whatever_the_phone_thinks(arcade, phone):
    _, cookie = arcade.person()
    mine = phone(cookie)
    mine.context.add_init_script("Date.now = () => 0;")
    page = mine.open(f"{arcade.root}/g/grab-later")
    hours, minutes, seconds = (int(text) for text in page.locator("[data-clock] b").all_inner_texts())
    assert 6_600 < hours * 3_600 + minutes * 60 + seconds <= 7_200
    assert page.locator(".rush-go").is_disabled()
    shoot(page, "game-grab-countdown")


def test_a_calendar_stamps_today_and_makes_up_a_missed_day(arcade, phone):
    who, cookie = arcade.person()
    with arcade.brand as brand:
        # Known for five days, and the campaign has run that long: two days were signed, two missed.
        today = brand.day(brand.now())
        with brand.transaction():
            past = brand.now() - 5 * MS_PER_DAY
            execute("UPDATE contact SET created_at = ? WHERE id = ?", (past, who))
            execute("UPDATE interaction_games_campaign SET starts_at = ? WHERE code = 'checkin'", (past,))
            for day in (today - 4, today - 2):
                execute(
                    "INSERT INTO interaction_games_signed_day (campaign_id, contact_id, day, made_up, acted_day, at) "
                    "SELECT id, ?, ?, 0, ?, ? FROM interaction_games_campaign WHERE code = 'checkin'",
                    (who, day, day, brand.now() - (today - day) * MS_PER_DAY),
                )
    mine = phone(cookie, reduced_motion="reduce")
    page = mine.open(f"{arcade.root}/g/checkin")
    page.locator(".checkin-go").evaluate("b => { b.click(); b.click(); }")
    page.locator("#result.good").wait_for()
    assert "签到成功 · 获得 1 积分" in page.locator("#result").inner_text()
    assert page.locator("[data-streak]").inner_text() == "1"
    open_days = page.locator("[data-state=open] button")
    assert open_days.count() == 3
    open_days.last.tap()
    page.locator(".day.made").wait_for()
    # Yesterday joins the day before it with today: three in a row, and their milestone.
    assert page.locator("[data-streak]").inner_text() == "3"
    assert "补签成功 · 获得 3 积分" in page.locator("#result").inner_text()
    assert page.locator(".milestone.had").count() == 1
    shoot(page, "game-checkin-made-up")
    assert arcade.rewards(who) == 2


def test_a_plant_is_watered_to_its_prize(arcade, phone):
    who, cookie = arcade.person()
    mine = phone(cookie, reduced_motion="reduce")
    page = mine.open(f"{arcade.root}/g/nurture")
    assert page.locator(".garden-go").is_disabled()
    page.locator(".source", has_text="每日登录").locator("button").tap()
    page.locator("#result.good").wait_for()
    assert page.locator("[data-water]").inner_text() == "40"
    page.locator(".garden-go").tap()
    page.locator("[data-into]", has_text=re.compile("^10$")).wait_for()
    page.locator(".garden:not(.pouring)").wait_for()
    page.locator(".garden-go").tap()
    page.locator(".plant.level-1").wait_for()
    # A stay: the button rests until the server would count it.
    page.locator(".source", has_text="看看育儿小贴士").locator("button").tap()
    stay = page.locator("[data-stay] button")
    stay.wait_for()
    assert "38 度" in page.locator("[data-stay]").inner_text()
    shoot(page, "game-nurture-stay", full=False)
    page.locator("[data-stay] button:not([disabled])").tap(timeout=6_000)
    page.locator("#result.good").wait_for()
    assert page.locator("[data-water]").inner_text() == "40"
    page.get_by_label("38 度").check()
    page.locator(".quiz button").tap()
    page.locator(".source.done", has_text="每日一问").wait_for()
    assert page.locator("[data-water]").inner_text() == "70"
    with arcade.brand as brand, brand.transaction():
        execute("UPDATE interaction_games_plant SET growth = 195, water = 105 WHERE contact_id = ?", (who,))
    page.reload()
    page.locator(".garden-go").tap()
    page.locator(".plant.level-4").wait_for()
    assert "奖品已为您预留" in page.locator(".garden-note").inner_text()
    shoot(page, "game-nurture-last-stage")
    with arcade.brand as brand, brand.transaction():
        execute("UPDATE interaction_games_plant SET growth = 295 WHERE contact_id = ?", (who,))
    page.reload()
    page.locator(".garden-go").tap()
    page.locator(".garden-note.done").wait_for()
    shoot(page, "game-nurture-grown", full=False)
    assert arcade.rewards(who) == 1
