"""What the counters' redemptions look like clerk by clerk: who stands out, for a person to look at (核销风控).

A figure here proves nothing: a busy shop is busy. So nobody is refused anything
by it, and a clerk is compared with the other clerks of the same days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, Invalid, ReportTable, execute, fetch_in

from ..batches.service import Batches

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAYS = 30
MOST_DAYS = 366
QUICK_MS = 60_000
MUCH_TIMES = 3
"""Redemptions per day at work, times those of the other clerks' median, from which on a clerk stands out."""
MUCH_LEAST = 10
"""Fewer redemptions than these are never much."""
OFTEN = 3
"""Redemptions of one customer on one day by one clerk from which on they stand out."""

COLUMNS = (
    Column("clerk", "Clerk 店员"),
    Column("name", "Name 姓名"),
    Column("redemptions", "Redemptions 核销数", "count"),
    Column("undone", "Undone since 已撤销", "count"),
    Column("days", "Days at work 核销天数", "count"),
    Column("per_day", "Per day 日均"),
    Column("others_per_day", "Others per day, median 其他店员日均中位数"),
    Column("customers", "Customers 顾客数", "count"),
    Column("most_of_one", "Most of one customer in a day 同一顾客单日最多", "count"),
    Column("quick", "Within a minute of the claim 领后一分钟内", "count"),
    Column("exact", "Exactly at the threshold 恰好达门槛", "count"),
    Column("discount_minor", "Discount 优惠金额", "money"),
    Column("look", "Look at 关注"),
)

_BY_CLERK = """
SELECT k.code, k.name, k.id, sum(d.n), count(DISTINCT d.day), count(DISTINCT d.person), max(d.n), sum(d.quick),
sum(d.discount)
FROM (SELECT r.clerk_id, r.day, coalesce(r.contact_id, -r.coupon_id) AS person, count(*) AS n,
      sum(CASE WHEN r.at - c.claimed_at < ? THEN 1 ELSE 0 END) AS quick, sum(r.discount_minor) AS discount
      FROM coupon_threshold_redemption r JOIN coupon_threshold_coupon c ON c.id = r.coupon_id
      WHERE r.clerk_id IS NOT NULL AND r.reverses_id IS NULL AND r.day BETWEEN ? AND ?
      GROUP BY r.clerk_id, r.day, coalesce(r.contact_id, -r.coupon_id)) d
JOIN coupon_threshold_clerk k ON k.id = d.clerk_id GROUP BY k.id, k.code, k.name ORDER BY k.code
"""
_UNDONE = (
    "SELECT r.clerk_id, count(*) FROM coupon_threshold_redemption r "
    "JOIN coupon_threshold_redemption x ON x.reverses_id = r.id "
    "WHERE r.clerk_id IS NOT NULL AND r.day BETWEEN ? AND ? GROUP BY r.clerk_id"
)


@dataclass(frozen=True, slots=True)
class _Clerk:
    code: str
    name: str
    id: int
    redemptions: int
    days: int
    customers: int
    most_of_one: int
    quick: int
    discount_minor: int

    @property
    def per_day(self) -> float:
        return self.redemptions / self.days


def counter_report(brand: Brand, days: int = DAYS) -> ReportTable:
    """One row per clerk who redeemed on one of the last ``days`` days of the brand, today included, by code.

    ``look`` names what stands out: ``much`` (at least ten, and three times the
    other clerks' median per day at work) and ``same customer`` (three or more of
    one customer on one day). Raises Invalid for days out of range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"days: 1 to {MOST_DAYS}", field="days")
    today = brand.day(brand.now())
    between = (today - days + 1, today)
    clerks = [_Clerk(row[0], row[1], *map(int, row[2:])) for row in execute(_BY_CLERK, (QUICK_MS, *between)).fetchall()]
    undone = dict(execute(_UNDONE, between).fetchall())
    exact = _exact(brand, between)
    return ReportTable(COLUMNS, [_row(clerk, clerks, undone, exact) for clerk in clerks])


def _row(clerk: _Clerk, clerks: list[_Clerk], undone: dict[int, int], exact: dict[int, int]) -> dict[str, Any]:
    others = [other.per_day for other in clerks if other.id != clerk.id]
    usual = median(others) if others else None
    return {
        "clerk": clerk.code,
        "name": clerk.name,
        "redemptions": clerk.redemptions,
        "undone": int(undone.get(clerk.id, 0)),
        "days": clerk.days,
        "per_day": round(clerk.per_day, 2),
        "others_per_day": None if usual is None else round(usual, 2),
        "customers": clerk.customers,
        "most_of_one": clerk.most_of_one,
        "quick": clerk.quick,
        "exact": exact.get(clerk.id, 0),
        "discount_minor": clerk.discount_minor,
        "look": ", ".join(_looks(clerk, usual)),
    }


def _looks(clerk: _Clerk, usual: float | None) -> Iterator[str]:
    if usual is not None and clerk.redemptions >= MUCH_LEAST and clerk.per_day >= MUCH_TIMES * usual:
        yield "much"
    if clerk.most_of_one >= OFTEN:
        yield "same customer"


def _exact(brand: Brand, between: tuple[int, int]) -> dict[int, int]:
    """Redemptions per clerk on a ticket of exactly what the coupon asks for, to the cent."""
    used = execute(
        "SELECT DISTINCT batch_id FROM coupon_threshold_redemption WHERE clerk_id IS NOT NULL AND day BETWEEN ? AND ?",
        between,
    ).fetchall()
    batches = Batches(brand)
    counts: dict[int, int] = {}
    for (batch_id,) in used:
        rule = batches.by_id(batch_id).rule
        least = [step.get("min_minor", 0) for step in (rule, *rule.get("steps", ()))]
        rows = fetch_in(
            "SELECT clerk_id, count(*) FROM coupon_threshold_redemption WHERE batch_id = ? AND clerk_id IS NOT NULL "
            "AND reverses_id IS NULL AND day BETWEEN ? AND ? AND amount_minor IN ({in}) GROUP BY clerk_id",
            [amount for amount in least if amount],
            (batch_id, *between),
        )
        for clerk_id, count in rows:
            counts[clerk_id] = counts.get(clerk_id, 0) + int(count)
    return counts
