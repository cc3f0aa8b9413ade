"""Red packets as JSON values, the same for routes and commands."""

from __future__ import annotations

from typing import Any

from scrm_core.api import Brand, NotFound, iso

from .budget import BudgetView, EntryView
from .packets import PacketView
from .payouts import PayoutView, StepView


def budget_view(budget: BudgetView) -> dict[str, Any]:
    """The budget as JSON."""
    return {"total_minor": budget.total_minor, "used_minor": budget.used_minor, "left_minor": budget.left_minor}


def entry_view(entry: EntryView, brand: Brand) -> dict[str, Any]:
    """An entry of the budget as JSON."""
    return {
        "kind": entry.kind,
        "amount_minor": entry.amount_minor,
        "key": entry.key,
        "reason": entry.reason,
        "actor": entry.actor,
        "at": iso(entry.at, brand.zone),
    }


def packet_view(packet: PacketView, brand: Brand) -> dict[str, Any]:
    """A prepared packet as JSON; what each place gets is nobody's business before it is taken."""
    return {
        "code": packet.code,
        "title": packet.title,
        "total_minor": packet.total_minor,
        "people": packet.people,
        "handed": packet.handed,
        "state": packet.state,
        "expires_at": iso(packet.expires_at, brand.zone),
        "returned_minor": packet.returned_minor,
        "actor": packet.actor,
        "created_at": iso(packet.created_at, brand.zone),
        "closed_at": iso(packet.closed_at, brand.zone),
    }


def payout_view(payout: PayoutView, brand: Brand) -> dict[str, Any]:
    """A payout as JSON; ``contact`` is the person's uid, None once they were erased."""
    return {
        "number": payout.number,
        "contact": _uid(payout, brand),
        "packet": payout.packet,
        "amount_minor": payout.amount_minor,
        "state": payout.state,
        "reason": payout.reason,
        "detail": payout.detail,
        "via": payout.via,
        "file": payout.file,
        "reference": payout.reference,
        "package": payout.package,
        "attempts": payout.attempts,
        "grant_key": payout.grant_key,
        "created_at": iso(payout.created_at, brand.zone),
        "sent_at": iso(payout.sent_at, brand.zone),
        "settled_at": iso(payout.settled_at, brand.zone),
    }


def step_view(step: StepView, brand: Brand) -> dict[str, Any]:
    """A step of a payout as JSON."""
    return {
        "number": step.number,
        "state": step.state,
        "reason": step.reason,
        "detail": step.detail,
        "actor": step.actor,
        "at": iso(step.at, brand.zone),
    }


def _uid(payout: PayoutView, brand: Brand) -> str | None:
    if payout.contact_id is None:
        return None
    try:
        return brand.contacts.get_by_id(payout.contact_id).uid
    except NotFound:
        return None
