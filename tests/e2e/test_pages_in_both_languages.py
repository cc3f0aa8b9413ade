"""Every page for customers and clerks, as a visitor and as somebody with a history meets it, in both languages.

The brand's own words are English in all of them, so a Chinese word on a page in English is the page's. Each page is
held to the list in ``phones.py``, and is small enough for a slow line.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from acts import Actor
from mall import Mall
from phones import PHONE, Phone, faults, shoot
from PIL import Image

from scrm_interaction_games.games import purchases
from scrm_koc.pictures import redraw

# In English a word of the page that stayed Chinese is found too.
in_both = pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.wide)])
# Bytes that a page may weigh with its styles, scripts and pictures: a slow line of 50 KB a second brings them in one.
HEAVIEST = 50_000
VISITOR = {
    "join": "-/join", "privacy": "-/privacy", "me-visitor": "-/me", "missing": "coupon-threshold/b/NONE",
    "claim-visitor": "coupon-threshold/b/SPRING", "code-visitor": "coupon-threshold/b/PARCEL",
    "clerk-sign-in": "coupon-threshold/clerk", "games": "interaction-games/games",
    "welfare-visitor": "interaction-games/w/spring", "koc-visitor": "koc/mine",
    **{f"{code}-visitor": f"interaction-games/g/{code}" for code in (
        "wheel", "egg", "grab", "later", "checkin", "nurture", "bargain", "team", "gift", "friends",
    )},
}  # fmt: skip
BEGINNER = {
    "me": "-/me", "claim": "coupon-threshold/b/SPRING", "claim-tasks": "coupon-threshold/b/TASK",
    "claim-code": "coupon-threshold/b/PARCEL", "mine-empty": "coupon-threshold/mine", "points": "points/mine",
    "prizes-empty": "interaction-games/prizes", "welfare": "interaction-games/w/spring",
    "koc-nobody": "koc/mine", "wheel-rules": "interaction-games/g/wheel/rules", "checkin-rules": "interaction-games/g/checkin/rules",
    **{code: f"interaction-games/g/{code}" for code in (
        "wheel", "egg", "grab", "later", "checkin", "nurture", "bargain", "team", "gift", "friends",
    )},
}  # fmt: skip
TITLES = {"zh": ("我的奖品", "我的优惠券"), "en": ("My prizes", "My coupons")}


def regular(mall: Mall) -> tuple[Actor, dict[str, str]]:
    """Somebody who has done everything once, and the pages that show it."""
    me = Actor(*mall.person("Wang Fang"))
    friend, _ = mall.person("Li Lei")
    coupon = mall.coupon(me.contact)
    draw = mall.act("wheel", "play", me.contact)["draw"]
    mall.act("egg", "play", me.contact, egg="2")
    mall.act("grab", "grab", me.contact)
    mall.act("checkin", "sign", me.contact)
    mall.act("nurture", "collect", me.contact, source="daily")
    mall.act("nurture", "begin", me.contact, source="read")
    mall.act("bargain", "open", me.contact)
    theirs = mall.act("bargain", "open", friend)["bargain"]
    mall.act("bargain", "help", me.contact, bargain=theirs)
    seat = mall.act("team", "lead", me.contact)["ticket"]
    led = mall.act("team", "lead", friend)["ticket"]
    with mall.brand as brand:
        games = brand.plugins["interaction-games"].games
        for ticket in (seat, led):
            paid = purchases.pay(games, ticket, source="shop", number=f"T-{ticket}", amount_minor=3_990)
        team = paid["team"]
    mall.member(me.contact)
    mall.act("gift", "claim", me.contact)
    code = mall.act("friends", "start", me.contact)["code"]
    theirs_too = mall.act("friends", "start", friend)["code"]
    assert code != theirs_too
    work = {state: mall.task(me.contact, *steps, text="Plain words") for state, steps in {
        "invited": (), "accepted": ("accept",), "approved": ("accept", "approve"),
        "published": ("accept", "approve", "publish"),
    }.items()}  # fmt: skip
    _handed_in_and_returned(mall, work["accepted"], me.contact)
    game = "interaction-games/g"
    pages = {
        "claim-had": "coupon-threshold/b/SPRING", "mine": "coupon-threshold/mine",
        "coupon": f"coupon-threshold/c/{coupon.uid}", "coupon-claimed": f"coupon-threshold/c/{coupon.uid}?claimed=1",
        "wheel-drawn": f"{game}/wheel", "wheel-result": f"{game}/wheel/result/{draw}", "egg-broken": f"{game}/egg",
        "grab-had": f"{game}/grab", "checkin-signed": f"{game}/checkin", "nurture-stay": f"{game}/nurture",
        "bargain-owner": f"{game}/bargain", "bargain-helped": f"{game}/bargain?bargain={theirs}",
        "team-own": f"{game}/team", "team-friend": f"{game}/team?team={team}", "gift-had": f"{game}/gift",
        "friends-code": f"{game}/friends", "friends-poster": f"{game}/friends?poster=1",
        "friends-invited": f"{game}/friends?by={theirs_too}", "prizes": "interaction-games/prizes",
        "koc": "koc/mine", "koc-money": "koc/money",
        **{f"koc-{state}": f"koc/w/{uid}" for state, uid in work.items()},
    }  # fmt: skip
    return me, pages


def _handed_in_and_returned(mall: Mall, uid: str, contact: int) -> None:
    """A piece of work that came back with a reason and a picture, and an entry of the ledger."""
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), "#335577").save(picture, "PNG")
    with mall.brand:
        koc = mall.koc
        work = koc.works.get(uid)
        koc.pictures.add(work.id, contact, redraw(picture.getvalue()))
        koc.hand_in(work, {"text": "Plain words", "link": "", "marker": "", "sells": False}, actor="koc")
        koc.works.move(uid, "return", actor="mia", reason="A closer picture, please")
        code = koc.members.find(contact).code
        koc.ledger.adjust(code, 500, key=f"thanks-{contact}", reason="thanks", actor="mia")
        koc.statements.settle(actor="mia")
        koc.ledger.adjust(code, -20, key=f"back-{contact}", reason="sample", actor="mia")


def weight(page: Any) -> int:
    """Bytes of the page and of all that it loaded, as they were sent."""
    return int(page.evaluate("performance.getEntries().reduce((sum, e) => sum + (e.encodedBodySize || 0), 0)"))


def walk(phone: Phone, mall: Mall, pages: dict[str, str], language: str) -> None:
    """Look at each page in a language."""
    page = phone.context.new_page()
    for name, path in pages.items():
        address = f"{mall.base}{mall.path(path)}"
        page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
        shoot(page, f"{name}-{language}", language=language, latin=language == "en")
        assert weight(page) < HEAVIEST, name


@in_both
def test_what_a_visitor_sees(mall, phones, language):
    walk(phones(mall.base), mall, VISITOR, language)


@in_both
def test_what_somebody_sees_who_has_just_joined(mall, phones, language):
    _, cookie = mall.person("Wang Fang")
    walk(phones(mall.base, cookie, reduced_motion="reduce"), mall, BEGINNER, language)


@in_both
def test_what_a_regular_sees(mall, phones, language):
    me, pages = regular(mall)
    phone = phones(mall.base, me.cookie, reduced_motion="reduce")
    walk(phone, mall, pages, language)
    page = phone.context.pages[0]
    titles = []
    for path in ("interaction-games/prizes", "coupon-threshold/mine"):
        page.goto(f"{mall.base}{mall.path(path)}")
        titles.append(page.inner_text("h1"))
    assert tuple(titles) == TITLES[language]  # the choice was kept


@in_both
def test_what_a_clerk_sees(mall, phones, language):
    me = Actor(*mall.person("Wang Fang"))
    coupon = mall.coupon(me.contact)
    page = phones(mall.base, reduced_motion="reduce").open(f"{mall.path('coupon-threshold/clerk')}?lang={language}")

    def look(name: str) -> None:
        shoot(page, f"clerk-{name}-{language}", language=language, latin=language == "en")

    for name, value in (("store", "sh01"), ("clerk", "li"), ("pin", "111213")):
        page.fill(f"[name={name}]", value)
    page.locator("main button[type=submit]").tap()
    page.wait_for_selector("[role=alert]")
    look("wrong-pin")
    page.fill("[name=pin]", "271828")
    page.locator("main button[type=submit]").tap()
    page.wait_for_selector("[data-lookup]")
    look("desk")
    page.fill("[name=text]", "ABCD-EFGH")
    page.locator("[data-lookup] button[type=submit]").tap()
    page.wait_for_selector("[role=alert]")
    look("unknown")
    page.fill("[name=text]", coupon.code)
    page.locator("[data-lookup] button[type=submit]").tap()
    page.wait_for_selector("[data-reason=usable]")
    look("usable")
    page.fill("[name=amount]", "350.00")
    page.fill("[name=ticket]", f"T-{language}")
    page.locator("button.big").tap()
    page.wait_for_selector("h1.done")
    look("redeemed")
    page.goto(page.url + "?again=1")
    look("again")


def test_the_list_finds_what_is_wrong_with_a_page(page):
    page.set_viewport_size(PHONE)
    page.set_content(
        '<!doctype html><html lang="en"><title>Bad</title><main><p id="a">好的</p><p id="a" title="你好">x</p>'
        '<button><svg width="50" height="50"></svg></button><input><img src="data:," width="900" height="9">'
        '<a class="button" href="/">Go</a><span lang="zh">中文</span></main></html>'
    )
    found = "\n".join(faults(page, language="zh", latin=True))
    for fault in (
        "wider than the phone", 'lang="en"', "no heading", "no region for results", 'id "a" twice', "too small",
        'Chinese text "好的"', "Chinese title", "button without a name", "textbox without a name",
        "image without a name",
    ):  # fmt: skip
        assert fault in found
    assert "中文" not in found
