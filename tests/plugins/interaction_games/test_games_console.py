"""Games in the console: odds, stock, pacing, held prizes by two people, winners; roles, brands, hostile names, queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from games_scene import SETTINGS, Prizes, Scene
from staff_desk import EVIL, asks_the_same, desks, refusal, statements, turned

from scrm_console import Console
from scrm_core.api import execute
from scrm_core.installation import Installation
from scrm_interaction_games import InteractionGames

AT = "b/acme/x/interaction-games/"
PAGE = f"{AT}campaign?code=c1"


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n{SETTINGS}"
    return new_installation(plugins=(Console, InteractionGames, Prizes), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def scene(house: Installation, desk: Any) -> Scene:
    """A wheel whose draws all win a tea of 20.00 that is looked at; a hostile name on everything."""
    scene = Scene(house.brand("acme"))
    with scene.brand:
        tea = scene.prize("tea", item="tea", title=EVIL, weight=1, value_minor=2_000, review=True, stock=5)
        scene.campaign("wheel", [tea, scene.none(3)], title=EVIL, chances={"start": 50}, budget_minor=50_000)
    return scene


def win(scene: Scene, count: int = 1) -> list[str]:
    """Prizes that are held, by their uids."""
    with scene.brand:
        for _ in range(count):
            person = scene.person(name=EVIL)
            scene.award("c1", person, "tea", f"gift-{person}")
        execute("UPDATE interaction_games_draw SET state = 'held' WHERE state IN ('won', 'granted')")
        rows = execute("SELECT uid FROM interaction_games_draw WHERE state = 'held' ORDER BY id").fetchall()
        return [row[0] for row in rows]


def states(scene: Scene) -> list[str]:
    with scene.brand:
        return [row[0] for row in execute("SELECT state FROM interaction_games_draw ORDER BY id").fetchall()]


def test_a_campaign_shows_its_odds_stock_and_budget(scene, desk):
    win(scene, 2)
    text = desk("mia").get(PAGE).text
    row = re.search(r'data-prize="tea">(.*?)</tr>', text, re.S)[1]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row)[:5] == ["25 %", "25 %", "¥20.00", "3 / 5", "2 / –"]
    assert "data-left>¥460.00<" in text and "Lucky wheel" in text
    chinese = desk("mia", "zh").get(PAGE).text
    assert "大转盘" in chinese and "已发布 ·" in chinese and "已创建 ·" in chinese


def test_evenly_released_stock_is_shown_against_its_plan(house, scene, desk):
    with scene.brand:
        tea = scene.prize("tea", item="tea", weight=1, value_minor=2_000, stock=30, release="even")
        scene.campaign("wheel", [tea, scene.none(1)], chances={"start": 50})
    text = desk("mia").get(f"{AT}campaign?code=c2").text
    row = re.findall(r"<td[^>]*>(.*?)</td>", re.search(r'data-prize="tea">(.*?)</tr>', text, re.S)[1])
    # Thirty days of thirty pieces, cut into equal buckets: with the beginning of the first one is unlocked.
    assert row[3:5] == ["30 / 30", "0 / 1"]


def test_a_campaign_is_paused_resumed_enlarged_and_ended_and_the_second_of_two_is_told(scene, desk):
    mia, otto = desk("mia"), desk("otto")
    seen = re.search(r'name="seen" value="([^"]+)"', mia.get(PAGE).text)[1]
    otto.get(PAGE)
    assert mia.post(PAGE, act="pause", reason="", seen=seen).status_code == 422
    assert mia.post(PAGE, act="pause", reason="a fault", seen=seen).location.endswith("code=c1&done=paused")
    late = otto.post(PAGE, act="stop", reason="typed by otto", seen=seen)
    assert late.status_code == 409 and "somebody changed the campaign" in refusal(late)
    assert 'value="typed by otto"' in late.text
    assert mia.press(PAGE, "resume").status_code == 303
    assert mia.press(PAGE, "stock", prize="tea", more="5").status_code == 303
    assert mia.press(PAGE, "budget", budget="100").status_code == 303
    assert mia.press(PAGE, "budget", budget="").status_code == 422
    text = mia.get(PAGE).text
    assert "10 / 10" in text and "data-left>¥600.00<" in text and "a fault" in text
    old = otto.hidden(PAGE, "stop")
    assert mia.press(PAGE, "stop", reason="over").status_code == 303
    assert 'value="stop"' not in mia.get(PAGE).text
    assert otto.post(PAGE, act="resume", **old).status_code == 409


def test_a_campaign_is_not_changed_by_a_form_that_does_not_say_what_its_page_showed(scene, desk):
    mia = desk("mia")
    mia.get(PAGE)
    for typed in (
        {"act": "pause", "reason": "a fault"}, {"act": "stop", "reason": "a fault"},
        {"act": "stock", "prize": "tea", "more": "5"}, {"act": "budget", "budget": "100"},
    ):  # fmt: skip
        answer = mia.post(PAGE, **typed)
        assert answer.status_code == 409 and "somebody changed the campaign" in refusal(answer), typed
    text = mia.get(PAGE).text
    assert "5 / 5" in text and "data-left>¥500.00<" in text and 'value="pause"' in text


def test_a_draft_is_published(scene, desk):
    with scene.brand:
        prizes = [scene.prize("tea", item="tea", weight=1, value_minor=2_000, stock=5), scene.none(3)]
        scene.campaign("wheel", prizes, publish=False, chances={"start": 1})
    mia, page = desk("mia"), f"{AT}campaign?code=c2"
    assert 'value="publish"' in mia.get(page).text
    assert mia.press(page, "publish", confirm="on").status_code == 303
    assert "running" in mia.get(page).text


def test_held_prizes_are_approved_together_and_rejected_with_a_reason(scene, desk):
    first, second, third = win(scene, 3)
    mia, otto = desk("mia"), desk("otto")
    text = mia.get(f"{AT}held").text
    otto.get(f"{AT}held")
    assert text.count("data-held=") == 3
    assert mia.post(f"{AT}held", act="approve", uid=[first, second]).location.endswith("done=approved&count=2")
    late = otto.post(f"{AT}held", act="reject", uid=[second, third], reason="a farm")
    assert late.status_code == 409 and 'value="a farm"' in late.text and "only what is held is reviewed" in refusal(late)
    assert states(scene) == ["granted", "granted", "held"]
    assert mia.post(f"{AT}held", act="reject", uid=third, reason=" ").status_code == 422
    assert mia.post(f"{AT}held", act="reject", uid=third, reason="a farm").status_code == 303
    assert states(scene) == ["granted", "granted", "void"]


def test_winners_are_masked_and_a_failed_delivery_is_tried_again(scene, desk):
    win(scene, 2)
    with scene.brand:
        execute("UPDATE interaction_games_draw SET state = 'failed', attempts = 3")
    mia, page = desk("mia"), f"{AT}winners?code=c1"
    text = mia.get(page).text
    uids = re.findall(r'data-winner="(\w+)"', text)
    assert text.count("delivery failed") == 2 and "+861391" not in text
    for act in ("again", "void"):
        none = mia.post(page, act=act, reason="typed")
        assert none.status_code == 422 and "choose a winner" in refusal(none) and 'value="typed"' in none.text
    assert mia.post(page, act="again", uid=uids[0]).status_code == 303
    assert mia.post(page, act="void", uid=uids[1], reason="").status_code == 422
    assert mia.post(page, act="void", uid=uids[1], reason="moved away").status_code == 303
    assert sorted(states(scene)) == ["granted", "void"]


def test_only_roles_that_include_it_see_and_act_and_no_other_brand_sees_anything(scene, desk):
    (uid,) = win(scene)
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in (f"{AT}campaigns", PAGE, f"{AT}held", f"{AT}winners?code=c1"):
            assert browser.get(page).status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(f"{AT}held", act="approve", uid=uid).status_code == 403
    assert "Prizes under review" in desk("ana").get("b/acme/").text
    luna = desk("luna")
    assert luna.get(PAGE).status_code == 404
    there = "b/moonco/x/interaction-games/"
    assert "data-campaign" not in luna.get(f"{there}campaigns").text and "data-held" not in luna.get(f"{there}held").text
    for page in ("campaign?code=c1", "winners?code=c1"):
        assert luna.get(there + page).status_code == 404
    assert luna.post(f"{there}held", act="approve", uid=uid).status_code == 404
    assert states(scene) == ["held"]


def test_what_people_prizes_and_campaigns_are_called_runs_nowhere(scene, desk):
    win(scene)
    mia = desk("mia", "zh")
    for page in (f"{AT}campaigns", PAGE, f"{AT}held", f"{AT}winners?code=c1"):
        text = mia.get(page).text
        assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text, page
    for page in ("campaign?code=%0a", "campaigns?before=x", "winners", "held?after=x"):
        assert mia.get(AT + page).status_code in (400, 404), page


def test_pages_ask_as_many_queries_with_three_hundred_rows_as_with_ten(scene, desk, monkeypatch):
    with scene.brand:
        tea = scene.prize("tea", item="tea", weight=1, value_minor=10, stock=900)
        scene.campaign("wheel", [tea, scene.none(3)], chances={"start": 1})
    asked, mia = statements(scene.brand, monkeypatch), desk("mia")
    pages = (f"{AT}campaigns", PAGE, f"{AT}held", f"{AT}winners?code=c2", "b/acme/")

    def fill(count: int) -> None:
        with scene.brand, scene.brand.transaction():
            (made,) = execute("SELECT count(*) FROM interaction_games_draw").fetchone()
            for nth in range(made, count):
                scene.award("c2", scene.person(), "tea", f"many-{nth}")
                if nth % 10 == 0:
                    scene.campaign("wheel", [scene.prize("tea", item="tea", weight=1), scene.none(3)], publish=False)
            execute("UPDATE interaction_games_draw SET state = CASE WHEN id / 2 * 2 = id THEN 'held' ELSE 'granted' END")

    asks_the_same(mia, asked, pages, fill)
    first, _ = turned(mia, AT, "held", "data-held")
    assert len(first) == 20
