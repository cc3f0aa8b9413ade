"""The plugin's settings and the definition of a campaign, as a brand writes them."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from scrm_core.api import Invalid

from .awards.schemas import AWARD_SETTINGS

NAME = "interaction-games"
MOST = 2**53
CODE = validate.Regexp(r"[a-z0-9][a-z0-9-]{0,39}\Z", error="lower-case letters, digits and dashes, at most 40")


class CapField(fields.Integer):
    """A number, or ``"none"`` for no cap: TOML has no word of its own for nothing."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return None if value == "none" else super()._deserialize(value, attr, data, **kwargs)


class EngineSettings(Schema):
    """The engine's part of ``[plugins.interaction-games]``."""

    class Meta:
        unknown = RAISE

    top_prize_minor = CapField(
        strict=True, load_default=5_000_000,
        validate=lambda value: value is None or validate.Range(0, MOST)(value),
        metadata={
            "description": "the most that one prize of a draw may be worth, in minor units: by law 50,000 yuan in "
            'mainland China; "none" where no such law holds'
        },
    )  # fmt: skip
    screen_from_minor = fields.Integer(
        strict=True, load_default=1_000, validate=validate.Range(0, MOST),
        metadata={"description": "prizes worth at least this are screened for cheating before they are granted"},
    )  # fmt: skip
    hold_score = fields.Integer(
        strict=True, load_default=60, validate=validate.Range(1, 1_000),
        metadata={"description": "a screening score from which a prize is held for review"},
    )  # fmt: skip
    four_eyes_minor = fields.Integer(
        strict=True, load_default=100_000, validate=validate.Range(0, MOST),
        metadata={"description": "a held prize worth at least this is approved by two persons"},
    )  # fmt: skip
    release_minutes = fields.Integer(
        strict=True, load_default=60, validate=validate.Range(1, 10_080),
        metadata={"description": "length of a time bucket of prizes that are released evenly, in minutes"},
    )  # fmt: skip
    grant_attempts = fields.Integer(
        strict=True, load_default=8, validate=validate.Range(1, 100),
        metadata={"description": "how often granting a prize is tried before it waits for a person"},
    )  # fmt: skip
    refuse_tags = fields.List(
        fields.String(validate=validate.Regexp(r"[^/]+/[^/]+\Z", error="write a tag as GROUP/TAG")),
        load_default=list, validate=validate.Length(max=20),
        metadata={
            "description": "people with one of these tags, written GROUP/TAG, draw nothing: minors, staff and their kin"
        },
    )  # fmt: skip
    reveal_hours = fields.Integer(
        strict=True, load_default=24, validate=validate.Range(0, 8_760),
        metadata={"description": "hours after the end at which the seed of a campaign's draws is revealed"},
    )  # fmt: skip


_AwardSettings: Any = Schema.from_dict(dict(AWARD_SETTINGS), name="AwardSettings")


class Settings(EngineSettings, _AwardSettings):  # type: ignore[misc]
    """``[plugins.interaction-games]``."""


class MomentField(fields.Field[Any]):
    """An instant: ISO 8601 text, with an offset or as wall-clock time of the brand, or milliseconds since 1970."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if type(value) is int and 0 <= value <= 253_402_300_799_000:
            return value
        if isinstance(value, datetime.datetime):  # TOML has a type of its own
            return value
        if not isinstance(value, str):
            raise ValidationError("an ISO 8601 date and time is expected, like 2026-03-01T10:00")
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            raise ValidationError(f"{value[:40]!r} is no ISO 8601 date and time, like 2026-03-01T10:00") from None


def _count(description: str, *, least: int = 0, most: int = MOST, **more: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(least, most), metadata={"description": description}, **more
    )


def _limit(description: str) -> fields.Integer:
    """A limit: none is no limit, 0 is never."""
    return _count(f"{description}; none is no limit, 0 is never", allow_none=True, load_default=None)


def _text(description: str, longest: int = 200, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=longest), metadata={"description": description}, **more)


class PrizeBody(Schema):
    """One prize of a campaign, in the order of drawing."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=CODE, metadata={"description": "unique within the campaign"})
    title = _text("what the player reads", required=True)
    kind = _text("a reward kind that an enabled plugin issues, or none", required=True)
    item = _text("which one of its kind: a coupon batch, a SKU", load_default="")
    quantity = _count("how many of it one win gives", least=1, most=1_000_000, load_default=1)
    value_minor = _count("what one win is worth, in minor units", load_default=0)
    weight = _count("its share of total_weight", load_default=0)
    stock = _limit("how many there are")
    per_person = _limit("how many one person may win")
    per_day = _limit("how many are given on one day of the brand")
    release = fields.String(
        validate=validate.OneOf(("all", "even")), load_default="all",
        metadata={"description": "all: the whole stock at once; even: released bucket by bucket over the campaign"},
    )  # fmt: skip
    review = fields.Boolean(
        truthy={True}, falsy={False}, load_default=False,
        metadata={"description": "every win waits for a person's approval"},
    )  # fmt: skip
    fallback = _text("a prize of no lower value that is given when this one is out", load_default="")
    grade = _text("names prizes that a guarantee counts as the same win", load_default="", longest=40)
    claim_days = _count(
        "goods: days within which the winner gives an address, or the prize is forfeited", least=1, most=365,
        allow_none=True, load_default=None,
    )  # fmt: skip


