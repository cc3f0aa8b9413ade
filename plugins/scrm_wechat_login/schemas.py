"""Settings of the plugin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema


def _base(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValidationError("must be http(s)://host[:port][/path] without query")


def _text(description: str, default: str = "", *, secret: bool = False, **kwargs: Any) -> fields.String:
    return fields.String(load_default=default, metadata={"description": description, "secret": secret}, **kwargs)


class WechatLoginSettings(Schema):
    """``[plugins.wechat-login]``: an official account, a WeCom corporation, or both."""

    class Meta:
        unknown = RAISE

    appid = _text("app id of the official account (公众号 appid); empty: no WeChat sign-in")
    secret = _text("app secret of the official account", secret=True)
    scope = _text(
        "snsapi_base asks nobody and gives the openid; snsapi_userinfo asks and also gives the unionid",
        "snsapi_base",
        validate=validate.OneOf(["snsapi_base", "snsapi_userinfo"]),
    )
    corp_id = _text("id of the WeCom corporation (企业 ID); empty: no WeCom sign-in")
    corp_secret = _text("secret of the WeCom application", secret=True)
    agent_id = _text("id of the WeCom application (AgentId)")
    wechat_api = _text("address of WeChat's API", "https://api.weixin.qq.com", validate=_base)
    wecom_api = _text("address of WeCom's API", "https://qyapi.weixin.qq.com", validate=_base)
    authorize = _text(
        "address of the authorisation page", "https://open.weixin.qq.com/connect/oauth2/authorize", validate=_base
    )
    timeout_seconds = fields.Integer(
        strict=True,
        load_default=5,
        validate=validate.Range(1, 30),
        metadata={"description": "seconds to wait for WeChat's answer"},
    )

    @validates_schema
    def complete(self, data: dict[str, Any], **kwargs: Any) -> None:
        """An id without its secret signs nobody in."""
        if not data.get("appid") and not data.get("corp_id"):
            raise ValidationError({"appid": ["give appid and secret, corp_id and corp_secret, or all four"]})
        for one, two in (("appid", "secret"), ("corp_id", "corp_secret")):
            if bool(data.get(one)) != bool(data.get(two)):
                missing = two if data.get(one) else one
                raise ValidationError({missing: [f"{one} and {two} go together; one of them is missing"]})
