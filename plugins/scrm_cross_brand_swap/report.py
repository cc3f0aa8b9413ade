"""The report and the metrics of swaps: what each deal gave and received."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Brand, Column, MetricsQuery, MetricValue, ReportTable, day_start, execute

COLUMNS = (
    Column("deal", "Deal 互换"),
    Column("partner", "Partner 伙伴"),
    Column("state", "State 状态"),
    Column("unit", "Unit 计量"),
    Column("quota", "Quota 额度", "count"),
    Column("given", "Given 送出", "count"),
    Column("received", "Received 收到", "count"),
    Column("balance", "Given less received 差额", "count"),
)


def swap_report() -> ReportTable:
    """Every deal that was agreed, in its own unit; ``given`` is what the partner told last."""
    rows = execute(
        "SELECT code, partner, state, unit, quota, given, received FROM cross_brand_swap_deal "
        "WHERE state NOT IN ('open', 'accepted', 'declined') ORDER BY id"
    ).fetchall()
    names = [column.name for column in COLUMNS]
    return ReportTable(COLUMNS, [dict(zip(names, (*row, row[5] - row[6]), strict=True)) for row in rows])


def swap_metrics(brand: Brand, query: MetricsQuery) -> Iterable[MetricValue]:
    """People that came and first orders of theirs per day, by partner."""
    for metric, column in (("arrivals", "at"), ("first-orders", "ordered_at")):
        found: dict[tuple[int, str], int] = {}
        begin, end = (day_start(day, brand.zone) for day in (query.first_day, query.last_day + 1))
        rows = execute(
            f"SELECT d.partner, a.{column} FROM cross_brand_swap_arrival a "
            "JOIN cross_brand_swap_deal d ON d.id = a.deal_id "
            f"WHERE a.{column} >= ? AND a.{column} < ? AND a.void_by IS NULL",
            (begin, end),
        ).fetchall()
        for partner, at in rows:
            key = brand.day(at), partner
            found[key] = found.get(key, 0) + 1
        yield from (MetricValue(metric, day, count, partner) for (day, partner), count in sorted(found.items()))
