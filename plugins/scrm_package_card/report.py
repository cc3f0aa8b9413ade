"""The card's two figures (数据监测): recall rate 引流召回率 and contribution per card 单卡贡献率.

Everything is computed from what is stored now, so a refund lowers the
contribution and a merge never counts a person twice. One statement per figure
answers for all campaigns.

* shipped: cards shipped.
* new: distinct persons whose first lead ever is one attributed to the
  campaign, and who were no member before it.
* recall = new / shipped.
* orders, contribution: those persons' valid orders with payment in
  (lead, lead + N days of 24 hours], net of refunds.
* contribution per card = contribution / shipped.

With no card shipped both quotients are None: unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, execute

from .claims import DAY_MS
from .service import PackageCards

# Per campaign and person the first attributed lead, if the person was new then.
_NEW = """
WITH first_lead AS (
  SELECT campaign_id, contact_id, min(at) AS at, min(day) AS day FROM package_card_lead
  WHERE state = 'attributed' GROUP BY campaign_id, contact_id
), new_person AS (
  SELECT f.campaign_id, f.contact_id, f.at, f.day FROM first_lead f JOIN contact c ON c.id = f.contact_id
  WHERE (c.lead_at IS NULL OR c.lead_at >= f.at)
    AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.contact_id = f.contact_id AND m.joined_at < f.at)
)
"""
_SHIPPED = "SELECT campaign_id, count(*) FROM package_card_shipment GROUP BY campaign_id"
_PERSONS = _NEW + "SELECT campaign_id, count(*) FROM new_person GROUP BY campaign_id"
_MONEY = (
    _NEW
    + """
SELECT p.campaign_id, count(*), sum(o.paid_minor - o.refund_minor)
FROM new_person p JOIN package_card_campaign k ON k.id = p.campaign_id
JOIN orders o ON o.contact_id = p.contact_id AND o.valid = 1
  AND o.paid_at > p.at AND o.paid_at <= p.at + k.contribution_days * ?
GROUP BY p.campaign_id
"""
)

COLUMNS = (
    Column("campaign", "Campaign 活动"),
    Column("shipped", "Cards shipped 发卡数", "count"),
    Column("new", "New persons 新客", "count"),
    Column("recall", "Recall rate 引流召回率", "rate"),
    Column("days", "Days counted 统计天数", "count"),
    Column("orders", "Orders 订单数", "count"),
    Column("contribution_minor", "Contribution 贡献", "money"),
    Column("contribution_per_card_minor", "Contribution per card 单卡贡献率", "money"),
)


@dataclass(frozen=True, slots=True)
class Rates:
    """``recall`` is a fraction rounded to 4 places; ``per_card`` minor units rounded to 2."""

    recall: float | None
    per_card: float | None


def rates(shipped: int, new: int, contribution_minor: int) -> Rates:
    """The two quotients over cards shipped (not printed, not signed); None when none shipped."""
    if shipped == 0:
        return Rates(None, None)
    return Rates(round(new / shipped, 4), round(contribution_minor / shipped, 2))


def card_report(cards: PackageCards) -> ReportTable:
    """One row per campaign, oldest first."""
    shipped = dict(execute(_SHIPPED).fetchall())
    persons = dict(execute(_PERSONS).fetchall())
    money = {campaign: (orders, int(total)) for campaign, orders, total in execute(_MONEY, (DAY_MS,)).fetchall()}
    rows = []
    for campaign in cards.campaigns():
        cards_shipped, new = shipped.get(campaign.id, 0), persons.get(campaign.id, 0)
        orders, contribution = money.get(campaign.id, (0, 0))
        quotients = rates(cards_shipped, new, contribution)
        rows.append(
            {
                "campaign": campaign.code,
                "shipped": cards_shipped,
                "new": new,
                "recall": quotients.recall,
                "days": campaign.contribution_days,
                "orders": orders,
                "contribution_minor": contribution,
                "contribution_per_card_minor": quotients.per_card,
            }
        )
    return ReportTable(COLUMNS, rows)


def card_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Cards shipped and new persons per day and campaign; both by the day it happened."""
    days = (query.first_day, query.last_day)
    for metric, sql in (
        (
            "shipped",
            "SELECT s.day, k.code, count(*) FROM package_card_shipment s "
            "JOIN package_card_campaign k ON k.id = s.campaign_id WHERE s.day BETWEEN ? AND ? GROUP BY s.day, k.code",
        ),
        (
            "new",
            _NEW + "SELECT p.day, k.code, count(*) FROM new_person p "
            "JOIN package_card_campaign k ON k.id = p.campaign_id WHERE p.day BETWEEN ? AND ? GROUP BY p.day, k.code",
        ),
    ):
        for day, code, count in execute(sql, days).fetchall():
            yield MetricValue(metric, day, count, code)
