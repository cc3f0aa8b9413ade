"""Adds (添加): who came by a code, once per lead, whoever told it; the channel's tags are given by the core, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import LeadCaptured, execute

from .asks import take_add

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .desk import Desk


def take_lead(brand: Brand, desk: Desk, event: LeadCaptured) -> bool:
    """Write down that somebody came by a code, in the open transaction; False where it was none, or known."""
    contact_id = brand.contacts.present(event.contact_id)
    if contact_id is not None:
        take_add(contact_id, event.channel, event.at)
    if not event.channel:
        return False
    row = execute(
        "SELECT d.id, (SELECT max(w.state) FROM live_code_way w WHERE w.code_id = d.id AND w.state = 'made') "
        "FROM live_code_code d JOIN channel c ON c.id = d.channel_id WHERE c.code = ?",
        (event.channel,),
    ).fetchone()
    if row is None or contact_id is None:
        return False
    userid = event.fields.get("staff", "")
    staff = execute("SELECT id, persona_id FROM live_code_staff WHERE userid = ?", (userid,)).fetchone()
    made = execute(
        "INSERT INTO live_code_add (lead, code_id, contact_id, staff_id, at, day, approved_at, ended_by, persona_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, '', ?) ON CONFLICT (lead) DO NOTHING",
        (event.lead, row[0], contact_id, staff[0] if staff is not None else None, event.at, brand.day(event.at),
         None if event.fields.get("approved") == "no" else event.at, staff[1] if staff is not None else None),
    )  # fmt: skip
    if made.rowcount and staff is not None and row[1] == "made":
        # Without a contact way the page took the place when it showed the member of staff.
        desk.count(staff[0], brand.day(event.at))
    return bool(made.rowcount)
