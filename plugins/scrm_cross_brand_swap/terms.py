"""The text that both sides of a deal agree to, byte for byte, and its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from scrm_core.api import Invalid, clean_text, load_body

KINDS = ("traffic", "discount", "mutual", "channel")
UNITS = ("click", "add", "retained_add", "first_order")

_MOST = 10_000_000
_LATEST = 4_102_444_800_000  # the year 2100: whatever is agreed can be shown as a date
_CODE = r"[a-z0-9][a-z0-9-]{0,40}\Z"


def _number(least: int, most: int, **kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **kwargs)


def _readable(value: str) -> None:
    try:
        clean_text(value, max_length=2_000, multiline=True)
    except Invalid as exc:
        raise ValidationError(str(exc)) from None


class Terms(Schema):
    """What a deal says. Side ``a`` offered first; ``quota`` and ``imbalance`` are of each direction, in ``unit``."""

    class Meta:
        unknown = RAISE

    deal = fields.String(required=True, validate=validate.Regexp(_CODE, error="lower case letters, digits and dashes"))
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    unit = fields.String(required=True, validate=validate.OneOf(UNITS))
    quota = _number(1, _MOST, required=True)
    imbalance = _number(1, _MOST, required=True)
    from_at = _number(0, _LATEST, required=True)
    until_at = _number(0, _LATEST, required=True)
    window_days = _number(0, 60, load_default=7)
    keep_days = _number(0, 60, load_default=7)
    note = fields.String(load_default="", validate=_readable)

    @validates_schema
    def _ordered(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data["from_at"] >= data["until_at"]:
            raise ValidationError({"until_at": ["must be behind from_at"]})
        if data["imbalance"] > data["quota"]:
            raise ValidationError({"imbalance": ["must not be above the quota"]})


def canonical(terms: dict[str, Any]) -> str:
    """The one text of a set of terms: sorted keys, no spaces, every default written out. Raises Invalid."""
    return written(load_body(Terms(), terms))


def read(text: str) -> Any:
    """The value of a JSON text that a partner sent; raises Invalid whatever is wrong with it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("the text is not JSON") from None


def written(value: dict[str, Any]) -> str:
    """A JSON object as its one text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """The hash that both sides name a text by."""
    return hashlib.sha256(text.encode()).hexdigest()
