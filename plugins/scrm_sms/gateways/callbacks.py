"""Public routes that gateways call back, below ``/p/<brand>/sms``.

========================  ==========================================================
``kannel/dlr/<token>``    GET, Kannel's ``dlr-url``
``kannel/mo/<token>``     GET or POST, ``get-url`` or ``post-url`` of a sms-service
``aliyun/report/<token>`` POST, SmsReport
``aliyun/mo/<token>``     POST, SmsUp
``tencent/report/<token>``  POST, status push
``tencent/mo/<token>``    POST, reply push
``twilio/status``         POST, StatusCallback, signed
``twilio/mo``             POST, inbound message, signed
========================  ==========================================================

The token is the setting ``callback_token`` of the gateway's table; a wrong one
finds nothing. What is not of the documented shape has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import flask

from scrm_core.api import Forbidden, Invalid, NotFound, Plugin, current_brand

from ..copywriting.carriers import CarrierTable
from ..schemas import NAME
from .declared import callbacks_base
from .inbound import take_reply
from .receiving import TooEarly, take_reports
from .reports import (
    Reply,
    Report,
    aliyun_replies,
    aliyun_reports,
    kannel_reply,
    kannel_report,
    tencent_replies,
    tencent_reports,
    twilio_reply,
    twilio_report,
)
from .signing import same, twilio_signature

_NOTHING = "there is nothing at this address"
_MOST_FIELDS = 50
_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


def add_pages(blueprint: flask.Blueprint) -> None:
    """Add the routes to the plugin's blueprint of public pages."""
    blueprint.get("/kannel/dlr/<token>")(kannel_dlr)
    blueprint.route("/kannel/mo/<token>", methods=["GET", "POST"])(kannel_mo)
    blueprint.post("/aliyun/report/<token>")(aliyun_report)
    blueprint.post("/aliyun/mo/<token>")(aliyun_mo)
    blueprint.post("/tencent/report/<token>")(tencent_report)
    blueprint.post("/tencent/mo/<token>")(tencent_mo)
    blueprint.post("/twilio/status")(twilio_status)
    blueprint.post("/twilio/mo")(twilio_mo)


def kannel_dlr(token: str) -> Any:
    """A delivery report of Kannel's; the answer has no body."""
    plugin = _guarded("kannel", token)
    report = kannel_report(flask.request.args, _carriers(plugin))
    if report is None:
        raise Invalid("a report has an id and a status 1, 2, 4, 8 or 16", field="status")
    return _reports(plugin, [report], "kannel", _empty())


def kannel_mo(token: str) -> Any:
    """A message that came in at Kannel. An answer with a body would be sent to the person as an SMS."""
    plugin = _guarded("kannel", token)
    args = _octets(flask.request.query_string)
    if b"text" not in args:
        args[b"text"] = flask.request.get_data()
    _replies(plugin, [kannel_reply(args, plugin.brand.config.phone_region)])
    return _empty()


def aliyun_report(token: str) -> Any:
    """SmsReport; pushed again by Aliyun unless the answer has a code."""
    plugin = _guarded("aliyun", token)
    reports = aliyun_reports(flask.request.get_json(force=True), _carriers(plugin))
    return _reports(plugin, reports, "aliyun", flask.jsonify({"code": 0, "msg": "接收成功"}))


def aliyun_mo(token: str) -> Any:
    """SmsUp."""
    plugin = _guarded("aliyun", token)
    _replies(plugin, aliyun_replies(flask.request.get_json(force=True)))
    return flask.jsonify({"code": 0, "msg": "接收成功"})


def tencent_report(token: str) -> Any:
    """Tencent's status push."""
    plugin = _guarded("tencent", token)
    reports = tencent_reports(flask.request.get_json(force=True), _carriers(plugin))
    return _reports(plugin, reports, "tencent", flask.jsonify({"result": 0, "errmsg": "OK"}))


def tencent_mo(token: str) -> Any:
    """Tencent's reply push."""
    plugin = _guarded("tencent", token)
    _replies(plugin, tencent_replies(flask.request.get_json(force=True)))
    return flask.jsonify({"result": 0, "errmsg": "OK"})


def twilio_status() -> Any:
    """Twilio's StatusCallback; our id is in its address, which is signed too."""
    plugin = _signed("/twilio/status")
    report = twilio_report(flask.request.args.get("id", ""), flask.request.form)
    return _reports(plugin, [report] if report is not None else [], "twilio", _empty())


def twilio_mo() -> Any:
    """A message that came in at Twilio; the answer tells Twilio to send nothing."""
    plugin = _signed("/twilio/mo")
    _replies(plugin, [twilio_reply(flask.request.form)])
    return flask.Response(_NO_ANSWER, content_type="text/xml; charset=utf-8")


def _plugin() -> Plugin:
    return current_brand().plugins[NAME]


def _guarded(gateway: str, token: str) -> Plugin:
    plugin = _plugin()
    table = plugin.settings.get(gateway)
    if table is None or not same(token, table["callback_token"]):
        raise NotFound(_NOTHING)
    return plugin


def _signed(path: str) -> Plugin:
    plugin = _plugin()
    table = plugin.settings.get("twilio")
    if table is None:
        raise NotFound(_NOTHING)
    url = callbacks_base(plugin) + path
    query = flask.request.query_string.decode("latin-1")
    if query:
        url = f"{url}?{query}"
    fields = flask.request.form.items(multi=True)
    given = flask.request.headers.get("X-Twilio-Signature", "")
    if not same(given, twilio_signature(table["auth_token"], url, fields)):
        raise Forbidden("the signature does not fit; Twilio must call the address in callback_url")
    return plugin


def _carriers(plugin: Plugin) -> CarrierTable:
    return CarrierTable(plugin.settings.get("receipt_codes"))


def _reports(plugin: Plugin, reports: Iterable[Report], sender: str, thanks: flask.Response) -> flask.Response:
    """Record the reports; what comes before its message is known is asked for again, and nothing is kept of it."""
    try:
        take_reports(plugin.brand, reports, sender)
    except TooEarly as exc:
        return flask.Response(f"{exc}\n", 503, {"Retry-After": "60"}, content_type="text/plain; charset=utf-8")
    return thanks


def _replies(plugin: Plugin, replies: Iterable[Reply | None]) -> None:
    for reply in replies:
        if reply is not None:
            take_reply(plugin, reply)


def _octets(query: bytes) -> dict[bytes, bytes]:
    """The fields of a query as they came: a text may be in any encoding, which Flask would not guess."""
    fields = query.split(b"&", _MOST_FIELDS)
    if len(fields) > _MOST_FIELDS:
        raise Invalid(f"a reply has at most {_MOST_FIELDS} fields")
    pairs = (field.replace(b"+", b" ").partition(b"=") for field in fields)
    return {unquote_to_bytes(name): unquote_to_bytes(value) for name, _, value in pairs}


def _empty() -> flask.Response:
    return flask.Response("", content_type="text/plain; charset=utf-8")
