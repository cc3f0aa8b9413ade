"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

STORES = ("https", "http", "s3", "oss", "cos", "obs")
"""Where pictures may lie: whoever opens a reference gets a file, and nothing that a browser would run."""
KINDS = ("review", "seeding", "share")
"""The kinds of tasks."""
MEASURES = ("acts", "answers", "referrals", "-referrals")


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(least: int, most: int, **kwargs: Any) -> fields.String:
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


def _whole(least: int, most: int, **kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **kwargs)


def _setting(least: int, most: int, description: str, default: int) -> fields.Integer:
    return _whole(least, most, load_default=default, metadata={"description": description})


class ProgrammeSchema(_Strict):
    """``[[plugins.koc.programmes]]``: goods that KOCs are paid for, and their situation."""

    code = _text(1, 60, required=True, metadata={"description": "names the programme in reports"})
    category = _text(
        0, 200, load_default="", metadata={"description": "category of its goods, with all below it; empty: all goods"}
    )
    situation = _whole(1, 3, required=True, metadata={"description": "1, 2 or 3, as `scrm koc classify` says"})
    window_days = _whole(
        1, 365, load_default=None, allow_none=True,
        metadata={"description": "days a KOC's link counts; default: 90, 30 or 60 by situation"},
    )  # fmt: skip
    first_only = fields.Boolean(
        truthy={True}, falsy={False}, load_default=None, allow_none=True,
        metadata={"description": "pay the customer's first order alone; default: true in situation 2"},
    )  # fmt: skip
    rate_bp = _whole(
        0, 10_000, load_default=None, allow_none=True,
        metadata={"description": "commission in basis points; default: by tier"},
    )  # fmt: skip


class Settings(_Strict):
    """``[plugins.koc]``."""

    high_price_minor = _setting(1, 2**53, "a price above it is high where nothing is known of the category", 100_000)
    typical_minor = fields.Dict(
        keys=_text(1, 200), values=_whole(1, 2**53), load_default=dict,
        metadata={"description": "what goods of a category typically cost on the market, by category"},
    )  # fmt: skip
    price_ratio_bp = _setting(10_000, 1_000_000, "so much of the typical price is a high one; 20000 is twice", 20_000)
    low_repeat_days = _setting(1, 36_500, "an interval above it is low repeat", 365)
    least_gaps = _setting(1, 1_000_000, "below so many repeats the answer says that it rests on few", 20)
    programmes = fields.List(
        fields.Nested(ProgrammeSchema), load_default=list, validate=validate.Length(max=100),
        metadata={"description": "goods that pay, the first that fits an order; none: all goods, situation 3"},
    )  # fmt: skip
    weight_purchase = _setting(0, 100, "points for purchases", 25)
    weight_expertise = _setting(0, 100, "points for expertise", 15)
    weight_content = _setting(0, 100, "points for content", 20)
    weight_reach = _setting(0, 100, "points for reach", 10)
    weight_conversion = _setting(0, 100, "points for conversion", 20)
    weight_community = _setting(0, 100, "points for the community", 10)
    most_penalty = _setting(0, 100, "most points that penalties take", 30)
    late_points = _setting(1, 100, "points that a late task takes", 5)
    violation_points = _setting(1, 100, "points that a violation takes", 10)
    score_days = _setting(30, 3_650, "days back that count for the score", 365)
    mean_bp = _setting(1, 9_999, "conversion that is expected of a KOC, in basis points", 500)
    mean_strength = _setting(1, 10_000, "visitors that this expectation weighs as much as", 20)
    memory_percent = _setting(0, 99, "share of last month's score in this month's, in percent", 70)
    tier_s = _setting(1, 100, "least score of tier S", 80)
    tier_a = _setting(1, 100, "least score of tier A", 60)
    tier_b = _setting(1, 100, "least score of tier B", 40)
    demote_periods = _setting(1, 24, "months below a tier until it is lost", 2)
    expert_tags = fields.List(
        _text(1, 200), load_default=list, metadata={"description": "names of tags that speak of expertise"}
    )
    signals = fields.Dict(
        keys=_text(3, 200), values=fields.String(validate=validate.OneOf(MEASURES)),
        load_default=lambda: {
            "interaction-games:played": "acts",
            "interaction-games:checked-in": "acts",
            "interaction-games:answered": "answers",
            "interaction-games:invited": "referrals",
            "interaction-games:invite-revoked": "-referrals",
            "referral:qualified": "referrals",
            "referral:revoked": "-referrals",
        },
        metadata={"description": "events of other plugins, as plugin:event, and what they count as"},
    )  # fmt: skip
    other_schemes = fields.List(
        _text(3, 200), load_default=lambda: ["referral:qualified"],
        metadata={"description": "events, as plugin:event, that name an order which another scheme pays"},
    )  # fmt: skip
    rate_s_bp = _setting(0, 10_000, "commission of tier S in basis points", 1_000)
    rate_a_bp = _setting(0, 10_000, "commission of tier A", 800)
    rate_b_bp = _setting(0, 10_000, "commission of tier B", 600)
    rate_c_bp = _setting(0, 10_000, "commission of tier C", 500)
    excluded_skus = fields.List(
        _text(1, 200), load_default=list, metadata={"description": "SKUs that earn no commission (postage, gift cards)"}
    )
    refund_days = _setting(0, 365, "days after completion until a commission is earned", 15)
    complete_after_days = _setting(
        0, 365, "days after payment that count as completion where nobody tells it; 0: only completed orders earn", 0
    )
    horizon_days = _setting(7, 730, "days of a customer that lifetime value sums up, the first included", 90)
    bands_minor = fields.List(
        _whole(1, 2**53), load_default=lambda: [5_000, 10_000, 30_000, 100_000], validate=validate.Length(1, 20),
        metadata={"description": "limits between bands of first-order amounts, ascending, for the matched group"},
    )  # fmt: skip


