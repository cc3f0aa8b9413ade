"""What the plugin accepts: its settings, the bodies of its routes, the rows of a warehouse's file."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import read_instant

from .claims import SERIAL_CHARS
from .service import CODE, Campaign
from .steps.schemas import SETTINGS
from .stock.batches import ENTERED, KINDS
from .stock.warehouse import ShipmentIn, ShipOutcome

MOST_DAYS = 3_650


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _days(description: str, **kwargs: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(1, MOST_DAYS), metadata={"description": description}, **kwargs
    )


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


class Settings(_Strict.from_dict(SETTINGS)):  # type: ignore[misc]
    """``[plugins.package-card]``: what campaigns get when they do not say otherwise, and how figures are computed."""

    recall_days = _days("days after shipping within which a scan counts; 14 and 30 are usual", load_default=30)
    contribution_days = _days("days after the lead whose orders count; 30, 60 and 90 are usual", load_default=90)
    serial_field = _text(
        1, 40, load_default="serial", metadata={"description": "name of the lead's field that carries a card's serial"}
    )
    margin_share = fields.Decimal(
        load_default=None,
        allow_none=True,
        allow_nan=False,
        validate=validate.Range(0, 1),
        metadata={"description": "share of the contribution that is margin, e.g. 0.42; without it no net is computed"},
    )
    contribution_sources = fields.List(
        _text(1, 100),
        load_default=[],
        metadata={"description": "order sources that are private channels; empty: the orders of every source count"},
    )
    print_lot = fields.Integer(
        strict=True,
        load_default=500,
        validate=validate.Range(1, 1_000_000),
        metadata={"description": "the printer's lot: suggested quantities are multiples of it"},
    )


class CampaignBody(_Strict):
    """A campaign to create; the days are calendar days of the brand, both included."""

    code = fields.String(required=True, validate=validate.Regexp(CODE, error="1 to 40 letters, digits, '-' or '_'"))
    source = _text(1, 100, required=True)
    name = _text(0, 200, load_default="")
    automatic = fields.Boolean(truthy={True}, falsy={False}, load_default=True)
    from_stock = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    ship_from = fields.Date(load_default=None, allow_none=True)
    ship_until = fields.Date(load_default=None, allow_none=True)
    recall_days = _days("see settings", load_default=None, allow_none=True)
    contribution_days = _days("see settings", load_default=None, allow_none=True)


class LinkBody(_Strict):
    """A tracked link to create."""

    channel = _text(1, 100, required=True)
    target = _text(1, 2_000, required=True)
    variant = _text(0, 100, load_default="")


class ShipmentBody(_Strict):
    """One shipped card, named by serial, batch or both; a time without offset is the brand's wall clock."""

    serial = _text(0, SERIAL_CHARS, load_default="")
    batch = _text(0, SERIAL_CHARS, load_default="")
    order_number = _text(1, SERIAL_CHARS, required=True)
    shipped_at = fields.String(required=True)
    signed_at = fields.String(load_default="")


class ShipmentsBody(_Strict):
    """Up to a thousand shipped cards; with ``dry_run`` nothing is written."""

    shipments = fields.List(fields.Nested(ShipmentBody), required=True, validate=validate.Length(1, 1_000))
    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class BatchBody(_Strict):
    """A print batch to enter; with ``dry_run`` it is only told what that would cost."""

    code = _text(1, 40, required=True)
    campaign = _text(1, 40, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(list(KINDS)))
    printed = fields.Integer(strict=True, required=True)
    unit_cost_minor = fields.Integer(strict=True, required=True)
    name = _text(0, 200, load_default="")
    arm = _text(0, 40, load_default="")
    channel = _text(0, 100, load_default="")
    unique = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    target = _text(0, 2_000, load_default="")
    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class MoveBody(_Strict):
    """A stock move; ``quantity`` is negative only for an adjustment."""

    kind = fields.String(required=True, validate=validate.OneOf(ENTERED))
    quantity = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)
    reason = _text(0, 200, load_default="")
    actor = _text(0, 200, load_default="")
    at = fields.String(load_default="")


class SpendBody(_Strict):
    """A cost besides the cards: ``quantity`` things at ``unit_minor`` each."""

    what = _text(1, 200, required=True)
    quantity = fields.Integer(strict=True, required=True)
    unit_minor = fields.Integer(strict=True, required=True)
    key = _text(1, 200, required=True)
    batch = _text(0, 40, load_default="")
    actor = _text(0, 200, load_default="")


def campaign_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """A loaded :class:`CampaignBody` as keyword arguments of ``create_campaign``."""
    arguments = dict(body)
    for given, wanted in (("ship_from", "first_day"), ("ship_until", "last_day")):
        day: date | None = arguments.pop(given)
        arguments[wanted] = day.toordinal() if day is not None else None
    return arguments


def campaign_view(campaign: Campaign) -> dict[str, Any]:
    """A campaign as JSON: days as ISO dates."""

    def day(ordinal: int | None) -> str | None:
        return date.fromordinal(ordinal).isoformat() if ordinal is not None else None

    return {
        "code": campaign.code,
        "name": campaign.name,
        "source": campaign.source,
        "automatic": campaign.automatic,
        "from_stock": campaign.stocked,
        "ship_from": day(campaign.first_day),
        "ship_until": day(campaign.last_day),
        "recall_days": campaign.recall_days,
        "contribution_days": campaign.contribution_days,
    }


def shipment(row: dict[str, Any], zone: ZoneInfo) -> ShipmentIn:
    """A loaded :class:`ShipmentBody`; raises Invalid for a time that is none."""
    return ShipmentIn(
        row["serial"].strip(),
        row["order_number"].strip(),
        read_instant(row["shipped_at"], zone, "shipped_at"),
        row["batch"].strip(),
        read_instant(row["signed_at"], zone, "signed_at") if row["signed_at"].strip() else None,
    )


def outcome_view(outcome: ShipOutcome) -> dict[str, Any]:
    """What became of shipments, as JSON; ``updated``, ``by_batch`` and ``cost_minor`` where there is any."""
    view: dict[str, Any] = {"created": outcome.created, "unchanged": outcome.unchanged}
    if outcome.updated:
        view["updated"] = outcome.updated
    if outcome.by_batch:
        view |= {"by_batch": dict(outcome.by_batch), "cost_minor": outcome.cost_minor}
    return view
