"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

NAME = "live-code"
MOST_CAP = 10_000
MOST_TAGS = 20
STEPS = ("approved", "spoke", "replied", "tagged", "muted", "ended")
"""Steps that may be told by hand: of somebody who was added, when they were approved, wrote, were answered ..."""


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **kwargs)


def _rates(default: list[float], description: str) -> fields.List[Any]:
    return fields.List(
        fields.Float(validate=validate.Range(0, 1)),
        validate=validate.Length(2, 2),
        load_default=default,
        metadata={"description": f"add rate that practitioners tell of {description}, from and to"},
    )


def _seconds(default: int, description: str) -> fields.Integer:
    return fields.Integer(
        strict=True,
        validate=validate.Range(0, 31 * 86_400),
        load_default=default,
        metadata={"description": f"seconds {description}; 0: no limit"},
    )


class Settings(_Strict):
    """``[plugins.live-code]``."""

    per_account = fields.Integer(
        strict=True,
        validate=validate.Range(1, MOST_CAP),
        load_default=100,
        metadata={"description": "people a day that an account takes, where none has a number of its own"},
    )
    per_network = fields.Integer(
        strict=True,
        validate=validate.Range(1, MOST_CAP),
        load_default=100,
        metadata={"description": "places a day for browsers of one network (/24, IPv6 /48) without a sign-in"},
    )
    approve_seconds = _seconds(600, "within which who asks to be added is approved")
    reply_seconds = _seconds(1_800, "within which who was added is written to, after the automatic welcome")
    tag_seconds = _seconds(86_400, "within which who was added has a tag beyond those of the channel")
    persona_elements = fields.List(
        fields.String(validate=validate.Regexp(r"[a-z][a-z0-9_-]{0,39}\Z")),
        validate=validate.Length(0, 20),
        load_default=lambda: ["look", "story", "moments"],
        metadata={"description": "elements of a persona's profile beside aspiration, conflict and truth"},
    )
    persona_minimum = fields.Integer(
        strict=True,
        validate=validate.Range(1, 1_000_000),
        load_default=100,
        metadata={"description": "people exposed to a persona, under which no add rate is called better"},
    )
    practice_wecom = _rates([0.12, 0.12], "a WeCom account that is added directly")
    practice_personal = _rates([0.60, 0.65], "a personal WeChat account")


class StaffBody(_Strict):
    """A member of staff."""

    name = _text(0, 100, load_default="")
    address = _text(0, 300, load_default="")
    daily_cap = fields.Integer(
        strict=True, validate=validate.Range(0, MOST_CAP), load_default=None, allow_none=True
    )


class CodeBody(_Strict):
    """A code and its channel."""

    channel = _text(1, 100, required=True)
    title = _text(1, 100, required=True)
    kind = _text(0, 60, load_default="")
    tags = fields.List(
        fields.List(_text(1, 100), validate=validate.Length(2, 2)),
        load_default=list,
        validate=validate.Length(0, MOST_TAGS),
    )


class SeatBody(_Strict):
    """A member of staff at a code."""

    role = fields.String(validate=validate.OneOf(["main", "backup"]), load_default="main")
    hours = _text(0, 500, load_default="")


class PeakBody(_Strict):
    """How many people a peak day brings."""

    peak = fields.Integer(strict=True, required=True)


class ActivityBody(_Strict):
    """What people come for; both days are whole days of the brand's zone."""

    title = _text(1, 100, required=True)
    first_day = fields.Date(format="iso", required=True)
    last_day = fields.Date(format="iso", required=True)


class ToldBody(_Strict):
    """A step of somebody's reception that no plugin tells."""

    contact = _text(1, 64, required=True)
    step = fields.String(required=True, validate=validate.OneOf(STEPS))
    staff = _text(0, 64, load_default="")
    at = fields.AwareDateTime(format="iso", load_default=None, allow_none=True)


class PersonaBody(_Strict):
    """A persona; ``profile`` are texts of its checklist by item."""

    name = _text(1, 100, required=True)
    kind = fields.String(validate=validate.OneOf(["wecom", "personal"]), load_default="wecom")
    profile = fields.Dict(keys=_text(1, 40), values=_text(0, 500), load_default=None, allow_none=True)


class ExposedBody(_Strict):
    """How many people of a day were shown a persona elsewhere."""

    people = fields.Integer(strict=True, required=True)


class EntryBody(_Strict):
    """Where a code is met, and who shares it."""

    place = _text(0, 20, load_default="")
    store = _text(0, 64, load_default="")
    sharer_role = _text(0, 20, load_default="")
    sharer = _text(0, 100, load_default="")


class AskBody(_Strict):
    """Somebody was asked by their phone."""

    contact = _text(1, 64, required=True)
    mode = fields.String(required=True, validate=validate.OneOf(["active", "passive"]))
    staff = _text(0, 64, load_default="")
