"""A batch's rule, scope and stacking as the rules read them, and what one coupon can cost at most."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from scrm_core.api import Invalid, load_body

from ..rules import BASES, STEPS, Rule, read_rule, read_scope
from ..rules.kinds import Cash, Ladder, Percent, Repeat, Shipping, Threshold
from ..rules.units import GiftRule
from ..schemas import Strict, text


class StackingSchema(Strict):
    """How a coupon goes together with other discounts (叠加/互斥); without ``step`` the rule's usual one."""

    step = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(STEPS))
    group = text(0, 40, load_default="")
    exclusive = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    basis = fields.String(load_default="after_item", validate=validate.OneOf(BASES))
    payer = text(1, 40, load_default="shop")


def rule_of(value: Any) -> Rule:
    """The rule of a batch; raises Invalid naming the field, below ``rule``."""
    return read_rule(value, "rule")


def scope_of(value: Any) -> dict[str, Any]:
    """A scope as it is stored; raises Invalid naming the field, below ``scope``."""
    return read_scope(value).as_dict()


def stacking_of(value: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """Columns of the batch table from its ``stacking``; raises Invalid naming the field, below ``stacking``."""
    try:
        body = load_body(StackingSchema(), value)
    except Invalid as exc:
        field = f"stacking.{exc.field}" if exc.field else "stacking"
        raise Invalid(f"stacking.{exc}", field=field) from None
    return {
        "step": body["step"] or rule.step,
        "stack_group": body["group"],
        "exclusive": int(body["exclusive"]),
        "basis": body["basis"],
        "payer": body["payer"],
    }


def most_discount(rule: Rule) -> int | None:
    """The most that one coupon of a rule takes off, in minor units; None where only the cart decides."""
    match rule:
        case Cash() | Threshold():
            return rule.off_minor
        case Ladder():
            return rule.steps[-1][1]
        case Repeat():
            return None if rule.max_times is None else rule.max_times * rule.off_minor
        case Percent() | Shipping():
            return rule.cap_minor
        case GiftRule():
            return 0
    return None
