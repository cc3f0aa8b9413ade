"""The report (真性增长): invited, added, qualified, a high-value action later, and what a true customer cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scrm_core.api import Column, MetricsQuery, MetricValue, OrderEffect, ReportTable, csv_cell, execute, iso

from . import inviters as rows
from . import relations
from .figures import figures

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaign, Campaigns

COLUMNS = (
    Column("campaign", "Campaign 活动"),
    Column("inviters", "Inviters 报名", "count"),
    Column("left", "of them left 已退出", "count"),
    Column("invited", "Invited 被邀请", "count"),
    Column("added", "Added 加友", "count"),
    Column("qualified", "Qualified 合格", "count"),
    Column("held", "Held 待审", "count"),
    Column("matured", "Window over 观察期满", "count"),
    Column("hva", "High-value action 高价值行为", "count"),
    Column("cost", "Cost 成本", "money"),
    Column("lost", "of it lost 损失", "money"),
    Column("per_qualified", "Per qualified 合格成本", "money"),
    Column("per_true", "Per true customer 真客成本", "money"),
    Column("as_of", "Counted at 统计时间", "instant"),
)
EXPORT = (
    "invitee", "contact", "inviter", "staff", "state", "reason", "source", "bound_at", "qualified_at", "score",
    "signals", "steps",
)  # fmt: skip


def order_effects(order_id: int) -> list[OrderEffect]:
    """An invitee's first order: the gate that it is, and how their invitation stands since."""
    rows = execute(
        "SELECT s.at, c.code, r.state, r.reason FROM referral_step s JOIN referral_relation r ON r.id = s.relation_id "
        "JOIN referral_campaign c ON c.id = r.campaign_id WHERE s.order_id = ? ORDER BY s.id",
        (order_id,),
    ).fetchall()
    return [
        OrderEffect(at, "First order of an invitee 被邀请人首单", detail=f"{code}: {state} {reason}".strip())
        for at, code, state, reason in rows
    ]


def report(brand: Brand, campaigns: Campaigns) -> ReportTable:
    """The report ``referral``: every published campaign."""
    return ReportTable(COLUMNS, [figures(brand, campaign) for campaign in campaigns.published()])


def metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Invitees bound and qualified, and minor units granted, per day."""
    for metric, sql in _METRICS.items():
        for day, value in execute(sql, (query.first_day, query.last_day)).fetchall():
            yield MetricValue(metric, day, int(value))


_METRICS = {
    "bound": "SELECT bound_day, count(*) FROM referral_relation WHERE bound_day BETWEEN ? AND ? AND state <> 'void' "
    "GROUP BY bound_day ORDER BY bound_day",
    "qualified": "SELECT qualified_day, count(*) FROM referral_relation WHERE qualified_day BETWEEN ? AND ? "
    "GROUP BY qualified_day ORDER BY qualified_day",
    "rewarded": "SELECT granted_day, sum(value_minor) FROM referral_rung WHERE granted_day BETWEEN ? AND ? "
    "AND state IN ('granted', 'lost') GROUP BY granted_day ORDER BY granted_day",
}


def export(brand: Brand, campaign: Campaign) -> Iterable[list[str]]:
    """Every invitee of a campaign as rows for a CSV file, headings first; people by uid, cells made harmless."""
    yield list(EXPORT)
    after = 0
    while found := relations.select(
        "WHERE r.campaign_id = ? AND r.id > ? ORDER BY r.id LIMIT ?", (campaign.id, after, relations.PAGE)
    ):
        after = found[-1].id
        for each in found:
            steps = relations.steps(each.id)
            inviter = rows.by_id(each.inviter_id)
            values = (
                each.uid, uid_of(each.contact_id), uid_of(inviter.contact_id), each.staff, each.state, each.reason,
                each.source, iso(each.bound_at, brand.zone), iso(each.qualified_at, brand.zone) or "", each.score,
                "; ".join(f"{s['signal']} {s['weight']}: {s['evidence']}" for s in each.signals),
                "; ".join(f"{gate} {iso(step.at, brand.zone)} {step.evidence}" for gate, step in steps.items()),
            )  # fmt: skip
            yield [csv_cell(str(value)) for value in values]


def uid_of(contact_id: int | None) -> str:
    """A contact's uid, or an empty text for somebody erased."""
    if contact_id is None:
        return ""
    row = execute("SELECT uid FROM contact WHERE id = ?", (contact_id,)).fetchone()
    return str(row[0]) if row is not None else ""
