"""What the plugin accepts: its settings, the definition of a campaign, the bodies of its routes."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import surfaces

from .ladder import MODES
from .paths import TEMPLATES

NAME = "referral"
MOST = 2**53
GATES = ("target", "added", "joined_group", "pack", "member", "first_order")
TRAITS = ("device", "network", "address", "payer")
WEIGHTS = {
    "same_device": 40,
    "same_payer": 40,
    "address_of_inviter": 30,
    "address_of_invitees": 25,
    "network_burst": 20,
    "phone_run": 15,
    "virtual_number": 15,
    "hasty": 10,
    "refunded": 20,
    "low_rate": 20,
}
"""Signals with the example weights of practice; a campaign's ``risk.weights`` changes them."""


PRESET = tuple(
    {"invites": invites, "kind": "product-voucher", "item": item, "quantity": 1, "value_minor": value, "title": title}
    for invites, item, value, title in ((5, "cotton-tissue", 3_000, "棉柔巾"), (10, "bath-towel", 9_900, "浴巾"))
)
"""The ladder of practice (playbook F3): 5 friends a cotton tissue of 30 yuan, 10 a bath towel of 99."""


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _printable(value: str) -> None:
    """What the database takes: no control characters, no half characters."""
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(most: int, **kwargs: Any) -> fields.String:
    least = 1 if kwargs.get("required") else 0
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


def _word_or_number(value: Any) -> None:
    if type(value) not in (str, int) or len(str(value)) > 200 or not str(value).isprintable():
        raise ValidationError("must be a text or a whole number")


def _number(least: int, default: int | None = None, most: int = MOST, **kwargs: Any) -> fields.Integer:
    given = kwargs if kwargs.get("required") else {"load_default": default, "allow_none": default is None, **kwargs}
    return fields.Integer(strict=True, validate=validate.Range(least, most), **given)


class Moment(fields.Field):  # type: ignore[type-arg]
    """ISO 8601 text, or a time as TOML writes it; without an offset it is the brand's wall-clock time."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime.datetime:
        try:
            moment = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError("must be a time such as 2026-05-01T10:00") from None
        if not 2000 <= moment.year < 3000:
            raise ValidationError("the year must lie between 2000 and 2999")
        return moment


class Settings(_Strict):
    """``[plugins.referral]``."""

    spread_paths = fields.Boolean(
        load_default=False, truthy={True}, falsy={False},
        metadata={"description": "allow the templates group and follow, which pay for joining and following"},
    )  # fmt: skip


class RungBody(_Strict):
    """A rung of the ladder."""

    invites = _number(1, required=True, most=10_000)
    kind = _text(60, load_default="product-voucher")
    item = _text(200, load_default="")
    quantity = _number(1, 1, 20_000)
    value_minor = _number(0, required=True)
    title = _text(200, load_default="")
    stock = _number(1, None)


class GateBody(_Strict):
    """A gate an invitee must pass; which members it takes depends on ``gate``."""

    gate = fields.String(required=True, validate=validate.OneOf(GATES))
    segment = _text(2_000)
    group = _text(200)
    plugin = _text(60)
    event = _text(60)
    match = fields.Dict(keys=_text(60), values=fields.Raw(validate=_word_or_number))
    min_minor = _number(1, 1)


class RiskBody(_Strict):
    """Signals, the line from which an invitee is held, and the cap of an inviter's day."""

    hold = _number(1, 60)
    weights = fields.Dict(
        keys=fields.String(validate=validate.OneOf(sorted(WEIGHTS))),
        values=fields.Integer(strict=True, validate=validate.Range(0, 1_000)),
        load_default=dict,
    )
    per_day = _number(1, None)


class AuditBody(_Strict):
    """From which value on two persons must approve."""

    four_eyes_minor = _number(0, 5_000)


class HvaBody(_Strict):
    """The later high-value action: a further order of at least so much within so many days."""

    days = _number(1, 30, 3_650)
    min_minor = _number(1, 1)


class CampaignBody(_Strict):
    """The definition of a campaign."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z0-9][a-z0-9-]{0,39}\Z", error="lower-case letters, digits, dashes"),
    )
    title = _text(200, required=True)
    template = fields.String(load_default="customer", validate=validate.OneOf(list(TEMPLATES)))
    surface = fields.String(required=True, validate=validate.OneOf(list(surfaces.SURFACES)))
    starts_at = Moment(load_default=None, allow_none=True)
    ends_at = Moment(required=True)
    grace_days = _number(0, 0, 365)
    quota = _number(1, None)
    staff = fields.List(_text(100, required=True), load_default=list, validate=validate.Length(max=1_000))
    target_url = _text(1_000, load_default="")
    poster = _text(200, load_default="")
    mode = fields.String(load_default="cumulative", validate=validate.OneOf(MODES))
    ladder = fields.List(
        fields.Nested(RungBody), load_default=lambda: [dict(rung) for rung in PRESET], validate=validate.Length(1, 50)
    )
    gates = fields.List(fields.Nested(GateBody), load_default=None, allow_none=True, validate=validate.Length(1, 6))
    attribution_days = _number(1, 30, 365)
    fresh_hours = _number(0, 24, 8_760)
    observation_days = _number(0, 7, 365)
    refund_days = _number(0, 15, 365)
    count_after_leaving = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    budget_minor = _number(1, None)
    audit = fields.Nested(AuditBody, load_default=lambda: AuditBody().load({}))
    risk = fields.Nested(RiskBody, load_default=lambda: RiskBody().load({}))
    hva = fields.Nested(HvaBody, load_default=lambda: HvaBody().load({}))


class PublishBody(_Strict):
    """What is accepted when a campaign opens."""

    confirm = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class QuotaBody(_Strict):
    """How many places there are from now on."""

    quota = _number(1, required=True)


class BudgetBody(_Strict):
    """What all rewards may be worth from now on."""

    budget_minor = _number(1, required=True)


class StockBody(_Strict):
    """How many of the rung for ``invites`` there are from now on."""

    invites = _number(1, required=True)
    stock = _number(1, required=True)


class SignUpBody(_Strict):
    """Who signs up or leaves: the contact's uid."""

    contact = _text(200, required=True)


class TouchBody(_Strict):
    """Somebody came by a personal code. ``kind``: a click makes a candidate, opened and added lock the relation."""

    code = _text(100, required=True)
    contact = _text(200, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["click", "opened", "added"]))


class TraitBody(_Strict):
    """Something two people should not share; only a keyed hash of ``value`` is kept."""

    contact = _text(200, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(TRAITS))
    value = _text(500, required=True)


class VerdictBody(_Strict):
    """What a person says about a rung or a held invitee."""

    verdict = fields.String(required=True, validate=validate.OneOf(["approve", "refuse"]))
    reason = _text(500, load_default="")
