"""Whatever somebody is called, the console shows it as text: every page that the menu and the pages lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from shop_scene import bundled
from staff_desk import ROOT, Browser, desks
from test_hostile_names_on_pages import Reader, Seen

from scrm_core.db.bulk import execute

# Pages that a list leads to while something waits, and those that a script asks for; with the ids of rows.
ASKED = {
    "koc/work?uid={}": "SELECT uid FROM koc_work",
    "referral/reward?uid={}": "SELECT uid FROM referral_rung",
    "sms/count?segment=orders+%3E+0": "",
    "sms/preview?body=x&id={}": "SELECT code FROM sms_plan",
    "sms/progress?id={}": "SELECT code FROM sms_plan",
    "wecom/progress": "",
    "wecom/reach?segment=orders+%3E+0": "",
}
NEEDS_MORE = {"wecom/member", "wecom/send", "referral/change", "interaction-games/change"}
"""Nobody in the story has customers in WeCom or sends by it, and no campaign is a draft; plugins' tests look at these."""
MOST_OF_A_KIND = 2
"""Pages that differ by an id or by what is asked alone."""


def kind(path: str) -> str:
    """What a page is of: its address without the ids of rows and without what the query asks for."""
    place = urlsplit(path)
    plain = re.sub(r"/[0-9A-Z]{10,}(?=/|$)|/\d+(?=/|$)", "/*", place.path)
    return plain + "?" + "&".join(sorted(part.partition("=")[0] for part in place.query.split("&")))


@pytest.fixture(scope="module")
def pages(shop, tmp_path_factory) -> Iterator[list[Seen]]:
    """All pages of the console of Acme, as its owner sees them."""
    folder, patch = shop.copied(tmp_path_factory.mktemp("console") / "shop"), pytest.MonkeyPatch()
    with shop.opened(folder) as installation:
        mia: Browser = desks(installation, patch)("mia", "zh")
        with installation.brand("acme"):
            rows = {path: execute(question).fetchall() if question else [()] for path, question in ASKED.items()}
        assert all(rows.values())
        waiting = [f"{ROOT}b/acme/", *(f"{ROOT}b/acme/x/{path.format(*row)}" for path in rows for row in rows[path][:2])]
        kinds: dict[str, int] = {}
        found: list[Seen] = []
        known = set(waiting)
        while waiting:
            path = waiting.pop(0)
            kinds[kind(path)] = kinds.get(kind(path), 0) + 1
            if kinds[kind(path)] > MOST_OF_A_KIND:
                continue
            answer = mia.get(path)
            page = Seen(path, "mia", answer.status_code, dict(answer.headers), [], answer.data)
            found.append(page)
            if page.kind == "text/html":
                for _, attributes in Reader(page.text).tags:
                    for name in ("href", "src"):
                        link = urlsplit(urljoin(path, attributes.get(name, "")))
                        place = link.path + (f"?{link.query}" if link.query else "")
                        ours = link.path.startswith(f"{ROOT}b/acme/") and not link.netloc and "lang=" not in link.query
                        if ours and place not in known:
                            known.add(place)
                            waiting.append(place)
        yield found
    patch.undo()


def test_every_page_of_the_console_that_is_led_to_is_shown(pages):
    assert {page.path: page.status for page in pages if page.status not in (200, 302, 303)} == {}
    shown = {urlsplit(page.path).path for page in pages}
    brought = {f"{name}/{page}" for name, cls in bundled().items() for page in cls.console_pages}
    unseen = {page for page in brought if f"{ROOT}b/acme/x/{page}" not in shown}
    assert (unseen ^ NEEDS_MORE) == set()


def test_no_page_of_the_console_runs_or_draws_what_somebody_is_called(pages):
    hostile = templates = 0
    for page in pages:
        if page.kind != "text/html":
            continue
        read = Reader(page.text)
        for tag, attributes in read.tags:
            where = (page.path, tag, attributes)
            assert not [name for name in attributes if name.startswith("on") or name in ("srcdoc", "style")], where
            source = urlsplit(attributes.get("src", ""))
            assert not (source.scheme or source.netloc) or attributes["src"].startswith("data:image/"), where
            assert not re.match(r"\s*(javascript|vbscript|data:[^,])", attributes.get("href", ""), re.IGNORECASE), where
            assert tag not in ("iframe", "object", "embed", "base", "style"), where
            if tag == "script":
                assert attributes.get("src", "").startswith("/"), where
        told = "".join(read.words)
        hostile += "onerror=alert(1)" in told
        templates += told.count("{{7*7}}")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, page.path
    assert hostile > 20 and templates > 20
