"""Membership (会员): since when a contact is a member, and under which number. Tiers are a plugin's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import eventlog
from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid
from ..limits import LIMITS
from ..values.text import clean_text
from .survivors import begin_writing, survivor

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class MembershipView:
    """A membership; ``left_at`` is None while it lasts. ``identity`` is the member's number or status."""

    contact_id: int
    identity: str
    joined_at: int
    left_at: int | None
    source: str


_VIEW = "SELECT contact_id, identity, joined_at, left_at, source FROM membership "


class Memberships:
    """A brand's memberships; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def join(self, contact_id: int, identity: str = "", *, at: int, source: str = "") -> bool:
        """Make a contact a member; False when it is one, or was at ``at``, already under the same identity.

        Raises Conflict when it is a member under another identity, or was at
        ``at``, and NotFound for an unknown contact.
        """
        identity = clean_text(identity, field="identity", max_length=LIMITS.name)
        source = clean_text(source, field="source", max_length=LIMITS.name)
        begin_writing()
        contact_id = survivor(contact_id)
        former = self._ended_around(contact_id, at)
        if former is None:
            made = execute(
                "INSERT INTO membership (contact_id, identity, joined_at, source) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (contact_id, identity, at, source),
            ).rowcount
            if made:
                told = eventlog.NewEvent("member.joined", contact_id, at, {"identity": identity, "source": source})
                eventlog.append([told], recorded_at=self.brand.now())
                return True
        present = former or self.current(contact_id)
        if present is not None and present.identity != identity:
            raise Conflict(
                f"the contact {'was' if former else 'is'} a member as {present.identity!r}; "
                f"it has to leave before it joins as {identity!r}",
                code="member_already",
            )
        return False

    @transactional
    def leave(self, contact_id: int, *, at: int) -> bool:
        """End a contact's membership; False when it is no member.

        Raises NotFound for an unknown contact, Invalid when ``at`` lies before joining.
        """
        begin_writing()
        contact_id = survivor(contact_id)
        present = self.current(contact_id)
        if present is None:
            return False
        if at < present.joined_at:
            raise Invalid("nobody leaves before joining", field="at")
        return (
            execute(
                "UPDATE membership SET left_at = ? WHERE contact_id = ? AND left_at IS NULL", (at, contact_id)
            ).rowcount
            == 1
        )

    def current(self, contact_id: int) -> MembershipView | None:
        """The contact's membership in force, or None."""
        row = execute(_VIEW + "WHERE contact_id = ? AND left_at IS NULL", (contact_id,)).fetchone()
        return MembershipView(*row) if row is not None else None

    def _ended_around(self, contact_id: int, at: int) -> MembershipView | None:
        """The ended membership that was in force at ``at``: a joining told again must not revive it."""
        row = execute(
            _VIEW + "WHERE contact_id = ? AND joined_at <= ? AND left_at > ? ORDER BY id LIMIT 1", (contact_id, at, at)
        ).fetchone()
        return MembershipView(*row) if row is not None else None

    def history(self, contact_id: int) -> list[MembershipView]:
        """Every membership of a contact, the earliest first."""
        rows = execute(_VIEW + "WHERE contact_id = ? ORDER BY joined_at, id", (contact_id,)).fetchall()
        return [MembershipView(*row) for row in rows]