class LimitsBody(Schema):
    """Limits on draws, in the brand's days."""

    class Meta:
        unknown = RAISE

    per_day = _limit("draws of one person a day")
    per_person = _limit("draws of one person in all")
    total = _limit("draws of all persons in all")
    cool_down_hours = _count("hours after a win in which a person wins nothing else", most=8_760, load_default=0)


class ChancesBody(Schema):
    """Where chances to draw come from."""

    class Meta:
        unknown = RAISE

    daily = _count("free chances a day; what is left of them ends with the day", most=100, load_default=0)
    start = _count("chances that everybody begins with", most=100, load_default=0)
    order = _count("chances per paid order", most=100, load_default=0)
    order_min_minor = _count("an order gives chances when at least this was paid, in minor units", load_default=0)
    check_in = _count("chances per check-in (签到)", most=100, load_default=0)
    share = _count("chances per share; only where the surface permits it", most=100, load_default=0)
    buy_with = _text("what chances are bought with: points, or what another plugin takes", longest=40, load_default="")
    buy_cost = _count("what one chance costs", most=1_000_000, load_default=0)
    buy_per_day = _count("chances that one person may buy a day", least=1, most=100, load_default=1)
    expires_days = _count(
        "days after which a chance that was bought or came from an order, check-in, share or person expires",
        least=1, most=3_650, allow_none=True, load_default=None,
    )  # fmt: skip


class GuaranteeBody(Schema):
    """A guaranteed win (保底)."""

    class Meta:
        unknown = RAISE

    draws = _count("the draw that is forced after one fewer misses", least=1, most=10_000, required=True)
    grade = _text("the grade of prizes that count as the win", required=True, longest=40)
    prize = _text("the prize of that grade that is forced", required=True)
    substitute = _text("what is given when the forced prize is out", required=True)


class CampaignBody(Schema):
    """The definition of a campaign."""

    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=CODE, metadata={"description": "unique, part of the page's address"})
    game = _text("the kind of game", required=True, longest=40)
    title = _text("what the player reads", required=True)
    surface = _text("where the page is opened: h5, mini_program, offline_code or app", required=True, longest=40)
    starts_at = MomentField(
        load_default=None, allow_none=True, metadata={"description": "start; none is the moment of publishing"}
    )
    ends_at = MomentField(required=True, metadata={"description": "end, which no longer belongs to it"})
    rules = _text("the rules, shown on the page", longest=10_000, load_default="")
    organiser = _text("who organises it", load_default="")
    organiser_contact = _text("how to reach the organiser", load_default="")
    budget_minor = _limit("the most its prizes may cost, in minor units")
    total_weight = _count("what the weights of all prizes add up to", most=1_000_000_000, load_default=0)
    expected_draws = _count("how many draws the brand expects", allow_none=True, load_default=None)
    limits = fields.Nested(LimitsBody, load_default=lambda: LimitsBody().load({}))
    chances = fields.Nested(ChancesBody, load_default=lambda: ChancesBody().load({}))
    guarantee = fields.Nested(GuaranteeBody, load_default=None, allow_none=True)
    settings = fields.Dict(keys=fields.String(), load_default=dict, metadata={"description": "the game's own settings"})
    prizes = fields.List(fields.Nested(PrizeBody), load_default=list, validate=validate.Length(max=100))


def moment(text: str, *, field: str) -> Any:
    """An instant as an option or field writes it, for ``definition.instant_of``; raises Invalid."""
    try:
        return MomentField().deserialize(text)
    except ValidationError as error:
        raise Invalid(f"{field}: {error.messages[0]}", field=field) from None

