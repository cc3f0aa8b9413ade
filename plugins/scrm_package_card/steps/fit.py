"""The fit report (选品要求): how well product, brand and hook suit a card, factor by factor.

Practice names the factors and their direction, not their weights: high order
value, high repurchase and loyalty speak for a card; brand strength counts
inversely, since a strong brand sells through public advertising while a weaker
one gets more out of its private domain; more margin leaves more room for the
hook; the kinds of hook are ranked. The points are the framework's proposal,
0 to 5 each, and every factor says what it adds and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, execute, transactional

from . import wording
from .catalogue import HOOKS
from .policy import WHOLE, MarginCheck, hook_of, percent
from .records import By, Records, State

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_POINTS = 5
LEVELS = 5
"""Loyalty and brand strength are judged by people, from 1 to this."""

PRICE_BREAK = 7_000
"""A margin of this share of the price (hundredths of a percent) may allow a price break (破价)."""

# (least value, points), the highest first.
_ORDER_VALUE = ((20, 5), (10, 4), (5, 3), (3, 2), (1, 1))
_REPURCHASE = ((5_000, 5), (4_000, 4), (3_000, 3), (2_000, 2), (1_000, 1))
_MARGIN = ((PRICE_BREAK, 5), (6_000, 4), (5_000, 3), (4_000, 2), (2_500, 1))
_HOOK_POINTS = dict(zip(HOOKS, (5, 4, 2, 1), strict=True))


@dataclass(frozen=True, slots=True)
class FitIn:
    """What people know of product and brand; what is left out comes from the orders, or is unknown.

    ``order_value_minor`` is an average order in minor units, ``repurchase`` the
    share of buyers who buy again in hundredths of a percent; ``loyalty`` and
    ``brand_strength`` are judged from 1 to 5.
    """

    order_value_minor: int | None = None
    repurchase: int | None = None
    loyalty: int | None = None
    brand_strength: int | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: its value in words, what it adds of at most 5 points, and why; unknown adds None."""

    name: str
    title: str
    value: str
    points: int | None
    why: str


@dataclass(frozen=True, slots=True)
class FitReport:
    """The factors and their sum; ``most`` counts only the factors that are known."""

    points: int
    most: int
    factors: tuple[Factor, ...]


class Fit:
    """The fit of one brand's campaigns; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, records: Records) -> None:
        self.brand = brand
        self.records = records

    @transactional
    def set_facts(self, code: str, facts: FitIn, by: By) -> None:
        """Store what people know of product and brand, in place of what was stored before."""
        given: dict[str, int] = {}
        for field, least, most in (
            ("order_value_minor", 0, 2**53),
            ("repurchase", 0, WHOLE),
            ("loyalty", 1, LEVELS),
            ("brand_strength", 1, LEVELS),
        ):
            value = getattr(facts, field)
            if value is not None:
                given[field] = wording.whole(value, field, least=least, most=most)
        plan = self.records.hold(code)
        self.records.expect_open(plan, "policy")
        if self.records.put(plan, "policy", "fit", given):
            self.records.log(plan, by, "fit", given)

    def report(self, code: str) -> FitReport:
        """The fit report of a campaign; raises Conflict (code ``missing``) before its hook is settled."""
        return self.report_of(self.records.state(self.records.plan(code)))

    def report_of(self, state: State) -> FitReport:
        """Like :meth:`report`, of a state that was read already."""
        plan = state.plan
        hook = hook_of(state)
        if hook is None:
            raise Conflict(
                f"campaign {plan.code!r} has no hook product yet; the fit of a card depends on it", code="missing"
            )
        facts = FitIn(**state.items.get(("fit", ""), {}))
        orders, value, repurchase = self._orders(plan.source)
        factors = (
            _order_value(facts.order_value_minor, value, orders, hook),
            _repurchase(facts.repurchase, repurchase, orders),
            _loyalty(facts.loyalty),
            _brand_strength(facts.brand_strength),
            _margin(hook),
            _hook(hook),
        )
        known = [factor.points for factor in factors if factor.points is not None]
        return FitReport(sum(known), MOST_POINTS * len(known), factors)

    @staticmethod
    def _orders(source: str) -> tuple[int, int | None, int | None]:
        """Of the source's valid orders: how many, their average net value, and the share of buyers with two or more."""
        count, net = execute(
            "SELECT count(*), coalesce(sum(paid_minor - refund_minor), 0) FROM orders WHERE source = ? AND valid = 1",
            (source,),
        ).fetchone()
        buyers, again = execute(
            "SELECT count(*), coalesce(sum(CASE WHEN n >= 2 THEN 1 ELSE 0 END), 0) FROM (SELECT count(*) AS n "
            "FROM orders WHERE source = ? AND valid = 1 AND contact_id IS NOT NULL GROUP BY contact_id) AS b",
            (source,),
        ).fetchone()
        return count, int(net) // count if count else None, int(again) * WHOLE // buyers if buyers else None


