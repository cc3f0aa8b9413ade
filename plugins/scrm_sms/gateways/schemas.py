"""Settings of a brand about gateways: which sends, and a table for each that the brand uses."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

SENDER_NAMES = ("console", "kannel", "aliyun", "tencent", "twilio")
"""Every sender of the plugin."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")


def _address(value: str) -> None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isascii() or not value.isprintable() or "@" in value or set(value) & set(" ?#"):
        raise ValidationError("must be an http or https address without user, query and fragment")


def _address_or_none(value: str) -> None:
    if value:
        _address(value)


def _plain(value: str) -> None:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValidationError("must be visible ASCII characters without spaces")


def _visible(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(description: str, default: str | None = None, *, most: int = 200, secret: bool = False, **kw: Any) -> Any:
    """A text; required when it has no default."""
    metadata = {"description": description} | ({"secret": True} if secret else {})
    given: dict[str, Any] = {"required": True} if default is None else {"load_default": default}
    checks = [validate.Length(1 if default is None else 0, most), kw.pop("check", _plain)]
    return fields.String(validate=checks, metadata=metadata, **given)


def _number(description: str, default: int, least: int, most: int) -> Any:
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(least, most),
        metadata={"description": description},
    )


def _token() -> Any:
    return fields.String(
        required=True,
        validate=validate.Regexp(_TOKEN.pattern + r"\Z", error="must be 16 to 200 letters, digits, '-' or '_'"),
        metadata={"description": "secret part of the addresses that the gateway calls back", "secret": True},
    )


class _Table(Schema):
    class Meta:
        unknown = RAISE

    connect_timeout = _number("seconds to wait for a connection", 5, 1, 10)
    read_timeout = _number("seconds to wait for each part of an answer", 10, 1, 20)


class KannelTable(_Table):
    """``[plugins.sms.kannel]``."""

    url = _text("address of smsbox' sendsms service", "http://127.0.0.1:13013/cgi-bin/sendsms", check=_address)
    username = _text("sendsms user")
    password = _text("its password", secret=True, check=_visible)
    callback_token = _token()
    from_number = _text("sender's number; empty: as Kannel is configured", "", most=30)
    smsc = _text("id of the message centre to use; empty: Kannel routes", "", most=60)
    account = _text("account for Kannel's log; empty for none", "", most=60)
    validity_minutes = _number(
        "minutes after which an undelivered message is dropped; 0: the centre decides", 0, 0, 10_080
    )
    at_once = _number(
        "messages handed over at the same time; a crash leaves as many unknown until their receipts come", 1, 1, 50
    )


class AliyunTable(_Table):
    """``[plugins.sms.aliyun]``."""

    url = _text("endpoint", "https://dysmsapi.aliyuncs.com/", check=_address)
    access_key_id = _text("AccessKey id")
    access_key_secret = _text("AccessKey secret", secret=True)
    callback_token = _token()
    region = _text("RegionId", "cn-hangzhou", most=60)
    sign_name = _text("approved signature 签名; empty: the one in the text's 【】", "", most=30, check=_visible)
    at_once = _number("messages of one call (SendBatchSms)", 100, 1, 100)


class TencentTable(_Table):
    """``[plugins.sms.tencent]``."""

    url = _text("endpoint", "https://sms.tencentcloudapi.com/", check=_address)
    secret_id = _text("SecretId")
    secret_key = _text("SecretKey", secret=True)
    sdk_app_id = _text("SmsSdkAppId", most=40)
    callback_token = _token()
    region = _text("region", "ap-guangzhou", most=60)
    sign_name = _text("approved signature 签名; empty: the one in the text's 【】", "", most=30, check=_visible)
    at_once = _number("messages handed over together; those of equal values share a call", 20, 1, 200)
    pull = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=False,
        metadata={"description": "ask for receipts and replies instead of being called back"},
    )


class TwilioTable(_Table):
    """``[plugins.sms.twilio]``."""

    url = _text("endpoint", "https://api.twilio.com", check=_address)
    account_sid = _text("Account SID")
    auth_token = _text("Auth Token; also signs the callbacks", secret=True)
    from_number = _text("sender's number in E.164", "", most=30)
    messaging_service_sid = _text("Messaging Service SID, instead of from_number", "", most=60)
    validity_seconds = _number("seconds after which an unsent message is dropped; 0: as Twilio decides", 0, 0, 36_000)
    at_once = _number("messages handed over at the same time", 1, 1, 50)

    @validates_schema
    def _one_sender(self, data: dict[str, Any], **kwargs: Any) -> None:
        if bool(data.get("from_number")) == bool(data.get("messaging_service_sid")):
            raise ValidationError("give either from_number or messaging_service_sid", "from_number")


def _table(schema: type[Schema], what: str) -> Any:
    return fields.Nested(schema, load_default=None, metadata={"description": f"[plugins.sms.{what}]"})


class GatewaySettings(Schema):
    """Settings of a brand about gateways."""

    sender = fields.String(
        load_default="console",
        validate=validate.OneOf(SENDER_NAMES),
        metadata={"description": "the gateway that sends; console only writes to the log (development)"},
    )
    callback_url = _text(
        "address under which gateways reach this server; empty: base_url", "", most=500, check=_address_or_none
    )
    kannel = _table(KannelTable, "kannel")
    aliyun = _table(AliyunTable, "aliyun")
    tencent = _table(TencentTable, "tencent")
    twilio = _table(TwilioTable, "twilio")

    @validates_schema
    def _sender_has_a_table(self, data: dict[str, Any], **kwargs: Any) -> None:
        sender = data.get("sender")
        if sender != "console" and sender in SENDER_NAMES and data.get(sender) is None:
            raise ValidationError(f"[plugins.sms.{sender}] is missing: it says how to reach the gateway", "sender")
