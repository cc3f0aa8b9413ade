"""Every form of every page is refused without its token, and an id of somebody else's is one that nobody has.

Forms and pages are read from the plugins' tables: one that is not listed here fails a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from described_routes import NOBODY
from doors import PHONE_BROWSER
from flask.testing import FlaskClient
from shop_scene import Shop, bundled
from signing import fields, sign_in

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.web import create_app
from scrm_core.web.consumer_pages import CorePages
from scrm_core.web.mounts import pages_of

# Callbacks of gateways and of WeCom have no forms: a token in the address or a signature says who calls.
CALLED = re.compile(r"/sms/(kannel|aliyun|tencent|twilio)/|/wecom/callback")
COUPON, WORK = "SELECT uid FROM coupon_threshold_coupon ORDER BY id", "SELECT uid FROM koc_work"
GIFT, BATCH = "SELECT code FROM benefit_card_gift", "SELECT code FROM coupon_threshold_batch"
CARD = "SELECT uid FROM benefit_card_issue"
GAME, DRAW = "SELECT code FROM interaction_games_campaign ORDER BY id", "SELECT uid FROM interaction_games_draw ORDER BY id"
RESULT = (
    "SELECT c.code, d.uid FROM interaction_games_draw d JOIN interaction_games_campaign c ON c.id = d.campaign_id "
    "ORDER BY d.id"
)
PICTURE = "SELECT w.uid, p.sha256 FROM koc_picture p JOIN koc_work w ON w.id = p.work_id"
REFERRAL, STAFF = "SELECT code FROM referral_campaign", "SELECT link FROM live_code_code"
# The question for what fills a rule's variables; "" where it has none of a row.
POSTED = {
    "/benefit-card/c/<uid>/show": CARD, "/benefit-card/g/<code>/claim": GIFT,
    "/coupon-threshold/b/<code>/claim": BATCH, "/coupon-threshold/mine/code": "", "/coupon-threshold/clerk/sign-in": "",
    "/coupon-threshold/clerk/leave": "", "/coupon-threshold/clerk/scan": "", "/coupon-threshold/clerk/redeem": "",
    "/coupon-threshold/clerk/r/<uid>/undo": "SELECT uid FROM coupon_threshold_redemption",
    "/interaction-games/g/<code>/<action>": "SELECT code, 'draw' FROM interaction_games_campaign ORDER BY id",
    "/interaction-games/prizes/<uid>/claim": DRAW,
    "/interaction-games/w/<code>/claim": "SELECT code FROM interaction_games_welfare",
    "/koc/w/<uid>/<action>": "SELECT uid, 'accept' FROM koc_work", "/koc/w/<uid>/submit": WORK,
    "/koc/w/<uid>/picture": WORK, "/koc/w/<uid>/picture/<sha256>/drop": PICTURE,
    "/live-code/c/<link>/staff": STAFF, "/referral/c/<code>/accept": REFERRAL, "/referral/c/<code>/join": REFERRAL,
    "/-/join": "", "/-/code": "", "/-/i/<token>": "", "/-/with/<name>": "", "/-/leave": "",
}  # fmt: skip
# Pages that belong to one person; the others are everybody's who has their address.
OWN = {
    "/benefit-card/c/<uid>": CARD, "/coupon-threshold/c/<uid>": COUPON, "/coupon-threshold/c/<uid>/token": COUPON,
    "/coupon-threshold/clerk/r/<uid>": "SELECT uid FROM coupon_threshold_redemption",
    "/interaction-games/g/<code>/result/<uid>": RESULT, "/koc/w/<uid>": WORK, "/koc/w/<uid>/picture/<sha256>.jpg": PICTURE,
}  # fmt: skip
OPEN = {
    "/benefit-card/g/<code>": GIFT, "/coupon-threshold/b/<code>": BATCH, "/interaction-games/g/<code>": GAME,
    "/interaction-games/g/<code>/rules": GAME, "/interaction-games/g/<code>/winners": GAME,
    "/interaction-games/w/<code>": "SELECT code FROM interaction_games_welfare", "/live-code/c/<link>": STAFF,
    "/live-code/a/<link>": STAFF, "/referral/c/<code>": REFERRAL, "/referral/c/<code>/poster": REFERRAL,
    "/sms/land/<token>": "SELECT token FROM sms_landing", "/sms/land/<token>/go": "SELECT token FROM sms_landing",
    "/wecom/a/<code>": "", "/-/i/<token>": "", "/-/back/<name>": "",
}  # fmt: skip
# Forms with the id of one person's row.
OWN_FORMS = {
    rule for rule in POSTED if rule.startswith(("/benefit-card/c/", "/interaction-games/prizes/", "/koc/w/"))
} | {"/coupon-threshold/clerk/r/<uid>/undo"}


def rules(method: str) -> set[str]:
    """The pages that take a method, with the plugin's name before them."""
    return {
        f"/{name}{rule.rule}"
        for name, cls in [*bundled().items(), ("-", CorePages)]
        if cls.pages is not None
        for rule in pages_of(cls).url_map.iter_rules()
        if method in (rule.methods or ()) and not CALLED.search(f"/{name}{rule.rule}")
    }


