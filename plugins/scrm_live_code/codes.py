"""Codes (渠道活码): one per channel, whose printed address stays while everything behind it changes.

A code is published only while an activity runs (wecom.md section 16: a bare "add
friend" link is taken down), and is paused at the activity's end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    clean_text,
    execute,
    fetch_in,
    page_size,
    transactional,
    whole_days,
)

from .rota import spells
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

MAIN, BACKUP = "main", "backup"
OVER = "the activity is over"
DRAFT, PAUSED, IDLE = "the code is not published", "the code is paused", "no activity runs"
"""Why a code receives nobody."""

_SELECT = (
    "SELECT d.id, c.code, d.link, d.title, d.activity, d.starts_at, d.ends_at, d.state, d.note, d.actor, d.created_at "
    "FROM live_code_code d JOIN channel c ON c.id = d.channel_id "
)


@dataclass(frozen=True, slots=True)
class Code:
    """A code; see :class:`.models.LiveCode`. ``channel`` is the channel's code, which names this one too."""

    id: int
    channel: str
    link: str
    title: str
    activity: str
    starts_at: int | None
    ends_at: int | None
    state: str
    note: str
    actor: str
    created_at: int

    def runs(self, now: int) -> bool:
        """Whether its activity runs at an instant."""
        return self.starts_at is not None and self.ends_at is not None and self.starts_at <= now < self.ends_at

    def is_open(self, now: int) -> bool:
        """Whether people are received at an instant: live, and its activity runs."""
        return self.state == "live" and self.runs(now)

    def closed(self, now: int) -> str:
        """Why nobody is received at an instant; empty while people are."""
        if self.state != "live":
            return PAUSED if self.state == "paused" else DRAFT
        return "" if self.runs(now) else IDLE


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of staff at a code: ``role`` is main or backup, ``hours`` the rota."""

    staff: str
    name: str
    role: str
    hours: str
    daily_cap: int


class Codes:
    """The codes of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @property
    def base(self) -> str:
        """The installation's address."""
        return self.brand.installation.config.base_url.rstrip("/")

    def address(self, code: Code) -> str:
        """What is printed: the short link's whole address."""
        return f"{self.base}/l/{code.link}"

    @transactional
    def create(
        self, channel: str, *, title: str, kind: str = "", tags: Sequence[tuple[str, str]] = (), actor: str
    ) -> Code:
        """Make the code of a channel, which is made too where there is none; ``tags`` are (group, tag) of the channel.

        Raises Conflict (``code_exists``) for a channel that has a code, Conflict
        (``channel_tags``) for tags that a channel which exists does not have, NotFound for an unknown tag.
        """
        title = clean_text(title, field="title", max_length=100)
        made = self.brand.channels.ensure(channel, title, kind, tags=tags)
        if tags and {self.brand.tags.find(*tag) for tag in tags} != set(made.tags):
            names = {each.tag_id: f"{each.group}/{each.name}" for each in self.brand.tags.all(retired=True)}
            its = ", ".join(names[tag] for tag in made.tags) or "none"
            raise Conflict(
                f"the channel {channel!r} exists and its tags are others: {its}; make its code without tags, or give "
                "them to a new channel (scrm channel create --tag)",
                code="channel_tags",
            )
        if execute("SELECT 1 FROM live_code_code WHERE channel_id = ?", (made.id,)).fetchone() is not None:
            raise _taken(channel)
        target = f"{self.base}/p/{self.brand.id}/{NAME}/c/{{code}}"
        link = self.brand.links.create_many(made.code, target, 1, owner=NAME)[0]
        row = execute(
            "INSERT INTO live_code_code (channel_id, link, title, activity, state, note, actor, created_at) "
            "VALUES (?, ?, ?, '', 'draft', '', ?, ?) ON CONFLICT (channel_id) DO NOTHING RETURNING id",
            (made.id, link.code, title, clean_text(actor, field="actor", max_length=100), self.brand.now()),
        ).fetchone()
        if row is None:  # somebody else made it at this moment; the link goes with the transaction
            raise _taken(channel)
        self.note(made.code, "create", actor)
        return self.get(made.code)

    def get(self, channel: str) -> Code:
        """The code of a channel; raises NotFound."""
        return self._one("c.code = ?", channel)

    def of_link(self, link: str) -> Code:
        """The code whose printed address this is; raises NotFound."""
        return self._one("d.link = ?", link)

    def tags_of(self, codes: Sequence[Code]) -> dict[str, list[str]]:
        """What everybody who comes by these codes gets, as GROUP/TAG: the tags of each channel, by its code."""
        rows = fetch_in("SELECT code, tags FROM channel WHERE code IN ({in})", sorted({each.channel for each in codes}))
        ids = {channel: json.loads(text) if text else [] for channel, text in rows}
        names = dict(
            fetch_in(
                "SELECT t.id, g.name || '/' || t.name FROM tag t JOIN tag_group g ON g.id = t.group_id "
                "WHERE t.retirement_id IS NULL AND t.id IN ({in})",
                sorted({tag for tags in ids.values() for tag in tags}),
            )
        )
        return {channel: [names[tag] for tag in tags if tag in names] for channel, tags in ids.items()}

    @staticmethod
    def _one(condition: str, value: str) -> Code:
        row = execute(f"{_SELECT}WHERE {condition}", (value,)).fetchone()
        if row is None:
            raise NotFound(f"no live code {value!r}")
        return Code(*row)

    @staticmethod
    def page(*, after: int = 0, limit: int = 50) -> list[Code]:
        """Codes with ids above ``after``, ascending."""
        rows = execute(f"{_SELECT}WHERE d.id > ? ORDER BY d.id LIMIT ?", (after, page_size(limit, 1_000))).fetchall()
        return [Code(*row) for row in rows]

    # What is behind a code ----------------------------------------------------

    @transactional
    def seat(self, channel: str, userid: str, *, role: str = MAIN, hours: str = "", actor: str) -> list[Seat]:
        """Let a member of staff receive people of a code, or change how. Raises Invalid, NotFound."""
        if role not in (MAIN, BACKUP):
            raise Invalid("role is main or backup", field="role")
        hours = "; ".join(part.strip() for part in hours.split(";") if part.strip())
        spells(hours)
        code, staff = self.get(channel), self.member(userid)
        execute(
            "INSERT INTO live_code_seat (code_id, staff_id, role, hours) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (code_id, staff_id) DO UPDATE SET role = excluded.role, hours = excluded.hours",
            (code.id, staff, role, hours),
        )
        self._by(code, "seat", actor, {"staff": userid, "role": role, "hours": hours})
        return self.seats(code)

    @transactional
    def unseat(self, channel: str, userid: str, *, actor: str) -> list[Seat]:
        """Let a member of staff receive people of a code no more. Raises NotFound."""
        code, staff = self.get(channel), self.member(userid)
        done = execute("DELETE FROM live_code_seat WHERE code_id = ? AND staff_id = ?", (code.id, staff))
        if done.rowcount:
            self._by(code, "unseat", actor, {"staff": userid})
        return self.seats(code)

    @staticmethod
    def seats(code: Code) -> list[Seat]:
        """Who receives people of a code, main ones first; without those who left."""
        rows = execute(
            "SELECT s.userid, s.name, e.role, e.hours, s.daily_cap FROM live_code_seat e "
            "JOIN live_code_staff s ON s.id = e.staff_id WHERE e.code_id = ? AND s.left_at IS NULL "
            "ORDER BY CASE e.role WHEN 'main' THEN 0 ELSE 1 END, e.id",
            (code.id,),
        ).fetchall()
        return [Seat(*row) for row in rows]

    @staticmethod
    def member(userid: str) -> int:
        """The id of a member of staff who has not left; raises NotFound."""
        row = execute("SELECT id FROM live_code_staff WHERE userid = ? AND left_at IS NULL", (userid,)).fetchone()
        if row is None:
            raise NotFound(f"no member of staff {userid!r}")
        return int(row[0])

    def _by(self, code: Code, what: str, actor: str, detail: dict[str, Any] | None = None) -> None:
        execute(
            "UPDATE live_code_code SET actor = ? WHERE id = ?",
            (clean_text(actor, field="actor", max_length=100), code.id),
        )
        self.note(code.channel, what, actor, detail)

    def note(self, channel: str, what: str, actor: str, detail: dict[str, Any] | None = None) -> None:
        """Note an act about a code in the audit log, in the transaction that does it."""
        self.brand.audit.note(actor, f"live_code.{what}", f"live-code:{channel}", detail)

    # Published and paused -----------------------------------------------------

    @transactional
    def set_activity(self, channel: str, *, title: str, first_day: date, last_day: date, actor: str) -> Code:
        """Say what people come for, in whole days of the brand's zone. Raises Invalid, NotFound."""
        days = whole_days(first_day, last_day, self.brand.zone)
        title = clean_text(title, field="title", max_length=100)
        if not title:
            raise Invalid("an activity has a title", field="title")
        code = self.get(channel)
        execute(
            "UPDATE live_code_code SET activity = ?, starts_at = ?, ends_at = ? WHERE id = ?", (title, *days, code.id)
        )
        self._by(code, "activity", actor, {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()})
        return self.get(channel)

    @transactional
    def publish(self, channel: str, *, actor: str) -> Code:
        """Receive people from now on.

        Raises Conflict (``no_activity``) while no activity runs and (``no_staff``) without main staff.
        """
        code = self.get(channel)
        if not code.runs(self.brand.now()):
            raise Conflict(
                "no activity runs; a code that leads to nothing but an add gets the page taken down", code="no_activity"
            )
        if not any(seat.role == MAIN for seat in self.seats(code)):
            raise Conflict("nobody receives people of this code; seat somebody first", code="no_staff")
        execute("UPDATE live_code_code SET state = 'live', note = '' WHERE id = ?", (code.id,))
        self._by(code, "publish", actor)
        return self.get(channel)

    @transactional
    def pause(self, channel: str, *, note: str = "", actor: str) -> Code:
        """Receive nobody until it is published again; the printed address stays. Raises NotFound."""
        code = self.get(channel)
        execute(
            "UPDATE live_code_code SET state = 'paused', note = ? WHERE id = ?",
            (clean_text(note, field="note", max_length=200), code.id),
        )
        self._by(code, "pause", actor)
        return self.get(channel)

    @transactional
    def pause_ended(self) -> int:
        """Pause every code whose activity is over; returns how many."""
        done = execute(
            "UPDATE live_code_code SET state = 'paused', note = ? WHERE state = 'live' AND ends_at <= ?",
            (OVER, self.brand.now()),
        )
        return int(done.rowcount)


def _taken(channel: str) -> Conflict:
    return Conflict(f"the channel {channel!r} has a code: one code per channel", code="code_exists")
