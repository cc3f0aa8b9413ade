"""SMS over a plain HTTP gateway (短信网关): a sender, the receipts that come back, and a notice to one person.

Whoever sends in this brand may name the sender ``http-sms``: consent, do-not-contact, caps, quiet hours and the claim
before each send are the core's. This plugin knows how to call the gateway and how to read its receipts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import flask
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import (
    Conflict,
    Gateway,
    Plugin,
    Sender,
    current_plugin,
    load_body,
    permission,
)

from .gateway import HttpGateway
from .signature import fits, key_of

NAME = "http-sms"
WHOLE = 10_000  # hundredths of a percent

blueprint = flask.Blueprint("http_sms", __name__)
pages = flask.Blueprint("http_sms_pages", __name__)


def _address(value: str) -> None:
    """Raise ValidationError for an address that a message with its phone number should not travel to."""
    parts = urlsplit(value)
    here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or not (here or parts.scheme == "https"):
        raise ValidationError("must be https://..., or http:// to this machine")


def _secret(value: str) -> None:
    try:
        key_of(value)
    except ValueError as exc:
        raise ValidationError(str(exc)) from None


class Settings(Schema):
    class Meta:
        unknown = RAISE

    url = fields.String(
        required=True, validate=_address, metadata={"description": "where the gateway takes messages, https"}
    )
    secret = fields.String(
        required=True, validate=_secret,
        metadata={"description": "whsec_ and base64: signs calls to the gateway and receipts from it"},
    )  # fmt: skip
    timeout_s = fields.Float(
        load_default=20.0, validate=validate.Range(0.1, 35.0),
        metadata={"description": "seconds that a call may take before nobody knows what became of it"},
    )  # fmt: skip


class NoticeBody(Schema):
    """A notice (服务通知) to one person; ``code`` is the caller's: one code is one message."""

    code = fields.String(required=True, validate=validate.Length(1, 100))
    contact = fields.String(required=True)
    text = fields.String(required=True, validate=validate.Length(1, 500))


class ReceiptTold(Schema):
    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["sent", "delivered", "failed", "expired"]))
    code = fields.String(load_default="", validate=validate.Length(max=100))


class ReceiptsTold(Schema):
    receipts = fields.List(fields.Nested(ReceiptTold), required=True, validate=validate.Length(max=1_000))


class HttpSms(Plugin):
    """The sender ``http-sms``."""

    name = NAME
    version = "1.0"
    summary = "SMS over a signed HTTP gateway 短信网关, with receipts"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    blueprint = blueprint
    pages = pages
    permissions = {"http-sms:send": "send a notice to one person, and see what became of it"}
    senders = {NAME: Sender("sms", "SMS over HTTP, signed", "make_gateway")}

    @cached_property
    def key(self) -> bytes:
        return key_of(self.settings["secret"])

    def make_gateway(self) -> Gateway:
        """Called once per state of the brand's configuration, in the worker."""
        return HttpGateway(
            self.settings["url"], self.key, seconds=self.settings["timeout_s"], now=self.brand.now
        )

    def notify(self, code: str, contact: str, text: str) -> dict[str, Any]:
        """Queue a notice, once per code; the worker claims and sends it. Raises NotFound, Conflict (``no_phone``)."""
        outreach, person = self.brand.outreach, self.brand.contacts.get(contact)
        phones = [each.value for each in self.brand.contacts.identities(person.id) if each.kind == "phone"]
        if not phones:
            raise Conflict("nobody knows this person's phone", code="no_phone")
        run = outreach.open_run(code, owner=NAME, channel="sms", kind="notice", sender=NAME)
        if run.state == "draft":
            outreach.queue_body(run.id, phones[0], text, contact_id=person.id)
            outreach.release(run.id, WHOLE)
            outreach.start(run.id)
        return self.notice(code)

    def notice(self, code: str) -> dict[str, Any]:
        """What became of a notice; raises NotFound."""
        run = self.brand.outreach.run(NAME, code)
        states = [
            {"id": each.uid, "state": each.state, "reason": each.reason, "code": each.code}
            for each in self.brand.outreach.messages(run.id)
        ]
        return {"code": code, "run": run.state, "messages": states}


@blueprint.post("/notices")
@permission("http-sms:send")
def send_notice() -> Any:
    body = load_body(NoticeBody(), flask.request.get_json())
    return current_plugin(HttpSms).notify(**body), 202


@blueprint.get("/notices/<code>")
@permission("http-sms:send")
def show_notice(code: str) -> Any:
    return current_plugin(HttpSms).notice(code)


@pages.post("/receipts")
def take_receipts() -> Any:
    """Receipts (回执) that the gateway posts, signed like our calls. Repetitions and unknown ids change nothing."""
    plugin = current_plugin(HttpSms)
    body = flask.request.get_data()
    if not fits(plugin.key, flask.request.headers, body, plugin.brand.now() // 1_000):
        return flask.Response("the signature does not fit\n", 401, content_type="text/plain; charset=utf-8")
    told = load_body(ReceiptsTold(), flask.request.get_json(force=True))["receipts"]
    changed = [plugin.brand.outreach.receipt(each["id"], each["state"], code=each["code"]) for each in told]
    return {"changed": sum(changed)}
