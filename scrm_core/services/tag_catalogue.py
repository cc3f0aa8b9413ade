"""Which tags and tag groups a brand has, and how far a group reaches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..db import current_handle, current_unit, transactional
from ..db.bulk import execute
from ..db.router import STATE
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..values.text import clean_text
from .survivors import begin_writing
from .tag_types import HOW_TO_DEFINE, KINDS, Coverage, GroupInfo, TagDef, TagInfo, TagRef

if TYPE_CHECKING:
    from ..brands import Brand


class _Fresh(threading.local):
    """The transaction in which this thread defined a tag, while it may still roll back."""

    open = False
    unit: Any = None


class TagCatalogue:
    """The definitions of a brand's tags, remembered per process; ids never change their meaning."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._defs: dict[TagRef, TagDef] = {}
        self._fresh = _Fresh()

    @transactional
    def group(
        self, name: str, *, s_level: bool = False, default: str | None = None, kind: str = "system", plan: str = ""
    ) -> int:
        """Create a group, or find it by name; returns its id.

        An S-level group needs ``default``, the name of the tag that every contact
        has until another value is set; ``kind`` and ``plan`` describe that tag.
        All present contacts get it at once. Raises Invalid, and Conflict when a
        group of this name exists with another level.
        """
        name = clean_text(name, field="group", max_length=LIMITS.name)
        if not name:
            raise Invalid("a tag group needs a name", field="group")
        if s_level and not default:
            raise Invalid(f"the S-level group {name!r} needs a default value", field="default")
        begin_writing()
        now = self.brand.now()
        if s_level:
            self._lock_contacts()
        found = self.group_row(name)
        if found is not None:
            return self._same_level(found, name, s_level)
        made = execute(
            "INSERT INTO tag_group (name, s_level, created_at) VALUES (?, 0, ?) ON CONFLICT (name) DO NOTHING",
            (name, now),
        )
        group_id, level = self.group_row(name) or (0, 0)
        if default is None or not s_level or made.rowcount == 0:
            return self._same_level((group_id, level), name, s_level)
        tag_id = self._insert_tag(group_id, default, kind, plan, now)
        execute("UPDATE tag_group SET s_level = 1, default_tag_id = ? WHERE id = ?", (tag_id, group_id))
        fill_s_level(now)
        return group_id

    def group_row(self, name: str) -> tuple[int, int] | None:
        """(id, 1 or 0 for S-level) of a group, or None."""
        row: tuple[int, int] | None = execute(
            "SELECT id, s_level FROM tag_group WHERE name = ?", (name,)
        ).fetchone()
        return row

    @staticmethod
    def _same_level(found: tuple[int, int], name: str, s_level: bool) -> int:
        group_id, level = found
        if bool(level) != s_level:
            raise Conflict(f"the tag group {name!r} exists and is {'' if level else 'not '}S-level")
        return group_id

    @staticmethod
    def _lock_contacts() -> None:
        # Contacts inserted by transactions that cannot see the group yet would miss its default.
        if current_handle().engine != "sqlite":
            execute("LOCK TABLE contact IN SHARE ROW EXCLUSIVE MODE")

    @transactional
    def define(self, group: str, name: str, *, kind: str = "business", plan: str = "") -> int:
        """Create a tag, or find it by group and name; returns its id. A missing group is created.

        ``kind`` is business, channel or system; a business tag needs ``plan``.
        Raises Invalid. An existing tag keeps its kind and plan.
        """
        group = clean_text(group, field="group", max_length=LIMITS.name)
        name = clean_text(name, field="tag", max_length=LIMITS.name)
        found = self.look_up((group, name))
        if found is not None:
            return found.tag_id
        begin_writing()
        row = self.group_row(group)
        group_id = row[0] if row is not None else self.group(group)
        return self._insert_tag(group_id, name, kind, plan, self.brand.now())

    def _insert_tag(self, group_id: int, name: str, kind: str, plan: str, now: int) -> int:
        name = clean_text(name, field="tag", max_length=LIMITS.name)
        plan = clean_text(plan, field="plan")
        if not name:
            raise Invalid("a tag needs a name", field="tag")
        if kind not in KINDS:
            raise Invalid(f"unknown kind of tag {kind!r}; known are {', '.join(KINDS)}", field="kind")
        if kind == "business" and not plan:
            raise Invalid(f"the business tag {name!r} needs the operating plan that it serves", field="plan")
        self._fresh.open, self._fresh.unit = True, current_unit()
        execute(
            "INSERT INTO tag (group_id, name, kind, plan, created_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (group_id, name) DO NOTHING",
            (group_id, name, kind, plan, now),
        )
        (tag_id,) = execute("SELECT id FROM tag WHERE group_id = ? AND name = ?", (group_id, name)).fetchone()
        return int(tag_id)

    def look_up(self, ref: TagRef) -> TagDef | None:
        """The tag of a reference, or None; remembered once it is sure to stay."""
        found = self._defs.get(ref)
        if found is not None:
            return found
        key = "t.id = ?" if isinstance(ref, int) else "g.name = ? AND t.name = ?"
        row = execute(
            "SELECT t.id, g.name, t.name, CASE WHEN g.s_level = 1 THEN g.id END "
            f"FROM tag t JOIN tag_group g ON g.id = t.group_id WHERE {key}",
            (ref,) if isinstance(ref, int) else ref,
        ).fetchone()
        if row is None:
            return None
        found = TagDef(*row)
        if self._committed():
            self._defs[found.tag_id] = self._defs[found.group, found.name] = found
        return found

    def _committed(self) -> bool:
        """Whether what this thread reads is sure to stay: an id of a rolled-back tag is given again."""
        fresh = self._fresh
        if fresh.open and (STATE.depth == 0 or current_unit() is not fresh.unit):
            fresh.open, fresh.unit = False, None
        return not fresh.open

    def known(self, ref: TagRef) -> TagDef:
        """The tag of a reference; NotFound when there is none."""
        found = self._defs.get(ref) or self.look_up(ref)
        if found is None:
            raise NotFound(f"no tag {ref}" if isinstance(ref, int) else f"no tag {ref[0]}/{ref[1]}; {HOW_TO_DEFINE}")
        return found

    def groups(self) -> list[GroupInfo]:
        """Every tag group by name."""
        rows = execute(
            "SELECT g.id, g.name, g.s_level, t.name FROM tag_group g "
            "LEFT JOIN tag t ON t.id = g.default_tag_id ORDER BY g.name"
        ).fetchall()
        return [GroupInfo(row[0], row[1], bool(row[2]), row[3]) for row in rows]

    def all(self, *, group: str | None = None, retired: bool = False) -> list[TagInfo]:
        """Tags by group and name; retired ones only when asked for."""
        where, params = [], []
        if group is not None:
            where.append("g.name = ?")
            params.append(group)
        if not retired:
            where.append("t.retirement_id IS NULL")
        return tag_infos(" AND ".join(where) or "1 = 1", params)

    def coverage(self, group: str, *, limit: int = LIMITS.page_rows) -> Coverage:
        """How many active contacts have a tag of the group, and ids of at most ``limit`` that have none.

        An S-level group covers everybody by construction: anything missing is a fault.
        """
        row = self.group_row(group)
        if row is None:
            raise NotFound(f"no tag group {group!r}")
        has = (
            "EXISTS (SELECT 1 FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id "
            "WHERE ct.contact_id = c.id AND t.group_id = ?)"
        )
        contacts, covered = execute(
            f"SELECT count(*), coalesce(sum(CASE WHEN {has} THEN 1 ELSE 0 END), 0) "
            "FROM contact c WHERE c.state = 'active'",
            (row[0],),
        ).fetchone()
        missing = execute(
            f"SELECT c.id FROM contact c WHERE c.state = 'active' AND NOT {has} ORDER BY c.id LIMIT ?",
            (row[0], limit),
        ).fetchall()
        return Coverage(group, bool(row[1]), contacts, int(covered), tuple(r[0] for r in missing))


