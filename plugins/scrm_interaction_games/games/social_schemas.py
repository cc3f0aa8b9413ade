"""The settings of bargain, group-buy, join gift and invite campaigns; unknown keys are refused."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from .days_schemas import Strict
from .ladder import Rung, problems

LARGEST_MINOR = 2**53
GATES = ("joined", "claimed_pack", "member", "first_order")
_PRIZE = "code of a prize of the campaign"


def _count(description: str, low: int, high: int, **more: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(low, high), metadata={"description": description}, **more
    )


def _price(description: str, **more: Any) -> fields.Integer:
    return _count(f"{description}, in minor units", 1, LARGEST_MINOR, **more)


def _text(description: str, most: int = 100, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=most), metadata={"description": description}, **more)


def _stock() -> fields.Integer:
    return _count("pieces to sell; none is without limit", 0, 10**9, allow_none=True, load_default=None)


class BargainSettings(Strict):
    """A bargain (砍价)."""

    sku = _text("SKU of what is sold", required=True)
    goods = _text("what is sold, as people read it", required=True)
    list_minor = _price("price before any cut", required=True)
    floor_minor = _price("the lowest price", required=True)
    helpers = _count("friends who bring the price down to the floor", 1, 200, load_default=10)
    hours = _count("hours that a bargain runs", 1, 720, load_default=24)
    helps_per_day = _count("bargains that one person may help a day", 0, 100, allow_none=True, load_default=3)
    per_person = _count("bargains that one person may open", 1, 100, load_default=1)
    hold_minutes = _count("minutes for which price and goods are held at an order", 1, 1_440, load_default=15)
    newcomers = _count("helpers of a bargain who are new customers and cut more", 0, 200, load_default=0)
    newcomer_minor = _count("how much more each of them cuts, below the lowest price, in minor units", 0, LARGEST_MINOR,
                            load_default=0)  # fmt: skip
    stock = _stock()
    shop_url = _text("where the order is placed; {ticket} becomes its reference", 500, load_default="")

    @validates_schema
    def _has_a_pool(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data["newcomers"]) != bool(data["newcomer_minor"]):
            raise ValidationError("newcomers and newcomer_minor go together", field_name="newcomer_minor")
        if data["newcomers"] * data["newcomer_minor"] >= data["floor_minor"]:
            raise ValidationError("with all newcomers nothing would be left to pay", field_name="newcomer_minor")

    @validates_schema
    def _falls(self, data: dict[str, Any], **_: Any) -> None:
        least = data["helpers"] + 1
        if data["list_minor"] - data["floor_minor"] < least:
            raise ValidationError(
                f"the price has to fall by at least {least} minor units, 1 for the owner and each of "
                f"{data['helpers']} helpers; lower the floor or ask for fewer helpers",
                field_name="floor_minor",
            )


class GroupBuySettings(Strict):
    """A group-buy (拼单): its price, size, time and refund are what the page states."""

    sku = _text("SKU of what is sold", required=True)
    goods = _text("what is sold, as people read it", required=True)
    price_minor = _price("price in a team", required=True)
    single_minor = _price("price without a team, for comparison", allow_none=True, load_default=None)
    size = _count("people in a team", 2, 100, load_default=3)
    hours = _count("hours that a team has", 1, 720, load_default=24)
    seat_minutes = _count("minutes to pay for a seat", 1, 1_440, load_default=15)
    new_only = fields.Boolean(
        truthy={True}, falsy={False}, load_default=False,
        metadata={"description": "only new customers join others' teams (老带新团); checked when they pay"},
    )  # fmt: skip
    otherwise = fields.String(
        load_default="new_team", validate=validate.OneOf(("new_team", "refund")),
        metadata={"description": "a payer without a seat leads a new team (new_team) or is paid back (refund)"},
    )  # fmt: skip
    simulate_from = _count(
        "real members from which a team out of time is completed with virtual ones (模拟成团); none: never",
        1, 99, allow_none=True, load_default=None,
    )  # fmt: skip
    leader_prize = _text(f"what leading a team is worth: {_PRIZE}, or empty", 64, load_default="")
    refund_days = _count("days after settling before the leader is rewarded", 0, 365, load_default=15)
    stock = _stock()
    shop_url = _text("where a seat is paid for; {ticket} becomes its reference", 500, load_default="")

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        if data["simulate_from"] is not None and data["simulate_from"] >= data["size"]:
            raise ValidationError(
                f"a team of {data['size']} that has {data['simulate_from']} members is complete by itself",
                field_name="simulate_from",
            )
        if data["single_minor"] is not None and data["single_minor"] <= data["price_minor"]:
            raise ValidationError("a team pays less than a single buyer", field_name="single_minor")


class JoinGiftSettings(Strict):
    """A join gift (入会有礼)."""

    prize = _text(_PRIZE, 64, required=True)
    automatic = fields.Boolean(
        truthy={True}, falsy={False}, load_default=True,
        metadata={"description": "given at once to everybody who becomes a member; otherwise they fetch it"},
    )  # fmt: skip


class RungSchema(Strict):
    """One rung of a ladder."""

    invites = _count("qualified invitees", 1, 10_000, required=True)
    prize = _text(_PRIZE, 64, required=True)


class PackSchema(Strict):
    """What claiming the newcomer pack (新人礼包) is: an event that a plugin tells, and a value in one of its fields."""

    plugin = _text("the plugin that tells it", required=True)
    event = _text("the event's name", load_default="claimed")
    field = _text("the field that names the pack", load_default="batch")
    value = _text("what is in that field, for example the coupon batch's code", required=True)


class InviteSettings(Strict):
    """Inviting friends (拉好友)."""

    gates = fields.List(
        fields.String(validate=validate.OneOf(GATES)),
        load_default=lambda: ["member", "first_order"],
        validate=validate.Length(1, len(GATES)),
        metadata={"description": "what an invitee must have done to count: joined, claimed_pack, member, first_order"},
    )
    pack = fields.Nested(
        PackSchema, load_default=None, allow_none=True,
        metadata={"description": "what the gate claimed_pack asks for"},
    )  # fmt: skip
    rungs = fields.List(
        fields.Nested(RungSchema), required=True, validate=validate.Length(1, 10),
        metadata={"description": "the ladder, lowest rung first; practice: 5 and 10 invitees"},
    )  # fmt: skip
    mode = fields.String(
        load_default="cumulative", validate=validate.OneOf(("cumulative", "highest")),
        metadata={"description": "cumulative: each rung is paid when reached; highest: the highest only, at the end"},
    )  # fmt: skip
    fresh_hours = _count(
        "an invitee who became a friend or member up to so many hours before accepting is still new", 0, 720,
        load_default=24,
    )  # fmt: skip
    refund_days = _count("days in which a refund of the first order takes the count back", 0, 365, load_default=15)
    grace_days = _count("days after the end in which gates still count", 0, 60, load_default=0)
    per_day = _count("invitees of one inviter that are accepted a day", 1, 10_000, allow_none=True, load_default=None)
    poster = _text("the line on the invite poster", 60, load_default="")

    @validates_schema
    def _names_its_pack(self, data: dict[str, Any], **_: Any) -> None:
        if ("claimed_pack" in data["gates"]) != (data["pack"] is not None):
            raise ValidationError("the gate claimed_pack and the pack it asks for go together", field_name="pack")

    @validates_schema
    def _rises(self, data: dict[str, Any], **_: Any) -> None:
        wrong = problems(rungs_of(data))
        if wrong:
            raise ValidationError(wrong[0], field_name="rungs")


def rungs_of(settings: Any) -> list[Rung]:
    """The ladder of loaded settings, lowest rung first."""
    return [Rung(each["invites"], each["prize"]) for each in settings["rungs"]]
