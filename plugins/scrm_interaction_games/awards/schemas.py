"""What this room accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from .modes import MODES

MOST = 2**53
WHOLE_BP = 10_000
MOST_RULES = 50
MOST_AWARDS = 1_000


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


def _whole(least: int = 0, most: int = MOST, **kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **kwargs)


def _mode(**kwargs: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(list(MODES)), **kwargs)


class MessageRuleSchema(_Strict):
    """One ``[[plugins.interaction-games.message_rules]]`` table: which talk is worth an award (聊天即交易)."""

    name = _text(1, 60, required=True, metadata={"description": "unique name; awards are remembered under it"})
    words = fields.List(
        _text(1, 60), required=True, validate=validate.Length(1, 100),
        metadata={"description": "any of these in the message meets the rule; case does not matter"},
    )  # fmt: skip
    channel = _text(1, 60, load_default="", metadata={"description": "only messages of this channel"})
    group = _text(1, 100, required=True, metadata={"description": "tag group"})
    tag = _text(1, 100, required=True, metadata={"description": "tag that is set at once"})
    plan = _text(1, 200, required=True, metadata={"description": "the operating plan that the tag serves"})
    kind = _text(1, 100, required=True, metadata={"description": "reward kind of the proposed award"})
    item = _text(0, 200, load_default="", metadata={"description": "which one of the kind"})
    quantity = _whole(1, 1_000_000, load_default=1, metadata={"description": "how many"})
    cost_minor = _whole(load_default=0, metadata={"description": "what the award costs, in minor units"})
    per_person = _whole(1, 1_000, load_default=1, metadata={"description": "proposals per person, refused ones too"})
    mode = _mode(load_default="native", metadata={"description": "mode of interaction"})


def _unique_names(rules: list[dict[str, Any]]) -> None:
    names = [rule["name"] for rule in rules]
    if len(set(names)) != len(names):
        raise ValidationError("two rules have the same name; names are unique")


AWARD_SETTINGS: dict[str, fields.Field[Any]] = {
    "awards_per_actor_day": _whole(
        0, 1_000_000, load_default=200, allow_none=True,
        metadata={"description": "awards that one actor may give on one day of the brand; none is no limit"},
    ),
    "award_minor_per_actor_day": _whole(
        load_default=None, allow_none=True,
        metadata={"description": "what the awards of one actor may cost on one day, in minor units; none is no limit"},
    ),
    "message_rules": fields.List(
        fields.Nested(MessageRuleSchema), load_default=list, validate=[validate.Length(max=MOST_RULES), _unique_names],
        metadata={"description": "received messages that propose an award, each a table of its own"},
    ),
    "gift_kinds": fields.List(
        _text(1, 100), load_default=lambda: ["product-voucher"],
        metadata={"description": "reward kinds that are goods: a welfare campaign may not lose money with them"},
    ),
    "gift_margin_bp": _whole(
        0, WHOLE_BP, load_default=4_000,
        metadata={"description": "margin of an order in basis points: a gift costs at most this part of its basket"},
    ),
    "value_days": _whole(
        1, 365, load_default=7,
        metadata={"description": "days of 24 hours after taking part within which an order or a phone counts"},
    ),
    "interaction_share_bp": _whole(
        0, WHOLE_BP, load_default=3_000,
        metadata={"description": "share of interaction in all content, in basis points: at or below it is warned"},
    ),
}  # fmt: skip
"""The settings of this room, for the plugin's own schema."""


class AwardBody(_Strict):
    """An award by hand."""

    contact = _text(1, 200, required=True)
    key = _text(1, 150, required=True)
    what = _text(1, 40, required=True)
    kind = _text(1, 100, required=True)
    reason = _text(1, 2_000, required=True)
    item = _text(0, 200, load_default="")
    quantity = _whole(1, 1_000_000, load_default=1)
    cost_minor = _whole(load_default=0)
    mode = _mode(load_default="native")


class AwardsBody(_Strict):
    """Up to a thousand awards, each with an outcome of its own."""

    awards = fields.List(fields.Dict(), required=True, validate=validate.Length(1, MOST_AWARDS))


class DecisionBody(_Strict):
    """Why a proposed award is approved or refused."""

    reason = _text(0, 2_000, load_default="")


class WelfareBody(_Strict):
    """A welfare campaign; times without an offset are the brand's wall clock."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z0-9][a-z0-9-]{0,39}\Z", error="lower case letters, digits, dashes"),
    )
    title = _text(1, 200, required=True)
    occasion = _text(1, 40, required=True)
    occasion_name = _text(1, 100, required=True)
    kind = _text(1, 100, required=True)
    item = _text(0, 200, load_default="")
    quantity = _whole(1, 1_000_000, load_default=1)
    unit_cost_minor = _whole(1, required=True)
    basket_minor = _whole(0, load_default=0)
    cap_minor = _whole(1, required=True)
    mode = _mode(load_default="native")
    audience = _text(0, 4_000, load_default="")
    claim = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    starts_at = _text(1, 40, required=True)
    ends_at = _text(1, 40, required=True)


class ReasonBody(_Strict):
    """Why a welfare campaign is opened, stopped or ended."""

    reason = _text(0, 2_000, load_default="")


class CapBody(_Strict):
    """A new, higher cap."""

    cap_minor = _whole(1, required=True)
    reason = _text(1, 2_000, required=True)


class ClaimBody(_Strict):
    """Who claims."""

    contact = _text(1, 200, required=True)


class ContentBody(_Strict):
    """A piece of content that was shown on a calendar day of the brand."""

    key = _text(1, 200, required=True)
    day = fields.Date(required=True)
    kind = _text(1, 40, required=True)
    mode = _text(0, 40, load_default="")
    title = _text(0, 200, load_default="")


class ActivationBody(_Strict):
    """A template was used in a group on a calendar day of the brand."""

    code = _text(1, 100, required=True)
    template = _text(1, 60, required=True)
    group = _text(1, 200, required=True)
    day = fields.Date(required=True)
