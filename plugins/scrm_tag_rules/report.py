"""What the rules have done."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Column, MetricsQuery, MetricValue, OrderEffect, ReportTable, execute

from .service import TagRuleBook

COLUMNS = (
    Column("rule", "Rule 规则"),
    Column("event", "Event 事件"),
    Column("group", "Tag group 标签组"),
    Column("tag", "Tag 标签"),
    Column("hits", "Hits 命中", "count"),
    Column("waiting", "Waiting for the person 待匹配", "count"),
)


def rules_report(book: TagRuleBook) -> ReportTable:
    """One row per rule of the brand's file, in its order."""
    counts = book.counts()
    rows = []
    for rule in book.rules:
        hits, waiting = counts.get(rule.name, (0, 0))
        rows.append(
            {
                "rule": rule.name,
                "event": rule.event,
                "group": rule.group,
                "tag": rule.tag,
                "hits": hits,
                "waiting": waiting,
            }
        )
    return ReportTable(COLUMNS, rows)


def order_effects(book: TagRuleBook, order_id: int) -> list[OrderEffect]:
    """The rules that an order and its refunds met, with the tag of each; a tag that waits for the buyer says so."""
    tags = {rule.name: f"{rule.group} / {rule.tag}" for rule in book.rules}
    rows = execute("SELECT at, rule, tagged FROM tag_rules_hit WHERE order_id = ? ORDER BY id", (order_id,)).fetchall()
    return [
        OrderEffect(
            at, "Tag set 打标签" if tagged else "Tag waits for the buyer 等待买家",
            detail=f"{rule}: {tags[rule]}" if rule in tags else rule,
        )
        for at, rule, tagged in rows
    ]  # fmt: skip


def rules_metrics(book: TagRuleBook, query: MetricsQuery) -> Iterable[MetricValue]:
    """Hits per day and rule, by the day of the event."""
    for day, rule, hits in book.hits_by_day(query.first_day, query.last_day):
        yield MetricValue("hits", day, hits, rule)
