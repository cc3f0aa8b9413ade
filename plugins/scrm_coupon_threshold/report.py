"""Figures of coupons: claim rate 领取率, redemption rate 核销率, discount rate, and what a claim gate changes.

The redemption rate is used / claimed. It is final only for coupons whose
validity is over, because the others may still be used; so both are counted
apart and never mixed. A coupon that a refund gave back counts as returned, not
as used; when it is used again it counts as used once, for the day of its first
claim. Void coupons count nowhere. What cannot be divided is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Column,
    Invalid,
    MetricsQuery,
    MetricValue,
    NotFound,
    OrderEffect,
    ReportTable,
    ShareTest,
    compare_arms,
    day_start,
    execute,
)

from .models import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

GATED, UNGATED = "gated", "ungated"
EVER = (0, 4_000_000)
MOST_EXPIRING_DAYS = 366

COLUMNS = (
    Column("batch", "Batch 券批次"),
    Column("title", "Title 名称"),
    Column("state", "State 状态"),
    Column("gate", "Claim gate 领取门槛", "count"),
    Column("exposed", "Exposed persons 曝光人数", "count"),
    Column("claimed", "Claimed 领券数", "count"),
    Column("persons", "Persons 领券人数", "count"),
    Column("claim_rate", "Claim rate 领取率", "rate"),
    Column("used", "Used 核销数", "count"),
    Column("returned", "Returned 退回", "count"),
    Column("expired", "Expired 过期", "count"),
    Column("ended", "Claimed, validity over 已到期领券数", "count"),
    Column("ended_used", "Used of these 其中核销", "count"),
    Column("rate", "Redemption rate 核销率", "rate"),
    Column("person_rate", "By person 核销率(人)", "rate"),
    Column("open", "Claimed, still valid 未到期领券数", "count"),
    Column("open_used", "Used of these so far 其中核销", "count"),
    Column("open_rate", "So far 暂时核销率", "rate"),
    Column("goods_minor", "Goods before discount 优惠前金额", "money"),
    Column("discount_minor", "Discount 优惠金额", "money"),
    Column("discount_rate", "Discount rate 优惠率", "rate"),
    Column("items_per_order", "Items per order 连带"),
)

# A right is a claim with everything that refunds gave back of it: it is used when any of these coupons stays redeemed.
_RIGHTS = """
WITH RECURSIVE live (coupon_id) AS (
  SELECT r.coupon_id FROM coupon_threshold_redemption r
  LEFT JOIN coupon_threshold_redemption x ON x.reverses_id = r.id WHERE r.reverses_id IS NULL AND x.id IS NULL
), back (id, origin) AS (
  SELECT id, returns_id FROM coupon_threshold_coupon WHERE returns_id IS NOT NULL
  UNION ALL
  SELECT back.id, c.returns_id FROM back JOIN coupon_threshold_coupon c ON c.id = back.origin
  WHERE c.returns_id IS NOT NULL
), hit (id) AS (
  SELECT coupon_id FROM live UNION SELECT back.origin FROM back JOIN live ON live.coupon_id = back.id
), held (batch_id, gated, ended, person, used, expired) AS (
  SELECT c.batch_id, c.gated, CASE WHEN c.valid_to <= ? THEN 1 ELSE 0 END, coalesce(c.contact_id, -c.id),
  CASE WHEN h.id IS NULL THEN 0 ELSE 1 END, CASE WHEN c.state = 'expired' THEN 1 ELSE 0 END
  FROM coupon_threshold_coupon c LEFT JOIN hit h ON h.id = c.id
  WHERE c.returns_id IS NULL AND c.state <> 'void' AND c.day BETWEEN ? AND ?
)
"""
_COUNTS = (
    "count(*), count(DISTINCT person), coalesce(sum(used), 0), "
    "count(DISTINCT CASE WHEN used = 1 THEN person END), coalesce(sum(expired), 0)"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Coupons claimed, their persons, coupons used, persons who used one, coupons expired."""

    claimed: int = 0
    persons: int = 0
    used: int = 0
    users: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class GateComparison:
    """Redemption of gated against ungated coupons, by persons, of coupons whose validity is over.

    People chose what they claimed: a difference shows who comes through a gate, not what the gate does
    to one and the same person.
    """

    gated: Counts
    ungated: Counts
    test: ShareTest
    minimum: int


