"""The report (真性增长): invited, added, qualified, a high-value action later, and what a true customer cost."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, csv_cell, execute, iso

from . import campaigns as rows
from . import relations
from .definition import DAY_MS

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
)
EXPORT = (
    "invitee", "contact", "inviter", "staff", "state", "reason", "source", "bound_at", "qualified_at", "score",
    "signals", "steps",
)  # fmt: skip


_ADDED = "EXISTS (SELECT 1 FROM contact c WHERE c.id = {person} AND c.lead_at >= r.since)"
_HVA = (
    "EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = {person} AND o.valid = 1 AND o.paid_at > r.qualified_at "
    "AND o.paid_at <= r.qualified_at + ? AND o.paid_minor - o.refund_minor >= ?)"
)
_STANDING = (
    "WITH RECURSIVE chain (contact_id, person) AS (SELECT r.contact_id, c.merged_into_id FROM referral_relation r "
    "JOIN contact c ON c.id = r.contact_id WHERE r.campaign_id = ? AND c.merged_into_id IS NOT NULL "
    "UNION SELECT h.contact_id, c.merged_into_id FROM chain h JOIN contact c ON c.id = h.person "
    "WHERE c.merged_into_id IS NOT NULL), stand (contact_id, person) AS (SELECT h.contact_id, h.person FROM chain h "
    "JOIN contact c ON c.id = h.person WHERE c.merged_into_id IS NULL) "
)
"""SQL that takes a campaign's id: ``stand`` tells who a merged contact is whose row a merge could not move."""
_WHO = "coalesce((SELECT s.person FROM stand s WHERE s.contact_id = r.contact_id), r.contact_id)"


def keep_figures(campaign: Campaign, relation: relations.Relation) -> None:
    """Keep what an invitee counts as in the figures, before the person is parted from it."""
    made, person = campaign.definition, relation.contact_id
    hva = f"r.state = 'qualified' AND {_HVA.format(person='?')}"
    sql = (
        f"SELECT CASE WHEN {_ADDED.format(person='?')} THEN 1 ELSE 0 END, CASE WHEN {hva} THEN 1 ELSE 0 END "
        "FROM referral_relation r WHERE r.id = ?"
    )
    added, later = execute(
        sql, (person, person, made.hva_days * DAY_MS, made.hva_min_minor, relation.id)
    ).fetchone()
    execute("UPDATE referral_relation SET was_added = ?, was_hva = ? WHERE id = ?", (added, later, relation.id))


def figures(brand: Brand, campaign: Campaign) -> dict[str, Any]:
    """One campaign's figures; money in minor units, a cost per nobody is None.

    ``inviters``: who has or had a place; ``left``: of these, who left. ``invited``:
    people who opened a personal link, as far as they are known, or were bound.
    ``added``: of the bound, those who became a friend. ``hva``: of the qualified,
    those with a further order within the campaign's ``hva.days`` after they
    qualified; ``matured`` counts those whose days are over. Cost is what was
    granted and not taken back; a true customer is one with such an action.
    """
    made = campaign.definition
    (invited,) = execute(
        f"{_STANDING}SELECT count(*) FROM (SELECT {_WHO} FROM referral_relation r WHERE r.campaign_id = ? "
        "AND r.contact_id IS NOT NULL UNION SELECT d.contact_id FROM referral_candidate d "
        "JOIN referral_inviter i ON i.id = d.inviter_id "
        "WHERE i.campaign_id = ? UNION SELECT v.contact_id FROM visit v JOIN link l ON l.id = v.link_id "
        "WHERE l.owner = 'referral' AND l.campaign = ? AND v.bot = 0 AND v.contact_id IS NOT NULL) t",
        (campaign.id, campaign.id, campaign.id, campaign.code),
    ).fetchone()
    inviters, left = execute(
        "SELECT count(*), coalesce(sum(CASE WHEN state = 'left' THEN 1 ELSE 0 END), 0) FROM referral_inviter "
        "WHERE campaign_id = ? AND accepted_at IS NOT NULL",
        (campaign.id,),
    ).fetchone()
    (erased,) = execute(
        "SELECT count(*) FROM referral_relation WHERE campaign_id = ? AND contact_id IS NULL", (campaign.id,)
    ).fetchone()
    (added,) = execute(
        f"{_STANDING}SELECT count(*) FROM referral_relation r WHERE r.campaign_id = ? AND r.state <> 'void' "
        f"AND (r.was_added = 1 OR {_ADDED.format(person=_WHO)})",
        (campaign.id, campaign.id),
    ).fetchone()
    states = dict(
        execute(
            "SELECT state, count(*) FROM referral_relation WHERE campaign_id = ? GROUP BY state", (campaign.id,)
        ).fetchall()
    )
    window = made.hva_days * DAY_MS
    matured, hva = execute(
        f"{_STANDING}SELECT coalesce(sum(CASE WHEN r.qualified_at + ? <= ? THEN 1 ELSE 0 END), 0), "
        f"coalesce(sum(CASE WHEN r.was_hva = 1 OR {_HVA.format(person=_WHO)} THEN 1 ELSE 0 END), 0) "
        "FROM referral_relation r WHERE r.campaign_id = ? AND r.state = 'qualified'",
        (campaign.id, window, brand.now(), window, made.hva_min_minor, campaign.id),
    ).fetchone()
    cost, lost = execute(
        "SELECT coalesce(sum(g.value_minor), 0), "
        "coalesce(sum(CASE WHEN g.state = 'lost' THEN g.value_minor ELSE 0 END), 0) "
        "FROM referral_rung g JOIN referral_inviter i ON i.id = g.inviter_id "
        "WHERE i.campaign_id = ? AND g.state IN ('granted', 'lost')",
        (campaign.id,),
    ).fetchone()
    qualified = states.get("qualified", 0)
    return {
        "campaign": campaign.code,
        "inviters": inviters,
        "left": int(left),
        "invited": invited + erased,
        "added": added,
        "qualified": qualified,
        "held": states.get("held", 0),
        "matured": int(matured),
        "hva": int(hva),
        "cost": int(cost),
        "lost": int(lost),
        "per_qualified": _per(int(cost), qualified),
        "per_true": _per(int(cost), int(hva)),
    }


def _per(cost: int, people: int) -> int | None:
    """Minor units per person, rounded half to even; None for nobody."""
    return round(Fraction(cost, people)) if people else None


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