class _Trial(Schema):
    """A body whose ``dry_run`` tells what it would pay, and writes nothing."""

    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class MemberBody(_Strict):
    """A KOC to enrol; ``target`` is where their link leads."""

    contact = _text(1, 200, required=True)
    code = _text(2, 30, load_default="")
    target = _text(1, 2_000, required=True)
    coupon_batch = _text(1, 100, load_default=None, allow_none=True)
    followers = _whole(0, 2**40, load_default=0)
    rate_bp = _whole(0, 10_000, load_default=None, allow_none=True)


class MemberAsked(MemberBody, _Trial):
    """The body of POST ``/members``."""


class MemberChangeBody(_Strict):
    """What changes of a KOC; what is left out stays."""

    followers = _whole(0, 2**40)
    rate_bp = _whole(0, 10_000, allow_none=True)
    coupon_batch = _text(1, 100, allow_none=True)
    state = fields.String(validate=validate.OneOf(("active", "paused", "left")))


class PenaltyBody(_Strict):
    """Points off a person's score by hand."""

    contact = _text(1, 200, required=True)
    points = _whole(1, 100, required=True)
    key = _text(1, 100, required=True)
    reason = _text(1, 2_000, required=True)


class RewardBody(_Strict):
    """A reward that any plugin issues."""

    kind = _text(1, 100, required=True)
    item = _text(0, 200, load_default="")
    quantity = _whole(1, 1_000_000, load_default=1)