def coupon_report(brand: Brand, *, batch: str | None = None, days: tuple[int, int] = EVER) -> ReportTable:
    """One row per batch, oldest first; of coupons claimed on the brand-local days [first, last].

    Exposure and money are not cut by the days of claims: links are seen and
    orders paid on other days. Raises NotFound for an unknown batch.
    """
    where, values = ("", ()) if batch is None else ("WHERE code = ? ", (batch,))
    batches = execute(
        f"SELECT id, code, title, state, CASE WHEN gate IS NULL THEN 0 ELSE 1 END FROM coupon_threshold_batch {where}"
        "ORDER BY id",
        values,
    ).fetchall()
    if batch is not None and not batches:
        raise NotFound(f"no coupon batch {batch[:60]!r}")
    figures = _Figures(brand.now(), days)
    return ReportTable(COLUMNS, [figures.row(*each) for each in batches])


def gate_comparison(
    brand: Brand, minimum: int, *, batches: tuple[str, ...] = (), days: tuple[int, int] = EVER
) -> GateComparison:
    """Compare gated with ungated coupons, of some batches or all; no winner below ``minimum`` persons a side."""
    marks = ", ".join("?" * len(batches))
    where = f" AND batch_id IN (SELECT id FROM coupon_threshold_batch WHERE code IN ({marks}))" if batches else ""
    rows = execute(
        f"{_RIGHTS}SELECT gated, {_COUNTS} FROM held WHERE ended = 1{where} GROUP BY gated",
        (brand.now(), *days, *batches),
    ).fetchall()
    counts = {row[0]: _counts(row[1:]) for row in rows}
    gated, ungated = counts.get(1, Counts()), counts.get(0, Counts())
    arms = [(UNGATED, ungated.persons, ungated.users), (GATED, gated.persons, gated.users)]
    return GateComparison(gated, ungated, compare_arms(arms, minimum), minimum)


def comparison_view(compared: GateComparison) -> dict[str, Any]:
    """A comparison as JSON: shares, 95 % interval of the difference, P value, verdict."""
    arms = []
    for arm, counts in zip(compared.test.arms, (compared.ungated, compared.gated), strict=True):
        against = arm.against_control
        arms.append(
            {
                "arm": arm.arm,
                "coupons": counts.claimed,
                "coupons_used": counts.used,
                "coupon_rate": share(counts.used, counts.claimed),
                "persons": arm.base,
                "persons_used": arm.hits,
                "rate": arm.share,
                "interval": None if arm.interval is None else [arm.interval.low, arm.interval.high],
                "difference": None if against is None else against.difference,
                "difference_interval": None if against is None else [against.interval.low, against.interval.high],
                "p_value": None if against is None else against.p_value,
            }
        )
    test = compared.test
    return {"arms": arms, "verdict": test.verdict, "winner": test.winner, "minimum": compared.minimum}


def order_effects(order_id: int) -> list[OrderEffect]:
    """The coupons that an order used, with the discount of each, and those that were given back."""
    rows = execute(
        "SELECT r.at, b.title, r.discount_minor, r.reason, r.reverses_id FROM orders o "
        "JOIN coupon_threshold_redemption r ON r.source = o.source AND r.order_number = o.number "
        "JOIN coupon_threshold_batch b ON b.id = r.batch_id WHERE o.id = ? ORDER BY r.id",
        (order_id,),
    ).fetchall()
    return [
        OrderEffect(
            at, "Coupon used 用券" if origin is None else "Coupon given back 退券", discount, "money",
            f"{title} {reason}".strip(),
        )
        for at, title, discount, reason, origin in rows
    ]  # fmt: skip


def coupon_metrics(query: MetricsQuery) -> Iterator[MetricValue]:
    """Per day and batch: claimed by the day of the claim, redeemed and discount net of what was taken back, expired."""
    between = (query.first_day, query.last_day)
    claimed = execute(
        "SELECT c.day, b.code, count(*), coalesce(sum(CASE WHEN c.state = 'expired' THEN 1 ELSE 0 END), 0) "
        "FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
        "WHERE c.returns_id IS NULL AND c.state <> 'void' AND c.day BETWEEN ? AND ? GROUP BY c.day, b.code",
        between,
    ).fetchall()
    for day, code, count, expired in claimed:
        yield MetricValue("claimed", day, int(count), code)
        if expired:
            yield MetricValue("expired", day, int(expired), code)
    redeemed = execute(
        "SELECT r.day, b.code, sum(CASE WHEN r.reverses_id IS NULL THEN 1 ELSE -1 END), sum(r.discount_minor) "
        "FROM coupon_threshold_redemption r JOIN coupon_threshold_batch b ON b.id = r.batch_id "
        "WHERE r.day BETWEEN ? AND ? GROUP BY r.day, b.code",
        between,
    ).fetchall()
    for day, code, count, discount in redeemed:
        yield MetricValue("redeemed", day, int(count), code)
        yield MetricValue("discount", day, int(discount), code)


