"""What results accept: their settings and the bodies of their routes."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import read_instant

from .requests import ANSWERS, RequestIn

MOST_ROWS = 1_000
_TAG = r"[^/]{1,100}/[^/]{1,100}\Z"


def _days(description: str, default: int) -> fields.Integer:
    return fields.Integer(
        strict=True, load_default=default, validate=validate.Range(1, 3_650), metadata={"description": description}
    )


class ResultSettings(Schema):
    """Settings of a brand about what its plans brought (数据监测)."""

    add_days = _days("days after the send within which an add 加友 counts for a plan", 7)
    order_days = _days("days after the add within which an order counts for a plan", 30)
    rescue_tag = fields.String(
        load_default="",
        validate=validate.Regexp(rf"\Z|{_TAG}", error="a group and a tag, for example intent/C; or empty"),
        metadata={"description": "group/tag of people of low intent (C 群), for example intent/C; empty: no rescue"},
    )
    rescue_plan = fields.String(
        load_default="",
        validate=validate.Length(max=40),
        metadata={"description": "code of the plan whose copy people of low intent are sent; empty: no rescue"},
    )
    rescue_days = _days("days after the delivery within which somebody counts as rescued 挽留", 14)
    mode_minimum = fields.Integer(
        strict=True,
        load_default=100,
        validate=validate.Range(1, 100_000_000),
        metadata={"description": "people that each way of adding needs before the two are compared"},
    )


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _text(most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=most), **kwargs)


class LandingBody(_Strict):
    """A landing page; times without offset are the brand's wall clock."""

    actor = _text(100, load_default="")
    version = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(0, 2**53))
    title = _text(200, required=True)
    target = _text(2_000, required=True)
    starts_at = _text(40, required=True)
    ends_at = _text(40, required=True)
    activity = _text(200, load_default="")
    text = _text(4_000, load_default="")
    welcome = _text(2_000, load_default="")
    button = _text(200, load_default="")


class EndBody(_Strict):
    """Another end of an activity."""

    actor = _text(100, load_default="")
    ends_at = _text(40, required=True)


class RequestBody(_Strict):
    """A friend request of ours; times without offset are the brand's wall clock."""

    phone = _text(60, required=True)
    at = _text(40, required=True)
    staff = _text(200, load_default="")
    result = fields.String(load_default="", validate=validate.OneOf(["", *ANSWERS]))
    decided_at = _text(40, load_default="")


class RequestsBody(_Strict):
    """Up to a thousand friend requests of one plan."""

    actor = _text(100, load_default="")
    requests = fields.List(fields.Nested(RequestBody), required=True, validate=validate.Length(1, MOST_ROWS))


class ExportBody(_Strict):
    """Recipients with clear numbers, a page at a time."""

    actor = _text(100, load_default="")
    after = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 2**53))
    limit = fields.Integer(strict=True, load_default=MOST_ROWS, validate=validate.Range(1, 10_000))


def request_of(row: dict[str, Any], zone: ZoneInfo) -> RequestIn:
    """A loaded :class:`RequestBody`; raises Invalid for a time that is none."""
    decided = row["decided_at"].strip()
    return RequestIn(
        row["phone"],
        read_instant(row["at"], zone, "at"),
        row["staff"],
        row["result"],
        read_instant(decided, zone, "decided_at") if decided else None,
    )
