"""A console with every bundled plugin on, walked from link to link; and what must be true of each page at any width."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ports import free_port
from served import Premises, serving
from test_console_in_a_browser import WORD

from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn

BRAND = "demo"
LONG = "Bartholomew-Fitzgerald_von-und-zu-Hohenstaufen" * 2
# The plugins with pages that the demo leaves off; nobody answers for WeCom.
MORE = "".join(f"[plugins.{name}]\n" for name in ("cross-brand-swap", "koc"))
# Of one address with the same keys behind its question mark one page is looked at, and one of each kind of thing.
_THING = re.compile(r"/(contacts|orders|links|imports/file)/[^/]+")
_FILE = re.compile(r"\.csv|\.png|\.svg|\.zip|picture=|proof=|file=|lang=")
# The width is given: a phone's own grows with what is too wide for it.
_LOOK = """(width) => {
  const found = [], page = document.scrollingElement;
  const told = (e) => `${e.tagName.toLowerCase()} "${e.textContent.trim().slice(0, 50)}"`;
  const seen = (e) => e.checkVisibility({ visibilityProperty: true });
  const scrolled = (e) => { for (let up = e; up; up = up.parentElement) if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return up; };
  if (page.scrollWidth > width) found.push(`the page is ${page.scrollWidth} wide`);
  for (const e of document.querySelectorAll("main *, .bar *, .side *")) {
    if (!seen(e) || e.closest("svg")?.parentElement.closest("svg, .chart") || e.closest(".hidden")) continue;
    const box = e.getBoundingClientRect(), holder = scrolled(e.parentElement);
    if (box.width > 1 && !holder && (box.right > width + 1 || box.left < -1)) found.push(`beyond the window: ${told(e)}`);
    const sheet = e.parentElement.closest(".sheet, .panels > section, td, th");
    if (sheet && box.width > 1 && (!holder || holder.contains(sheet)) && box.right > sheet.getBoundingClientRect().right + 2) found.push(`beyond its sheet: ${told(e)}`);
    const cut = getComputedStyle(e);
    if (/hidden|clip/.test(cut.overflowX) && e.scrollWidth > e.clientWidth + 1 && cut.textOverflow !== "ellipsis" && !e.matches("input, select")) found.push(`cut off: ${told(e)}`);
  }
  // Lines of text as they are drawn: those of one element may touch, any other two do not.
  const lines = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, e = node.parentElement;
    if (!node.data.trim() || !seen(e) || e.closest("svg, .hidden, .menu, option, textarea")) continue;
    const range = document.createRange(), holder = scrolled(e)?.getBoundingClientRect();
    range.selectNodeContents(node);
    for (const { left, right, top, bottom } of range.getClientRects()) {
      const quarter = (bottom - top) / 4;
      const line = { e, left, right: Math.min(right, holder?.right ?? right), top: top + quarter, bottom: bottom - quarter };
      if (!holder || (line.top > holder.top && line.bottom < holder.bottom && line.left < holder.right && line.right > holder.left)) lines.push(line);
    }
  }
  lines.sort((a, b) => a.top - b.top);
  lines.forEach((a, nth) => {
    for (let next = nth + 1; next < lines.length && lines[next].top < a.bottom; next++) {
      const b = lines[next];
      if (a.e !== b.e && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2) found.push(`one upon the other: ${told(a.e)} and ${told(b.e)}`);
    }
  });
  // What scrolls can be reached by keys, and says what it is.
  for (const e of document.querySelectorAll(".scroll")) {
    if (seen(e) && e.scrollWidth > e.clientWidth + 1 && !(e.tabIndex === 0 && e.getAttribute("aria-label"))) found.push(`scrolls for a mouse alone: ${told(e)}`);
  }
  return [...new Set(found)];
}"""


def weight(page: Any, known: dict[str, int]) -> int:
    """Bytes of the page that is shown and of all that it loaded, unpacked.

    What the browser has already and only asks after weighs nothing here: ``known`` keeps what it weighed at first.
    """
    entries = "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
    loaded = page.evaluate(f"{entries}.map((each) => [each.name, each.decodedBodySize])")
    for address, size in loaded:
        known[address] = max(size, known.get(address, 0))
    return sum(known[address] for address in {address for address, _ in loaded})


def misfits(page: Any) -> list[str]:
    """What does not fit on a page as it is shown."""
    return list(page.evaluate(_LOOK, page.viewport_size["width"]))


@contextmanager
def every_page(demo: Path, root: Path) -> Iterator[Premises]:
    """The demo with every plugin on, names that are longer than any column, and an owner called mia; served."""
    shutil.copytree(demo, root)
    base = f"http://127.0.0.1:{free_port()}"
    project, brand = root / "scrm.toml", root / "brands" / f"{BRAND}.toml"
    project.write_text(project.read_text("utf-8").replace("http://127.0.0.1:8000", base), "utf-8")
    brand.write_text(brand.read_text("utf-8").replace("enabled = false", "enabled = true") + MORE, "utf-8")
    house = Premises(base, Installation.open(root))
    house.installation.migrate()
    house.installation.users.create("mia", WORD)
    house.installation.users.set_role("mia", BRAND, "owner")
    with house.installation.brand(BRAND) as demo_brand:
        _crowd(demo_brand)
    try:
        with serving(root, base):
            yield house
    finally:
        house.installation.close()


def _crowd(brand: Any) -> None:
    """People, a link, a reward and a group send whose names and reasons have no place to break."""
    now = brand.now()
    for nth in range(3):
        identity = IdentityIn.of("external_userid", f"wm{'x' * 60}{nth}")
        brand.contacts.capture_lead(LeadIn(source="shop", reference=f"long-{nth}", identities=(identity,), at=now, name=f"{LONG}{nth}"))
    person = brand.contacts.find("external_userid", f"wm{'x' * 60}0")
    brand.rewards.grant("points", person.id, grant_key="long", quantity=1_234_567, reason=LONG)
    brand.links.create("newsletter", f"https://shop.example/{'path/' * 60}", campaign=LONG[:60])
    brand.segments.save("的人群" * 20, f'tag = "{"x" * 200}"', actor="test")
    brand.plugins["wecom"].wecom.sends.open("long-" * 12, {"text": LONG}, expression="orders = 0", actor="test")


def kind(address: str) -> str:
    """What the pages of one kind have in common."""
    parts = urlsplit(address)
    keys = ",".join(sorted({key for key, _ in parse_qsl(parts.query)}))
    return _THING.sub(r"/\1/*", parts.path) + f"?{keys}"


def walk(desk: Any, root: str, look: Callable[[str], None], *, beyond: bool) -> list[str]:
    """Open each page that the menu leads to, ``beyond`` it also those that these lead to, one of each kind."""
    todo, met = [root], {kind(root)}
    walked: list[str] = []
    while todo:
        address = todo.pop(0)
        assert desk.page.goto(address).status == 200, address
        name = re.sub(r"\W+", "-", address.removeprefix(root)).strip("-")[:80] or "overview"
        look(name)
        walked.append(address.removeprefix(root))
        where = "a[href]" if beyond else "nav.side a[href]"
        for link in desk.page.eval_on_selector_all(where, "all => all.filter(a => !a.download).map(a => a.href.split('#')[0])"):
            if link.startswith(root) and not _FILE.search(link) and kind(link) not in met:
                met.add(kind(link))
                todo.append(link)
    return walked
