"""A newcomer's evening with the demo: joins with a code, plays each of the nine games, and claims the coupons."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from phones import announced, shoot

GAMES = ["wheel", "egg", "grab", "checkin", "nurture", "bargain", "team", "welcome", "friends"]


class Guest:
    """Somebody on a phone, signed in with the code that the demo printed."""

    def __init__(self, demo: Any, phone: Any) -> None:
        self.demo, self.phone = demo, phone
        self.page = phone.open("/p/demo/-/join")
        self.page.fill("[name=phone]", "+12025550177")
        self.page.check("[name=privacy]")
        self.page.locator("main form button").first.tap()
        self.page.wait_for_url("**/-/code")
        self.page.fill("[name=code]", self.code())
        self.page.locator("main form button").first.tap()
        self.page.wait_for_url("**/-/me")

    def code(self) -> str:
        """The code that the demo prints, as soon as it does."""
        patience = time.monotonic() + 20
        while not (printed := re.findall(r"SMS to [^:]*: .*?(\d{6})", self.demo.log)):
            assert time.monotonic() < patience, self.demo.log
            threading.Event().wait(0.02)
        return str(printed[-1])

    def open(self, path: str, name: str) -> Any:
        self.page.goto(f"{self.demo.url}/p/demo/{path}")
        shoot(self.page, f"demo-{name}", language="en", latin=True)
        return self.page

    def told(self, path: str) -> Any:
        """What the demo tells the script of this person's page."""
        answer = self.phone.context.request.get(
            f"{self.demo.url}/p/demo/interaction-games/{path}", headers={"Accept": "application/json"}
        )
        assert answer.status == 200
        return answer.json()

    def view(self, code: str) -> dict[str, Any]:
        return dict(self.told(f"g/{code}")["view"])

    def won(self, code: str) -> list[str]:
        """The titles of what was won in a campaign."""
        return [row["prize"]["title"] for row in self.told("prizes")["prizes"] if row["campaign"] == code]

    def press(self, button: str, done: str = "#result.good") -> str:
        """Press a button and wait for what comes of it; returns what is announced."""
        self.page.locator(button).first.tap()
        self.page.locator(done).first.wait_for()
        return announced(self.page)

    def until(self, selector: str) -> None:
        """Load the page again until something is there: the demo's worker hears of what happened."""
        patience = time.monotonic() + 20
        while not self.page.locator(selector).count():
            assert time.monotonic() < patience, selector
            self.page.reload()


@pytest.fixture
def guest(demo, phones) -> Guest:
    return Guest(demo, phones(demo.url, locale="en-US", reduced_motion="reduce"))


def drawn(guest: Guest, code: str, button: str) -> None:
    """A draw: the dialog shows the recorded one, which used one chance."""
    before = guest.view(code)["chances"]
    guest.press(button, "[data-result][open]")
    dialog = guest.page.locator("[data-result]")
    recorded = guest.told(f"g/{code}/result/{dialog.get_attribute('data-draw')}")
    assert recorded["counted"] and recorded["state"] in ("granted", "none")
    title = recorded["prize"]["title"] if recorded["prize"] and recorded["state"] == "granted" else ""
    assert dialog.locator("[data-prize]").inner_text() == title
    assert guest.view(code)["chances"] == before - 1


def played(guest: Guest) -> dict[str, Callable[[Any], None]]:
    """How each game is begun, and that what is shown is what is recorded."""

    def grab(page: Any) -> None:
        said = guest.press(".rush-go")
        (title,) = guest.won("grab")
        assert title in said and page.inner_text(".rush-prize") == title

    def checkin(page: Any) -> None:
        assert "1 point" in guest.press(".checkin-go")
        assert guest.won("checkin") == ["1 point"]
        assert guest.view("checkin")["streak"] == 1 and page.inner_text("[data-streak]") == "1"

    def nurture(page: Any) -> None:
        assert "20 drops" in guest.press('.source:has-text("Today\'s water") button')
        guest.press(".garden-go")
        page.locator("[data-into]", has_text="10").wait_for()
        view = guest.view("nurture")
        assert (view["growth"], view["water"]) == (10, 10)

    def bargain(page: Any) -> None:
        guest.press("[data-open] button")
        recorded = guest.view("bargain")["bargain"]
        assert 0 < recorded["cut_minor"] < 4_000
        assert page.inner_text("[data-price]") == recorded["price"]

    def team(page: Any) -> None:
        guest.press("[data-lead] button")
        assert page.locator("[data-ticket]").get_attribute("data-ticket") == guest.view("team")["seat"]["ticket"]

    def welcome(page: Any) -> None:
        # Joining made a member, and the gift comes by itself.
        guest.until("[data-state=received]")
        assert guest.won("welcome") == ["$5.00 off $20.00"]

    def friends(page: Any) -> None:
        guest.press("[data-start] button")
        assert page.inner_text("[data-code]") == guest.view("friends")["code"]

    return {
        "wheel": lambda page: drawn(guest, "wheel", ".wheel-go"),
        "egg": lambda page: drawn(guest, "egg", "[data-egg='1'] .egg"),
        "grab": grab, "checkin": checkin, "nurture": nurture, "bargain": bargain, "team": team,
        "welcome": welcome, "friends": friends,
    }  # fmt: skip


def test_all_nine_games_and_both_coupons_are_had_in_one_evening(demo, guest):
    key = (demo.folder / "data" / "keys" / "demo.txt").read_text("utf-8").strip()
    asked = urllib.request.Request(
        f"{demo.url}/api/v1/demo/plugins/interaction-games/campaigns", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        on = json.load(answer)["campaigns"]
    assert sorted(row["code"] for row in on) == sorted(GAMES) and len({row["game"] for row in on}) == 9
    begin = played(guest)
    for code in GAMES:
        begin[code](guest.open(f"interaction-games/g/{code}", code))
        shoot(guest.page, f"demo-{code}-played", language="en", latin=True)
    guest.open("coupon-threshold/b/TENTH", "TENTH")
    assert "Claimed" in guest.press("form[action$='/claim'] button", ".qr svg")
    page = guest.open("coupon-threshold/b/REGULARS", "REGULARS")
    guest.until("form[action$='/claim'] button")  # the check-in is proof
    assert "Claimed" in guest.press("form[action$='/claim'] button", ".notice.good")
    page = guest.open("coupon-threshold/mine", "mine")
    for title in ("10 % off, at most $5.00", "$20.00 off $80.00", "$5.00 off $20.00"):
        assert title in page.inner_text("main")
    guest.open("points/mine", "points")
    assert "1" in guest.page.inner_text(".big-number")


def test_the_demo_brand_without_games_has_no_page_of_them(demo, phones):
    phone = phones(demo.url)
    for path in ("interaction-games/games", "interaction-games/g/wheel", "coupon-threshold/b/TENTH"):
        assert phone.context.request.get(f"{demo.url}/p/quiet/{path}").status == 404
