"""Settings of the plugin."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from scrm_core.api import Invalid

from .client.limits import GROUP_QUOTAS, PER_HOUR, PER_MINUTE

NAME = "wecom"
AUDIENCES = ("new", "known", "buyer", "member")
"""Whom a welcome may be for: who came for the first time, is known, has bought, is a member."""
KINDS = ("marketing", "brand", "notice")
"""What a group send or an invitation may be for."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}\Z")
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}\Z")


def code_of(code: str) -> str:
    """The code of a send, a moment, an invitation or a link, which stands in addresses; raises Invalid for no such."""
    if not _CODE.match(code):
        raise Invalid("a code has 1 to 60 letters, digits, - and _, a letter or digit first", field="code")
    return code


def text(description: str, default: str | None = None, *, secret: bool = False, **kwargs: Any) -> fields.String:
    """A text; required when it has no default."""
    given: dict[str, Any] = {"required": True} if default is None else {"load_default": default}
    return fields.String(metadata={"description": description, "secret": secret}, **given, **kwargs)


def whole(description: str, default: int, least: int, most: int) -> fields.Integer:
    """A whole number within a range."""
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(least, most),
        metadata={"description": description},
    )


def _pattern(pattern: re.Pattern[str], words: str) -> Any:
    def check(value: str) -> None:
        if value and not pattern.match(value):
            raise ValidationError(words)

    return check


class CallbackSettings(Schema):
    """Settings about what WeCom calls back."""

    callback_token = text(
        "Token of the callback address in WeCom's console; empty: no callbacks",
        "",
        secret=True,
        validate=_pattern(_TOKEN, "must be 3 to 32 letters and digits, as WeCom's console makes it"),
    )
    callback_aes_key = text(
        "EncodingAESKey of the callback address",
        "",
        secret=True,
        validate=_pattern(_AES_KEY, "must be 43 letters and digits, as WeCom's console makes it"),
    )
    callback_window_seconds = whole(
        "seconds that a callback's time may lie before or after ours; older ones are replays", 300, 30, 3_600
    )
    keep_callbacks_days = whole("days that callbacks are kept as they came", 90, 1, 3_650)

    @validates_schema
    def complete(self, data: dict[str, Any], **kwargs: Any) -> None:
        """One without the other opens nothing."""
        token, key = data.get("callback_token"), data.get("callback_aes_key")
        if bool(token) != bool(key):
            missing = "callback_aes_key" if token else "callback_token"
            raise ValidationError({missing: ["callback_token and callback_aes_key go together; one is missing"]})


