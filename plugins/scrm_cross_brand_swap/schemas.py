"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

MOST_ANSWER_DAYS = 60


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _number(least: int, most: int, description: str, default: int) -> fields.Integer:
    return fields.Integer(
        strict=True,
        validate=validate.Range(least, most),
        load_default=default,
        metadata={"description": description},
    )


def _texts(description: str) -> fields.List:
    return fields.List(
        fields.String(validate=validate.Length(1, 200)),
        validate=validate.Length(max=100),
        load_default=list,
        metadata={"description": description},
    )


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Length(least, most), **kwargs)


def _choice(description: str, default: str, *allowed: str) -> fields.String:
    return fields.String(
        validate=validate.OneOf(allowed), load_default=default, metadata={"description": description}
    )


class Settings(_Strict):
    """``[plugins.cross-brand-swap]``."""

    role = _choice("brand: sells; channel: has the people (a maternity centre)", "brand", "brand", "channel")
    categories = _texts("category paths that this brand sells in, for example `baby/diapers`; partners are told them")
    barred_categories = _texts("categories of partners that are never swapped with, besides one's own")
    repeat_days = _number(0, 36_500, "days between two purchases of a customer in this trade; 0: not known", 0)
    size_ratio_bp = _number(10_000, 1_000_000, "the larger audience by the smaller, at most, in basis points", 30_000)
    brand_repeat_days = _number(1, 3_650, "brand x channel: the brand is bought again within these days", 90)
    channel_repeat_days = _number(1, 3_650, "brand x channel: the channel is not bought again within these days", 180)
    answer_days = _number(1, MOST_ANSWER_DAYS, "days that a proposal stands", 7)
    overlap = fields.Boolean(
        truthy={True}, falsy={False}, load_default=False,
        metadata={"description": "true: audience overlaps are estimated with partners, by sketches"},
    )  # fmt: skip
    overlap_basis = _choice(
        "consent: only people who agreed to `partner_share:PARTNER` are in a sketch; all: everybody, by legal review",
        "consent", "consent", "all",
    )  # fmt: skip
    overlap_refuse_tags = fields.List(
        fields.String(validate=validate.Regexp(r"[^/]+/[^/]+\Z", error="write a tag as GROUP/TAG")),
        load_default=list, validate=validate.Length(max=20),
        metadata={"description": "people with one of these tags, written GROUP/TAG, are in no sketch: minors under 14"},
    )  # fmt: skip
    overlap_days = _number(1, 3_650, "days between two runs with one partner", 30)
    sketch_size = _number(1_024, 131_072, "hashes in a sketch, the same on both sides", 131_072)


class OfferBody(_Strict):
    """A deal to offer."""

    partner = _text(1, 60, required=True)
    terms = fields.Dict(required=True)
    target = _text(1, 2_000, required=True)
    words = _text(0, 500, load_default="")
    despite = _text(0, 500, load_default="")
    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class AnswerBody(_Strict):
    """An answer to the partner's proposal: accept, counter (with ``terms``) or decline (with ``reason``)."""

    answer = fields.String(required=True, validate=validate.OneOf(["accept", "counter", "decline"]))
    terms = fields.Dict(load_default=None)
    target = _text(0, 2_000, load_default="")
    words = _text(0, 500, load_default="")
    despite = _text(0, 500, load_default="")
    reason = _text(0, 500, load_default="")


class AmendBody(_Strict):
    """A statement for a disputed deal: ``lines`` of both directions; none: as this brand's books have them."""

    lines = fields.Dict(load_default=None, allow_none=True)


class SignBody(_Strict):
    """The hash of the partner's statement that is signed."""

    digest = _text(1, 100, required=True)


class LinkBody(_Strict):
    """The link told again; ``words`` replace those beside it."""

    words = _text(0, 500, load_default=None)


class ShownBody(_Strict):
    """Exposures that this brand gave."""

    quantity = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)


class LostBody(_Strict):
    """Somebody that came and left again."""

    contact = _text(1, 200, required=True)


class PartnerBody(_Strict):
    """A partner."""

    partner = _text(1, 60, required=True)
