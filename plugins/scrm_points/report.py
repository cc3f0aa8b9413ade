"""The report and the metrics of points: what came and went, and what is still owed to customers (积分负债)."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Column, MetricsQuery, MetricValue, OrderEffect, ReportTable, execute

COLUMNS = (
    Column("kind", "Kind 类型"),
    Column("entries", "Entries 笔数", "count"),
    Column("points", "Points 积分", "count"),
)
KINDS = {
    "grant": "Rewards 奖励",
    "earn": "Orders 消费获得",
    "adjust": "By hand 人工调整",
    "spend": "Spent 使用",
    "return": "Returned 退回",
    "reversal": "Taken back 扣回",
    "lapse": "Lapsed 过期",
    "erase": "Closed accounts 注销清零",
}


def points_report() -> ReportTable:
    """Entries by kind, then what everybody has and owes together; the kinds sum to balance less debt."""
    found = {
        kind: (count, int(total))
        for kind, count, total in execute("SELECT kind, count(*), sum(amount) FROM points_entry GROUP BY kind")
        if kind in KINDS
    }
    rows = [
        {"kind": title, "entries": found.get(kind, (0, 0))[0], "points": found.get(kind, (0, 0))[1]}
        for kind, title in KINDS.items()
    ]
    balance, debt = execute("SELECT sum(balance), sum(debt) FROM points_account").fetchone()
    rows.append({"kind": "Balance 余额", "entries": None, "points": int(balance or 0)})
    rows.append({"kind": "Debt 欠分", "entries": None, "points": int(debt or 0)})
    return ReportTable(COLUMNS, rows)


def points_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Points that came and that went per day; what went is told as a positive number."""
    rows = execute(
        "SELECT day, kind, sum(CASE WHEN amount > 0 THEN amount ELSE 0 END), "
        "sum(CASE WHEN amount < 0 THEN -amount ELSE 0 END) FROM points_entry WHERE day BETWEEN ? AND ? "
        "AND kind <> 'settle' GROUP BY day, kind",
        (query.first_day, query.last_day),
    ).fetchall()
    for day, kind, came, went in rows:
        if came:
            yield MetricValue("came", day, int(came), kind)
        if went:
            yield MetricValue("went", day, int(went), kind)


def order_effects(order_id: int) -> list[OrderEffect]:
    """The points that an order brought and that its refunds took back."""
    rows = execute(
        "SELECT at, kind, amount, reason FROM points_entry WHERE order_id = ? OR reverses_id IN "
        "(SELECT id FROM points_entry WHERE order_id = ?) ORDER BY id",
        (order_id, order_id),
    ).fetchall()
    return [OrderEffect(at, KINDS.get(kind, kind), amount, "points", reason) for at, kind, amount, reason in rows]
