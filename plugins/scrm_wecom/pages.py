"""The address that WeCom calls, ``/p/<brand>/wecom/callback``: GET to check it, POST for each event; and links' own.

``/p/<brand>/wecom/a/<code>`` leads to an acquisition link while it is handed out.
"""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import NotFound, current_brand

from .links import Links
from .schemas import NAME
from .service import Wecom

pages_blueprint = flask.Blueprint("wecom_pages", __name__)


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
    """Follow an acquisition link; ``state`` comes back with the add. 404 once it is paused or deleted."""
    answer = flask.redirect(Links(current_brand()).through(code, flask.request.args.get("state", "")), 302)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
