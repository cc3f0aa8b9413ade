"""Referral as JSON values, the same for routes and commands; people are named by uid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import iso

from . import inviters as rows
from .campaigns import Campaigns
from .figures import figures
from .ladder import costs
from .relations import Relation, steps
from .report import uid_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaign
    from .inviters import Inviter
    from .rungs import Due
    from .service import Referrals


def campaign_view(campaign: Campaign, brand: Brand) -> dict[str, Any]:
    """A campaign as JSON."""
    made = campaign.definition
    return {
        "code": campaign.code,
        "title": made.title,
        "state": campaign.state,
        "template": made.template,
        "surface": made.surface,
        "starts_at": iso(made.starts_at, brand.zone),
        "ends_at": iso(made.ends_at, brand.zone),
        "quota": campaign.quota,
        "accepted": campaign.accepted,
        "applied": campaign.applied,
        "budget_minor": campaign.budget_minor,
        "spent_minor": campaign.spent_minor,
        "mode": made.mode,
        "gates": [gate.name for gate in made.gates],
        "ladder": costs(made.ladder, made.mode),
        "stock": {
            str(invites): {"stock": stock, "taken": taken}
            for invites, (stock, taken) in sorted(Campaigns.stocks(campaign).items())
        },
    }


def figures_view(campaign: Campaign, brand: Brand) -> dict[str, Any]:
    """A campaign's figures as JSON; ``as_of`` is when they were counted."""
    found = figures(brand, campaign)
    return {**found, "as_of": iso(found["as_of"], brand.zone)}


def inviter_view(inviter: Inviter, referrals: Referrals) -> dict[str, Any]:
    """Somebody who signed up, as JSON."""
    zone = referrals.brand.zone
    return {
        "contact": uid_of(inviter.contact_id),
        "state": inviter.state,
        "code": inviter.code,
        "link": referrals.campaigns.link(inviter),
        "staff": inviter.staff,
        "applied_at": iso(inviter.applied_at, zone),
        "accepted_at": iso(inviter.accepted_at, zone),
    }


def invitee_view(relation: Relation, brand: Brand) -> dict[str, Any]:
    """An invitee with the proof of each gate and every signal, as JSON."""
    return {
        "uid": relation.uid,
        "contact": uid_of(relation.contact_id),
        "inviter": uid_of(rows.by_id(relation.inviter_id).contact_id),
        "staff": relation.staff,
        "state": relation.state,
        "reason": relation.reason,
        "source": relation.source,
        "bound_at": iso(relation.bound_at, brand.zone),
        "qualified_at": iso(relation.qualified_at, brand.zone),
        "reversible_until": iso(relation.reversible_until, brand.zone),
        "score": relation.score,
        "signals": relation.signals,
        "steps": {
            gate: {"at": iso(step.at, brand.zone), "evidence": step.evidence, "event_id": step.event_id}
            for gate, step in steps(relation.id).items()
        },
    }


def rung_view(due: Due, referrals: Referrals) -> dict[str, Any]:
    """A reward that is due, approved, granted or gone, as JSON; with what stands behind it and who has spoken."""
    brand = referrals.brand
    campaign = referrals.campaigns.by_id(due.campaign_id)
    return {
        "uid": due.uid,
        "campaign": campaign.code,
        "inviter": uid_of(rows.by_id(due.inviter_id).contact_id),
        "staff": rows.by_id(due.inviter_id).staff,
        "invites": due.invites,
        "kind": due.kind,
        "item": due.item,
        "value_minor": due.value_minor,
        "state": due.state,
        "reason": due.reason,
        "due_at": iso(due.due_at, brand.zone),
        "granted_at": iso(due.granted_at, brand.zone),
        "needed": campaign.definition.needed(due.value_minor),
        "reviews": [{**each, "at": iso(each["at"], brand.zone)} for each in referrals.rungs.reviews(due)],
        "counted": referrals.rungs.counted(due),
    }
