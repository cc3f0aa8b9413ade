"""Adds (添加): who came by a code, once per lead, whoever told it; the channel's tags are given by the core, once.

An add that nobody told of and that is found later, as history, counts on its own day; one from before the
code was made is none of the code's.

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
    if row is None or contact_id is None or (event.backfill and event.at < row[1] - SLACK_MS):
        return False
    staff = execute("SELECT id, persona_id FROM live_code_staff WHERE userid = ?", (userid,)).fetchone()
    if staff is not None and _handed_over(contact_id, row[0], staff[0], event.at):
        return False
    made = execute(
        "INSERT INTO live_code_add (lead, code_id, contact_id, staff_id, at, day, approved_at, ended_by, persona_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT (lead) DO NOTHING",
        (event.lead, row[0], contact_id, staff[0] if staff is not None else None, event.at, brand.day(event.at),
         None if event.fields.get("approved") == "no" else event.at, staff[1] if staff is not None else None),
    )  # fmt: skip
    if made.rowcount and staff is not None and _counts(row[0]):
        desk.count(staff[0], brand.day(event.at))
    return bool(made.rowcount)


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
