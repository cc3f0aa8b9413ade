"""The report and the metrics of benefit cards: where the cards of each pool are, and the money that they cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

# Each card is in one of these; ``?`` is today.
_WHERE = {
    "left": ("Left 库存", "c.state = 'stock' AND c.expires_day >= ?"),
    "expired": ("Expired unseen 过期", "c.state IN ('stock', 'given') AND c.expires_day < ?"),
    "waiting": ("Given, not seen 待查看", "c.state = 'given' AND c.expires_day >= ?"),
    "revealed": ("Seen 已查看", "c.state = 'revealed'"),
    "lost": ("Lost 撤销损失", "c.state = 'lost'"),
}
COLUMNS = (
    Column("pool", "Pool 卡池"),
    Column("title", "Title 名称"),
    Column("cards", "Cards 张数", "count"),
    Column("cost", "Cost 成本", "money"),
    *(
        column
        for name, (title, _) in _WHERE.items()
        for column in (
            Column(name, title, "count"),
            Column(f"{name}_cost", f"{' cost '.join(title.rsplit(' ', 1))}成本", "money"),
        )
    ),
)
_METRICS = {"given": "day", "revealed": "revealed_day", "returned": "ended_day", "lost": "ended_day"}


def benefit_card_report(brand: Brand, pool: str | None = None) -> ReportTable:
    """A row per pool, or of one: all of its cards, and how many of them are where, with what they cost."""
    today = brand.day(brand.now())
    parts, params = [], list[Any]()
    for _, condition in _WHERE.values():
        for what in ("1", "c.cost_minor"):
            parts.append(f"coalesce(sum(CASE WHEN {condition} THEN {what} ELSE 0 END), 0)")
            params += [today] * condition.count("?")
    where = "" if pool is None else "WHERE k.code = ? "
    rows = execute(
        f"SELECT k.code, k.title, count(c.id), coalesce(sum(c.cost_minor), 0), {', '.join(parts)} "
        f"FROM benefit_card_pool k LEFT JOIN benefit_card_card c ON c.pool_id = k.id {where}"
        "GROUP BY k.id, k.code, k.title ORDER BY k.id",
        [*params, *([] if pool is None else [pool])],
    ).fetchall()
    names = [column.name for column in COLUMNS]
    return ReportTable(COLUMNS, [dict(zip(names, (*row[:2], *map(int, row[2:])), strict=True)) for row in rows])


def benefit_card_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Minor units of cards given, seen, returned unseen and lost, per day and pool."""
    for metric, day in _METRICS.items():
        state = f"AND i.state = '{metric}' " if day == "ended_day" else ""
        rows = execute(
            f"SELECT i.{day}, k.code, sum(c.cost_minor) FROM benefit_card_issue i "
            "JOIN benefit_card_card c ON c.id = i.card_id JOIN benefit_card_pool k ON k.id = c.pool_id "
            f"WHERE i.{day} BETWEEN ? AND ? {state}GROUP BY i.{day}, k.code ORDER BY i.{day}, k.code",
            (query.first_day, query.last_day),
        ).fetchall()
        for when, pool, total in rows:
            yield MetricValue(metric, when, int(total), pool)
