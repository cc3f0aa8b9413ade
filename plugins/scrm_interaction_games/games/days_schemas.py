"""The settings of wheel, egg, grab, check-in and nurture campaigns; unknown keys are refused."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates, validates_schema

from .drops import Drop, minute_of, overlap
from .streaks import MODES

MOST_DROPS = 24
MOST_SOURCES = 20
LARGEST = 1_000_000_000


class Strict(Schema):
    """Refuses keys that it does not know."""

    class Meta:
        unknown = RAISE


def _integer(description: str, low: int, high: int, **kwargs: Any) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(low, high), metadata={"description": description}, **kwargs
    )


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def _text(description: str, most: int = 100, least: int = 1, **kwargs: Any) -> fields.String:
    return fields.String(
        validate=[validate.Length(least, most), _printable], metadata={"description": description}, **kwargs
    )


def _prize(description: str, **kwargs: Any) -> fields.String:
    return _text(f"{description}: the code of a prize of the campaign", 64, **kwargs)


class WheelSettings(Strict):
    """A lucky wheel (大转盘): its slices are the campaign's prizes, in their order."""


class EggSettings(Strict):
    """Golden eggs (砸金蛋)."""

    eggs = _integer("eggs a person may smash a day, each of them once", 1, 9, load_default=3)


class DropSchema(Strict):
    """One drop of a day."""

    at = _text("time of day in the brand's zone at which it opens, as HH:MM", 5, required=True)
    prize = _prize("what is grabbed", required=True)
    stock = _integer("pieces a day", 1, LARGEST, required=True)
    minutes = _integer("how long it stays open", 1, 24 * 60, load_default=60)

    @validates("at")
    def _is_a_time(self, at: str, **_: Any) -> None:
        try:
            minute_of(at)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc


class GrabSettings(Strict):
    """A daily grab (每日抢)."""

    drops = fields.List(
        fields.Nested(DropSchema),
        required=True,
        validate=validate.Length(1, MOST_DROPS),
        metadata={"description": "when how much of which prize can be grabbed, every day"},
    )

    @validates_schema
    def _do_not_overlap(self, data: dict[str, Any], **_: Any) -> None:
        pair = overlap(drops_of(data))
        if pair is None:
            return
        one, two = pair
        words = f"the drops at {one.at} and {two.at} are open together; shorten the first"
        if one is two:
            words = f"the drop at {one.at} is open past midnight; let it end by then"
        raise ValidationError(words, field_name="drops")


def drops_of(settings: dict[str, Any]) -> tuple[Drop, ...]:
    """The drops of loaded settings, earliest of the day first."""
    made = [Drop(row["at"], row["prize"], row["stock"], row["minutes"]) for row in settings["drops"]]
    return tuple(sorted(made, key=lambda drop: drop.minute))


class MilestoneSchema(Strict):
    """A reward for so many days one after the other."""

    days = _integer("consecutive days", 1, 366, required=True)
    prize = _prize("what they are worth", required=True)


class MakeUpSchema(Strict):
    """Making up a missed day (补签). The missed day's own reward is not paid."""

    per_month = _integer("make-ups a person has in a calendar month", 0, 3, load_default=3)
    days_back = _integer("how many days back one can be made up", 1, 7, load_default=7)
    cost = fields.String(
        load_default="free",
        validate=validate.Length(1, 40),
        metadata={
            "description": "free; ticket: one ticket of this campaign is the make-up card (补签卡); "
            "or what is taken for it: points, or what another plugin takes"
        },
    )
    amount = _integer("how much of it is taken, where the cost is neither free nor a ticket", 1, 1_000_000)

    @validates_schema
    def _costs_something(self, data: dict[str, Any], **_: Any) -> None:
        if (data["cost"] not in ("free", "ticket")) != ("amount" in data):
            raise ValidationError("belongs to a cost in points or the like", field_name="amount")


