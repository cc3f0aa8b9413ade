"""What KOCs changed (影响力): first orders, repeat, revenue and lifetime value against a matched group.

An influenced customer is one whose first valid order is put down to a KOC. The
matched group are customers never put down to any, no KOCs themselves, whose
first order was of the same programme's goods, in the same month and in the same
band of amount. Both are watched for ``horizon_days`` from the first order's day
on, and only customers who have these days behind them count (mature). A cell of
month and band without anybody to compare with is left out on both sides and told
(``unmatched``). The group's figures are weighted as the influenced are spread.

Matching is no experiment: whoever listens to a KOC may be keener than others
who look alike. Say "against a matched group", never "because of".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, execute

from .tracking import Programme, programmes

if TYPE_CHECKING:
    from scrm_core.api import Brand

COLUMNS = (
    Column("programme", "Programme 项目"),
    Column("situation", "Situation 情况", "count"),
    Column("kocs", "KOCs with orders 出单KOC", "count"),
    Column("first_orders", "First orders led 带来首单", "count"),
    Column("first_share", "Share of all first orders 首单占比", "rate"),
    Column("other_orders", "Further orders led 带来复购单", "count"),
    Column("revenue_minor", "Net revenue of these 净额", "money"),
    Column("commission_minor", "Commission 佣金", "money"),
    Column("per_first_minor", "Commission per first order 每首单成本", "money"),
    Column("customers", "Influenced customers, mature 受影响客户(成熟)", "count"),
    Column("repeat_rate", "Bought again 复购率", "rate"),
    Column("value_minor", "Lifetime value 生命周期价值", "money"),
    Column("matched", "With a match 有匹配", "count"),
    Column("unmatched", "Without a match 无匹配", "count"),
    Column("group", "Matched group 匹配组", "count"),
    Column("matched_repeat_rate", "Of those matched: bought again 匹配者复购率", "rate"),
    Column("group_repeat_rate", "Group: bought again 匹配组复购率", "rate"),
    Column("matched_value_minor", "Of those matched: value 匹配者价值", "money"),
    Column("group_value_minor", "Group: value 匹配组价值", "money"),
    Column("lift_minor", "Difference of values 价值差", "money"),
)


@dataclass(slots=True)
class _Cell:
    """One month and band: people, those who bought again, money, on both sides."""

    people: int = 0
    again: int = 0
    money: int = 0
    others: int = 0
    others_again: int = 0
    others_money: int = 0


def influence_report(brand: Brand, settings: Mapping[str, Any]) -> ReportTable:
    """A row per programme."""
    rows = [_row(brand, settings, each) for each in programmes(settings)]
    return ReportTable(COLUMNS, rows)


def _row(brand: Brand, settings: Mapping[str, Any], programme: Programme) -> dict[str, Any]:
    kocs, firsts, orders, revenue = execute(
        f"WITH {_FIRST} SELECT count(DISTINCT k.member_id), count(f.id), count(*), "
        "coalesce(sum(o.paid_minor - o.refund_minor), 0) FROM koc_order k JOIN orders o ON o.id = k.order_id "
        "LEFT JOIN first f ON f.id = o.id WHERE k.programme = ? AND k.state <> 'void' AND o.valid = 1",
        (programme.code,),
    ).fetchone()
    (commission,) = execute(
        "SELECT coalesce(sum(earned_minor), 0) FROM koc_order WHERE programme = ?", (programme.code,)
    ).fetchone()
    cells = _cells(brand, settings, programme)
    people, again, money = (sum(getattr(cell, name) for cell in cells) for name in ("people", "again", "money"))
    both = [cell for cell in cells if cell.people and cell.others]
    matched = sum(cell.people for cell in both)
    value = _rounded(sum(cell.money for cell in both), matched)
    group_value = _weighted(both, matched, "others_money")
    return {
        "programme": programme.code,
        "situation": programme.situation,
        "kocs": int(kocs),
        "first_orders": int(firsts),
        "first_share": _rate(int(firsts), _first_orders(brand, programme)),
        "other_orders": int(orders) - int(firsts),
        "revenue_minor": int(revenue),
        "commission_minor": int(commission),
        "per_first_minor": _rounded(int(commission), int(firsts)),
        "customers": people,
        "repeat_rate": _rate(again, people),
        "value_minor": _rounded(money, people),
        "matched": matched,
        "unmatched": people - matched,
        "group": sum(cell.others for cell in both),
        "matched_repeat_rate": _rate(sum(cell.again for cell in both), matched),
        "group_repeat_rate": _float(_weighted_exact(both, matched, "others_again")),
        "matched_value_minor": value,
        "group_value_minor": group_value,
        "lift_minor": None if value is None or group_value is None else value - group_value,
    }


_FIRST = (
    "first AS (SELECT contact_id, id, day, paid_minor FROM (SELECT contact_id, id, day, paid_minor, row_number() OVER "
    "(PARTITION BY contact_id ORDER BY paid_at, id) AS place FROM orders WHERE valid = 1 AND contact_id IS NOT NULL) r "
    "WHERE place = 1)"
)


def _of_programme(programme: Programme) -> tuple[str, tuple[Any, ...]]:
    """SQL that an order ``f`` has goods of a programme."""
    if not programme.category:
        return "1 = 1", ()
    path = programme.category
    return (
        "EXISTS (SELECT 1 FROM order_line l JOIN product p ON p.sku = l.sku WHERE l.order_id = f.id AND l.gift = 0 "
        "AND (p.category = ? OR substr(p.category, 1, ?) = ?))",
        (path, len(path) + 1, path + "/"),
    )


def _first_orders(brand: Brand, programme: Programme) -> int:
    """Everybody's first orders of the programme's goods since the first KOC was enrolled."""
    (since,) = execute("SELECT min(joined_at) FROM koc_member").fetchone()
    if since is None:
        return 0
    condition, params = _of_programme(programme)
    (count,) = execute(
        f"WITH {_FIRST} SELECT count(*) FROM first f WHERE f.day >= ? AND {condition}", (brand.day(since), *params)
    ).fetchone()
    return int(count)


def _cells(brand: Brand, settings: Mapping[str, Any], programme: Programme) -> list[_Cell]:
    horizon = settings["horizon_days"]
    limits = sorted(settings["bands_minor"])
    band = "CASE " + " ".join(f"WHEN f.paid_minor < ? THEN {place}" for place in range(len(limits)))
    band += f" ELSE {len(limits)} END"
    condition, params = _of_programme(programme)
    rows = execute(
        f"WITH {_FIRST}, watched AS (SELECT f.contact_id AS contact_id, f.day AS day, {band} AS band, "
        "CASE WHEN EXISTS (SELECT 1 FROM koc_order k WHERE k.order_id = f.id AND k.state <> 'void' "
        f"AND k.programme = ?) THEN 1 WHEN NOT ({condition}) OR EXISTS (SELECT 1 FROM koc_order k "
        "JOIN orders o ON o.id = k.order_id WHERE o.contact_id = f.contact_id AND k.state <> 'void') "
        "THEN 2 ELSE 0 END AS side FROM first f WHERE f.day + ? <= ? "
        "AND NOT EXISTS (SELECT 1 FROM koc_person p WHERE p.contact_id = f.contact_id)), "
        "person AS (SELECT w.contact_id, w.day, w.band, w.side, count(o.id) AS orders, "
        "CAST(sum(o.paid_minor - o.refund_minor) AS BIGINT) AS money FROM watched w "
        "JOIN orders o ON o.contact_id = w.contact_id AND o.valid = 1 AND o.day >= w.day AND o.day < w.day + ? "
        "WHERE w.side < 2 GROUP BY w.contact_id, w.day, w.band, w.side) "
        "SELECT day, band, side, count(*), sum(CASE WHEN orders > 1 THEN 1 ELSE 0 END), sum(money) FROM person "
        "GROUP BY day, band, side",
        (*limits, programme.code, *params, horizon, brand.day(brand.now()), horizon),
    ).fetchall()
    cells: dict[tuple[int, int, int], _Cell] = {}
    for day, band_of, side, people, again, money in rows:
        first = date.fromordinal(day)
        cell = cells.setdefault((first.year, first.month, band_of), _Cell())
        if side:
            cell.people += people
            cell.again += int(again)
            cell.money += int(money)
        else:
            cell.others += people
            cell.others_again += int(again)
            cell.others_money += int(money)
    return list(cells.values())


def _weighted_exact(cells: Iterable[_Cell], matched: int, what: str) -> Fraction | None:
    """The mean of the group, its cells weighted by the influenced in them."""
    if not matched:
        return None
    return sum((Fraction(cell.people * getattr(cell, what), cell.others) for cell in cells), Fraction(0)) / matched


def _weighted(cells: Iterable[_Cell], matched: int, what: str) -> int | None:
    exact = _weighted_exact(cells, matched, what)
    return None if exact is None else round(exact)


def _rounded(total: int, count: int) -> int | None:
    return round(Fraction(total, count)) if count else None


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def koc_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Orders and net revenue led per day of payment, commission per day of its entry, approved pieces per day."""
    span = (query.first_day, query.last_day)
    for day, programme, orders, revenue in execute(
        "SELECT k.day, k.programme, count(*), sum(o.paid_minor - o.refund_minor) FROM koc_order k "
        "JOIN orders o ON o.id = k.order_id WHERE k.state <> 'void' AND o.valid = 1 AND k.day BETWEEN ? AND ? "
        "GROUP BY k.day, k.programme",
        span,
    ).fetchall():
        yield MetricValue("orders", day, int(orders), programme)
        yield MetricValue("revenue", day, int(revenue), programme)
    for day, kind, amount in execute(
        "SELECT day, kind, sum(amount_minor) FROM koc_entry WHERE day BETWEEN ? AND ? GROUP BY day, kind", span
    ).fetchall():
        yield MetricValue("commission", day, int(amount), kind)
    for day, pieces in execute(
        "SELECT reviewed_day, count(*) FROM koc_submission WHERE state = 'approved' AND reviewed_day BETWEEN ? AND ? "
        "GROUP BY reviewed_day",
        span,
    ).fetchall():
        yield MetricValue("pieces", day, int(pieces))
