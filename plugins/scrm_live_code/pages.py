"""The page behind a printed code, ``/p/<brand>/live-code/c/<link>``: the activity, and the QR code of who receives.

Whoever opens the page takes no place: previews and programs open pages. A place
is taken by the button, and the page then shows the same member of staff always.
"""

from __future__ import annotations

import contextlib
from typing import Any

import flask

from scrm_core.api import (
    Conflict,
    Invalid,
    code_picture,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    device,
    need_consumer,
    network,
)

from .codes import Code
from .desk import Host
from .schemas import NAME
from .service import EXTRA, LiveCodes, live_codes_of

pages = flask.Blueprint("live_code_pages", __name__, template_folder="templates")

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "add": "添加专属顾问", "scan": "长按或扫描二维码，添加专属顾问", "open": "直接添加", "qr": "专属顾问的二维码",
        "soon": "活动尚未开始", "over": "活动已结束", "paused": "活动暂停中，请稍后再来", "host": "您的专属顾问",
        "way": "打开二维码，长按添加",
        "no_address": "请在企业微信中搜索该顾问",
    },
    "en": {
        "add": "Add your consultant", "scan": "Press or scan the code to add your consultant", "open": "Add directly",
        "qr": "Your consultant's QR code", "soon": "The activity has not begun", "over": "The activity is over",
        "paused": "Paused; please come back later", "host": "Your consultant", "way": "Open the code and press it",
        "no_address": "Ask for this consultant",
    },
}  # fmt: skip
consumer_refusals(
    pages,
    {
        "not_open": {"zh": "活动未开放", "en": "The activity is not open"},
        "network_busy": {
            "zh": "本网络今日人数过多，请切换到手机流量后再试",
            "en": "Too many people of this network today; please try again over mobile data",
        },
        "all_busy": {"zh": "顾问暂时繁忙，请稍后再试", "en": "All consultants are busy; please try again later"},
    },
)


def _phase(code: Code, now: int) -> str:
    if code.is_open(now):
        return "open"
    if code.ends_at is not None and code.ends_at <= now:
        return "over"
    return "soon" if code.state == "live" else "paused"


def _who() -> tuple[str, int | None]:
    person = consumer()
    return device(), person.contact_id if person is not None else None


@pages.get("/c/<link>")
def show(link: str) -> Any:
    """The activity, and whom this browser was sent to."""
    who = _who()
    here = live_codes_of(current_brand())
    code = here.codes.of_link(link)
    phase = _phase(code, here.brand.now())
    host = here.desk.host_of(code, *who) if phase == "open" else None
    way = here.ways.shown(code) if phase == "open" else ""
    return consumer_page(
        "live_code.html", t=WORDS[consumer_language()], code=code, phase=phase, host=host, way=way,
        qr=_picture(here, host), here=f"{here.brand.consumers.root}{NAME}/",
    )  # fmt: skip


@pages.get("/a/<link>")
def lead_on(link: str) -> Any:
    """To the acquisition link while it may be used and the code receives people, else to the ordinary page."""
    here = live_codes_of(current_brand())
    code = here.codes.of_link(link)
    to = here.links.handed_out(code) or f"{here.brand.consumers.root}{NAME}/c/{link}"
    return flask.redirect(to, 302)


@pages.post("/c/<link>/staff")
def take(link: str) -> Any:
    """Be sent to a member of staff."""
    who = _who()
    here = live_codes_of(current_brand())
    try:
        host = here.desk.take(here.codes.of_link(link), *who, network=network())
    except Conflict as refusal:
        if refusal.code == "network_busy" and here.brand.config.consumer.code_sender:
            need_consumer()  # who signs in is a person, and has a place of their own
        raise
    return consumer_answer({"name": host.name}, f"/p/{here.brand.id}/{NAME}/c/{link}")


def _picture(here: LiveCodes, host: Host | None) -> str:
    # Without the library that draws it the page has the address.
    with contextlib.suppress(Invalid):
        return code_picture(host.address, extra=EXTRA) if host is not None and host.address else ""
    return ""
