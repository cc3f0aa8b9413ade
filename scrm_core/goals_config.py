"""``[goals]`` of a brand file: what a calendar month is to bring, in all and by channel; and what members need.

Rules G3 to G5 of the field: one binding goal, worked back from members to contacts, and a plan by channel that sums
exactly to it. Whole numbers and exact fractions, never a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from .config_fields import number, text
from .errors import Invalid

CLASSES = ("stable", "test", "paid")
"""Classes of channels in a plan: proven and cheap ones, those being tried, those that cost."""

CORE_GOALS = ("contacts", "members", "orders", "revenue_minor")
"""Figures that the core counts itself: what is new in the month; revenue is net, in minor units."""

_MOST = 10**15


def _goal(description: str) -> fields.Integer:
    return number(f"{description} in a calendar month; 0: no goal", 0, 0, _MOST)


class ChannelGoalTable(Schema):
    """``[goals.channels.CODE]``."""

    class Meta:
        unknown = RAISE

    contacts = fields.Integer(
        strict=True,
        required=True,
        validate=validate.Range(0, _MOST),
        metadata={"description": "new contacts that this channel is to bring in a month"},
    )
    kind = text(
        "stable: proven and cheap; test: being tried; paid: costs by the contact",
        "stable",
        data_key="class",
        validate=validate.OneOf(CLASSES),
    )


class GoalsTable(Schema):
    """``[goals]``."""

    class Meta:
        unknown = RAISE

    contacts = _goal("new contacts")
    members = _goal("new members")
    orders = _goal("valid orders")
    revenue_minor = _goal("net revenue in minor units")
    join_rate = text("share of new contacts who become members, such as 0.40: says how many contacts members need", "")
    metrics = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(strict=True, validate=validate.Range(0, _MOST)),
        load_default=dict,
        metadata={"description": 'goals of plugins\' metrics, such as {"referral.qualified" = 500}'},
    )
    channels = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ChannelGoalTable),
        load_default=dict,
        metadata={"description": "[goals.channels.CODE]: the plan by channel, which sums exactly to `contacts`"},
    )


@dataclass(frozen=True, slots=True)
class ChannelGoal:
    """A line of the plan by channel; ``kind`` is stable, test or paid."""

    code: str
    contacts: int
    kind: str


@dataclass(frozen=True, slots=True)
class GoalsConfig:
    """``[goals]``: ``monthly`` by metric without those of 0; ``plugin.metric`` for a plugin's."""

    monthly: Mapping[str, int] = field(default_factory=dict)
    channels: tuple[ChannelGoal, ...] = ()
    join_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NorthStar:
    """How many contacts both goals need, and which of the two binds: contacts or members."""

    required: int
    binding: str


def contacts_needed(contacts: int, members: int, join_rate: Decimal) -> NorthStar:
    """Work back from members to contacts (rule G4): 20,000 and 10,000 at 40 % need 25,000, and members bind.

    Rounded up. Raises Invalid unless ``join_rate`` is above 0 and at most 1, and both goals are whole and not negative.
    """
    if not join_rate.is_finite() or not 0 < join_rate <= 1:
        raise Invalid(f"the share who join must lie above 0 and be at most 1, not {join_rate}", field="rate")
    if min(contacts, members) < 0:
        raise Invalid("a goal is not negative", field="contacts" if contacts < 0 else "members")
    share = Fraction(join_rate)
    needed = -(-members * share.denominator // share.numerator)
    return NorthStar(needed, "members") if needed > contacts else NorthStar(contacts, "contacts")


def goals_of(table: Mapping[str, Any]) -> tuple[GoalsConfig, list[str]]:
    """The loaded table as a value, and what is wrong with it, a line each."""
    problems, rate = [], None
    if table["join_rate"]:
        try:
            rate = Decimal(table["join_rate"])
            contacts_needed(0, 0, rate)
        except (InvalidOperation, Invalid):
            found = table["join_rate"]
            problems.append(f'[goals] join_rate: found {found!r}; must be above 0 and at most 1, such as "0.40"')
            rate = None
    channels = tuple(ChannelGoal(code, line["contacts"], line["kind"]) for code, line in table["channels"].items())
    planned = sum(each.contacts for each in channels)
    if channels and planned != table["contacts"]:
        by = f"{abs(planned - table['contacts']):,} {'over' if planned > table['contacts'] else 'under'}"
        problems.append(
            f"[goals.channels]: sum to {planned:,}, which is {by} [goals] contacts ({table['contacts']:,}); "
            "both must be equal"
        )
    for name in table["metrics"]:
        if not all(name.partition(".")):
            problems.append(f'[goals.metrics] {name}: must be "plugin.metric", such as "referral.qualified"')
    monthly = {name: table[name] for name in CORE_GOALS if table[name]}
    monthly |= {name: value for name, value in table["metrics"].items() if value}
    return GoalsConfig(monthly, channels, rate), problems
