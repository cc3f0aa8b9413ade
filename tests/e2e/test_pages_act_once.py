"""Every page on which customers and clerks act: two taps, the back button, a reload and two tabs are one act.

What is on record is asked for through the doors that customers and brands have; the page must show the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from acts import ACTS, Act, Actor
from mall import Mall
from phones import Phone, announced, shoot

WORKING = "请稍候"
# One act of each kind of page; the wheel has a test of its own, and the counter a fast line.
SLOW = {"claim", "code", "egg", "grab", "check-in", "water", "cut", "join-team", "join-gift", "accept"}
# Two taps at once, one while the page waits, and one when the answer is there and the page that shows it is not yet.
# What the page was like while it waited is kept for the page that follows.
_IMPATIENT = """(button) => {
  addEventListener("submit", () => setTimeout(() => {
    sessionStorage.waiting = JSON.stringify([button.disabled, document.querySelector("#result").innerText]);
    button.click();
  }), { once: true });
  document.addEventListener("scrm:answer", () => setTimeout(() => button.click()));
  button.click();
  button.click();
}"""

# The first act of each test stands for those whose page is made of the same script and template.
every_act = pytest.mark.parametrize(
    "act", [pytest.param(act, marks=[pytest.mark.wide] if place else [], id=str(act)) for place, act in enumerate(ACTS)]
)


class Scene:
    """Somebody with a phone before the page of an act."""

    def __init__(self, mall: Mall, act: Act, phone: Callable[..., Phone], **options: Any) -> None:
        self.mall, self.act = mall, act
        self.me = Actor(*mall.person("Wang Fang"))
        self.me.place = act.ready(mall, self.me)
        self.phone = phone(mall.base, self.me.cookie, reduced_motion="reduce", **options)

    def tab(self) -> Any:
        """A tab in which the button is ready to be pressed."""
        page = self.phone.open(self.me.place)
        if self.act.name == "redeem":
            self.scan(page)
        self.fill(page)
        return page

    def fill(self, page: Any) -> None:
        """Write what the act's form asks for."""
        for name, value in self.act.fill.items():
            page.fill(f"[name={name}]", value.format(about=self.me.about))

    def scan(self, page: Any) -> None:
        """Sign the clerk in where that has not happened yet, and look the coupon up."""
        if page.locator("[name=pin]").count():
            for name, value in (("store", "sh01"), ("clerk", "li"), ("pin", "271828")):
                page.fill(f"[name={name}]", value)
            page.locator("main button[type=submit]").tap()
            page.wait_for_selector("[data-lookup]")
        page.fill("[name=text]", self.me.about.code)
        page.locator("[data-lookup] button[type=submit]").tap()
        page.wait_for_selector("[data-reason]")

    def once(self, *tabs: Any) -> str:
        """Exactly one act is on record, and a page that is opened now shows it; returns what is on record."""
        recorded = self.act.recorded(self.mall, self.me)
        assert len(recorded) == 1
        for page in tabs:
            page.goto(f"{self.mall.base}{self.me.place}")
            if self.act.name == "redeem":
                self.scan(page)
            assert self.act.shown(page, recorded[0]), recorded
        return recorded[0]


def drawn(page: Any) -> str:
    """The prize that an open dialog shows."""
    return str(page.locator("[data-result][open] [data-prize]").inner_text())


@every_act
def test_hasty_taps_and_the_back_button_are_one_act(mall, phones, act):
    scene = Scene(mall, act, phones)
    page = scene.tab()
    posts: list[Any] = []
    page.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    page.locator(act.button).evaluate(_IMPATIENT)
    page.locator(act.done).first.wait_for()
    said = announced(page)
    assert said and WORKING not in said
    assert len(posts) == 1
    rests, waiting = page.evaluate("JSON.parse(sessionStorage.waiting)")
    assert rests and WORKING in waiting
    shoot(page, f"act-{act}", full="[open]" not in act.done, language="zh")
    recorded = scene.once()
    if "[open]" in act.done:
        assert drawn(page) == recorded
    page.goto(f"{mall.base}/p/acme/-/me")
    page.go_back()
    page.go_back()
    page.go_forward()
    assert page.locator("main").count() == 1
    assert scene.once(page) == recorded


@every_act
def test_a_lost_answer_a_reload_and_a_second_tab_are_one_act(mall, phones, act):
    scene = Scene(mall, act, phones)
    page, second = scene.tab(), scene.tab()
    sent: list[int] = []

    def lose(route: Any) -> None:
        # The server has it; its answer never reaches the phone.
        sent.append(route.fetch(max_redirects=0).status)
        route.abort()

    page.route("**/*", lambda route: lose(route) if route.request.method == "POST" else route.continue_())
    with page.expect_event("requestfailed"):
        page.locator(act.button).tap()
    assert sent and sent[0] < 400
    page.unroute_all()
    page.reload()
    recorded = scene.once(page)
    # The other tab was opened before that: it shows the same, or says that it was had.
    second.locator(act.button).tap()
    second.locator(f"{act.done}, #result.bad, [role=alert]").first.wait_for()
    if "[open]" in act.done:
        assert drawn(second) == recorded
    assert announced(second)
    assert scene.once(second) == recorded


@pytest.mark.wide
def test_every_act_works_on_a_slow_line(mall, phones):
    # All at once: a slow line leaves time for others.
    scenes = [Scene(mall, act, phones) for act in ACTS if act.name in SLOW]
    tabs = []
    for scene in scenes:
        page = scene.phone.context.new_page()
        scene.phone.slow_down(page)
        page.goto(f"{mall.base}{scene.me.place}", wait_until="commit")
        tabs.append(page)
    for scene, page in zip(scenes, tabs, strict=True):
        scene.fill(page)
        page.locator(scene.act.button).tap()
    for scene, page in zip(scenes, tabs, strict=True):
        page.locator(scene.act.done).first.wait_for()
        assert announced(page)
        scene.once()


@pytest.mark.parametrize(
    "act", [act for act in ACTS if act.name in ("claim", "wheel", "check-in", "pour", "cut")], ids=str
)
def test_a_page_whose_own_script_got_lost_acts_and_shows_it(mall, phones, act):
    scene = Scene(mall, act, phones)
    scene.phone.context.route(re.compile(r"/static/(games_|coupons)\w*\.js"), lambda route: route.abort())
    page = scene.tab()
    with page.expect_navigation():
        page.locator(act.button).tap()
    scene.once()
    scene.once(page)


@every_act
def test_without_a_script_the_form_acts_and_the_page_shows_it(mall, phones, act):
    scene = Scene(mall, act, phones, java_script_enabled=False)
    page = scene.tab()
    with page.expect_navigation():
        page.locator(act.button).tap()
    shoot(page, f"plain-{act}", language="zh")
    recorded = scene.once()
    if "[open]" in act.done:
        assert recorded in page.locator("main [role=status]").last.inner_text()
    scene.once(page)