class TaskBody(_Strict):
    """A task to give to KOCs; ``due_on`` is the last day for handing in."""

    code = _text(1, 60, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    title = _text(1, 200, required=True)
    brief = fields.String(required=True, validate=validate.Length(1, 20_000))
    due_on = fields.Date(required=True)
    sku = _text(0, 200, load_default="")
    sample = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    sample_cost_minor = _whole(0, 2**53, load_default=0)
    keep_days = _whole(0, 3_650, load_default=0)
    fee_minor = _whole(0, 2**53, load_default=0)
    reward = fields.Nested(RewardBody, load_default=None, allow_none=True)


class TaskAsked(TaskBody, _Trial):
    """The body of POST ``/tasks``."""


class TaskChangeBody(_Strict):
    """What changes of a task; what is left out stays."""

    kind = fields.String(validate=validate.OneOf(KINDS))
    title = _text(1, 200)
    brief = fields.String(validate=validate.Length(1, 20_000))
    due_on = fields.Date()
    sku = _text(0, 200)
    sample = fields.Boolean(truthy={True}, falsy={False})
    sample_cost_minor = _whole(0, 2**53)
    keep_days = _whole(0, 3_650)
    fee_minor = _whole(0, 2**53)
    reward = fields.Nested(RewardBody, allow_none=True)


class TaskChangeAsked(TaskChangeBody, _Trial):
    """The body of PATCH ``/tasks/<code>``."""


class InviteBody(_Strict):
    """KOCs, by their codes, who get a task."""

    members = fields.List(_text(2, 30), required=True, validate=validate.Length(1, 500))


class InviteAsked(InviteBody, _Trial):
    """The body of POST ``/tasks/<code>/invite``."""


class StepBody(_Strict):
    """Why a piece of work goes on (a return and a violation need it), and where it was published (``publish``).

    ``digest``: of the submission that the reviewer saw (``return``); another one is not returned unseen.
    """

    reason = _text(0, 2_000, load_default="")
    link = _text(0, 2_000, load_default="")
    digest = _text(0, 64, load_default="")


class ApproveBody(_Strict):
    """An approval, with the quality of what was handed in: 1 to 5, and the ``digest`` of what the reviewer saw."""

    quality = _whole(1, 5, required=True)
    reason = _text(0, 2_000, load_default="")
    digest = _text(0, 64, load_default="")


def _reference(value: str) -> None:
    scheme, separator, _ = value.partition(":")
    if separator and (scheme.lower() not in STORES or not value[len(scheme) :].startswith("://")):
        raise ValidationError(f"a reference is a name, or an address of {', '.join(STORES)}")


class ImageBody(_Strict):
    """A picture that lies elsewhere, and the SHA-256 of its bytes in hexadecimal."""

    ref = fields.String(required=True, validate=[validate.Length(1, 2_000), _printable, _reference])
    sha256 = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z"))


class SubmissionBody(_Strict):
    """What a KOC hands in. ``sells``: it comes with a purchase link, though none stands in the text."""

    text = fields.String(required=True, validate=validate.Length(1, 20_000))
    images = fields.List(fields.Nested(ImageBody), load_default=list, validate=validate.Length(max=30))
    link = _text(0, 2_000, load_default="")
    marker = _text(0, 50, load_default="")
    sells = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class UseBody(_Strict):
    """A code that came with an order: ``via`` code when it was used at the checkout, told when the buyer said so.

    ``via`` link: the buyer had opened the KOC's link at ``opened_at``.
    """

    code = _text(2, 30, required=True)
    source = _text(1, 200, required=True)
    number = _text(1, 200, required=True)
    via = fields.String(load_default="code", validate=validate.OneOf(("code", "link", "told")))
    opened_at = fields.AwareDateTime(load_default=None, allow_none=True)


class AdjustBody(_Strict):
    """Minor units to give (above 0) or take (below 0) by hand, once per key."""

    member = _text(2, 30, required=True)
    amount_minor = fields.Integer(strict=True, required=True)
    key = _text(1, 100, required=True)
    reason = _text(1, 2_000, required=True)


class SettleBody(_Strict):
    """A step of a settlement, of ``limit`` changes at most; with ``dry_run`` it is told what all of it would say."""

    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    limit = fields.Integer(strict=True, validate=validate.Range(1, 500), load_default=100)


class PaidBody(_Strict):
    """That a statement was paid, and the payer's reference."""

    reference = _text(1, 200, required=True)
