"""Every page of the console fits its window, on a phone, on a desk and on paper, and is used by keys alone."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_pages import BRAND, every_page, misfits, walk, weight
from phones import PHONE
from PIL import Image
from served import Premises
from test_console_in_a_browser import WORD, Desk, desks_at

WINDOWS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
    "desk": {"viewport": {"width": 1280, "height": 900}},
}
PLUGINS = {"coupon-threshold", "cross-brand-swap", "interaction-games", "koc", "live-code", "package-card", "referral", "sms", "wecom"}


@pytest.fixture(scope="module")
def house(demo_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with every_page(demo_project, tmp_path_factory.mktemp("every") / "page") as made:
        yield made


@pytest.fixture
def desks(browser: Any, house: Premises) -> Iterator[Any]:
    yield from desks_at(browser, house.base)


def looked_at(desks: Any, base: str, window: str, language: str, scheme: str, *, beyond: bool) -> list[str]:
    """Walk the console, which leaves no fault on any page; the addresses that were seen."""
    desk: Desk = desks(locale=language, color_scheme=scheme, **WINDOWS[window])
    faults: dict[str, list[str]] = {}
    known: dict[str, int] = {}
    weight(desk.open("sign-in"), known)
    desk.sign_in("mia", f"b/{BRAND}/")

    def look(name: str) -> None:
        desk.keep(f"every-{window}-{language}-{name}")
        found, weighs = misfits(desk.page), weight(desk.page, known)
        # A page with its style and script is heavier than this: what weighs less was not weighed.
        if not 20_000 < weighs < 500_000:
            found.append(f"weighs {weighs:,}")
        if found:
            faults[name] = found

    walked = walk(desk, f"{base}/staff/console/b/{BRAND}/", look, beyond=beyond)
    assert faults == {}
    assert {each.split("/")[1] for each in walked if each.startswith("x/")} >= PLUGINS, "every plugin that has pages"
    return walked


@pytest.mark.parametrize(("window", "language", "scheme"), [("phone", "zh-CN", "dark"), ("desk", "en-GB", "light")])
def test_no_page_of_the_menu_is_wider_than_its_window_and_nothing_lies_upon_another(desks, house, window, language, scheme):
    looked_at(desks, house.base, window, language, scheme, beyond=False)


@pytest.mark.wide
@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("window", list(WINDOWS))
def test_no_page_that_a_link_leads_to_is_wider_than_its_window_and_nothing_lies_upon_another(desks, house, window, language):
    walked = looked_at(desks, house.base, window, language, "light" if language == "zh-CN" else "dark", beyond=True)
    assert {"timeline", "settings/wecom", "x/wecom/send?code"} <= {each.partition("=")[0] for each in walked}
    assert any(each.startswith("contacts/") for each in walked) and any(each.startswith("reports/") for each in walked)


def test_what_is_looked_for_is_found_on_a_page_that_has_it(desks, house):
    desk = desks(**WINDOWS["phone"])
    page = desk.sign_in("mia", f"b/{BRAND}/reports")
    assert misfits(page) == []
    page.evaluate(
        """() => document.querySelector("main").insertAdjacentHTML("beforeend", `
      <section class=sheet><div><table><tr>${"<td>a cell</td>".repeat(20)}</tr></table></div></section>
      <p id=low>below</p><p id=high>above</p><p id=cut>${"cut ".repeat(99)}</p><div class=scroll><pre id=mouse>${"x".repeat(400)}</pre></div>`)"""
    )
    page.evaluate("""() => {
      for (const [id, how] of [["high", "margin-top:-2.2rem"], ["cut", "overflow:hidden;white-space:nowrap"], ["mouse", "white-space:pre"]])
        document.getElementById(id).style.cssText = how;
    }""")
    told = "\n".join(misfits(page))
    for fault in ("the page is", "beyond the window", "beyond its sheet", "one upon the other", "cut off", "scrolls for a mouse alone"):
        assert fault in told, told


PRINTED = ("", "reports/contributions", "reports/contact-cohorts", "reports/rfm-map", "reports/referral", "timeline", "audit")
# What a page shows that is on paper too: values of tables also where a chart hides them on the screen.
ON_PAPER = """() => [...document.querySelectorAll("main h1, main h2, main td, main th, main dt, main dd")]
  .filter((e) => !e.closest("form") && !e.querySelector("form, a, details, .hidden")).map((e) => e.textContent.replace(/\\s/g, "")).filter(Boolean)"""


def poppler(tool: str, *options: str, paper: bytes) -> bytes:
    return subprocess.run([tool, *options, "-", *(["-"] if tool == "pdftotext" else [])], input=paper, check=True, capture_output=True).stdout


@pytest.mark.parametrize("path", PRINTED[:2] + tuple(pytest.param(each, marks=pytest.mark.wide) for each in PRINTED[2:]))
def test_a_page_is_printed_white_and_whole_without_menu_and_buttons(desks, house, path):
    desk = desks(color_scheme="dark")
    page = desk.sign_in("mia", f"b/{BRAND}/{path}")
    shown = page.evaluate(ON_PAPER)
    paper = page.pdf(format="A4", print_background=True)
    desk.keep(f"printed-{path.replace('/', '-') or 'overview'}")
    text = re.sub(r"\s", "", poppler("pdftotext", "-raw", paper=paper).decode())
    assert len(shown) > 10 and [each for each in shown if each not in text] == []
    for word in ("Skiptocontent", "Settings", "CSV", "Refresh", "Showtable", "中文", "Filter"):
        assert word not in text, word
    assert page.evaluate("document.querySelectorAll('.behind[open]').length") == 0, "as it was on the screen"
    boxes = poppler("pdftotext", "-bbox", paper=paper).decode()
    width = float(re.search(r'<page width="([\d.]+)"', boxes)[1])
    edges = [(float(left), float(right)) for left, right in re.findall(r'<word xMin="([-\d.]+)"[^>]* xMax="([\d.]+)"', boxes)]
    assert edges and min(left for left, _ in edges) > 20 and max(right for _, right in edges) < width - 20
    picture = Image.open(io.BytesIO(poppler("pdftoppm", "-png", "-r", "40", "-f", "1", "-l", "1", paper=paper))).convert("L")
    assert picture.getpixel((2, 2)) == 255 and picture.histogram()[255] > picture.width * picture.height / 2


FOCUS = """() => { const e = document.activeElement, look = getComputedStyle(e), box = e.getBoundingClientRect();
  const named = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.name;
  return { name: (named || "").trim().replace(/\\s+/g, " "), id: e.id, tag: e.tagName,
    seen: e === document.body || (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight && box.right > 0) }; }"""


DESCRIBED = """() => { const e = document.activeElement; return [e.getAttribute("aria-invalid"),
  e.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" ")]; }"""


def step_to(page: Any, wanted: str, key: str = "Tab") -> dict[str, Any]:
    """Press a key until what has the focus is called so, or has this id; all on the way is seen to have it."""
    page.wait_for_load_state()  # a page is there before its style sheet is, and no focus is seen without that
    for _ in range(150):
        page.keyboard.press(key)
        focus: dict[str, Any] = page.evaluate(FOCUS)
        assert focus["seen"], f"the focus is not seen: {focus}"
        if wanted in (focus["name"], f"#{focus['id']}"):
            return focus
    raise AssertionError(f"no key leads to {wanted}")


def test_settings_are_changed_by_keys_alone_and_a_mistake_is_announced(desks, house):
    desk = desks()
    page = desk.open(f"b/{BRAND}/")
    page.keyboard.type("mia")  # into the field that has the focus when the page is shown
    page.keyboard.press("Tab")
    page.keyboard.type(WORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-people]")
    step_to(page, "Skip to content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')"), "behind the menu"
    step_to(page, "Settings", "Shift+Tab")
    page.keyboard.press("Enter")
    step_to(page, "Plugins")
    page.keyboard.press("Enter")
    page.wait_for_url("**/plugins")
    step_to(page, "points")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/points")
    step_to(page, "#i-earn_points")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.5")
    step_to(page, "Preview the change")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problems[role=alert]")
    step_to(page, "earn_points")
    page.keyboard.press("Enter")
    step_to(page, "#i-earn_points")
    invalid, told = page.evaluate(DESCRIBED)
    assert invalid == "true" and "whole number" in told, told
    page.keyboard.press("Control+A")
    page.keyboard.type("4")
    step_to(page, "Preview the change")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-change=earn_points]")
    step_to(page, "Write it to the brand's file")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]:has-text('Written to the brand')")
    assert house.installation.brand(BRAND).plugins["points"].settings["earn_points"] == 4
