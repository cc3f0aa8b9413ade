"""Phones of the tests: a real browser at a phone's size, and what must be true of every page that it shows.

``shoot`` is called for each page of each test: it checks the page (see :func:`faults`) and keeps a picture of it
where SCRM_TEST_ARTEFACTS names a folder. What the browser asked for and complained of is checked when the phone is
put away.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

PHONE = {"width": 390, "height": 844}
# What a finger needs (WCAG 2.5.5); the cells of a calendar are seven in the width of a phone.
FINGER, CELL = 44, 40
_NAMED = {
    "button", "link", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "spinbutton", "slider",
    "switch", "DisclosureTriangle", "image", "img", "progressbar", "dialog", "timer",
}  # fmt: skip
_LOOK = """(wanted) => {
  const found = [];
  const say = (what, e) => found.push(what + (e ? ": " + e.outerHTML.slice(0, 160) : ""));
  const page = document.documentElement;
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().height > 1;
  if (page.scrollWidth > wanted.width) say(`wider than the phone, ${page.scrollWidth}`);
  if (!/^(zh|en)\\b/.test(page.lang) || !page.lang.startsWith(wanted.language)) say(`lang="${page.lang}"`);
  if (!document.title.trim()) say("no title");
  if (document.querySelectorAll("main").length !== 1) say("not one main");
  if (!document.querySelector("main h1")) say("no heading");
  const spoken = document.querySelectorAll("main #result[role=status][aria-live=polite]");
  if (spoken.length !== 1) say("no region for results");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, nth) => ids.indexOf(id) !== nth).forEach((id) => say(`id "${id}" twice`));
  for (const e of document.querySelectorAll("button, a.button, a.item, summary, select, textarea, input:not([type=hidden]), header a")) {
    const box = (e.closest("label.check") || e).getBoundingClientRect();
    const least = e.closest(".calendar") ? wanted.cell : wanted.finger;
    const narrow = e.matches("button, a.button") && box.width < least - 0.5;
    if (seen(e) && (box.height < wanted.finger - 0.5 || narrow)) say(`too small, ${box.width} x ${box.height}`, e);
  }
  if (wanted.latin) {
    const chinese = /[\\u2e80-\\u9fff\\uf900-\\ufaff\\uff00-\\uffef]/;
    const other = (e) => e.closest("[lang]") !== page;
    const texts = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (chinese.test(text.data) && !other(text.parentElement)) say(`Chinese text "${text.data.trim()}"`);
    }
    for (const e of document.querySelectorAll("*")) {
      for (const { name, value } of e.attributes) if (chinese.test(value)) say(`Chinese ${name}`, e);
    }
  }
  return found;
}"""
_WORDS = """() => [...document.querySelectorAll("#result, [role=status], [role=alert], dialog[open]")]
  .filter((e) => e.checkVisibility() && (e.tagName !== "DIALOG" || e.contains(document.activeElement)))
  .map((e) => e.innerText.trim()).filter(Boolean).join("\\n")"""


def chromium_path() -> str | None:
    """Where a browser is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def faults(page: Any, *, language: str = "", latin: bool = False) -> list[str]:
    """What is wrong with a page as it is shown; ``latin`` where no text that is the brand's own is Chinese.

    The page fits the phone; names its language; has one main part with a heading and a region in which results are
    announced; every button, field and picture has a name in the browser's accessibility tree; what is tapped is as
    large as a finger; and a page in English has no word in Chinese left.
    """
    wanted = {"width": PHONE["width"], "language": language, "latin": latin, "finger": FINGER, "cell": CELL}
    found = list(page.evaluate(_LOOK, wanted))
    line = page.context.new_cdp_session(page)
    for node in line.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value", "")
        if not node.get("ignored") and role in _NAMED and not node.get("name", {}).get("value", "").strip():
            told = line.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})["node"]
            found.append(f"{role} without a name: {told['localName']} {told.get('attributes')}")
    line.detach()
    return found


def announced(page: Any) -> str:
    """What a screen reader is told at once: live regions, and an open dialog that holds the focus."""
    return str(page.evaluate(_WORDS))


def shoot(page: Any, name: str, *, full: bool = True, language: str = "", latin: bool = False) -> None:
    """Check a page, and keep a picture of it where a folder is named for that."""
    kept = os.environ.get("SCRM_TEST_ARTEFACTS")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(kept) / f"{name}.png", full_page=full)
    found = faults(page, language=language, latin=latin)
    assert not found, f"{name}: {found}"


class Phone:
    """A phone of one person: a browser of their own, which notes what it asks for and what it complains of."""

    def __init__(self, browser: Any, base: str, cookie: str = "", **options: Any) -> None:
        self.base = base
        self.away = False  # whether the phone was led elsewhere on purpose
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(
            viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, **{"locale": "zh-CN", **options}
        )
        self.context.set_default_timeout(120_000)
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("response", self._answered)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda problem: self.complaints.append(str(problem.error)))
        if cookie:
            self.context.add_cookies(
                [{"name": "scrm_session", "value": cookie, "domain": "127.0.0.1", "path": "/p/acme/"}]
            )

    def _heard(self, message: Any) -> None:
        # The browser itself reports answers of 4xx; what the page does about them is tested. What a page's policy
        # forbids is an error as well.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _answered(self, response: Any) -> None:
        if response.headers.get("content-type", "").startswith("text/html"):
            policy = response.headers.get("content-security-policy", "")
            if "default-src 'none'" not in policy or "unsafe" in policy or "http" in policy or "*" in policy:
                self.complaints.append(f"policy of {response.url}: {policy!r}")

    def open(self, address: str) -> Any:
        """A tab with an address, or with a path of the server."""
        page = self.context.new_page()
        page.goto(address if "://" in address else f"{self.base}{address}", wait_until="load")
        return page

    def hurry(self, page: Any) -> None:
        """Let animations run ten times as fast: all of them are still played to their end."""
        line = self.context.new_cdp_session(page)
        line.send("Animation.enable")
        line.send("Animation.setPlaybackRate", {"playbackRate": 10})

    def slow_down(self, page: Any) -> None:
        """Put a tab on a slow mobile line: 400 ms there and back, 50 KB a second."""
        line = self.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 20_000},
        )

    def close(self) -> None:
        self.context.close()
        if self.away:
            return
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith((self.base, "data:"))] == []
