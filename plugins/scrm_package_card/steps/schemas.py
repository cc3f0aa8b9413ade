"""What the seven steps accept: their settings and the bodies of their routes.

A body says its shape; what a value may be is checked once, by the services,
for routes and commands alike.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from . import wording
from .design import MOST_BLEED_MM
from .policy import WHOLE

MOST_TEXT = 20_000
MOST_LISTED = 50


def _department(value: str) -> None:
    if not 0 < len(value) <= wording.NAME_CHARS or not value.isprintable() or value != " ".join(value.split()):
        raise ValidationError(f"a department is 1 to {wording.NAME_CHARS} printable characters")


SETTINGS: dict[str, fields.Field[Any]] = {
    "hook_share": fields.Integer(
        strict=True,
        validate=validate.Range(0, WHOLE),
        load_default=3_000,
        metadata={"description": "share of the margin that a hook may cost, in hundredths of a percent; 10,000 is all"},
    ),
    "trial_minimum": fields.Integer(
        strict=True,
        validate=validate.Range(1, 100_000_000),
        load_default=1_000,
        metadata={"description": "shipped cards that every arm of an A/B trial needs before a winner is named"},
    ),
    "bleed_mm": fields.Float(
        validate=validate.Range(0, MOST_BLEED_MM),
        load_default=3.0,
        metadata={"description": "bleed on each side of a card in millimetres, unless its design says otherwise"},
    ),
    "two_person_approval": fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=True,
        metadata={"description": "true: a proof is approved by somebody else than who made it"},
    ),
    "departments": fields.List(
        fields.String(validate=_department),
        validate=validate.Length(0, MOST_LISTED),
        load_default=lambda: ["customer service", "warehouse", "operations"],
        metadata={"description": "departments that acknowledge their FAQ and SOP before a launch"},
    ),
}
"""The settings of the steps, for the plugin's own schema."""


def _words(**kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Length(0, MOST_TEXT), **kwargs)


def _listed(**kwargs: Any) -> fields.List[Any]:
    return fields.List(_words(required=True), validate=validate.Length(0, MOST_LISTED), **kwargs)


def _number(**kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(-(2**53), 2**53), **kwargs)


class _Act(Schema):
    """Somebody does something: ``by`` names the person, ``version`` is the one of the campaign that they saw."""

    class Meta:
        unknown = RAISE

    by = _words(required=True)
    version = _number(load_default=None, allow_none=True)


class BeginBody(_Act):
    """Begin the steps."""


class AdvanceBody(_Act):
    """Go on to the next step."""

    to = _words(required=True)


class BackBody(AdvanceBody):
    """Go back to an earlier step."""

    reason = _words(required=True)


class GoalBody(_Act):
    """The one primary goal."""

    primary = _words(required=True)


class ChannelsBody(_Act):
    """The channels of a campaign."""

    channels = _listed(required=True)


class HookBody(_Act):
    """A hook product; with ``dry_run`` its margin is checked and nothing is stored."""

    kind = _words(required=True)
    name = _words(required=True)
    product = _words(required=True)
    price_minor = _number(required=True)
    cost_minor = _number(required=True)
    hook_minor = _number(required=True)
    share = _number(load_default=None, allow_none=True)
    share_reason = _words(load_default="")
    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class MaterialBody(_Act):
    """One item of material for one channel."""

    channel = _words(required=True)
    item = _words(required=True)
    value = _words(required=True)


class FitBody(_Act):
    """What people know of product and brand."""

    order_value_minor = _number(load_default=None, allow_none=True)
    repurchase = _number(load_default=None, allow_none=True)
    loyalty = _number(load_default=None, allow_none=True)
    brand_strength = _number(load_default=None, allow_none=True)


class TrialBody(_Act):
    """A trial: arms of equal weight, or ``weights`` in the order of ``arms``, 10,000 in all.

    Instead of ``minimum`` it may name ``base`` and ``lift`` in hundredths of a percent.
    """

    arms = _listed(required=True)
    weights = fields.List(_number(required=True), load_default=None, allow_none=True)
    minimum = _number(load_default=None, allow_none=True)
    base = _number(load_default=None, allow_none=True)
    lift = _number(load_default=None, allow_none=True)


class TrialLinkBody(_Act):
    """The link of one arm on one channel."""

    arm = _words(required=True)
    channel = _words(required=True)
    target = _words(required=True)


class WinnerBody(_Act):
    """The chosen arm."""

    arm = _words(required=True)
    reason = _words(load_default="")


class DesignBody(_Act):
    """Items of the design's checklist."""

    items = fields.Dict(keys=fields.String(), required=True)


class ProofBody(_Act):
    """A proof that was made; ``content`` is its file (PNG, JPEG or PDF) in base64, to be looked at before approval."""

    file = _words(required=True)
    sha256 = _words(load_default="")
    content = fields.String(load_default="")


class ApprovalBody(_Act):
    """The approval of a proof."""

    number = _number(required=True)


class PrintBody(_Act):
    """A print order."""

    quantity = _number(required=True)
    printer = _words(required=True)


class DepartmentsBody(_Act):
    """The departments of a launch."""

    departments = _listed(required=True)


class TextsBody(_Act):
    """What a department needs in its hands."""

    department = _words(required=True)
    faq = _words(load_default="")
    sop = _words(load_default="")


class AcknowledgementBody(_Act):
    """A department has read its FAQ and SOP."""

    department = _words(required=True)


class LaunchBody(_Act):
    """A launch; the day is one of the brand's calendar, default today."""

    automatic = fields.Boolean(truthy={True}, falsy={False}, load_default=True)
    day = fields.Date(load_default=None, allow_none=True)
