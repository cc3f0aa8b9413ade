"""The rules as the brand writes them in its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates, validates_schema

EVENTS = ("order", "lead", "refund", "visit")

# Which conditions an event can be asked for; a condition on another event never holds and is refused.
CONDITIONS = {
    "order": ("source", "platform", "sku_prefix", "min_paid_minor"),
    "lead": ("source", "channel", "link"),
    "refund": ("source", "min_amount_minor", "full"),
    "visit": ("channel", "variant", "campaign"),
}
MOST_RULES = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule: when an ``event`` meets all conditions, its contact gets the tag ``group``/``tag``."""

    name: str
    event: str
    group: str
    tag: str
    plan: str
    conditions: tuple[tuple[str, Any], ...]


def _text(description: str, **kwargs: Any) -> fields.String:
    def printable(value: str) -> None:
        if not value.isprintable():
            raise ValidationError("control characters are not allowed")

    return fields.String(
        validate=[validate.Length(1, 100), printable], metadata={"description": description}, **kwargs
    )


def _amount(description: str) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(0, 2**53), metadata={"description": f"{description}, in minor units"}
    )


class RuleSchema(Schema):
    """One ``[[plugins.tag-rules.rules]]`` table."""

    class Meta:
        unknown = RAISE

    name = _text("unique name; what a rule has done is remembered under it", required=True)
    event = fields.String(
        required=True, validate=validate.OneOf(EVENTS), metadata={"description": "order, lead, refund or visit"}
    )
    group = _text("tag group", required=True)
    tag = _text("tag", required=True)
    plan = _text("the operating plan that the tag serves; a tag without one is waste", required=True)
    source = _text("order, refund: source of the order; lead: source of the lead")
    platform = _text("order: selling platform")
    sku_prefix = _text("order: a line that is no gift has a SKU with this beginning")
    min_paid_minor = _amount("order: paid at least this")
    channel = _text("lead, visit: code of the channel")
    link = _text("lead: code of the short link")
    min_amount_minor = _amount("refund: at least this")
    full = fields.Boolean(
        truthy={True}, falsy={False}, metadata={"description": "refund: everything went back (true) or not (false)"}
    )
    variant = _text("visit: variant of the link")
    campaign = _text("visit: campaign of the link")

    @validates_schema
    def _conditions_fit(self, data: dict[str, Any], **_: Any) -> None:
        allowed = CONDITIONS[data["event"]]
        for name in data:
            if name not in allowed and name not in ("name", "event", "group", "tag", "plan"):
                raise ValidationError(
                    f"does not apply to {data['event']!r} events; these have {', '.join(allowed)}", field_name=name
                )


class Settings(Schema):
    """``[plugins.tag-rules]``."""

    class Meta:
        unknown = RAISE

    rules = fields.List(
        fields.Nested(RuleSchema),
        load_default=list,
        validate=validate.Length(max=MOST_RULES),
        metadata={"description": "the rules, each a [[plugins.tag-rules.rules]] table"},
    )

    @validates("rules")
    def _names_are_unique(self, rules: list[dict[str, Any]], **_: Any) -> None:
        seen: set[str] = set()
        for rule in rules:
            if rule["name"] in seen:
                raise ValidationError(f"two rules are called {rule['name']!r}; names are unique")
            seen.add(rule["name"])


def rules_of(settings: dict[str, Any]) -> tuple[Rule, ...]:
    """The rules of loaded settings, in the order of the file."""
    return tuple(
        Rule(
            rule["name"],
            rule["event"],
            rule["group"],
            rule["tag"],
            rule["plan"],
            tuple((name, rule[name]) for name in CONDITIONS[rule["event"]] if name in rule),
        )
        for rule in settings["rules"]
    )
