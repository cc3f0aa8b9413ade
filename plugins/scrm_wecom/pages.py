"""The address that WeCom calls, ``/p/<brand>/wecom/callback``: GET to check it, POST for each event; and links' own.

``/p/<brand>/wecom/a/<code>`` leads to an acquisition link while it is handed out.
"""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import NotFound, consumer_language, consumer_page, current_brand

from .links import AcquisitionLink, Links
from .schemas import NAME
from .service import Wecom

pages_blueprint = flask.Blueprint("wecom_pages", __name__, template_folder="templates")

CLOSED = {
    "link_soon": {"zh": "活动尚未开始", "en": "The activity has not begun"},
    "link_over": {"zh": "活动已结束", "en": "The activity is over"},
    "link_paused": {"zh": "活动暂停中，请稍后再来", "en": "Paused; please come back later"},
}


def _wecom() -> Wecom:
    plugin = current_brand().plugins[NAME]
    if not plugin.settings["callback_token"]:
        raise NotFound("there is nothing at this address")
    wecom: Wecom = plugin.wecom  # type: ignore[attr-defined]
    return wecom


def _signed() -> tuple[str, str, str]:
    args = flask.request.args
    return args.get("msg_signature", ""), args.get("timestamp", ""), args.get("nonce", "")


def _plain(body: bytes) -> flask.Response:
    return flask.Response(body, content_type="text/plain; charset=utf-8")


@pages_blueprint.get("/callback")
def check() -> Any:
    """WeCom checks the address: the answer is the bare message."""
    wecom = _wecom()
    with wecom.door.counting():
        return _plain(wecom.inbox.echo(*_signed(), flask.request.args.get("echostr", "")))


@pages_blueprint.post("/callback")
def receive() -> Any:
    """An event; one that came before is answered alike, or WeCom would send it again."""
    wecom = _wecom()
    with wecom.door.counting():
        wecom.inbox.receive(*_signed(), flask.request.get_data())
    return _plain(b"success")


@pages_blueprint.get("/a/<code>")
def add(code: str) -> Any:
    """Follow an acquisition link; ``state`` comes back with the add. 404 while it is not handed out, with why."""
    links, state = Links(current_brand()), flask.request.args.get("state", "")
    try:
        answer = flask.redirect(links.through(code, state), 302)
    except NotFound as error:
        if error.code not in CLOSED or "text/html" not in flask.request.headers.get("Accept", ""):
            raise
        answer = _closed(links.get(code), error.code)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _closed(link: AcquisitionLink, why: str) -> Any:
    """What a customer reads whose link is there and not handed out."""
    message = CLOSED[why][consumer_language()]
    title = link.activity or message
    return consumer_page("wecom_pages/closed.html", 404, title=title, message=message, code=why)
