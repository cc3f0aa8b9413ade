"""The report and the metrics of red packets: what was issued, paid, waits, and went back to the budget."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, execute

COLUMNS = (
    Column("what", "What 项目"),
    Column("packets", "Packets 个数", "count"),
    Column("amount", "Amount 金额", "money"),
)
STATES = {
    "due": "Waiting 待付",
    "sending": "Being paid 付款中",
    "unknown": "Unknown 结果未知",
    "failed": "Failed 失败",
    "paid": "Paid 已付",
    "canceled": "Canceled 已取消",
}


def red_packet_report() -> ReportTable:
    """Issued and by state, then what lies in open packets, what returned to the budget, and the budget itself."""
    found = {
        state: (count, int(total))
        for state, count, total in execute(
            "SELECT state, count(*), sum(amount_minor) FROM red_packet_payout GROUP BY state"
        )
    }
    issued = (sum(count for count, _ in found.values()), sum(total for _, total in found.values()))
    rows = [("Issued 发放", *issued)]
    rows += [(title, *found.get(state, (0, 0))) for state, title in STATES.items()]
    shares, lying = execute(
        "SELECT count(*), coalesce(sum(s.amount_minor), 0) FROM red_packet_share s JOIN red_packet_packet k "
        "ON k.id = s.packet_id WHERE k.state = 'open' AND s.place >= k.handed"
    ).fetchone()
    returns, returned = execute(
        "SELECT count(*), coalesce(sum(amount_minor), 0) FROM red_packet_entry WHERE kind = 'return'"
    ).fetchone()
    total, used = execute("SELECT total_minor, used_minor FROM red_packet_budget").fetchone()
    rows += [
        ("Unclaimed shares 未领", shares, int(lying)),
        ("Returned to budget 退回预算", returns, int(returned)),
        ("Budget 预算", None, total),
        ("Left of it 预算余额", None, total - used),
    ]
    return ReportTable(COLUMNS, [dict(zip(("what", "packets", "amount"), row, strict=True)) for row in rows])


def red_packet_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Minor units issued and paid per day."""
    for metric, column, where in (("issued", "day", ""), ("paid", "settled_day", "AND state = 'paid' ")):
        rows = execute(
            f"SELECT {column}, sum(amount_minor) FROM red_packet_payout WHERE {column} BETWEEN ? AND ? {where}"
            f"GROUP BY {column} ORDER BY {column}",
            (query.first_day, query.last_day),
        ).fetchall()
        for day, total in rows:
            yield MetricValue(metric, day, int(total))