def _points(value: int, scale: Sequence[tuple[int, int]]) -> int:
    return next((points for least, points in scale if value >= least), 0)


def _known(given: int | None, found: int | None, orders: int) -> tuple[int | None, str]:
    if given is not None:
        return given, "as entered"
    return found, f"from {orders:,} valid orders" if found is not None else ""


def _unknown(name: str, title: str, how: str) -> Factor:
    return Factor(name, title, "unknown", None, f"it neither adds nor takes points; {how}")


def _order_value(given: int | None, found: int | None, orders: int, hook: MarginCheck) -> Factor:
    name, title = "order_value", "order value 客单价"
    value, origin = _known(given, found, orders)
    if value is None:
        return _unknown(name, title, "enter it or import orders of the campaign's source")
    times = value // hook.hook_minor if hook.hook_minor else _ORDER_VALUE[0][0]
    pays = f"one order is worth {times:,} hooks" if hook.hook_minor else "the hook costs nothing"
    return Factor(
        name,
        title,
        f"{value:,} minor units, {origin}",
        _points(times, _ORDER_VALUE),
        f"{pays}; the more an order is worth, the more a won buyer brings back (5 points from 20 hooks an order)",
    )


def _repurchase(given: int | None, found: int | None, orders: int) -> Factor:
    name, title = "repurchase", "repurchase 复购率"
    value, origin = _known(given, found, orders)
    if value is None:
        return _unknown(name, title, "enter it or import orders with known buyers")
    return Factor(
        name,
        title,
        f"{percent(value)}, {origin}",
        _points(value, _REPURCHASE),
        "buyers who come back by themselves repay a contact again and again (5 points from 50 %)",
    )


def _loyalty(level: int | None) -> Factor:
    name, title = "loyalty", "loyalty 忠诚度"
    if level is None:
        return _unknown(name, title, f"judge it from 1 (none) to {LEVELS} (devoted)")
    return Factor(name, title, f"{level} of {LEVELS}", level, "loyal buyers stay in the private domain once in it")


def _brand_strength(level: int | None) -> Factor:
    name, title = "brand_strength", "brand strength 品牌力"
    if level is None:
        return _unknown(name, title, f"judge it from 1 (unknown brand) to {LEVELS} (household name)")
    why = "counts inversely: a strong brand does better with public advertising, a weaker one with its private domain"
    return Factor(name, title, f"{level} of {LEVELS}", LEVELS + 1 - level, why)


def _margin(hook: MarginCheck) -> Factor:
    share = hook.margin_minor * WHOLE // hook.price_minor
    why = "more margin leaves more room for the hook"
    if share >= PRICE_BREAK:
        why += "; one this high may allow a price break (破价)"
    return Factor("margin", "margin 毛利率", f"{percent(share)} of the price", _points(share, _MARGIN), why)


def _hook(hook: MarginCheck) -> Factor:
    ranking = " > ".join(HOOKS.values())
    return Factor(
        "hook",
        "hook 钩子",
        f"{HOOKS[hook.kind]}, rank {len(HOOKS) + 1 - hook.rank} of {len(HOOKS)}",
        _HOOK_POINTS[hook.kind],
        f"attraction is ranked {ranking}",
    )


def fit_view(report: FitReport) -> dict[str, Any]:
    """A fit report as JSON."""
    return {
        "points": report.points,
        "most": report.most,
        "factors": [
            {"name": f.name, "title": f.title, "value": f.value, "points": f.points, "why": f.why}
            for f in report.factors
        ],
    }
