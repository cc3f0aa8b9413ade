"""Adding by phone (手机号加友): staff send a request to a number (active), or the person is sent a link (passive).

A request by phone is a weak prompt that few accept, and during a call nobody can add;
a link fills in. Both are told here, and each has its own report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Column, Conflict, Invalid, ReportTable, clean_text, execute, transactional, wilson

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .codes import Codes

MODES = ("active", "passive")
WINDOW_MS = 30 * 86_400_000
"""An add counts for the asking at most this long before it."""

COLUMNS = (
    Column("mode", "Mode 方式"),
    Column("channel", "Channel 渠道"),
    Column("asked", "People asked 邀请人数", "count"),
    Column("added", "Added 通过人数", "count"),
    Column("rate", "Pass rate 通过率", "rate"),
    Column("low", "95 % from 区间下限", "rate"),
    Column("high", "95 % to 区间上限", "rate"),
)


class Asks:
    """People of one brand who were asked by their phone; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, codes: Codes) -> None:
        self.brand = brand
        self.codes = codes

    @transactional
    def ask(self, channel: str, contact: str, mode: str, *, staff: str = "", actor: str) -> str:
        """Note that somebody (a contact's uid) was asked; the address to send them, empty for an active one.

        Once per person, code, mode and day. Raises Invalid, NotFound, and Conflict
        (``not_open``) for a link whose code receives nobody now.
        """
        if mode not in MODES:
            raise Invalid("mode is active or passive", field="mode")
        if mode == "active" and not staff:
            raise Invalid("an active request is sent by a member of staff", field="staff")
        code, now = self.codes.get(channel), self.brand.now()
        if mode == "passive" and not code.is_open(now):
            raise Conflict("this code receives nobody now; what leads to nothing gets taken down", code="not_open")
        if staff:
            self.codes.member(staff)
        asked = self.brand.contacts.get(contact).id
        done = execute(
            "INSERT INTO live_code_ask (contact_id, mode, code_id, staff, day, at, actor) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (contact_id, mode, code_id, day) DO NOTHING",
            (asked, mode, code.id, staff, self.brand.day(now), now,
             clean_text(actor, field="actor", max_length=100)),
        )  # fmt: skip
        if done.rowcount:
            self.codes.note(channel, "ask", actor, {"contact": asked, "mode": mode})
        return self.codes.address(code) if mode == "passive" else ""


def take_add(contact_id: int, channel: str, staff: str, at: int) -> None:
    """Somebody came: what asked them last within thirty days before had its effect.

    A link does so by its own code alone. Who accepts a request by phone comes by no code and adds the
    member of ``staff`` who sent it: a form that they fill in, which names nobody, accepts nothing.
    """
    execute(
        "UPDATE live_code_ask SET added_at = ? WHERE added_at IS NULL AND id = (SELECT id FROM live_code_ask "
        "WHERE contact_id = ? AND at <= ? AND at > ? AND ((mode = 'active' AND staff = ?) "
        "OR (mode = 'passive' AND code_id = ("
        "SELECT d.id FROM live_code_code d JOIN channel c ON c.id = d.channel_id WHERE c.code = ?))) "
        "ORDER BY at DESC, id DESC LIMIT 1)",
        (at, contact_id, at, at - WINDOW_MS, staff, channel),
    )


def ask_report() -> ReportTable:
    """A row per mode and code: people who were asked, and those who added within thirty days of the asking."""
    rows = execute(
        "SELECT k.mode, c.code, count(DISTINCT k.contact_id), "
        "count(DISTINCT CASE WHEN k.added_at IS NOT NULL THEN k.contact_id END) FROM live_code_ask k "
        "JOIN live_code_code d ON d.id = k.code_id JOIN channel c ON c.id = d.channel_id "
        "GROUP BY k.mode, c.code ORDER BY k.mode, c.code"
    ).fetchall()
    made = []
    for mode, channel, asked, added in rows:
        interval = wilson(added, asked)
        told = (mode, channel, asked, added, added / asked, interval.low, interval.high)
        made.append(dict(zip((column.name for column in COLUMNS), told, strict=True)))
    return ReportTable(COLUMNS, made)
