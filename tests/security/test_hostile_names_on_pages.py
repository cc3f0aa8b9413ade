"""Whatever somebody is called, a page shows it as text: every page of every plugin, with hostile words in all its texts.

Pages are found by following the links of the pages, and by the rows that addresses name; a page that nobody reached
fails a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from doors import PHONE_BROWSER, WECHAT_BROWSER
from flask.testing import FlaskClient
from shop_scene import HOSTILE, Shop, bundled
from signing import sign_in

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_core.web.consumer_pages import CorePages
from scrm_core.web.mounts import pages_of

SOUGHT = {
    "benefit-card": ("mine", "c/{SELECT uid FROM benefit_card_issue}", "g/{SELECT code FROM benefit_card_gift}"),
    "coupon-threshold": ("b/SPRING", "b/MUG", "mine", "clerk", "c/{SELECT uid FROM coupon_threshold_coupon}",
                         "c/{SELECT uid FROM coupon_threshold_coupon}/token"),
    "interaction-games": (
        "games", "prizes", "g/{SELECT code FROM interaction_games_campaign}", "w/spring-gift", "g/wheel/winners",
        "g/{SELECT code FROM interaction_games_campaign}/rules", "g/friends?poster=1",
        "g/wheel/result/{SELECT d.uid FROM interaction_games_draw d JOIN interaction_games_campaign c "
        "ON c.id = d.campaign_id WHERE c.code = 'wheel'}",
        "g/bargain?bargain={SELECT uid FROM interaction_games_bargain}",
        "g/team?team={SELECT uid FROM interaction_games_team}",
        "g/friends?by={SELECT code FROM interaction_games_inviter}",
    ),
    "live-code": ("c/{SELECT link FROM live_code_code}", "a/{SELECT link FROM live_code_code}"),
    "koc": ("mine", "money", "w/{SELECT uid FROM koc_work}",
            "w/{SELECT w.uid || '/picture/' || p.sha256 FROM koc_picture p JOIN koc_work w ON w.id = p.work_id}.jpg"),
    "points": ("mine",),
    "referral": ("mine", "c/spring", "c/spring/poster", "c/spring?by={SELECT code FROM referral_inviter}"),
    "sms": ("land/{SELECT token FROM sms_landing}", "land/{SELECT token FROM sms_landing}/go", "land.css"),
    "-": ("me", "join", "privacy", "code", "i/none", "nothing"),
}  # fmt: skip
# Callbacks of gateways and of WeCom, which answer no person; where WeCom's links lead on; and addresses of files.
NOT_SHOWN = re.compile(r"/(kannel|aliyun|tencent|twilio)/|/wecom/(callback|a/)|/static/")


@dataclass
class Seen:
    """A page as somebody got it."""

    path: str
    who: str
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes
    rule: str = ""

    @property
    def kind(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Reader(HTMLParser):
    """What a browser would make of a page: tags with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def places(installation: Installation) -> list[str]:
    """Addresses of pages below the brand's, with the ids of its rows."""
    found = []
    with installation.brand("acme"):
        for plugin, paths in SOUGHT.items():
            for path in paths:
                question = re.search(r"{(.+)}", path)
                values = [value for (value,) in execute(question[1]).fetchall()] if question else [""]
                assert values, path
                found += [f"/p/acme/{plugin}/" + (path.replace(question[0], str(v)) if question else path) for v in values]
    return found


@dataclass
class Walk:
    """Everybody's way through all pages."""

    client: FlaskClient
    shop: Shop
    installation: Installation
    seen: list[Seen] = field(default_factory=list)

    def go(self, who: str, agent: str, language: str) -> None:
        with self.installation.brand("acme") as brand:
            self.client.delete_cookie("scrm_session", path="/p/acme/")
            if who:
                contact = brand.contacts.get(self.shop.people[who].uid).id
                sign_in(self.client, brand, contact)
        waiting, known = [*places(self.installation), "/", "/api/docs"], set()
        while waiting:
            path = waiting.pop()
            if path in known or len(known) > 400:
                continue
            known.add(path)
            query = {"lang": language} if "?" not in path else None
            headers = {"Accept": "text/html", "User-Agent": agent, "Accept-Language": language}
            answer = self.client.get(path, headers=headers, query_string=query)
            page = Seen(
                path, who, answer.status_code, dict(answer.headers), answer.headers.getlist("Set-Cookie"), answer.data
            )
            self.seen.append(page)
            if page.kind == "text/html":
                for _, attributes in Reader(page.text).tags:
                    for name in ("href", "src", "data-fresh"):
                        place = urlsplit(attributes.get(name, ""))
                        if place.path.startswith("/p/") and not place.netloc and "/static/" not in place.path:
                            waiting.append(place.path + (f"?{place.query}" if place.query else ""))