def tag_infos(where: str, params: Sequence[Any]) -> list[TagInfo]:
    """Tags that satisfy an SQL condition on ``tag t`` and ``tag_group g``, by group and name."""
    rows = execute(
        "SELECT t.id, g.name, t.name, t.kind, t.plan, t.created_at, t.last_used_at, "
        "(SELECT count(*) FROM contact_tag ct WHERE ct.tag_id = t.id), t.retirement_id "
        f"FROM tag t JOIN tag_group g ON g.id = t.group_id WHERE {where} ORDER BY g.name, t.name",
        params,
    ).fetchall()
    return [TagInfo(*row[:8], row[8] is not None) for row in rows]


def fill_s_level(now: int, contact_id: int | None = None) -> None:
    """Give active contacts (or one of them) without a value of some S-level group its default.

    New contacts get it from a trigger; this is for contacts that were there before
    the group, or merged away while it was made.
    """
    only = "" if contact_id is None else " AND c.id = ?"
    execute(
        "INSERT INTO contact_tag (contact_id, tag_id, s_group_id, origin, actor, at) "
        "SELECT c.id, g.default_tag_id, g.id, 'auto', 's-level default', CAST(? AS BIGINT) "
        "FROM contact c CROSS JOIN tag_group g WHERE g.s_level = 1 AND c.state = 'active' AND NOT EXISTS "
        f"(SELECT 1 FROM contact_tag ct WHERE ct.contact_id = c.id AND ct.s_group_id = g.id){only}",
        (now,) if contact_id is None else (now, contact_id),
    )