class CheckInSettings(Strict):
    """A check-in (签到)."""

    mode = fields.String(
        load_default="rolling",
        validate=validate.OneOf(MODES),
        metadata={
            "description": "rolling: days 1 to cycle_days and again; monthly: counted afresh each month; endless"
        },
    )
    cycle_days = _integer("days of a rolling cycle", 2, 31, load_default=7)
    daily = fields.List(
        _text("prize of this cycle day, empty for none", 64, 0),
        load_default=list,
        validate=validate.Length(max=366),
        metadata={"description": "prize of cycle day 1, 2, ...; after its end the last one goes on"},
    )
    milestones = fields.List(
        fields.Nested(MilestoneSchema),
        load_default=list,
        validate=validate.Length(max=12),
        metadata={"description": "rewards for consecutive days, once per cycle or streak"},
    )
    make_up = fields.Nested(
        MakeUpSchema,
        load_default=lambda: MakeUpSchema().load({}),
        metadata={"description": "making up missed days"},
    )

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        days = [each["days"] for each in data["milestones"]]
        if len(days) != len(set(days)):
            raise ValidationError("two milestones need the same number of days", field_name="milestones")
        length = data["cycle_days"]
        if data["mode"] == "rolling" and days and max(days) > length:
            raise ValidationError(
                f"a milestone of {max(days)} days lies beyond a rolling cycle of {length}; "
                "make the cycle longer, or choose monthly or endless",
                field_name="milestones",
            )
        if data["mode"] == "monthly" and days and max(days) > 31:
            raise ValidationError("no month has more than 31 days", field_name="milestones")
        if data["mode"] == "rolling" and len(data["daily"]) > length:
            raise ValidationError(f"a rolling cycle of {length} days has {length} daily prizes", field_name="daily")


class SourceSchema(Strict):
    """A source of water."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z][a-z0-9-]{0,31}\Z", error="write it as a word of a-z, 0-9 and -"),
        metadata={"description": "unique name"},
    )
    kind = fields.String(
        required=True,
        validate=validate.OneOf(("daily", "browse", "answer", "order")),
        metadata={
            "description": "daily: come and take it; browse: stay on a page; answer: a question; order: a paid order"
        },
    )
    title = _text("what the person reads", required=True)
    amount = _integer("drops of water", 1, 100_000, required=True)
    per_day = _integer("times a day", 1, 100, load_default=1)
    cooldown_minutes = _integer("minutes between two times", 0, 24 * 60, load_default=0)
    seconds = _integer("browse: how long to stay", 1, 600)
    text = _text("browse: what there is to read", 2_000)
    question = _text("answer: the question", 200)
    choices = fields.List(
        _text("a choice", 100),
        validate=validate.Length(2, 6),
        metadata={"description": "answer: the choices"},
    )
    right = _integer("answer: which choice is right, counted from 1", 1, 6)

    @validates_schema
    def _fits_its_kind(self, data: dict[str, Any], **_: Any) -> None:
        needs = {"browse": ("seconds", "text"), "answer": ("question", "choices", "right")}
        for kind, names in needs.items():
            for name in names:
                if data["kind"] == kind and name not in data:
                    raise ValidationError(f"a {kind} source needs it", field_name=name)
                if data["kind"] != kind and name in data:
                    raise ValidationError(f"belongs to {kind} sources", field_name=name)
        if data["kind"] == "answer" and data["right"] > len(data["choices"]):
            raise ValidationError(f"there are {len(data['choices'])} choices", field_name="right")


class IdleSchema(Strict):
    """Water that gathers by itself."""

    per_hour = _integer("drops an hour", 1, 10_000, required=True)
    cap = _integer("the most that gathers before it is collected", 1, 100_000, required=True)


class DecaySchema(Strict):
    """Withering of a plant nobody cares for; never below the stage it has reached."""

    after_days = _integer("days without care before it begins", 1, 365, load_default=3)
    per_day = _integer("growth lost a day from then on", 1, 100_000, required=True)


class NurtureSettings(Strict):
    """A nurture game (养成)."""

    plant = _text("what grows, as people read it", 40, load_default="")
    stages = fields.List(
        _integer("growth at which a stage begins", 1, LARGEST),
        load_default=lambda: [100, 300, 700, 1_500, 3_000],
        validate=validate.Length(2, 10),
        metadata={"description": "growth at which the stages begin, rising; the last one finishes the plant"},
    )
    pour = _integer("drops poured at once", 1, 100_000, load_default=10)
    sources = fields.List(
        fields.Nested(SourceSchema),
        required=True,
        validate=validate.Length(1, MOST_SOURCES),
        metadata={"description": "where water comes from"},
    )
    idle = fields.Nested(IdleSchema, load_default=None, allow_none=True, metadata={"description": "water by itself"})
    decay = fields.Nested(DecaySchema, load_default=None, allow_none=True, metadata={"description": "withering"})
    prize = _prize("what a finished plant is worth", required=True)
    keep_days = _integer("days for which the prize is set aside at the last stage", 1, 90, load_default=14)

    @validates("stages")
    def _rise(self, stages: list[int], **_: Any) -> None:
        if stages != sorted(set(stages)):
            raise ValidationError("each stage must begin above the one before it")

    @validates_schema
    def _sources_have_names_of_their_own(self, data: dict[str, Any], **_: Any) -> None:
        codes = [source["code"] for source in data["sources"]]
        if len(codes) != len(set(codes)):
            raise ValidationError("two sources have the same code", field_name="sources")
