"""Callbacks and relations as routes and commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import iso, mask

if TYPE_CHECKING:
    from scrm_core.api import Brand, QueueOutcome

    from .callbacks import Callback
    from .follows import Follow
    from .greetings import Welcome
    from .moments import Moment
    from .sends import GroupSend
    from .sync import SyncView


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


def welcome_view(welcome: Welcome, brand: Brand) -> dict[str, Any]:
    """A welcome as it goes to WeCom."""
    return {
        "channel": welcome.channel,
        "audience": welcome.audience,
        "content": welcome.content,
        "actor": welcome.actor,
        "at": iso(welcome.at, brand.zone),
    }


def sync_view(sync: SyncView, brand: Brand) -> dict[str, Any]:
    """How far a full sync is."""
    return {
        "state": sync.state,
        "staff": sync.staff,
        "staff_done": sync.staff_done,
        "customers": sync.customers,
        "started_at": iso(sync.started_at, brand.zone),
        "finished_at": iso(sync.finished_at, brand.zone),
        "waits_until": iso(sync.waits_until or None, brand.zone),
        "error": sync.error,
    }


def outcome_view(outcome: QueueOutcome) -> dict[str, Any]:
    """Whom a send reaches, and why others not."""
    return {"queued": outcome.queued, "blocked": outcome.blocked}


def send_view(send: GroupSend, brand: Brand) -> dict[str, Any]:
    """A group send with what became of its messages."""
    messages: dict[str, int] = {}
    for (state, reason), count in sorted(brand.outreach.counts(send.run.id).items()):
        name = f"{state}: {reason}" if state == "blocked" and reason else state
        messages[name] = messages.get(name, 0) + count
    return {
        "code": send.code,
        "kind": send.run.kind,
        "state": send.run.state,
        "reason": send.run.reason,
        "expression": send.expression,
        "content": send.content,
        "actor": send.actor,
        "at": iso(send.at, brand.zone),
        "messages": messages,
    }


def moment_view(moment: Moment, brand: Brand) -> dict[str, Any]:
    """A moment and what became of it."""
    return {
        "code": moment.code,
        "state": moment.state,
        "note": moment.note,
        "moment_id": moment.moment_id,
        "content": moment.content,
        "tags": moment.tags,
        "staff": moment.staff,
        "actor": moment.actor,
        "at": iso(moment.at, brand.zone),
    }
