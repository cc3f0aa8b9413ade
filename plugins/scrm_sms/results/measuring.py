"""Metrics of plans by day: messages sent and delivered, recipients who clicked, people who came.

Days are those of the brand's zone. The database groups by quarters of an hour,
of which every zone's midnight is a boundary, and the quarters are added up here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scrm_core.api import Metric, MetricsQuery, MetricValue, day_start, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

QUARTER_MS = 900_000

METRICS = {
    "sent": Metric("SMS sent 已发送"),
    "delivered": Metric("SMS delivered 已送达"),
    "clicked": Metric("SMS recipients who clicked 点击人数"),
    "added": Metric("People added by SMS 加友人数"),
}

# The runs of each plan: its own, and that of its rescue where it has one.
_RUNS = (
    "WITH runs AS (SELECT code, run_id FROM sms_plan WHERE run_id IS NOT NULL UNION ALL SELECT p.code, r.id "
    "FROM sms_plan p JOIN outreach_run r ON r.owner = 'sms' AND r.code = p.code || '/rescue') "
)

# Per plan and quarter of an hour in [?, ?); a recipient clicks, and a person comes, once.
_STATEMENTS = {
    "sent": (
        f"{_RUNS}SELECT p.code, m.sent_at / 900000, count(*) FROM runs p JOIN message m ON m.run_id = p.run_id "
        "WHERE m.sent_at >= ? AND m.sent_at < ? GROUP BY 1, 2"
    ),
    "delivered": (
        f"{_RUNS}SELECT p.code, m.final_at / 900000, count(*) FROM runs p JOIN message m ON m.run_id = p.run_id "
        "WHERE m.state = 'delivered' AND m.final_at >= ? AND m.final_at < ? GROUP BY 1, 2"
    ),
    "clicked": (
        "SELECT f.code, f.at / 900000, count(*) FROM (SELECT p.code AS code, m.link_id, min(v.at) AS at "
        "FROM sms_plan p JOIN message m ON m.run_id = p.run_id JOIN visit v ON v.link_id = m.link_id "
        "WHERE v.bot = 0 GROUP BY p.code, m.link_id) f WHERE f.at >= ? AND f.at < ? GROUP BY 1, 2"
    ),
    "added": (
        "SELECT p.code, a.at / 900000, count(*) FROM sms_add a JOIN sms_plan p ON p.id = a.plan_id "
        "JOIN contact c ON c.id = a.contact_id WHERE c.state = 'active' AND a.at >= ? AND a.at < ? GROUP BY 1, 2"
    ),
}


def metrics(brand: Brand, query: MetricsQuery) -> Iterator[MetricValue]:
    """Every metric of every plan for the days asked for."""
    span = (day_start(query.first_day, brand.zone), day_start(query.last_day + 1, brand.zone))
    for metric, sql in _STATEMENTS.items():
        days: Counter[tuple[int, str]] = Counter()
        for code, quarter, count in execute(sql, span).fetchall():
            days[brand.day(quarter * QUARTER_MS), code] += count
        for (day, code), count in sorted(days.items()):
            yield MetricValue(metric, day, count, code)
