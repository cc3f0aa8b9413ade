"""An inviter's page in a real browser at a phone's size: the link and the code are copied, or at least selected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from referral_scene import Scene, rung
from signing import sign_in

from scrm_core.installation import Installation
from scrm_core.web import create_app

HOST = "http://localhost"
PLACE = f"{HOST}/p/acme/referral/c/spring"
# What a browser inside an app is like: a clipboard that refuses, and no way around it.
REFUSES = "navigator.clipboard.writeText = () => Promise.reject(new Error('denied'));"
NO_WAY = f"{REFUSES} document.execCommand = () => false;"

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def context(scene: Scene, house: Installation) -> Iterator[Any]:
    """A phone's browser, signed in as an inviter, whose requests the application answers directly."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        words = "a browser is missing: on Debian, sudo apt install chromium"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    scene.campaign(ladder=[rung(5, "cup", 3_000, title="茶杯"), rung(10, "pot", 9_900, title="茶壶")])
    anna, _ = scene.inviter()
    client = create_app(house).test_client()
    sign_in(client, scene.brand, anna)

    def serve(route: Any) -> None:
        answer = client.open(route.request.url.removeprefix(HOST), method=route.request.method)
        route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.data)

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        made = opened.new_context(viewport={"width": 390, "height": 844})
        made.route("**/*", serve)
        yield made
        opened.close()


def press(page: Any, name: str) -> str:
    """Press a button; what the page then says."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_function("document.getElementById('result').textContent !== ''")
    return str(page.locator("#result").inner_text())


@pytest.mark.parametrize(
    ("lang", "link", "code", "said"),
    [("zh", "复制 我的链接", "复制 我的邀请码", "已复制"), ("en", "Copy My link", "Copy My code", "Copied")],
)
def test_the_link_and_the_code_are_copied(context: Any, lang: str, link: str, code: str, said: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{PLACE}?lang={lang}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name, shown in ((link, "#link"), (code, "#code")):
        assert press(page, name) == said
        assert page.evaluate("navigator.clipboard.readText()") == page.locator(shown).inner_text()
    if kept := os.environ.get("SCRM_TEST_ARTEFACTS"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(kept) / f"referral-copy-{lang}.png")


def test_a_clipboard_that_refuses_is_gone_round(context: Any) -> None:
    context.grant_permissions(["clipboard-read"])
    page = context.new_page()
    page.add_init_script(REFUSES)
    page.goto(PLACE)
    assert press(page, "复制 我的邀请码") == "已复制"
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code").inner_text()


@pytest.mark.parametrize(
    ("lang", "name", "said"),
    [pytest.param("zh", "复制 我的链接", "已选中", marks=pytest.mark.wide), ("en", "Copy My link", "Selected")],
)
def test_where_nothing_may_be_copied_the_text_is_selected_and_the_page_says_so(
    context: Any, lang: str, name: str, said: str
) -> None:
    page = context.new_page()
    page.add_init_script(NO_WAY)
    page.goto(f"{PLACE}?lang={lang}")
    assert said in press(page, name)
    assert page.evaluate("getSelection().toString()") == page.locator("#link").inner_text()


def test_without_a_script_there_is_no_button_that_does_nothing(context: Any) -> None:
    page = context.new_page()
    page.route("**/consumer.js*", lambda route: route.abort())
    page.goto(PLACE)
    assert page.locator("button[data-copy]").count() == 2
    assert not page.locator("button[data-copy]").first.is_visible()