def rows(question: str) -> list[tuple[str, ...]]:
    return [tuple(str(part) for part in row) for row in execute(question).fetchall()]


def at(brand: str, rule: str, row: tuple[str, ...]) -> str:
    """The address of a page with a row's ids."""
    left = iter(row)
    return f"/p/{brand}" + re.sub(r"<[^>]+>", lambda _: next(left, NOBODY), rule)


def everything(brand: Brand) -> dict[str, list[Any]]:
    """All rows of a brand but those that say how often somebody tried."""
    with brand:
        return {
            name: sorted(map(repr, execute(f'SELECT * FROM "{name}"').fetchall()))
            for (name,) in execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if name not in ("consumer_count", "consumer_state", "visit", "event", "link")
        }


@pytest.fixture(scope="module")
def house(shop, tmp_path_factory) -> Iterator[Installation]:
    with shop.opened(shop.copied(tmp_path_factory.mktemp("forms") / "shop")) as installation:
        yield installation


def browser(house: Installation) -> FlaskClient:
    client = create_app(house).test_client()
    client.environ_base["HTTP_USER_AGENT"] = PHONE_BROWSER
    client.environ_base["HTTP_ACCEPT"] = "application/json"
    return client


def stranger(house: Installation, client: FlaskClient, name: str, key: str) -> str:
    """Sign somebody in who has nothing at a brand; the token of this browser's forms."""
    brand = house.brand(name)
    with brand:
        who = (IdentityIn.of("openid", key, "stranger"),)
        contact = brand.contacts.capture_lead(LeadIn("form", who, brand.now(), key)).contact_id
    sign_in(client, brand, contact)
    return str(fields(client.get(f"/p/{name}/-/me", headers={"Accept": "text/html"}))["csrf"])


def test_every_form_and_every_page_with_an_id_is_listed_here():
    assert rules("POST") == set(POSTED)
    assert {rule for rule in rules("GET") if "<" in rule and "/static/" not in rule} == set(OWN) | set(OPEN)


def test_every_form_is_refused_without_its_browser_s_token_and_does_nothing(house: Installation, shop: Shop):
    acme, mine, other = house.brand("acme"), browser(house), browser(house)
    with acme:
        anna = acme.contacts.get(shop.people["安娜"].uid).id
        known = {rule: rows(question)[:1] if question else [()] for rule, question in POSTED.items()}
    sign_in(mine, acme, anna)
    token = fields(mine.get("/p/acme/-/me", headers={"Accept": "text/html"}))["csrf"]
    wrong: tuple[dict[str, str], ...] = ({}, {"csrf": ""}, {"csrf": "0" * 32}, {"csrf": stranger(house, other, "acme", "one")})
    before = everything(acme)
    for rule, (row,) in known.items():
        for form in wrong:
            answer = mine.post(at("acme", rule, row), data={**form, "contact": "1", "phone": "13800138000"})
            assert (answer.status_code, answer.json["code"]) == (403, "csrf"), rule
    assert everything(acme) == before
    for rule, (row,) in known.items():
        answer = mine.post(at("acme", rule, row), data={"csrf": token})
        assert not answer.is_json or answer.json.get("code") != "csrf", rule
        sign_in(mine, acme, anna)  # leaving was one of them


