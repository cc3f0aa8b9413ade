"""Adds (加友): which leads came through a plan, and so through which message.

A lead that carries a link's code belongs to that link's plan and message, and
to no other. A lead without one belongs to the last plan that wrote to the
person, unless it names a channel that is not the plan's. Either way it counts
within ``add_days`` after the send, and once per person and plan: the earliest
lead, in whatever order they arrive. Whether the person was new is decided when
figures are asked for, since an earlier lead may still come in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import LeadCaptured, execute

from ..plans.store import plan_row

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
BY_LINK = "link"
BY_RECIPIENT = "recipient"

# Messages that may have reached somebody; what certainly did not is nobody's reason to come.
ARRIVED = "('sending', 'sent', 'delivered', 'unknown')"


@dataclass(frozen=True, slots=True)
class _Origin:
    plan_id: int
    message_id: int | None
    method: str


def take_lead(settings: Mapping[str, Any], event: LeadCaptured) -> bool:
    """Put a lead down to the plan it came through, if any; True when it is counted now."""
    contact_id = living(event.contact_id)
    if contact_id is None:
        return False
    since = event.at - settings["add_days"] * DAY_MS
    if event.link:
        origin = _by_link(event.link, contact_id, since, event.at)
    else:
        origin = _by_recipient(contact_id, event.channel, since, event.at)
    if origin is None:
        return False
    changed = execute(
        "INSERT INTO sms_add (plan_id, contact_id, message_id, method, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (plan_id, contact_id) DO UPDATE SET message_id = excluded.message_id, "
        "method = excluded.method, at = excluded.at WHERE sms_add.at > excluded.at",
        (origin.plan_id, contact_id, origin.message_id, origin.method, event.at),
    ).rowcount
    return bool(changed)


def _by_link(code: str, contact_id: int, since: int, at: int) -> _Origin | None:
    """The message whose own link it is, or the plan whose link it is and the person's message of that plan."""
    row = execute(
        "SELECT p.id, m.id FROM link l JOIN message m ON m.link_id = l.id JOIN sms_plan p ON p.run_id = m.run_id "
        "WHERE l.code = ? AND m.sent_at > ? AND m.sent_at <= ? UNION ALL "
        "SELECT s.plan_id, m.id FROM link l JOIN sms_rescue s ON s.link_id = l.id "
        "JOIN message m ON m.id = s.message_id WHERE l.code = ? AND m.sent_at > ? AND m.sent_at <= ?",
        (code, since, at, code, since, at),
    ).fetchone()
    if row is not None:
        return _Origin(row[0], row[1], BY_LINK)
    # The plan's own link has no recipient: it leads to the plan, and to the person's message if there is one.
    # Its window is that of the sending as a whole.
    row = execute(
        "SELECT p.id, (SELECT m.id FROM message m WHERE m.run_id = p.run_id AND m.contact_id = ? "
        f"AND m.state IN {ARRIVED} AND m.sent_at <= ? ORDER BY m.sent_at DESC LIMIT 1) "
        "FROM link l JOIN sms_plan p ON p.code = l.campaign WHERE l.code = ? AND l.owner = 'sms' "
        "AND NOT EXISTS (SELECT 1 FROM message m WHERE m.link_id = l.id) "
        "AND NOT EXISTS (SELECT 1 FROM sms_rescue s WHERE s.link_id = l.id) "
        "AND EXISTS (SELECT 1 FROM outreach_run r WHERE r.id = p.run_id AND r.start_at <= ? "
        "AND coalesce(r.finished_at, ?) > ?)",
        (contact_id, at, code, at, at, since),
    ).fetchone()
    return None if row is None else _Origin(row[0], row[1], BY_LINK)


def _by_recipient(contact_id: int, channel: str, since: int, at: int) -> _Origin | None:
    """The last message of a plan to this person, or to a number that is theirs now."""
    found = "SELECT m.id, m.sent_at, m.run_id, m.link_id FROM message m WHERE"
    window = f"AND m.state IN {ARRIVED} AND m.sent_at > ? AND m.sent_at <= ?"
    row = execute(
        f"SELECT coalesce(p.id, s.plan_id), m.id FROM ({found} m.contact_id = ? {window} UNION {found} m.address IN "
        f"(SELECT i.value FROM identity i WHERE i.contact_id = ? AND i.kind = 'phone') {window}) m "
        "LEFT JOIN sms_plan p ON p.run_id = m.run_id LEFT JOIN sms_rescue s ON s.message_id = m.id "
        "LEFT JOIN link l ON l.id = coalesce(m.link_id, s.link_id) LEFT JOIN channel c ON c.id = l.channel_id "
        "WHERE coalesce(p.id, s.plan_id) IS NOT NULL AND (? = '' OR c.code = ?) "
        "ORDER BY m.sent_at DESC, m.id DESC LIMIT 1",
        (contact_id, since, at, contact_id, since, at, channel, channel),
    ).fetchone()
    return None if row is None else _Origin(row[0], row[1], BY_RECIPIENT)


def living(contact_id: int | None) -> int | None:
    """The active contact that an id leads to through merges, or None (erased, unknown)."""
    while contact_id is not None:
        row = execute("SELECT state, merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
        if row is None or row[0] == "erased":
            return None
        if row[0] == "active":
            return contact_id
        contact_id = row[1]
    return None


# What the canary asks --------------------------------------------------------


def added(brand: Brand, plan_code: str) -> int:
    """How many persons came through a plan so far."""
    return adds_since(brand, plan_code, 0)


def adds_since(brand: Brand, plan_code: str, at: int) -> int:
    """How many persons came through a plan at an instant or later; the alarm of a canary that recalls nobody."""
    (count,) = execute(
        "SELECT count(*) FROM sms_add a JOIN contact c ON c.id = a.contact_id "
        "WHERE a.plan_id = ? AND a.at >= ? AND c.state = 'active'",
        (plan_row(plan_code).id, at),
    ).fetchone()
    return int(count)


def clicks_since(brand: Brand, plan_code: str, at: int) -> int:
    """How many recipients' links of a plan a person opened at an instant or later; programs do not count."""
    (count,) = execute(
        "SELECT count(DISTINCT m.link_id) FROM sms_plan p JOIN message m ON m.run_id = p.run_id "
        "JOIN visit v ON v.link_id = m.link_id WHERE p.code = ? AND v.bot = 0 AND v.at >= ?",
        (plan_row(plan_code).code, at),
    ).fetchone()
    return int(count)
