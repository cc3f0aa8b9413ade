"""Chat groups (社群): which there are, who joined and left when. A contact has one open stay a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Invalid, NotFound
from ..limits import LIMITS
from ..values.text import clean_text
from .survivors import begin_writing, survivor

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class GroupView:
    """A chat group; ``members`` counts the contacts that are in it now."""

    id: int
    code: str
    name: str
    owner: str
    source: str
    created_at: int
    members: int


@dataclass(frozen=True, slots=True)
class StayView:
    """A contact's stay in a group; ``left_at`` is None while it lasts."""

    code: str
    contact_id: int
    joined_at: int
    left_at: int | None
    source: str


_VIEW = (
    "SELECT g.id, g.code, g.name, g.owner, g.source, g.created_at, "
    "(SELECT count(*) FROM group_member m WHERE m.group_id = g.id AND m.left_at IS NULL) FROM chat_group g "
)
_STAYS = (
    "SELECT g.code, m.contact_id, m.joined_at, m.left_at, m.source FROM group_member m "
    "JOIN chat_group g ON g.id = m.group_id "
)


class Groups:
    """A brand's chat groups; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def upsert(self, code: str, name: str = "", owner: str = "", source: str = "") -> GroupView:
        """Create a group or update it by its code; an empty text leaves what is known. Raises Invalid."""
        code = clean_text(code, field="code", max_length=LIMITS.name)
        if not code:
            raise Invalid("a group needs a code", field="code")
        given = tuple(
            clean_text(value, field=field, max_length=LIMITS.name)
            for field, value in (("name", name), ("owner", owner), ("source", source))
        )
        begin_writing()
        execute(
            "INSERT INTO chat_group (code, name, owner, source, created_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO UPDATE SET "
            "name = CASE WHEN excluded.name = '' THEN chat_group.name ELSE excluded.name END, "
            "owner = CASE WHEN excluded.owner = '' THEN chat_group.owner ELSE excluded.owner END, "
            "source = CASE WHEN excluded.source = '' THEN chat_group.source ELSE excluded.source END",
            (code, *given, self.brand.now()),
        )
        return self.get(code)

    @transactional
    def join(self, code: str, contact_id: int, *, at: int, source: str = "") -> bool:
        """Note that a contact joined; False when it is in the group, or was at ``at``, already.

        Raises NotFound for an unknown group or contact.
        """
        source = clean_text(source, field="source", max_length=LIMITS.name)
        begin_writing()
        group_id, contact_id = self._id(code), survivor(contact_id)
        return (
            execute(
                "INSERT INTO group_member (group_id, contact_id, joined_at, source) "
                "SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT) "
                "WHERE NOT EXISTS (SELECT 1 FROM group_member WHERE group_id = ? AND contact_id = ? "
                "AND joined_at <= ? AND left_at > ?) ON CONFLICT DO NOTHING",
                (group_id, contact_id, at, source, group_id, contact_id, at, at),
            ).rowcount
            == 1
        )

    @transactional
    def leave(self, code: str, contact_id: int, *, at: int) -> bool:
        """Note that a contact left; False when it was not in the group.

        Raises NotFound for an unknown group or contact, Invalid when it had not
        joined yet at ``at``.
        """
        begin_writing()
        group_id, contact_id = self._id(code), survivor(contact_id)
        row = execute(
            "SELECT id, joined_at FROM group_member WHERE group_id = ? AND contact_id = ? AND left_at IS NULL",
            (group_id, contact_id),
        ).fetchone()
        if row is None:
            return False
        if at < row[1]:
            raise Invalid("nobody leaves a group before joining it", field="at")
        return (
            execute("UPDATE group_member SET left_at = ? WHERE id = ? AND left_at IS NULL", (at, row[0])).rowcount == 1
        )

    def get(self, code: str) -> GroupView:
        """The group with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE g.code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no group {code!r}")
        return GroupView(*row)

    def page(self, *, after: int | None = None, limit: int = 50) -> list[GroupView]:
        """Groups with ids above ``after``, ascending, at most ``limit``."""
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        rows = execute(_VIEW + "WHERE g.id > ? ORDER BY g.id LIMIT ?", (after or 0, limit)).fetchall()
        return [GroupView(*row) for row in rows]

    def of(self, contact_id: int) -> list[StayView]:
        """Every stay of a contact, the earliest first."""
        rows = execute(_STAYS + "WHERE m.contact_id = ? ORDER BY m.joined_at, m.id", (contact_id,)).fetchall()
        return [StayView(*row) for row in rows]

    def _id(self, code: str) -> int:
        row = execute("SELECT id FROM chat_group WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no group {code!r}")
        return int(row[0])
