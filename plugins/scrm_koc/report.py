"""What KOCs changed (影响力): first orders, repeat, revenue and lifetime value against a matched group.

An influenced customer is one whose first valid order is put down to a KOC. The
matched group are customers whose first order is put down to nobody, was of the
same programme's goods, in the same month and in the same band of amount. Who was
a KOC by then is in neither. Nothing that came after the first order decides who
is compared: whoever came to a KOC, or became one, later stays where they were.
Both are watched for ``horizon_days`` from the first order's day on, and only
customers who have these days behind them count (mature). A cell of month and
band without anybody to compare with is left out on both sides and told
(``unmatched``). The group's figures are weighted as the influenced are spread.

Matching is no experiment: whoever listens to a KOC may be keener than others
who look alike. Say "against a matched group", never "because of".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, MetricsQuery, MetricValue, OrderEffect, ReportTable, execute

from .comparing import Cell, Side, compared
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
    Column("lift_low_minor", "At least, 95 % 价值差下限", "money"),
    Column("lift_high_minor", "At most, 95 % 价值差上限", "money"),
    Column("repeat_low", "Difference of rates, at least 95 % 复购率差下限", "rate"),
    Column("repeat_high", "Difference of rates, at most 95 % 复购率差上限", "rate"),
    Column("reading", "How to read it 读法"),
)


def influence_report(brand: Brand, settings: Mapping[str, Any]) -> ReportTable:
    """A row per programme."""
    rows = [_row(brand, settings, each) for each in programmes(settings)]
    return ReportTable(COLUMNS, rows)


def _row(brand: Brand, settings: Mapping[str, Any], programme: Programme) -> dict[str, Any]:
    kocs, firsts, orders, revenue, first_day = execute(
        f"SELECT count(DISTINCT k.member_id), sum(CASE WHEN {_IS_FIRST} THEN 1 ELSE 0 END), count(*), "
        "coalesce(sum(o.paid_minor - o.refund_minor), 0), min(k.day) FROM koc_order k "
        "JOIN orders o ON o.id = k.order_id LEFT JOIN contact c ON c.id = o.contact_id "
        "WHERE k.programme = ? AND k.state <> 'void' AND o.valid = 1",
        (programme.code,),
    ).fetchone()
    firsts = int(firsts or 0)
    (commission,) = execute(
        "SELECT coalesce(sum(earned_minor), 0) FROM koc_order WHERE programme = ?", (programme.code,)
    ).fetchone()
    cells = [] if first_day is None else _cells(brand, settings, programme, date.fromordinal(first_day).replace(day=1))
    whole = Side.of(cells, "led")
    return {
        "programme": programme.code,
        "situation": programme.situation,
        "kocs": int(kocs),
        "first_orders": firsts,
        "first_share": _rate(firsts, _first_orders(brand, programme)),
        "other_orders": int(orders) - firsts,
        "revenue_minor": int(revenue),
        "commission_minor": int(commission),
        "per_first_minor": _rounded(int(commission), firsts),
        "customers": whole.people,
        "repeat_rate": _rate(whole.again, whole.people),
        "value_minor": _rounded(whole.money, whole.people),
        **compared(cells),
    }


# Whether an order ``o`` of a contact ``c`` is their first valid one: the lowest id among equals in time.
_IS_FIRST = (
    "o.valid = 1 AND o.paid_at = c.first_order_at AND NOT EXISTS (SELECT 1 FROM orders e "
    "WHERE e.contact_id = o.contact_id AND e.valid = 1 AND e.paid_at = o.paid_at AND e.id < o.id)"
)
_FIRST = (
    "first AS (SELECT c.id AS contact_id, o.id AS id, o.day AS day, o.paid_at AS paid_at, o.paid_minor AS paid_minor "
    f"FROM contact c JOIN orders o ON o.contact_id = c.id WHERE c.first_day >= ? AND {_IS_FIRST})"
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
        f"WITH {_FIRST} SELECT count(*) FROM first f WHERE {condition}", (brand.day(since), *params)
    ).fetchone()
    return int(count)


def _cells(brand: Brand, settings: Mapping[str, Any], programme: Programme, since: date) -> list[Cell]:
    """Mature customers by month and band of their first order, both sides; first orders since a month alone.

    What decides the side is known at the first order: nobody leaves the group for what they did after it.
    """
    limits, horizon = settings["bands_minor"], settings["horizon_days"]
    band = "CASE" + "".join(f" WHEN f.paid_minor < ? THEN {place}" for place in range(len(limits)))
    band += f" ELSE {len(limits)} END"
    condition, params = _of_programme(programme)
    led = "EXISTS (SELECT 1 FROM koc_order k WHERE k.order_id = f.id"
    rows = execute(
        f"WITH {_FIRST}, watched AS (SELECT f.contact_id AS contact_id, f.day AS day, {band} AS band, "
        f"CASE WHEN {led} AND k.state <> 'void' AND k.programme = ?) THEN 1 "
        f"WHEN NOT ({condition}) OR {led}) THEN 2 ELSE 0 END AS side FROM first f WHERE f.day + ? <= ? "
        "AND NOT EXISTS (SELECT 1 FROM koc_person p JOIN koc_member m ON m.id = p.member_id "
        "WHERE p.contact_id = f.contact_id AND m.joined_at <= f.paid_at)), "
        "person AS (SELECT w.contact_id, w.day, w.band, w.side, count(o.id) AS orders, "
        "CAST(sum(o.paid_minor - o.refund_minor) AS BIGINT) AS money FROM watched w "
        "JOIN orders o ON o.contact_id = w.contact_id AND o.valid = 1 AND o.day >= w.day AND o.day < w.day + ? "
        "WHERE w.side < 2 GROUP BY w.contact_id, w.day, w.band, w.side) "
        "SELECT day, band, side, count(*), sum(CASE WHEN orders > 1 THEN 1 ELSE 0 END), sum(money), "
        "sum(CAST(money AS DOUBLE PRECISION) * money) FROM person GROUP BY day, band, side",
        (
            since.toordinal(), *limits, programme.code, *params, horizon, brand.day(brand.now()), horizon,
        ),
    ).fetchall()  # fmt: skip
    cells: dict[tuple[int, int, int], Cell] = {}
    for day, band_of, side, people, again, money, squares in rows:
        first = date.fromordinal(day)
        cell = cells.setdefault((first.year, first.month, band_of), Cell())
        (cell.led if side else cell.group).add(int(people), int(again), int(money), float(squares))
    return [cells[key] for key in sorted(cells)]


def _rounded(total: int, count: int) -> int | None:
    return round(Fraction(total, count)) if count else None


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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


_ENTRIES = {
    "earn": "Commission 佣金",
    "clawback": "Commission taken back 佣金追回",
    "fee": "Fee 稿费",
    "reversal": "Reversal 冲销",
    "adjust": "By hand 人工调整",
}


def order_effects(order_id: int) -> list[OrderEffect]:
    """The commission that an order brought a KOC, and what its refunds took back."""
    rows = execute(
        "SELECT at, kind, amount_minor, reason FROM koc_entry WHERE order_id = ? ORDER BY id", (order_id,)
    ).fetchall()
    return [OrderEffect(at, _ENTRIES[kind], amount, "money", reason) for at, kind, amount, reason in rows]
