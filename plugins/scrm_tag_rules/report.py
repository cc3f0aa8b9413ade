"""What the rules have done."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable

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


def rules_metrics(book: TagRuleBook, query: MetricsQuery) -> Iterable[MetricValue]:
    """Hits per day and rule, by the day of the event."""
    for day, rule, hits in book.hits_by_day(query.first_day, query.last_day):
        yield MetricValue("hits", day, hits, rule)