@pytest.fixture(scope="module")
def walk(shop, tmp_path_factory) -> Iterator[Walk]:
    """All pages, as a visitor, a customer and a KOC see them, in both languages and inside WeChat."""
    folder = shop.copied(tmp_path_factory.mktemp("pages") / "shop")
    for name in ("acme", "moonco"):
        file = folder / "brands" / f"{name}.toml"
        words = '茶<img src=x onerror=alert(1)>{{7*7}}${7*7}'
        text = re.sub(r'^(name|title) = "(?!came|big|sent).*"$', rf"\1 = '{words}'", file.read_text("utf-8"), flags=re.MULTILINE)
        file.write_text(text, "utf-8")
    with shop.opened(folder) as installation:
        made = Walk(create_app(installation).test_client(), shop, installation)
        made.go("", PHONE_BROWSER, "zh")
        made.go("安娜", PHONE_BROWSER, "en")
        made.go("安娜", WECHAT_BROWSER, "zh")
        made.go("贝", PHONE_BROWSER, "zh")
        yield made


def rules() -> set[str]:
    """Every page that is opened by a GET, with the plugin's name before it."""
    found = set()
    for name, cls in [*bundled().items(), ("-", CorePages)]:
        if cls.pages is not None:
            for rule in pages_of(cls).url_map.iter_rules():
                if "GET" in (rule.methods or ()) and not NOT_SHOWN.search(f"/{name}{rule.rule}"):
                    found.add(f"/{name}{rule.rule}")
    return found


def test_every_page_of_every_plugin_was_opened(walk):
    patterns = {rule: re.compile(re.sub(r"<[^>]+>", "[^/]+", re.escape(rule).replace(r"\<", "<").replace(r"\>", ">"))) for rule in rules()}
    shown: set[str] = set()
    for page in walk.seen:
        path = urlsplit(page.path).path.removeprefix("/p/acme")
        shown |= {rule for rule, pattern in patterns.items() if page.status in (200, 302, 303) and pattern.fullmatch(path)}
    # What these show is a refusal without words of anybody: a used link, another service's answer, a counter's own desk.
    assert rules() - shown <= NEEDS_MORE


NEEDS_MORE = {"/-/i/<token>", "/-/back/<name>", "/-/code", "/-/logo", "/coupon-threshold/clerk/r/<uid>"}


def test_no_page_runs_or_draws_what_somebody_is_called(walk):
    shown = templates = 0
    for page in walk.seen:
        if page.kind != "text/html":
            continue
        read = Reader(page.text)
        for tag, attributes in read.tags:
            where = (page.path, page.who, tag, attributes)
            assert not [name for name in attributes if name.startswith("on") or name == "srcdoc"], where
            assert attributes.get("src", "/").startswith(("/", "data:image/")), where
            # "data:," is the icon of pages that have none.
            assert not re.match(r"\s*(javascript|vbscript|data:[^,])", attributes.get("href", ""), re.IGNORECASE), where
            assert not (tag == "svg" and any("onload" in name for name in attributes)), where
            if tag == "script":
                assert attributes.get("src", "").startswith(("/static/", "/p/acme/")), where
        assert not [tag for tag, _ in read.tags if tag in ("iframe", "object", "embed", "base")], page.path
        assert "style" not in [name for _, attributes in read.tags for name in attributes], page.path
        told = "".join(read.words)
        shown += "onerror=alert(1)" in told
        # A template that somebody wrote as their name is not filled in.
        assert told.count("{{7*7}}") == told.count("${7*7}"), page.path
        templates += told.count("{{7*7}}")
    assert shown > 40 and templates > 40


def test_every_page_says_what_it_may_load_and_is_shown_in_no_frame(walk):
    for page in walk.seen:
        assert page.headers["X-Content-Type-Options"] == "nosniff", page.path
        if page.kind == "text/html":
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, page.path
            assert "script-src 'self'" in policy and "base-uri 'none'" in policy and "unsafe" not in policy, page.path
            assert page.headers["Referrer-Policy"] == "no-referrer", page.path


def test_cookies_are_of_this_brand_for_no_script_and_for_no_other_site(walk):
    given = {line for page in walk.seen for line in page.cookies}
    assert {line.partition("=")[0] for line in given} >= {"scrm_device", "scrm_lang"}
    for line in given:
        assert "HttpOnly" in line and "SameSite=Lax" in line and "Path=/p/acme/" in line, line


def test_pictures_drawn_for_people_hold_no_code_and_no_foreign_address(walk):
    drawn = [page for page in walk.seen if page.kind.startswith("image/") and page.status == 200]
    assert {page.kind for page in drawn} >= {"image/png"}
    for page in drawn:
        if page.kind == "image/svg+xml":
            check_svg(page.text, page.path)
    inside = [svg for page in walk.seen if page.kind == "text/html" for svg in re.findall(r"<svg\b.*?</svg>", page.text, re.DOTALL)]
    assert inside
    for svg in inside:
        check_svg(svg, "a page")


def check_svg(text: str, where: str) -> None:
    for tag, attributes in Reader(text).tags:
        assert tag not in ("script", "foreignobject", "image", "a", "use", "style"), where
        assert not [name for name in attributes if name.startswith("on") or name.endswith("href")], where


def test_what_a_route_tells_of_hostile_names_is_json_that_no_browser_takes_for_a_page(walk, shop):
    for sent in {each.path: each for each in shop.sent if each.method == "GET"}.values():
        answer = walk.client.get(f"/api/v1/acme{sent.path}", headers={"Authorization": f"Bearer {shop.keys['acme']}"})
        assert answer.mimetype in ("application/json", "application/problem+json"), sent.path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", sent.path
    assert HOSTILE in "".join(str(name) for each in shop.sent for name in (each.body or {}).values())
