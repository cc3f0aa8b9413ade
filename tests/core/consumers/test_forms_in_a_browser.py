"""Forms with ``data-scrm-post`` in a real browser, whose requests the application answers directly."""

from __future__ import annotations

import os
import shutil

import pytest
from consumer_scene import person, taken
from signing import sign_in

HOST = "http://localhost"
HALL = f"{HOST}/p/acme/shop/hall"

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def contact(acme, browser):
    contact = person(acme, "13800138000")
    sign_in(browser, acme, contact)
    return contact


@pytest.fixture
def page(browser, contact):
    """A browser's page signed in as the contact."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        words = "a browser is missing: on Debian, sudo apt install chromium"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    def serve(route):
        asked = route.request
        answer = browser.open(
            asked.url.removeprefix(HOST),
            method=asked.method,
            data=asked.post_data_buffer or b"",
            headers={k: v for k, v in asked.headers.items() if k in ("accept", "content-type")},
        )
        route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.data)

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = opened.new_page()
        shown.route("**/*", serve)
        yield shown
        opened.close()


def press(page, name):
    """Press a button; returns the status of the answer."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as caught:
        page.get_by_role("button", name=name).click()
    return caught.value.status


def test_every_form_of_a_page_works_after_another_and_goes_on_unless_the_page_answers(acme, contact, page):
    page.goto(HALL)
    page.evaluate(
        "document.addEventListener('scrm:answer', (e) => { e.preventDefault(); scrm.say('waved' in e.detail ? 'waved' : 'taken'); })"
    )
    assert press(page, "Wave") == 200
    page.get_by_text("waved", exact=True).wait_for()
    assert press(page, "Take") == 200
    page.get_by_text("taken", exact=True).wait_for()
    assert press(page, "Wave") == 200 and page.url == HALL
    assert taken(acme, contact) == 1
    # Nobody listens: the browser goes where the form leads without a script.
    page.goto(HALL)
    assert press(page, "Take") == 200
    page.wait_for_url(f"{HOST}/p/acme/shop/room")
    assert taken(acme, contact) == 2
