"""The customer's page of points (我的积分), ``/p/<brand>/points/mine``: what is there, what lapses, what moved."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import consumer_language, consumer_page, current_brand, from_instant, need_consumer

from .service import NAME, PointsBook

pages = flask.Blueprint("points_pages", __name__, template_folder="templates")

SHOWN = 50
WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "title": "我的积分", "balance": "可用积分", "debt": "欠分（下次获得时抵扣）", "none": "还没有积分记录",
        "lapsing": "{points} 积分将于 {when} 过期", "entries": "最近明细",
        "grant": "奖励", "earn": "消费获得", "adjust": "人工调整", "spend": "使用", "return": "退回",
        "reversal": "扣回", "lapse": "过期",
    },
    "en": {
        "title": "My points", "balance": "Points to spend", "debt": "Owed (netted with your next points)",
        "none": "No points yet", "lapsing": "{points} points lapse on {when}", "entries": "Latest entries",
        "grant": "Reward", "earn": "Order", "adjust": "Adjusted", "spend": "Spent", "return": "Returned",
        "reversal": "Taken back", "lapse": "Lapsed",
    },
}  # fmt: skip


def _local(instant: int) -> str:
    return f"{from_instant(instant, current_brand().zone):%Y-%m-%d %H:%M}"


@pages.get("/mine")
def mine() -> Any:
    """The signed-in person's points."""
    person = need_consumer()
    brand = current_brand()
    book = PointsBook(brand, brand.plugins[NAME].settings)
    words = WORDS[consumer_language()]
    found = book.balance(person.contact_id)
    rows = [
        {"what": words[entry.kind], "points": f"{entry.amount:+,}", "came": entry.amount > 0, "at": _local(entry.at)}
        for entry in book.latest(person.contact_id, limit=SHOWN)
    ]
    lapsing = ""
    if found.lapsing and found.lapses_at is not None:
        lapsing = words["lapsing"].format(points=f"{found.lapsing:,}", when=_local(found.lapses_at))
    return consumer_page(
        "points_mine.html", t=words, balance=f"{found.balance:,}", debt=found.debt, lapsing=lapsing, rows=rows
    )
