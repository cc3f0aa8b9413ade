"""What became of a message (回执): the gateway's answer and the receipts, in whatever order they come.

States move forward only. A receipt may come twice, late, or before the call
that sent the message returns; it may also tell what became of a message that
was ``unknown``. A message in several parts may be told of several times: one
failed part makes it failed, whatever the others say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..db import current_handle, transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..services import audit
from ..values.text import clean_text
from .claiming import halt
from .reporting import tell
from .runs import runs_by_id
from .types import FINAL, MessageView, OutMessage, RunView, SendResult

if TYPE_CHECKING:
    from ..brands import Brand

MAX_ATTEMPTS = 200
"""Tries of one message before its run is paused: a gateway that is away for hours needs a person."""

LONGEST_RETRY_S = 60
SKEW_MS = 60_000
"""What a gateway's clock may be ahead of ours."""

_VIEW = (
    "SELECT id, uid, run_id, contact_id, address, state, reason, code, arm, body, parts, link_id, ref, sent_at, "
    "final_at FROM message "
)


def view_of(row: tuple[object, ...]) -> MessageView:
    """A row of the message table as it is shown; what was given up is an empty text."""
    values = ["" if index in (1, 4, 9) and value is None else value for index, value in enumerate(row)]
    return MessageView(*values)  # type: ignore[arg-type]


def message(uid: str) -> MessageView:
    """The message with this uid; raises NotFound."""
    row = execute(_VIEW + "WHERE uid = ?", (uid,)).fetchone()
    if row is None:
        raise NotFound("no such message")
    return view_of(row)


def messages(run_id: int, *, state: str | None, after: int, limit: int) -> list[MessageView]:
    """Messages of a run with ids above ``after``, ascending."""
    if not 1 <= limit <= 10_000:
        raise Invalid("a page has 1 to 10000 messages", field="limit")
    also, params = ("", [run_id, after]) if state is None else (" AND state = ?", [run_id, after, state])
    rows = execute(f"{_VIEW}WHERE run_id = ? AND id > ?{also} ORDER BY id LIMIT ?", (*params, limit)).fetchall()
    return [view_of(row) for row in rows]


def of_contact(contact_id: int, limit: int) -> list[tuple[MessageView, RunView]]:
    """Messages to a contact with the run of each, newest first."""
    rows = execute(f"{_VIEW}WHERE contact_id = ? ORDER BY id DESC LIMIT ?", (contact_id, limit)).fetchall()
    found = [view_of(row) for row in rows]
    known = runs_by_id({each.run_id for each in found})
    return [(each, known[each.run_id]) for each in found]


def find(ref: str, address: str) -> str | None:
    """The uid of the message that a gateway knows under its own reference."""
    row = execute("SELECT uid FROM message WHERE ref = ? AND address = ?", (ref, address)).fetchone() if ref else None
    return None if row is None else str(row[0])


@transactional
def reword(brand: Brand, uid: str, body: str, params: Mapping[str, str]) -> bool:
    """The text of a message that is being sent; True when it was kept."""
    done = execute(
        "UPDATE message SET body = ?, params = ?, updated_at = ? "
        "WHERE uid = ? AND state = 'sending' AND body IS NOT NULL",
        (body, json.dumps(dict(params), ensure_ascii=False), brand.now(), uid),
    )
    return bool(done.rowcount)


@transactional
def receipt(
    brand: Brand, uid: str, state: str, *, code: str, reason: str, ref: str, at: int | None
) -> bool:
    """Record what a receipt says; True when it changed the message's state.

    ``state`` is ``sent`` (the gateway or the carrier has it), ``delivered``,
    ``failed`` or ``expired``. Unknown messages and repetitions change nothing.
    """
    if state != "sent" and state not in FINAL:
        raise Invalid(f"a receipt says sent, {', '.join(FINAL)}; not {state!r}", field="state")
    code, reason, ref = (
        clean_text(text, field=name, max_length=LIMITS.name)
        for name, text in (("code", code), ("reason", reason), ("ref", ref))
    )
    hold = "" if current_handle().engine == "sqlite" else " FOR UPDATE"
    row = execute(f"SELECT id, state, parts, sent_at FROM message WHERE uid = ?{hold}", (uid,)).fetchone()
    if row is None or not _moves(row[1], state, row[2]):
        return False
    now = brand.now()
    # A gateway's clock may be wrong: nothing arrives in the future, nor before it was sent.
    arrived = now if at is None or at > now + SKEW_MS else max(at, row[3])
    final = arrived if state in FINAL else None
    execute(
        "UPDATE message SET state = ?, code = ?, reason = ?, ref = CASE WHEN ref = '' THEN ? ELSE ref END, "
        "final_at = ?, lease_until = NULL, updated_at = ? WHERE id = ?",
        (state, code, reason, ref, final, now, row[0]),
    )
    if state in FINAL:
        tell(brand, [row[0]])
    return True


