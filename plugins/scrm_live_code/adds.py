"""Adds (添加): who came by a code, once per lead, whoever told it; the channel's tags are given by the core, once.

An add that nobody told of and that is found later (the lead's field ``found``, or history) counts on its own day.
When it was approved, answered and tagged meanwhile cannot be known, so the clock of the reception leaves it out
(``found_at``); one from before the code was made is none of the code's. What the core knows of the time since the
add is read when it is written down: those events went by before there was an add to note them at.

Who is handed over to a colleague (继承) has not come again: the colleague's add is none, whichever of
the two is told first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import LeadCaptured, execute

from .asks import take_add

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .desk import Desk

HAND_OVER_MS = 7 * 86_400_000
"""How long after the transfer the colleague's add may begin; WeCom itself takes a day to carry one out."""

SLACK_MS = 60_000
"""How long before it: each is told with an instant of its own. So with a code and its first add."""


def take_lead(brand: Brand, desk: Desk, event: LeadCaptured) -> bool:
    """Write down that somebody came by a code, in the open transaction; False where it was none, or known."""
    contact_id, userid = brand.contacts.present(event.contact_id), event.fields.get("staff", "")
    if contact_id is not None:
        take_add(contact_id, event.channel, userid, event.at)
    if not event.channel:
        return False
    row = execute(
        "SELECT d.id, d.created_at FROM live_code_code d JOIN channel c ON c.id = d.channel_id WHERE c.code = ?",
        (event.channel,),
    ).fetchone()
    fields, found = event.fields, event.backfill or "found" in event.fields
    if row is None or contact_id is None or (found and event.at < row[1] - SLACK_MS):
        return False
    staff = execute("SELECT id, persona_id FROM live_code_staff WHERE userid = ?", (userid,)).fetchone()
    if staff is not None and _handed_over(contact_id, row[0], staff[0], event.at):
        return False
    made = execute(
        "INSERT INTO live_code_add (lead, code_id, contact_id, staff_id, at, day, approved_at, found_at, ended_by, "
        "persona_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT (lead) DO NOTHING",
        (event.lead, row[0], contact_id, staff[0] if staff is not None else None, event.at, brand.day(event.at),
         None if found or fields.get("approved") == "no" else event.at, brand.now() if found else None,
         staff[1] if staff is not None else None),
    )  # fmt: skip
    if not made.rowcount:
        return False
    if staff is not None and _counts(row[0]):
        desk.count(staff[0], brand.day(event.at))
    _take_known(event.lead)
    if fields.get("ended", "").isdecimal():
        _take_end(desk, event.lead, contact_id, int(fields["ended"]), fields.get("ended_by", ""))
    return True


def _take_known(lead: str) -> None:
    """What the core keeps of what happened between an add and its being written down."""
    execute(
        "UPDATE live_code_add SET "
        "spoke_at = (SELECT min(i.at) FROM message_in i WHERE i.contact_id = live_code_add.contact_id "
        "AND i.handled = '' AND i.at >= live_code_add.at), "
        "tagged_at = (SELECT min(t.at) FROM contact_tag t WHERE t.contact_id = live_code_add.contact_id "
        "AND t.origin <> 'auto' AND t.at >= live_code_add.at), "
        "ordered_at = (SELECT min(o.paid_at) FROM orders o WHERE o.contact_id = live_code_add.contact_id "
        "AND o.paid_minor > 0 AND o.paid_at >= live_code_add.at) WHERE lead = ?",
        (lead,),
    )


def _take_end(desk: Desk, lead: str, contact_id: int, at: int, by: str) -> None:
    """The end was told before the add: how it ended, and what happened behind that is none of this add's."""
    if by == "transfer":  # the relation goes on
        execute("UPDATE live_code_add SET handed_at = ? WHERE lead = ?", (at, lead))
        take_transfer(desk, contact_id, at)
        return
    steps = ("spoke_at", "replied_at", "tagged_at", "ordered_at")
    execute(
        "UPDATE live_code_add SET ended_at = ?, ended_by = ?, "
        + ", ".join(f"{step} = CASE WHEN {step} <= CAST(? AS BIGINT) THEN {step} END" for step in steps)
        + " WHERE lead = ?",
        (at, by, *([at] * len(steps)), lead),
    )


def take_transfer(desk: Desk, contact_id: int, at: int) -> None:
    """Somebody was handed over at ``at``, which is noted: the colleague's add, if it was told before, is taken back."""
    rows = execute(
        "DELETE FROM live_code_add WHERE contact_id = ? AND handed_at IS NULL AND at BETWEEN ? AND ? AND EXISTS ("
        "SELECT 1 FROM live_code_add h WHERE h.contact_id = live_code_add.contact_id AND h.handed_at = ? "
        "AND h.code_id = live_code_add.code_id AND (h.staff_id IS NULL OR h.staff_id <> live_code_add.staff_id)) "
        "RETURNING staff_id, day, code_id",
        (contact_id, at - SLACK_MS, at + HAND_OVER_MS, at),
    ).fetchall()
    for staff_id, day, code_id in rows:
        if staff_id is not None and _counts(code_id):
            desk.uncount(staff_id, day)


def _handed_over(contact_id: int, code_id: int, staff_id: int, at: int) -> bool:
    """Whether a colleague handed somebody of this code over, so that their add to another member begins nothing."""
    row = execute(
        "SELECT 1 FROM live_code_add WHERE contact_id = ? AND code_id = ? AND handed_at BETWEEN ? AND ? "
        "AND (staff_id IS NULL OR staff_id <> ?) LIMIT 1",
        (contact_id, code_id, at - HAND_OVER_MS, at + SLACK_MS, staff_id),
    ).fetchone()
    return row is not None


def _counts(code_id: int) -> bool:
    """Whether an add takes its member's place: without a contact way or link the page did, when it showed them."""
    row = execute("SELECT 1 FROM live_code_way WHERE code_id = ? AND state = 'made' LIMIT 1", (code_id,)).fetchone()
    return row is not None
