"""How this room's things leave it, for routes and commands alike."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, iso

from .activation import ActivationView
from .content import ContentView
from .hands import AwardView, Hands
from .welfare import Gift, WelfareView

if TYPE_CHECKING:
    from scrm_core.api import Brand


def uid_of(brand: Brand, contact_id: int) -> str | None:
    """The contact's uid outside; None when the person was erased."""
    try:
        return brand.contacts.get_by_id(contact_id).uid
    except NotFound:
        return None


def award_view(award: AwardView, brand: Brand, *, hands: Hands | None = None) -> dict[str, Any]:
    """An award; with ``hands`` also the message that proposed it."""
    view = {
        "uid": award.uid,
        "contact": uid_of(brand, award.contact_id),
        "what": award.what,
        "mode": award.mode,
        "kind": award.kind,
        "item": award.item,
        "quantity": award.quantity,
        "cost_minor": award.cost_minor,
        "reason": award.reason,
        "actor": award.actor,
        "state": award.state,
        "reward": award.reward,
        "rule": award.rule,
        "decided_by": award.decided_by,
        "decided_at": iso(award.decided_at, brand.zone),
        "decision": award.decision,
        "at": iso(award.at, brand.zone),
        "key": award.key,
    }
    if hands is not None:
        view["message"] = hands.said(award)
    return view


def welfare_view(welfare: WelfareView, brand: Brand) -> dict[str, Any]:
    """A welfare campaign, with what is left of its cap and how many gifts still fit."""
    view = asdict(welfare)
    del view["id"]
    for name in ("starts_at", "ends_at", "created_at"):
        view[name] = iso(view[name], brand.zone)
    left = welfare.cap_minor - welfare.spent_minor
    return view | {"left_minor": left, "gifts_left": left // welfare.unit_cost_minor}


def gift_view(gift: Gift, brand: Brand) -> dict[str, Any]:
    """A gift."""
    contact = uid_of(brand, gift.contact_id)
    return {"outcome": gift.outcome, "contact": contact, "reward": gift.reward, "at": iso(gift.at, brand.zone)}


def content_view(content: ContentView) -> dict[str, Any]:
    """A piece of content."""
    view = asdict(content)
    del view["id"]
    return view | {"day": date.fromordinal(content.day).isoformat()}


def activation_view(activation: ActivationView) -> dict[str, Any]:
    """A group activation."""
    view = asdict(activation)
    del view["id"]
    return view | {"day": date.fromordinal(activation.day).isoformat()}