def _base(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValidationError("must be http(s)://host[:port] without path and query")


def _bridge(value: str) -> None:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
        raise ValidationError("must be http(s)://host[:port]/path without query")


class ClientSettings(Schema):
    """Settings about what is asked of WeCom."""

    secret = text("secret of the application; empty: nothing is asked of WeCom", "", secret=True)
    api = text("address of WeCom's API, or of a simulator", "https://qyapi.weixin.qq.com", validate=_base)
    connect_timeout = whole("seconds to wait for a connection", 3, 1, 10)
    read_timeout = whole("seconds to wait for each part of an answer", 10, 1, 20)
    at_once = whole("calls that a process makes at one moment", 8, 1, 100)
    calls_per_minute = whole("calls a minute to one API, of all processes together", PER_MINUTE.most, 1, 1_000_000)
    calls_per_hour = whole("calls an hour to one API, of all processes together", PER_HOUR.most, 1, 100_000_000)


class SendSettings(Schema):
    """Settings about people, tags, group sends and moments."""

    openids = fields.Boolean(
        load_default=False,
        metadata={"description": "read each WeChat customer's openid at the corporation: pages and payments know it"},
    )
    create_tags = fields.Boolean(
        load_default=True,
        metadata={"description": "make a tag in WeCom that only the brand has when it is given to somebody's customer"},
    )
    group_quota = text(
        "how many group sends WeCom gives a customer: month-days (as many a month as it has days), 4-a-month "
        "(the older rule), 7-a-week, 1-a-day (what a corporation may choose)",
        "month-days",
        validate=validate.OneOf(list(GROUP_QUOTAS)),
    )
    invite_over = text(
        "name of the SMS sender that invitations with acquisition links go by, such as kannel; empty: none", ""
    )
    moments_per_day = whole("moments a day at most, of the brand's day on which each is made; 0 is never", 3, 0, 100)


class MomentBody(Schema):
    """A moment: what is shown, to whose customers, with which tags."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    content = fields.Dict(required=True)
    tags = fields.List(fields.String(), load_default=list, validate=validate.Length(max=100))
    staff = fields.List(
        fields.String(validate=validate.Length(1, 64)), load_default=list, validate=validate.Length(max=10_000)
    )


class SendBody(Schema):
    """A group send: what is said, to whom."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    content = fields.Dict(required=True)
    expression = fields.String(required=True)
    kind = fields.String(load_default="marketing", validate=validate.OneOf(KINDS))


class ArchiveSettings(Schema):
    """Settings about the chat archive."""

    archive = fields.Boolean(
        load_default=False,
        metadata={"description": "take customers' messages from the chat archive (会话内容存档), of those who agreed"},
    )
    archive_secret = text("secret of the chat archive in WeCom's console", "", secret=True)
    archive_keys = text(
        "RSA private keys of the archive as PEM, each behind its version number (publickey_ver)", "", secret=True
    )
    archive_bridge = text(
        "address of the bridge to WeCom's C library, or of a simulator; empty: another plugin fetches", "",
        validate=_bridge,
    )
    archive_bridge_token = text("what the bridge is asked with (Authorization: Bearer)", "", secret=True)
    archive_days = whole("days that texts from the archive are kept", 90, 1, 3_650)

    @validates_schema
    def archive_complete(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Without its secret nobody can say who agreed, and without a key nothing can be read."""
        for name in ("archive_secret", "archive_keys"):
            if data.get("archive") and not data.get(name):
                raise ValidationError({name: [f"archive = true needs {name}"]})


class LinkBody(Schema):
    """An acquisition link: what it is called, who answers it, to which channel its adds belong, and for what.

    ``title`` is the activity's; both days are whole days of the brand's zone.
    """

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 60))
    name = fields.String(required=True, validate=validate.Length(1, 30))
    staff = fields.List(fields.String(validate=validate.Length(1, 64)), load_default=list)
    departments = fields.List(fields.Integer(strict=True), load_default=list)
    channel = fields.String(required=True, validate=validate.Length(1, 64))
    title = fields.String(load_default="", validate=validate.Length(0, 100))
    first_day = fields.Date(format="iso", load_default=None)
    last_day = fields.Date(format="iso", load_default=None)
    skip_verify = fields.Boolean(load_default=True)


class LinkActivityBody(Schema):
    """What people come for by a link; both days are whole days of the brand's zone."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    title = fields.String(required=True, validate=validate.Length(1, 100))
    first_day = fields.Date(format="iso", required=True)
    last_day = fields.Date(format="iso", required=True)


class LinkRenewBody(Schema):
    """Which link is made anew."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))


class LinkPauseBody(Schema):
    """Which link is handed out no more (``paused``), or again."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    paused = fields.Boolean(required=True)


class InviteBody(Schema):
    """An invitation: what is said, with which link, to whom, and to which channel adds belong."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))
    link = fields.String(required=True, validate=validate.Length(1, 60))
    text = fields.String(required=True, validate=validate.Length(1, 500))
    channel = fields.String(required=True, validate=validate.Length(1, 200))
    expression = fields.String(required=True)
    kind = fields.String(load_default="marketing", validate=validate.OneOf(KINDS))


class StartBody(Schema):
    """Which draft goes."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Length(1, 100))


class TagRetryBody(Schema):
    """Which relation's tags are told again (``follow``: its id); null: all that WeCom refused."""

    class Meta:
        unknown = RAISE

    follow = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, 2**63 - 1))


class WelcomeBody(Schema):
    """What people hear: text and attachments as WeCom takes them."""

    class Meta:
        unknown = RAISE

    channel = fields.String(load_default="", validate=validate.Length(0, 200))
    audience = fields.String(load_default="", validate=validate.OneOf(["", *AUDIENCES]))
    content = fields.Dict(required=True)


class Settings(CallbackSettings, ClientSettings, SendSettings, ArchiveSettings):
    """``[plugins.wecom]``."""

    class Meta:
        unknown = RAISE

    corp_id = text(
        "id of the corporation (企业 ID), as WeCom's console shows it",
        validate=_pattern(_ID, "must be letters, digits, - and _"),
    )
