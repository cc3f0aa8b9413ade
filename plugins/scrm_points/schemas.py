"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from .ledger import MOST_POINTS
from .service import MOST_MINUTES


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


def _number(least: int, most: int, description: str, default: int) -> fields.Integer:
    return fields.Integer(
        strict=True,
        validate=validate.Range(least, most),
        load_default=default,
        metadata={"description": description},
    )


class Settings(_Strict):
    """``[plugins.points]``."""

    earn_points = _number(0, 1_000_000, "points for every earn_per_minor that an order paid; 0: orders earn none", 0)
    earn_per_minor = _number(1, 2**53, "minor units that earn earn_points; the rest of an order earns nothing", 100)
    earn_sources = fields.List(
        _text(1, 100),
        load_default=list,
        metadata={"description": "order sources that earn; empty: the orders of every source"},
    )
    expire_days = _number(
        0, 36_500, "days that points live, the day they come included; they lapse at midnight; 0: never", 0
    )
    redeem_minor = _number(0, 1_000_000, "minor units that a point pays in a cart; 0: points pay nothing", 0)
    redeem_cap_bp = _number(1, 10_000, "most of the payable that points pay, in basis points; 3000 is 30%", 10_000)
    redeem_step = _number(1, MOST_POINTS, "points are used in multiples of this", 1)
    hold_minutes = _number(1, MOST_MINUTES, "minutes that points stay set aside for a checkout in flight", 30)


class AdjustBody(_Strict):
    """Points to give (above 0) or take (below 0) by hand."""

    contact = _text(1, 200, required=True)
    points = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)
    reason = _text(1, 2_000, required=True)


class HoldBody(_Strict):
    """Points to set aside for a checkout."""

    contact = _text(1, 200, required=True)
    points = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)
    minutes = fields.Integer(strict=True, load_default=None, allow_none=True)


class CaptureBody(_Strict):
    """The order on which held points are spent."""

    source = _text(1, 200, required=True)
    number = _text(1, 200, required=True)