def _moves(old: str, new: str, parts: int) -> bool:
    if old in ("sending", "unknown"):
        return True
    if old == "sent":
        return new in FINAL
    return old == "delivered" and new == "failed" and parts > 1


@transactional
def settle_unknown(brand: Brand, uid: str, state: str, *, actor: str) -> MessageView:
    """A person decides what became of an unknown message: delivered or failed. Raises Conflict for others."""
    if state not in ("delivered", "failed"):
        raise Invalid("an unknown message was delivered or failed", field="state")
    if message(uid).state != "unknown":
        raise Conflict("this message is not unknown", code="message_state")
    audit.record(brand, actor, "message.settle", f"message:{uid}", {"state": state})
    receipt(brand, uid, state, code="", reason=f"decided by {actor}"[: LIMITS.name], ref="", at=None)
    return message(uid)


@transactional
def settle(brand: Brand, run_id: int, answers: Iterable[tuple[OutMessage, SendResult]]) -> None:
    """Record what the gateway answered to a call; receipts that came first stay."""
    for sent, result in answers:
        _settle_one(brand, run_id, sent, result)


def _settle_one(brand: Brand, run_id: int, sent: OutMessage, result: SendResult) -> None:
    now = brand.now()
    mine = "WHERE uid = ? AND state IN ('sending', 'unknown')"
    if result.outcome in ("accepted", "delivered"):
        state = "sent" if result.outcome == "accepted" else "delivered"
        execute("UPDATE message SET ref = ? WHERE uid = ? AND ref = ''", (result.ref, sent.uid))
        final = now if state == "delivered" else None
        rows = execute(
            "UPDATE message SET state = ?, reason = '', code = '', final_at = ?, lease_until = NULL, updated_at = ? "
            f"{mine} RETURNING id",
            (state, final, now, sent.uid),
        ).fetchall()
        if state == "delivered":
            tell(brand, [row[0] for row in rows])
    elif result.outcome == "retry":
        _queue_again(brand, run_id, sent, result, now)
    else:
        state = "unknown" if result.outcome == "unknown" else "failed"
        reason = (result.detail or result.outcome)[: LIMITS.name]
        rows = execute(
            "UPDATE message SET state = ?, reason = ?, code = ?, final_at = ?, lease_until = NULL, updated_at = ? "
            "WHERE uid = ? AND state = 'sending' RETURNING id",
            (state, reason, result.code, now if state == "failed" else None, now, sent.uid),
        ).fetchall()
        tell(brand, [row[0] for row in rows])
        if result.halt:
            halt(brand, run_id, f"halted by the gateway: {result.code} {result.detail}".rstrip())


def _queue_again(brand: Brand, run_id: int, sent: OutMessage, result: SendResult, now: int) -> None:
    """Put a message back that was certainly not sent: it has not used up anybody's cap, and nobody is lost."""
    # Growing pauses: a gateway that is down for an hour is asked once a minute.
    pause = max(result.after_s, min(LONGEST_RETRY_S, result.after_s * (1 + sent.attempt // 5)))
    again = now + pause * 1_000
    weary = sent.attempt >= MAX_ATTEMPTS
    execute(
        "UPDATE message SET state = 'queued', uid = NULL, sent_at = NULL, lease_until = NULL, reason = '', code = ?, "
        "not_before = ?, held_by = NULL, updated_at = ?, attempts = CASE WHEN ? = 1 THEN 0 ELSE attempts END "
        "WHERE uid = ? AND state = 'sending'",
        (result.code, again, now, int(weary), sent.uid),
    )
    # The gateway is busy or away for the whole run, not for this message alone.
    execute("UPDATE outreach_run SET next_at = ? WHERE id = ? AND next_at < ?", (again, run_id, again))
    if weary:
        halt(brand, run_id, f"halted: the gateway took nothing in {sent.attempt} tries: {result.detail}")
