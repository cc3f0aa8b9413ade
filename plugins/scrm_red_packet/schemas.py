"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

MOST_HOURS = 24 * 30
MOST_PEOPLE = 10_000
MOST_CONFIRMED = 1_000


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _base(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValidationError("must be http(s)://host[:port] without path and query")


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


def _setting(description: str, most: int = 200, **kwargs: Any) -> fields.String:
    given = kwargs if "load_default" in kwargs else {"required": True, **kwargs}
    least = 0 if "load_default" in kwargs else 1
    return _text(least, most, metadata={"description": description}, **given)


def _pem(description: str, *, secret: bool) -> fields.String:
    return fields.String(
        required=True, validate=validate.Length(1, 20_000), metadata={"description": description, "secret": secret}
    )


def _number(least: int, most: int, description: str, default: int) -> fields.Integer:
    return fields.Integer(
        strict=True,
        validate=validate.Range(least, most),
        load_default=default,
        metadata={"description": description},
    )


class WechatTable(_Strict):
    """``[plugins.red-packet.wechat]``: merchant transfers (商家转账) of WeChat Pay API v3."""

    url = fields.String(
        load_default="https://api.mch.weixin.qq.com",
        validate=_base,
        metadata={"description": "address of WeChat Pay's API"},
    )
    appid = _setting("app whose openids the merchant may pay; the namespace of the contacts' openids", 60)
    mchid = _setting("merchant number (商户号)", 60)
    serial = _setting("serial number of the merchant's API certificate", 100)
    private_key = _pem("the merchant's private key in PEM; best as env:NAME", secret=True)
    platform_serial = _setting("id of WeChat Pay's public key (PUB_KEY_ID_...) or serial of its certificate", 100)
    platform_key = _pem("WeChat Pay's public key or certificate in PEM, which checks its answers", secret=False)
    scene = _setting("transfer scene (转账场景 ID); 1000 is cash marketing 现金营销", 16, load_default="1000")
    reports = fields.Dict(
        keys=_text(1, 15),
        values=_text(1, 32),
        load_default=dict,
        metadata={"description": "what the scene must report (报备信息): type = content, as the scene demands"},
    )
    remark = _setting("what the person reads beside the money, 32 characters", 32, load_default="红包")
    perception = _setting("what the receipt calls the money (用户收款感知); empty: the default", 32, load_default="")
    connect_timeout = _number(1, 10, "seconds to wait for a connection", 5)
    read_timeout = _number(1, 20, "seconds to wait for each part of an answer", 10)


class Settings(_Strict):
    """``[plugins.red-packet]``."""

    min_minor = _number(1, 10**9, "least minor units of a packet; payment products refuse smaller ones", 30)
    max_minor = _number(1, 10**9, "most minor units of a packet", 20_000)
    expire_hours = _number(1, MOST_HOURS, "hours until what nobody got of a prepared packet returns to the budget", 24)
    wechat = fields.Nested(
        WechatTable,
        load_default=None,
        metadata={"description": "pay through WeChat; without this table packets are paid by file"},
    )

    @validates_schema
    def ordered(self, data: dict[str, Any], **kwargs: Any) -> None:
        """The least is not above the most."""
        if data.get("min_minor", 1) > data.get("max_minor", 10**9):
            raise ValidationError({"min_minor": ["must not be above max_minor"]})


class FundBody(_Strict):
    """Money for the budget; below 0 takes back what is not used."""

    amount_minor = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)
    reason = _text(1, 2_000, required=True)


class PacketBody(_Strict):
    """A prepared packet."""

    code = _text(1, 60, required=True)
    title = _text(0, 200, load_default="")
    total_minor = fields.Integer(strict=True, required=True)
    people = fields.Integer(strict=True, required=True)
    hours = fields.Integer(strict=True, load_default=None, allow_none=True)


class FileBody(_Strict):
    """Which payouts the finance department gets: those that wait, or all that are due."""

    all = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class ConfirmBody(_Strict):
    """What became of a payout."""

    result = _text(1, 20, required=True)
    reference = _text(0, 200, load_default="")
    reason = _text(0, 500, load_default="")


class _ConfirmRow(ConfirmBody):
    number = _text(1, 60, required=True)


class ConfirmationsBody(_Strict):
    """What became of many payouts."""

    rows = fields.List(
        fields.Nested(_ConfirmRow), required=True, validate=validate.Length(1, MOST_CONFIRMED)
    )


class ReasonBody(_Strict):
    """Why something is done."""

    reason = _text(1, 500, required=True)
