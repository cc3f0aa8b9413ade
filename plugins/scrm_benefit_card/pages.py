"""What customers see, below ``/p/<brand>/benefit-card/``: their cards (我的权益卡), one card, the gift of an SMS."""

from __future__ import annotations

from datetime import date
from typing import Any

import flask

from scrm_core.api import (
    NotFound,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    need_consumer,
    show_minor,
)

from .cards import IssueView
from .service import NAME, BenefitCards

pages = flask.Blueprint(
    "benefit_card_pages",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "mine": "我的权益卡", "none": "还没有权益卡", "show": "查看卡号", "hidden": "卡号已隐藏",
        "hint": "卡号只有您本人能看到。查看后将不能退换，请勿转发。",
        "code": "卡号", "pin": "密码",
        "face": "面值", "until": "有效期至", "always": "长期有效", "terms": "使用说明", "go": "前往使用",
        "expired": "已过期", "given": "待查看", "revealed": "已查看",
        "claim": "领取权益卡", "join": "登录后领取", "claim_until": "领取截止", "yours": "您已领取",
        "see": "查看我的卡", "over": "领取已结束", "sold_out": "已领完",
        "for_whom": "收到本短信的顾客每人限领一张，须用收到短信的手机号登录。",
    },
    "en": {
        "mine": "My benefit cards", "none": "No benefit cards yet", "show": "Show the code", "hidden": "code hidden",
        "hint": "Only you can see the code. Once seen it cannot be given back. Do not pass it on.",
        "code": "Code", "pin": "PIN",
        "face": "Worth", "until": "Good until", "always": "it is used", "terms": "How to use it", "go": "Use it now",
        "expired": "Expired", "given": "Not seen yet", "revealed": "Seen",
        "claim": "Claim the card", "join": "Sign in to claim it", "claim_until": "To be claimed by",
        "yours": "You have claimed it", "see": "See my card",
        "for_whom": "One card for each customer who got this SMS; sign in with the number that it came to.",
        "over": "This gift is over", "sold_out": "All cards are gone",
    },
}  # fmt: skip
consumer_refusals(
    pages,
    {
        "not_recipient": {
            "zh": "此礼品仅限收到短信的顾客，请用收到短信的手机号登录。",
            "en": "This gift is for customers who got the SMS. Sign in with the number that it came to.",
        },
        "gift_over": {"zh": "领取已结束。", "en": "This gift is over."},
        "sold_out": {"zh": "权益卡已领完。", "en": "All cards are gone."},
        "closed": {"zh": "权益卡已停止发放。", "en": "No more cards are given."},
        "taken_back": {"zh": "此卡已被收回。", "en": "This card was taken back."},
        "expired": {"zh": "此卡已过期。", "en": "This card has expired."},
    },
)


def _cards() -> BenefitCards:
    brand = current_brand()
    return BenefitCards(brand, brand.plugins[NAME].settings)


def _root() -> str:
    return f"{current_brand().consumers.root}{NAME}/"


def _item(cards: BenefitCards, issue: IssueView, words: dict[str, str]) -> dict[str, Any]:
    """A card without its code."""
    end = words["always"] if issue.expires_day is None else date.fromordinal(issue.expires_day).isoformat()
    return {
        "uid": issue.uid,
        "title": issue.title,
        "face": show_minor(issue.face_minor, cards.brand.currency) if issue.face_minor else "",
        "end": end,
        "state": "expired" if issue.state == "given" and cards.cards.expired(issue) else issue.state,
    }


@pages.get("/mine")
def mine() -> Any:
    """The signed-in person's cards, newest first, without their codes."""
    person, cards, words = need_consumer(), _cards(), WORDS[consumer_language()]
    items = [_item(cards, issue, words) for issue in cards.cards.of_person(person.contact_id)]
    return consumer_page("benefit_mine.html", items=items, t=words, here=_root())


@pages.get("/c/<uid>")
def card(uid: str) -> Any:
    """One card of the person; its code is there once they asked to see it."""
    person, cards, words = need_consumer(), _cards(), WORDS[consumer_language()]
    issue = cards.cards.owned(uid, person.contact_id)
    if issue.state not in ("given", "revealed"):
        raise NotFound("no such benefit card")
    return consumer_page(
        "benefit_card.html",
        card=_item(cards, issue, words),
        pool=cards.pools.get(issue.pool),
        secret=cards.cards.secret(issue),
        t=words,
        here=_root(),
    )


@pages.post("/c/<uid>/show")
def show(uid: str) -> Any:
    """Record that the owner sees the code, and go back to the card; the answer, which is kept, holds no code."""
    person = need_consumer()
    issue = _cards().cards.reveal(uid, person.contact_id)
    return consumer_answer({"card": issue.uid, "state": issue.state}, f"{_root()}c/{uid}")


@pages.get("/g/<code>")
def gift(code: str) -> Any:
    """The gift of an SMS: what it is, and how it is claimed."""
    person, cards, words = consumer(), _cards(), WORDS[consumer_language()]
    found = cards.gifts.get(code)
    pool = cards.pools.get(found.pool)
    had = None if person is None else cards.cards.of_gift(found.id, person.contact_id)
    state = "open" if cards.gifts.running(found) and pool.state == "open" else "over"
    if state == "open" and not cards.pools.some_left(pool.id):
        state = "sold_out"
    return consumer_page(
        "benefit_gift.html",
        gift=found,
        end=date.fromordinal(found.until).isoformat(),
        face=show_minor(pool.face_minor, cards.brand.currency) if pool.face_minor else "",
        pool=pool,
        had=had if had is not None and had.state in ("given", "revealed") else None,
        state=state,
        t=words,
        here=_root(),
    )


@pages.post("/g/<code>/claim")
def claim(code: str) -> Any:
    """Claim the card of a gift, and go on to it."""
    person = need_consumer()
    issue = _cards().gifts.claim(code, person.contact_id)
    return consumer_answer({"card": issue.uid}, f"{_root()}c/{issue.uid}")
