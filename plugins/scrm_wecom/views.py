"""Callbacks and relations as routes and commands show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import iso, mask

from . import sync, wishes
from .drafts import unsure

if TYPE_CHECKING:
    from scrm_core.api import Brand, QueueOutcome, RunView

    from .callbacks import Callback
    from .follows import Follow
    from .greetings import Welcome
    from .invitations import Invitation
    from .link_news import Quota
    from .links import AcquisitionLink
    from .media import File
    from .moments import Moment, Wait
    from .sends import GroupSend
    from .sync import SyncView
    from .tasks import Push


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


def follow_views(follows: Sequence[Follow], brand: Brand) -> list[dict[str, Any]]:
    """Relations; each customer is named by the contact's uid."""
    people = brand.contacts.names([each.contact_id for each in follows])
    return [_follow_view(each, people[each.contact_id][0], brand) for each in follows]


def _follow_view(follow: Follow, contact: str, brand: Brand) -> dict[str, Any]:
    return {
        "id": follow.id,
        "contact": contact,
        "staff": follow.staff,
        "state": follow.state,
        "source": follow.source,
        "since": iso(follow.since, brand.zone),
        "lost_at": iso(follow.lost_at, brand.zone),
        "lost_by": follow.lost_by,
    }


def welcome_view(welcome: Welcome, brand: Brand) -> dict[str, Any]:
    """A welcome as it goes to WeCom; ``note`` is what WeCom refuses of it."""
    return {
        "channel": welcome.channel,
        "audience": welcome.audience,
        "content": welcome.content,
        "actor": welcome.actor,
        "at": iso(welcome.at, brand.zone),
        "note": welcome.note,
    }


def sync_view(view: SyncView, brand: Brand) -> dict[str, Any]:
    """How far a full sync is."""
    return {
        "state": view.state,
        "staff": view.staff,
        "staff_done": view.staff_done,
        "staff_skipped": view.skipped,
        "relations": view.relations,
        "chat_groups": view.chats,
        "chat_groups_waiting": view.chats_waiting,
        "chat_groups_error": view.chats_error,
        "started_at": iso(view.started_at, brand.zone),
        "finished_at": iso(view.finished_at, brand.zone),
        "waits_until": iso(view.waits_until or None, brand.zone),
        "error": view.error,
    }


def sync_state_view(brand: Brand) -> dict[str, Any]:
    """The newest full sync, and the one that is wanted and has not begun; null where there is none."""
    found, wanted = sync.latest(), wishes.wish()
    return {
        "sync": None if found is None else sync_view(found, brand),
        "wanted": None if wanted is None else {
            "actor": wanted.actor, "at": iso(wanted.at, brand.zone), "next_try": iso(wanted.due_at, brand.zone),
            "error": wanted.error,
        },
    }  # fmt: skip


def push_view(push: Push, brand: Brand) -> dict[str, Any]:
    """A relation whose tags wait to be told to WeCom, and why."""
    return {
        "id": push.id, "follow": push.follow, "due_at": iso(push.due_at, brand.zone), "attempts": push.attempts,
        "error": push.error,
    }  # fmt: skip


def outcome_view(outcome: QueueOutcome) -> dict[str, Any]:
    """Whom a send reaches, and why others not."""
    return {"queued": outcome.queued, "blocked": outcome.blocked}


def send_views(sends: Sequence[GroupSend], brand: Brand) -> list[dict[str, Any]]:
    """Group sends with what became of their messages."""
    counts = brand.outreach.counts_of([each.run.id for each in sends])
    return [
        {
            "code": send.code,
            "kind": send.run.kind,
            "state": send.run.state,
            "reason": _reason(send.run, counts.get(send.run.id, {})),
            "held_until": iso(brand.outreach.held_until(send.run), brand.zone),
            "expression": send.expression,
            "content": send.content,
            "actor": send.actor,
            "at": iso(send.at, brand.zone),
            "messages": _messages(counts.get(send.run.id, {})),
        }
        for send in sends
    ]


