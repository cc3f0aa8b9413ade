"""What went wrong on the pages of games once, and must not again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from games_scene import Prizes, Scene
from signing import PAGE, fields, sign_in

from scrm_core.api import Conflict, Plugin
from scrm_core.web.app import create_app

BASE = "/p/acme/interaction-games"
SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
pytestmark = SQLITE


class Stubborn:
    """A game of another plugin that refuses everything, in words of its own."""

    kind = "stubborn"
    title = {"zh": "倔", "en": "Stubborn"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = None
    actions = {"try": "try_it", "spend": "spend", "engine": "engine"}
    page = "games_joingift.html"
    # "signed" is a code of the check-in too, and "no_ticket" one of the engine.
    refusals = {
        "signed": {"zh": "早就签过名了", "en": "Your name is on it"},
        "no_ticket": {"zh": "没有硬币了", "en": "No coin left"},
    }

    def view(self, turn: Any) -> dict[str, Any]:
        return {}

    def try_it(self, turn: Any) -> dict[str, Any]:
        raise Conflict("the machine's own words", code="signed")

    def spend(self, turn: Any) -> dict[str, Any]:
        turn.tickets.spend("coin")
        return {}

    def engine(self, turn: Any) -> dict[str, Any]:
        raise Conflict("the machine's own words", code="day_limit")


class Stubbornness(Plugin):
    name = "stubbornness"
    version = "1"
    summary = "Test plugin with a game that words its refusals"
    requires_core = ">=0.1.0.dev0"
    extensions = {"interaction-games.games": (Stubborn,)}


@pytest.fixture
def stubborn(games_installation) -> Iterator[Scene]:
    installation = games_installation(plugins=(Stubbornness,), more="[plugins.stubbornness]\n")
    with installation.brand("acme") as brand:
        yield Scene(brand)


def browser(scene: Scene, person: int) -> Any:
    client = create_app(scene.brand.installation).test_client()
    sign_in(client, scene.brand, person)
    return client


def read(client: Any, path: str) -> str:
    return client.get(f"{BASE}{path}", headers=PAGE).get_data(as_text=True)


def press(client: Any, code: str, action: str, shown: Any, lang: str) -> str:
    form = {"csrf": fields(shown)["csrf"], "once": f"{action}{lang}".ljust(22, "x")}
    answer = client.post(f"{BASE}/g/{code}/{action}?lang={lang}", data=form, headers=PAGE)
    assert answer.status_code == 409
    return answer.get_data(as_text=True)


def test_a_game_of_another_plugin_words_its_refusals_and_only_its_own(stubborn: Scene) -> None:
    code = stubborn.campaign("stubborn")
    checkin = stubborn.campaign("checkin", settings={"daily": []})
    anna = stubborn.person()
    client = browser(stubborn, anna)
    shown = client.get(f"{BASE}/g/{checkin}", headers=PAGE)
    assert "Your name is on it" in press(client, code, "try", shown, "en")
    assert "早就签过名了" in press(client, code, "try", shown, "zh")
    assert "No coin left" in press(client, code, "spend", shown, "en")
    assert "That was all for today" in press(client, code, "engine", shown, "en")
    stubborn.act(checkin, "sign", anna)
    assert "You have checked in today" in press(client, checkin, "sign", shown, "en")


def test_only_days_on_which_one_could_have_signed_are_offered_or_called_missed(scene: Scene) -> None:
    scene.person()
    anna, today = scene.person(), scene.brand.day(scene.brand.now())
    code = scene.campaign("checkin", settings={"daily": []})
    first = scene.view(code, anna)
    assert first["make_up"]["reach"] == 0
    assert {day["state"] for day in first["calendar"]} <= {"before", "today", "future"}
    assert "A day that you miss can be made up within 7 days" in read(browser(scene, anna), f"/g/{code}?lang=en")
    scene.clock.advance(days=2)
    later = scene.view(code, anna)
    assert later["make_up"]["reach"] == 2
    assert len(later["make_up"]["days"]) == 2
    assert scene.brand.day(scene.brand.now()) == today + 2
    page = read(browser(scene, anna), f"/g/{code}?lang=en")
    assert "The last 2 days can be made up" in page
    assert ">missed<" not in page


def test_a_task_whose_seconds_run_is_in_progress_and_done_afterwards(scene: Scene) -> None:
    source = {"code": "read", "kind": "browse", "title": "Read", "amount": 10, "seconds": 15, "text": "Words."}
    code = scene.campaign(
        "nurture", [scene.prize("tea", stock=5)], settings={"stages": [10, 20], "prize": "tea", "sources": [source]}
    )
    anna = scene.person()
    begun = scene.act(code, "begin", anna, source="read")
    assert scene.view(code, anna)["sources"][0]["state"] == "running"
    page = read(browser(scene, anna), f"/g/{code}?lang=en")
    assert "In progress" in page and "Done for today" not in page
    scene.clock.advance(seconds=15)
    scene.act(code, "collect", anna, source="read", token=begun["token"])
    assert scene.view(code, anna)["sources"][0]["state"] == "done"


def test_people_without_a_name_are_friends(scene: Scene) -> None:
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)])
    nameless, named = scene.person(), scene.person("+8613800000009", name="张三")
    turn = scene.games.turn(code, nameless, "k")
    assert (turn.shown_name(nameless), turn.shown_name(named)) == ("一位朋友", "张*")


def test_a_game_that_was_ended_early_shows_its_real_end_and_no_chances(scene: Scene) -> None:
    code = scene.campaign("wheel", [scene.prize("tea", weight=1)], chances={"daily": 1})
    client = browser(scene, scene.person())
    before = read(client, f"/g/{code}?lang=en")
    assert "data-chances" in before
    planned = scene.games.view(code, None)["ends_at"]
    scene.clock.advance(hours=1)
    now = scene.brand.now()
    scene.games.end(code, reason="over")
    assert scene.games.view(code, None)["ends_at"] == now < planned
    after = read(client, f"/g/{code}?lang=en")
    assert "data-chances" not in after and "Tomorrow" not in after


def test_a_prize_that_no_draw_can_come_to_is_no_slice(scene: Scene) -> None:
    code = scene.campaign(
        "wheel",
        [
            scene.prize("tea", weight=1, stock=1, fallback="cup"),
            scene.prize("cup", weight=0),
            scene.prize("bag", weight=0),
            scene.none(1),
        ],
    )
    assert [each["code"] for each in scene.view(code, None)["slices"]] == ["tea", "cup", "none"]


def test_a_given_prize_leads_to_its_issuers_own_page_and_no_other_does(
    games_installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"consumer.me": (("mine", {"zh": "我的券", "en": "My coupons"}),)}
    monkeypatch.setattr(Prizes, "extensions", own, raising=False)
    with games_installation().brand("acme") as brand:
        scene = Scene(brand)
        code = scene.campaign(
            "wheel", [scene.prize("tea", kind="coupon", weight=1, review=True)], chances={"daily": 1}
        )
        anna = scene.person()
        client = browser(scene, anna)
        draw = scene.act(code, "play", anna)["draw"]
        link = '<a href="/p/acme/prizes/mine">My coupons</a>'
        assert link not in read(client, "/prizes?lang=en")
        scene.games.reviews.approve(draw, actor="mia")
        assert link in read(client, "/prizes?lang=en")
        assert link in read(client, f"/g/{code}/result/{draw}?lang=en")
