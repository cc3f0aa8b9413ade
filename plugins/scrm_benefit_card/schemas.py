"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

MOST_ROWS = 1_000
MOST_KEYS = 5


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **kwargs)


def _number(most: int, description: str, default: int) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(0, most), load_default=default, metadata={"description": description}
    )


class Settings(_Strict):
    """``[plugins.benefit-card]``."""

    seal_keys = fields.List(
        fields.String(),
        required=True,
        validate=validate.Length(1, MOST_KEYS),
        metadata={
            "description": "keys that codes and PINs are sealed under, as env:NAME, newest first; "
            "`scrm benefit-card key` makes one",
            "secret": True,
        },
    )
    least_days = _number(3_650, "days that a card must still be good for, today not counted, to be given", 3)
    warn_below = _number(10**6, "cards left below which `scrm doctor` warns, unless a pool has its own number", 20)
    warn_days = _number(3_650, "days before their end in which `scrm doctor` warns of cards that nobody has yet", 14)


class PoolBody(_Strict):
    """A pool."""

    code = _text(1, 60, required=True)
    title = _text(1, 200, required=True)
    terms = _text(0, 2_000, load_default="")
    link = _text(0, 2_000, load_default="")
    face_minor = fields.Integer(strict=True, load_default=0)
    cost_minor = fields.Integer(strict=True, required=True)
    warn_below = fields.Integer(strict=True, load_default=None, allow_none=True)


class CardsBody(_Strict):
    """Cards of a pool; each row is checked as one of a file is, and refused alone."""

    rows = fields.List(fields.Dict(keys=fields.String()), required=True, validate=validate.Length(1, MOST_ROWS))


class GiftBody(_Strict):
    """A card for each recipient of a plan."""

    code = _text(1, 60, required=True)
    pool = _text(1, 60, required=True)
    title = _text(1, 200, required=True)
    plan = _text(1, 60, required=True)
    owner = _text(1, 60, load_default="sms")
    until = fields.Date(required=True)


class ReasonBody(_Strict):
    """Why something is done."""

    reason = _text(1, 500, required=True)