def _reason(run: RunView, counts: Mapping[tuple[str, str], int]) -> str:
    """Why a run stands, else of how many of its messages nobody knows."""
    count = unsure(counts)
    return run.reason or (f"nobody knows whether {count} were handed over" if count else "")


def _messages(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    messages: dict[str, int] = {}
    for (state, reason), count in sorted(counts.items()):
        name = f"{state}: {reason}" if state == "blocked" and reason else state
        messages[name] = messages.get(name, 0) + count
    return messages


def link_view(link: AcquisitionLink, brought: tuple[int, int], door: str, brand: Brand) -> dict[str, Any]:
    """An acquisition link; ``customers`` and ``spoke`` as they were read from WeCom, to the end at ``read_at``.

    ``address`` is the brand's own.
    """
    return {
        "code": link.code,
        "name": link.name,
        "state": link.shown(brand.now()),
        "note": link.why(brand.now()),
        "activity": link.activity,
        "starts_at": iso(link.starts_at, brand.zone),
        "ends_at": iso(link.ends_at, brand.zone),
        "address": door if link.state == "live" and not link.foreign else "",
        "wecom_address": link.address() if link.url else "",
        "channel_state": link.state_told,
        "staff": link.staff,
        "departments": link.departments,
        "customers": brought[0],
        "spoke": brought[1],
        "read_at": iso(link.counted_at, brand.zone),
        "actor": link.actor,
        "at": iso(link.at, brand.zone),
    }


def file_view(file: File, brand: Brand) -> dict[str, Any]:
    """A file for messages; ``file`` is what a message names it by."""
    return {
        "file": file.digest,
        "kind": file.kind,
        "name": file.name,
        "size": file.size,
        "actor": file.actor,
        "at": iso(file.at, brand.zone),
    }


def quota_view(quota: Quota | None, brand: Brand) -> dict[str, Any] | None:
    """What links may still bring; None before it was read."""
    if quota is None:
        return None
    return {"total": quota.total, "balance": quota.balance, "at": iso(quota.at or None, brand.zone)}


def invite_views(invitations: Sequence[Invitation], brand: Brand) -> list[dict[str, Any]]:
    """Invitations with what became of their messages."""
    counts = brand.outreach.counts_of([each.run.id for each in invitations])
    return [
        {
            "code": invitation.code,
            "link": invitation.link,
            "text": invitation.text,
            "channel": invitation.channel,
            "kind": invitation.run.kind,
            "state": invitation.run.state,
            "reason": _reason(invitation.run, counts.get(invitation.run.id, {})),
            "held_until": iso(brand.outreach.held_until(invitation.run), brand.zone),
            "expression": invitation.expression,
            "actor": invitation.actor,
            "at": iso(invitation.at, brand.zone),
            "messages": _messages(counts.get(invitation.run.id, {})),
        }
        for invitation in invitations
    ]


def started_line(run: RunView, brand: Brand) -> str:
    """What a command says of a run that was let go: how many messages, and until when quiet hours hold them."""
    going = sum(count for (state, _), count in brand.outreach.counts(run.id).items() if state == "queued")
    if not going:
        return "started: nobody to send to"
    now = brand.now()
    opens = brand.outreach.opens_at(run.channel, run.kind, at=now)
    held = f", held until {iso(opens, brand.zone)} by quiet hours" if opens > now else ""
    return f"started: {going} message{'' if going == 1 else 's'}{held}"


def moment_view(moment: Moment, wait: Wait | None, brand: Brand) -> dict[str, Any]:
    """A moment and what became of it; ``until`` is when it may be made, null where nothing holds it."""
    note = f"nobody knows whether staff have it: {moment.note}" if moment.state == "unknown" else moment.note
    return {
        "code": moment.code,
        "state": moment.state,
        "note": "quiet hours" if wait is not None and wait.quiet else note,
        "until": None if wait is None else iso(wait.until, brand.zone),
        "moment_id": moment.moment_id,
        "content": moment.content,
        "tags": moment.tags,
        "staff": moment.staff,
        "actor": moment.actor,
        "at": iso(moment.at, brand.zone),
    }
