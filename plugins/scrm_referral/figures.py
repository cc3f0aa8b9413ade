"""A campaign's figures, counted from its rows and the customers behind them in one statement.

Counting reads every invitee with their orders. A small campaign is counted when somebody
asks; of a large one (:data:`LIVE`) the job keeps the whole count with its instant, which every
answer tells (``as_of``). Nothing is added up on the way, so nothing can drift.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute, transactional

from . import relations
from .definition import DAY_MS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaign

LIVE = 20_000
"""A campaign of no more invitees is counted when asked for."""
EVERY_MS = 600_000
"""So often a large campaign is counted: a second or two for each million invitees."""

_COUNTED = (
    "inviters", "left", "invited", "added", "qualified", "held", "matured", "hva", "cost", "lost",
)  # fmt: skip

_HVA = (
    "EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = {person} AND o.valid = 1 AND o.paid_at > {since} "
    "AND o.paid_at <= {since} + ? AND o.paid_minor - o.refund_minor >= ?)"
)
# A merge leaves an invitee's row where it is when the person has another one: ``stand`` tells who that contact is now.
_SQL = (
    "WITH RECURSIVE chain (contact_id, person) AS (SELECT r.contact_id, c.merged_into_id FROM contact c "
    "JOIN referral_relation r ON r.contact_id = c.id AND r.campaign_id = ? WHERE c.merged_into_id IS NOT NULL "
    "UNION SELECT h.contact_id, c.merged_into_id FROM chain h JOIN contact c ON c.id = h.person "
    "WHERE c.merged_into_id IS NOT NULL), "
    "stand (contact_id, person, lead_at) AS (SELECT h.contact_id, h.person, c.lead_at FROM chain h "
    "JOIN contact c ON c.id = h.person WHERE c.merged_into_id IS NULL), "
    "invitee AS (SELECT r.state, r.since, r.qualified_at, r.was_added, r.was_hva, c.merged_into_id AS moved, "
    "CASE WHEN c.merged_into_id IS NULL THEN c.id ELSE "
    "(SELECT s.person FROM stand s WHERE s.contact_id = c.id) END AS person, "
    "CASE WHEN c.merged_into_id IS NULL THEN c.lead_at ELSE "
    "(SELECT s.lead_at FROM stand s WHERE s.contact_id = c.id) END AS lead_at "
    "FROM referral_relation r LEFT JOIN contact c ON c.id = r.contact_id WHERE r.campaign_id = ?), "
    # Who opened a link, and who stands for a merged invitee, unless they are an invitee themselves.
    "other (person) AS (SELECT s.person FROM stand s UNION SELECT d.contact_id FROM referral_candidate d "
    "JOIN referral_inviter i ON i.id = d.inviter_id WHERE i.campaign_id = ? "
    "UNION SELECT v.contact_id FROM visit v JOIN link l ON l.id = v.link_id "
    "WHERE l.owner = 'referral' AND l.campaign = ? AND v.bot = 0 AND v.contact_id IS NOT NULL), "
    "reward AS (SELECT g.state, g.value_minor FROM referral_rung g JOIN referral_inviter i ON i.id = g.inviter_id "
    "WHERE i.campaign_id = ? AND g.state IN ('granted', 'lost')) "
    "SELECT (SELECT count(*) FROM referral_inviter WHERE campaign_id = ? AND accepted_at IS NOT NULL), "
    "(SELECT count(*) FROM referral_inviter WHERE campaign_id = ? AND accepted_at IS NOT NULL AND state = 'left'), "
    "count(CASE WHEN t.moved IS NULL THEN 1 END) + (SELECT count(*) FROM other WHERE NOT EXISTS "
    "(SELECT 1 FROM referral_relation r WHERE r.campaign_id = ? AND r.contact_id = other.person)), "
    "count(CASE WHEN t.state <> 'void' AND (t.was_added = 1 OR t.lead_at >= t.since) THEN 1 END), "
    "count(CASE WHEN t.state = 'qualified' THEN 1 END), count(CASE WHEN t.state = 'held' THEN 1 END), "
    "count(CASE WHEN t.state = 'qualified' AND t.qualified_at + ? <= ? THEN 1 END), "
    "count(CASE WHEN t.state = 'qualified' AND (t.was_hva = 1 OR "
    f"{_HVA.format(person='t.person', since='t.qualified_at')}) THEN 1 END), "
    "(SELECT coalesce(sum(value_minor), 0) FROM reward), "
    "(SELECT coalesce(sum(value_minor), 0) FROM reward WHERE state = 'lost') FROM invitee t"
)


def figures(brand: Brand, campaign: Campaign) -> dict[str, Any]:
    """One campaign's figures, as they were at ``as_of``; money in minor units, a cost per nobody is None.

    ``inviters``: who has or had a place; ``left``: of these, who left. ``invited``:
    people who opened a personal link, as far as they are known, or were bound.
    ``added``: of the bound, those who became a friend. ``hva``: of the qualified,
    those with a further order within the campaign's ``hva.days`` after they
    qualified; ``matured`` counts those whose days are over. Cost is what was
    granted and not taken back; a true customer is one with such an action.
    """
    kept = _kept(campaign.id) if large(campaign) else None
    # What the job left to grow old, as while no worker runs, is counted anew.
    if kept is None or not 0 <= brand.now() - kept[0] <= 3 * _every(brand, campaign):
        kept = count(brand, campaign)
    at, found = kept
    return {
        "campaign": campaign.code,
        **found,
        "per_qualified": _per(found["cost"], found["qualified"]),
        "per_true": _per(found["cost"], found["hva"]),
        "as_of": at,
    }


def count(brand: Brand, campaign: Campaign) -> tuple[int, dict[str, int]]:
    """The present instant, and a campaign's figures counted from all of its rows."""
    made, now, its = campaign.definition, brand.now(), campaign.id
    window = made.hva_days * DAY_MS
    row = execute(
        _SQL, (its, its, its, campaign.code, its, its, its, its, window, now, window, made.hva_min_minor)
    ).fetchone()
    return now, dict(zip(_COUNTED, map(int, row), strict=True))