HIDDEN = re.compile(r'name="(csrf|once)" value="[^"]*"|"request_id": ?"[^"]*"|data-once="[^"]*"')


def told(answer: Any, ours: tuple[str, ...]) -> tuple[int, str, str]:
    """An answer without the secrets of this one call and without the ids that were asked for."""
    text = HIDDEN.sub("", answer.get_data().decode("utf-8", "replace"))
    place = answer.headers.get("Location", "")
    for each in ours:
        text, place = text.replace(each, NOBODY), place.replace(each, NOBODY)
    return answer.status_code, place, text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_page_of_somebody_s_is_for_a_stranger_one_that_nobody_has(house: Installation, accept):
    client, acme = browser(house), house.brand("acme")
    token = stranger(house, client, "acme", f"two-{accept}")
    with acme:
        pages = [(rule, row) for rule, question in OWN.items() for row in rows(question)[:3]]
        forms = [(rule, row) for rule in sorted(OWN_FORMS) for row in rows(POSTED[rule])[:3]]
    assert {rule for rule, _ in pages} == set(OWN) and {rule for rule, _ in forms} == OWN_FORMS
    before = everything(acme)
    for rule, row in pages:
        found, nobodys = (client.get(at("acme", rule, ids), headers={"Accept": accept}) for ids in (row, nobody(row)))
        assert told(found, row) == told(nobodys, row), rule
    for rule, row in forms:
        found, nobodys = (
            client.post(at("acme", rule, ids), data={"csrf": token}, headers={"Accept": accept})
            for ids in (row, nobody(row))
        )
        assert told(found, row) == told(nobodys, row), rule
    assert everything(acme) == before


def test_whose_page_it_is_sees_it(house: Installation, shop: Shop):
    """Else a stranger would be compared with nothing."""
    acme, client, seen = house.brand("acme"), browser(house), set()
    with acme:
        pages = [(rule, row) for rule, question in OWN.items() for row in rows(question)]
        people = [acme.contacts.get(shop.people[name].uid).id for name in ("安娜", "贝")]
    for contact in people:
        sign_in(client, acme, contact)
        seen |= {rule for rule, row in pages if client.get(at("acme", rule, row)).status_code == 200}
    assert set(OWN) - seen == {"/coupon-threshold/clerk/r/<uid>"}  # a counter's own


def nobody(row: tuple[str, ...]) -> tuple[str, ...]:
    """The same row of which nobody knows: its campaign and what is done with it are everybody's."""
    return tuple(part if len(part) < 20 and len(row) > 1 else NOBODY for part in row)


def test_a_page_of_another_brand_s_is_one_that_nobody_has(house: Installation):
    client = browser(house)
    stranger(house, client, "moonco", "three")
    asked = {rule: question for rule, question in (OWN | OPEN).items() if question}
    known = {}
    for name in ("acme", "moonco"):
        with house.brand(name):
            known[name] = {rule: rows(question) for rule, question in asked.items()}
    tried = 0
    for rule in asked:
        for row in [each for each in known["acme"][rule] if each not in known["moonco"][rule]][:3]:
            found, nobodys = (
                client.get(at("moonco", rule, ids), headers={"Accept": "text/html"}) for ids in (row, (NOBODY,) * len(row))
            )
            assert told(found, row) == told(nobodys, row), rule
            tried += 1
    assert tried > 20
