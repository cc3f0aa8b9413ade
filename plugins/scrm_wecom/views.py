"""Callbacks and relations as routes and commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import iso, mask

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .callbacks import Callback
    from .follows import Follow


def callback_view(callback: Callback, brand: Brand) -> dict[str, Any]:
    """A callback without its body."""
    return {
        "id": callback.id,
        "event": callback.event,
        "change": callback.change,
        "external": mask("external_userid", callback.external) or "",
        "state": callback.state,
        "note": callback.note,
        "at": iso(callback.at, brand.zone),
        "received_at": iso(callback.received_at, brand.zone),
    }


def follow_view(follow: Follow, brand: Brand) -> dict[str, Any]:
    """A relation; the customer is named by the contact's uid."""
    return {
        "id": follow.id,
        "contact": brand.contacts.get_by_id(follow.contact_id).uid,
        "staff": follow.staff,
        "state": follow.state,
        "source": follow.source,
        "since": iso(follow.since, brand.zone),
        "lost_at": iso(follow.lost_at, brand.zone),
        "lost_by": follow.lost_by,
    }