def large(campaign: Campaign) -> bool:
    """Whether a campaign has more invitees than are counted when somebody asks."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM referral_relation WHERE campaign_id = ? LIMIT ?) t"
    return bool(execute(sql, (campaign.id, LIVE + 1)).fetchone()[0] > LIVE)


def keep(brand: Brand, campaign: Campaign) -> bool:
    """The job: count a large campaign when it is due; read outside a transaction, so nobody waits for it."""
    if not large(campaign):
        return False
    kept = _kept(campaign.id)
    if kept is not None and 0 <= brand.now() - kept[0] < _every(brand, campaign):
        return False
    _write(campaign.id, *count(brand, campaign))
    return True


@transactional
def _write(campaign_id: int, at: int, found: dict[str, int]) -> None:
    # Two that count at once: the later count stays.
    execute(
        "INSERT INTO referral_figures (campaign_id, counted_at, figures) VALUES (?, ?, ?) "
        "ON CONFLICT (campaign_id) DO UPDATE SET counted_at = excluded.counted_at, figures = excluded.figures "
        "WHERE referral_figures.counted_at <= excluded.counted_at",
        (campaign_id, at, json.dumps(found)),
    )


def _kept(campaign_id: int) -> tuple[int, dict[str, int]] | None:
    row = execute(
        "SELECT counted_at, figures FROM referral_figures WHERE campaign_id = ?", (campaign_id,)
    ).fetchone()
    return None if row is None else (int(row[0]), json.loads(row[1]))


def _every(brand: Brand, campaign: Campaign) -> int:
    """How often a campaign is counted: once a day when neither a step, a refund nor an action is waited for."""
    made = campaign.definition
    over = made.steps_until + (made.refund_days + made.hva_days) * DAY_MS
    return DAY_MS if brand.now() > over else EVERY_MS


def keep_figures(campaign: Campaign, relation: relations.Relation) -> None:
    """Keep what an invitee counts as in the figures, before the person is parted from it."""
    made, person = campaign.definition, relation.contact_id
    hva = _HVA.format(person="?", since="r.qualified_at")
    sql = (
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM contact c WHERE c.id = ? AND c.lead_at >= r.since) THEN 1 ELSE 0 END, "
        f"CASE WHEN r.state = 'qualified' AND {hva} THEN 1 ELSE 0 END FROM referral_relation r WHERE r.id = ?"
    )
    added, later = execute(
        sql, (person, person, made.hva_days * DAY_MS, made.hva_min_minor, relation.id)
    ).fetchone()
    execute("UPDATE referral_relation SET was_added = ?, was_hva = ? WHERE id = ?", (added, later, relation.id))


def _per(cost: int, people: int) -> int | None:
    """Minor units per person, rounded half to even; None for nobody."""
    return round(Fraction(cost, people)) if people else None