def expiring(brand: Brand, days: int) -> list[dict[str, Any]]:
    """Claimed coupons by batch and the brand-local day (ISO) that is their last, from today on for ``days`` days."""
    if not 1 <= days <= MOST_EXPIRING_DAYS:
        raise Invalid(f"days: 1 to {MOST_EXPIRING_DAYS}", field="days")
    now = brand.now()
    end = day_start(brand.day(now) + days, brand.zone)
    # Quarters of an hour: every zone's midnight is the end of one.
    rows = execute(
        "SELECT b.code, b.title, (c.valid_to - 1) / 900000, count(*) FROM coupon_threshold_coupon c "
        "JOIN coupon_threshold_batch b ON b.id = c.batch_id WHERE c.state = 'claimed' AND c.valid_to > ? "
        "AND c.valid_to <= ? GROUP BY b.code, b.title, (c.valid_to - 1) / 900000",
        (now, end),
    ).fetchall()
    counts: dict[tuple[int, str, str], int] = {}
    for code, title, quarter, count in rows:
        key = (brand.day(quarter * 900_000), code, title)
        counts[key] = counts.get(key, 0) + int(count)
    return [
        {"day": date.fromordinal(day).isoformat(), "batch": code, "title": title, "coupons": count}
        for (day, code, title), count in sorted(counts.items())
    ]


class _Figures:
    """All figures of all batches, read with a few statements."""

    def __init__(self, now: int, days: tuple[int, int]) -> None:
        self.totals = _by_key("batch_id", (now, *days))
        self.parts = _by_key("batch_id, ended", (now, *days))
        self.exposed = dict(
            execute(
                "SELECT l.campaign, count(DISTINCT CASE WHEN v.contact_id IS NULL THEN v.visitor "
                "ELSE 'contact ' || CAST(v.contact_id AS TEXT) END) FROM visit v JOIN link l ON l.id = v.link_id "
                "WHERE l.owner = ? AND v.bot = 0 GROUP BY l.campaign",
                (NAME,),
            ).fetchall()
        )
        self.money = {
            row[0]: tuple(int(value) for value in row[1:])
            for row in execute(
                "SELECT batch_id, sum(CASE WHEN reverses_id IS NULL THEN 1 ELSE -1 END), sum(amount_minor), "
                "sum(discount_minor), sum(items), sum(CASE WHEN reverses_id IS NULL THEN 0 ELSE 1 END) "
                "FROM coupon_threshold_redemption GROUP BY batch_id"
            ).fetchall()
        }

    def row(self, batch_id: int, code: str, title: str, state: str, gate: int) -> dict[str, Any]:
        total = self.totals.get((batch_id,), Counts())
        ended = self.parts.get((batch_id, 1), Counts())
        still = self.parts.get((batch_id, 0), Counts())
        orders, goods, discount, items, returned = self.money.get(batch_id, (0, 0, 0, 0, 0))
        exposed = int(self.exposed.get(code, 0))
        return {
            "batch": code,
            "title": title,
            "state": state,
            "gate": gate,
            "exposed": exposed,
            "claimed": total.claimed,
            "persons": total.persons,
            # More claimed than seen: some came without a link, and nobody knows how many saw it.
            "claim_rate": share(total.persons, exposed) if total.persons <= exposed else None,
            "used": total.used,
            "returned": returned,
            "expired": total.expired,
            "ended": ended.claimed,
            "ended_used": ended.used,
            "rate": share(ended.used, ended.claimed),
            "person_rate": share(ended.users, ended.persons),
            "open": still.claimed,
            "open_used": still.used,
            "open_rate": share(still.used, still.claimed),
            "goods_minor": goods,
            "discount_minor": discount,
            "discount_rate": share(discount, goods),
            "items_per_order": round(items / orders, 2) if orders else None,
        }


def share(part: int, whole: int) -> float | None:
    """part / whole, or None when there is nothing to divide by."""
    return part / whole if whole else None


def _by_key(key: str, values: tuple[int, ...]) -> dict[tuple[int, ...], Counts]:
    width = key.count(",") + 1
    rows = execute(f"{_RIGHTS}SELECT {key}, {_COUNTS} FROM held GROUP BY {key}", values).fetchall()
    return {tuple(row[:width]): _counts(row[width:]) for row in rows}


def _counts(row: tuple[Any, ...]) -> Counts:
    return Counts(*(int(value) for value in row))
