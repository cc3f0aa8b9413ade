"""What people write back, and whom not to write to (退订、勿扰).

An opt-out is the end of commercial messages to that address at once: the claim
before each send looks here. It also withdraws the consent of the contact behind
the address, so that the two never disagree; opting in again is an affirmative
act and does the reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import eventlog
from ..db import transactional
from ..db.bulk import execute
from ..errors import Invalid
from ..limits import LIMITS
from ..values.text import clean_text
from .judging import ADDRESS_KINDS, Judge
from .types import Inbound, Suppressed

if TYPE_CHECKING:
    from ..brands import Brand

OPT_OUT = "opt_out"


@transactional
def received(
    brand: Brand, channel: str, address: str, text: str, *, ref: str, at: int | None, to: str, handled: str
) -> Inbound:
    """Keep a message that came in; the same ``ref`` again changes nothing."""
    address, ref, to, handled = (
        clean_text(value, field=name, max_length=LIMITS.name)
        for name, value in (("address", address), ("ref", ref), ("to", to), ("handled", handled))
    )
    text = clean_text(text, field="text")
    if not address or not ref:
        raise Invalid("a message has an address and the gateway's reference", field="ref" if address else "address")
    now = brand.now()
    moment = now if at is None else at
    forgotten = execute(
        "SELECT id FROM message_in WHERE channel = ? AND ref = ?",
        (channel, brand.contacts.suppressions.erased_reference(channel, ref)),
    ).fetchone()
    if forgotten is not None:
        return Inbound(forgotten[0], False, None, "")
    contact = Judge(brand, channel, "notice").owners([address]).get(address)
    answers = execute(
        "SELECT m.uid FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE m.address = ? AND r.channel = ? "
        "AND m.sent_at IS NOT NULL ORDER BY m.sent_at DESC, m.id DESC LIMIT 1",
        (address, channel),
    ).fetchone()
    answered = answers[0] if answers is not None else ""
    row = execute(
        "INSERT INTO message_in (channel, ref, address, contact_id, recipient, text, handled, answers, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel, ref) DO NOTHING RETURNING id",
        (channel, ref, address, contact, to, text, handled, answered, moment),
    ).fetchone()
    if row is None:
        (known,) = execute("SELECT id FROM message_in WHERE channel = ? AND ref = ?", (channel, ref)).fetchone()
        return Inbound(known, False, contact, answered)
    if not handled:
        fact = {"message_in_id": row[0], "channel": channel, "to": to, "text": text, "answers": answered}
        eventlog.append([eventlog.NewEvent("message.received", contact, moment, fact)], recorded_at=now)
    return Inbound(int(row[0]), True, contact, answered)


def forget(brand: Brand, channel: str, before: int) -> int:
    """Take the text out of messages that came in before an instant, a page at a time; returns how many."""
    last = gone = 0
    while page := execute(
        "SELECT id FROM message_in WHERE id > ? ORDER BY id LIMIT 1000", (last,)
    ).fetchall():
        gone += _forget(channel, before, last, page[-1][0])
        last = page[-1][0]
    return gone


@transactional
def _forget(channel: str, before: int, low: int, high: int) -> int:
    changed = execute(
        "UPDATE message_in SET text = '' WHERE id > ? AND id <= ? AND channel = ? AND at < ? AND text <> ''",
        (low, high, channel, before),
    )
    return int(changed.rowcount)


@transactional
def opt_out(brand: Brand, channel: str, address: str, *, via: str, evidence: str, at: int | None) -> bool:
    """No commercial message to this address any more; False when it was so already."""
    return _decide(brand, channel, address, False, via, evidence, "", at)


@transactional
def opt_in(
    brand: Brand, channel: str, address: str, *, via: str, evidence: str, text_version: str, at: int | None
) -> bool:
    """The person asks for messages again; lifts the opt-out alone, no other suppression."""
    return _decide(brand, channel, address, True, via, evidence, text_version, at)


def _decide(
    brand: Brand,
    channel: str,
    address: str,
    granted: bool,
    via: str,
    evidence: str,
    text_version: str,
    at: int | None,
) -> bool:
    if granted:
        changed = _lift(brand, channel, address, via, OPT_OUT) > 0
    else:
        changed = suppress(
            brand, channel, address, reason=OPT_OUT, scope="commercial", actor=via, evidence=evidence
        )
    judge = Judge(brand, channel, "marketing")
    contact = judge.owners([address]).get(address)
    now = brand.now()
    moment = now if at is None else min(at, now)  # no gateway's clock decides about the future
    if contact is not None and brand.consent.state(contact, judge.purpose) is not granted:
        if not granted:
            # A refusal counts, however early the gateway's clock puts it.
            moment = max(moment, _decided_at(contact, judge.purpose))
        brand.consent.record(
            contact,
            judge.purpose,
            granted=granted,
            at=moment,
            source=via,
            text_version=text_version,
            evidence={"text": evidence[: LIMITS.text]} if evidence else None,
        )
        changed = True
    return changed


def _decided_at(contact_id: int, purpose: str) -> int:
    """When a contact last decided about a purpose; 0 for never."""
    (at,) = execute(
        "SELECT coalesce(max(at), 0) FROM consent WHERE contact_id = ? AND purpose = ? AND channel = ''",
        (contact_id, purpose),
    ).fetchone()
    return int(at)


@transactional
def suppress(
    brand: Brand, channel: str, address: str, *, reason: str, scope: str, actor: str, evidence: str
) -> bool:
    """Do not write to the address: no commercial message, or (``scope`` "all") none; False when known."""
    address, reason, actor = (
        clean_text(value, field=name, max_length=LIMITS.name)
        for name, value in (("address", address), ("reason", reason), ("actor", actor))
    )
    evidence = clean_text(evidence, field="evidence")
    if scope not in ("commercial", "all"):
        raise Invalid("scope is commercial or all", field="scope")
    if channel not in ("", *ADDRESS_KINDS):
        raise Invalid(f"unknown channel {channel!r}", field="channel")
    if not address or not reason:
        raise Invalid("name the address and the reason", field="reason" if address else "address")
    made = execute(
        "INSERT INTO do_not_contact (channel, address, scope, reason, actor, evidence, at, lifted_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT DO NOTHING",
        (channel, address, scope, reason, actor, evidence, brand.now()),
    )
    return bool(made.rowcount)


@transactional
def lift(brand: Brand, channel: str, address: str, *, actor: str) -> int:
    """A person lifts what stands against an address; an opt-out is lifted by the recipient alone."""
    return _lift(brand, channel, address, actor, None)


def _lift(brand: Brand, channel: str, address: str, actor: str, reason: str | None) -> int:
    only = "reason <> ?" if reason is None else "reason = ?"
    changed = execute(
        "UPDATE do_not_contact SET lifted_at = ?, lifted_by = ? WHERE channel = ? AND address = ? "
        f"AND lifted_at IS NULL AND {only}",
        (brand.now(), actor, channel, address, OPT_OUT if reason is None else reason),
    )
    return int(changed.rowcount)


def suppressions(*, after: int, limit: int) -> list[Suppressed]:
    """Open entries of the do-not-contact list with ids above ``after``, ascending."""
    if not 1 <= limit <= LIMITS.page_rows:
        raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
    rows = execute(
        "SELECT id, channel, address, scope, reason, actor, at FROM do_not_contact "
        "WHERE lifted_at IS NULL AND id > ? ORDER BY id LIMIT ?",
        (after, limit),
    ).fetchall()
    return [Suppressed(*row) for row in rows]


def suppressed(channel: str, address: str) -> list[str]:
    """The reasons that stand against an address, oldest first."""
    rows = execute(
        "SELECT reason FROM do_not_contact WHERE channel IN (?, '') AND address = ? AND lifted_at IS NULL "
        "ORDER BY at, id",
        (channel, address),
    ).fetchall()
    return [row[0] for row in rows]
