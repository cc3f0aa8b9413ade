"""Tags (标签): who has which, from where, and groups of which everybody has exactly one.

An S-level group (S级标签) is exclusive and universal: every active contact has
one value of it. The database holds both (a unique index and two triggers);
setting a second value is one UPDATE of the row. A business tag (业务标签) names
the operating plan (运营方案) that it serves, because a tag without a plan is waste.

Three origins (来源) are kept apart: ``synced`` from another system, ``manual``
from a person, ``auto`` from a rule or channel. A sync takes away only what the
same sync has set.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import eventlog
from ..db import buffered, current_handle, current_unit, transactional
from ..db.bulk import execute, fetch_in, insert_returning, insert_rows, update_rows
from ..db.router import STATE
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..models import ContactTag
from ..values.text import clean_text
from .survivors import begin_writing, departed, survivors

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.tags")

ORIGINS = ("synced", "manual", "auto")
KINDS = ("business", "channel", "system")
USED_EVERY_MS = 86_400_000
"""``last_used_at`` of a tag moves at most once a day: a hot tag's row is no lock for everybody."""

TagRef = int | tuple[str, str]
"""A tag by id, or by (group name, tag name)."""

_COLUMNS = ("contact_id", "tag_id", "s_group_id", "origin", "actor", "at")


@dataclass(frozen=True, slots=True)
class TagView:
    """A tag that a contact has; ``at`` is the instant since when."""

    tag_id: int
    group: str
    name: str
    origin: str
    actor: str
    at: int
    s_level: bool


@dataclass(frozen=True, slots=True)
class TagInfo:
    """A tag itself. ``contacts`` counts who has it; ``retired`` says it is out of use."""

    tag_id: int
    group: str
    name: str
    kind: str
    plan: str
    created_at: int
    last_used_at: int | None
    contacts: int
    retired: bool


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A tag group; ``default`` is the name of the value that new contacts get in an S-level group."""

    group_id: int
    name: str
    s_level: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the active contacts a group reaches; ``missing`` holds ids of some without a tag of it."""

    group: str
    s_level: bool
    contacts: int
    covered: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync changed: names of tags set and taken away."""

    added: tuple[int, ...]
    removed: tuple[int, ...]


class _Def(NamedTuple):
    tag_id: int
    group: str
    name: str
    s_group_id: int | None


class _Source(NamedTuple):
    """Who sets or removes tags, when, and whether it is history (1) or now (0)."""

    origin: str
    actor: str
    at: int
    history: int = 0


class _Fresh(threading.local):
    """The transaction in which this thread defined a tag, while it may still roll back."""

    open = False
    unit: Any = None


class Tags:
    """A brand's tags; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._defs: dict[TagRef, _Def] = {}
        self._fresh = _Fresh()
        # One bound method for ever: the unit of work groups rows by it.
        self._flusher = self._flush_adds

    # Definitions -------------------------------------------------------------

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
        found = self._group_row(name)
        if found is not None:
            return self._same_level(found, name, s_level)
        execute(
            "INSERT INTO tag_group (name, s_level, created_at) VALUES (?, 0, ?) ON CONFLICT (name) DO NOTHING",
            (name, now),
        )
        group_id, level = self._group_row(name) or (0, 0)
        if not s_level:
            return self._same_level((group_id, level), name, s_level)
        assert default is not None
        tag_id = self._insert_tag(group_id, default, kind, plan, now)
        execute(
            "UPDATE tag_group SET s_level = 1, default_tag_id = ? WHERE id = ?", (tag_id, group_id)
        )
        fill_s_level(now)
        return group_id

    def _group_row(self, name: str) -> tuple[int, int] | None:
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
        found = self._look_up((group, name))
        if found is not None:
            return found.tag_id
        begin_writing()
        row = self._group_row(group)
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

    def _look_up(self, ref: TagRef) -> _Def | None:
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
        found = _Def(*row)
        if self._committed():
            self._defs[found.tag_id] = self._defs[found.group, found.name] = found
        return found

    def _committed(self) -> bool:
        """Whether what this thread reads is sure to stay: an id of a rolled-back tag is given again."""
        fresh = self._fresh
        if fresh.open and (STATE.depth == 0 or current_unit() is not fresh.unit):
            fresh.open, fresh.unit = False, None
        return not fresh.open

    def _known(self, ref: TagRef) -> _Def:
        found = self._defs.get(ref) or self._look_up(ref)
        if found is None:
            raise NotFound(f"no tag {ref}" if isinstance(ref, int) else f"no tag {ref[0]}/{ref[1]}")
        return found

    # Setting and removing ----------------------------------------------------

    def add(
        self, contact_id: int, tag: TagRef, *, origin: str = "auto", actor: str = "", at: int | None = None
    ) -> bool:
        """Give a contact a tag; True when it did not have it.

        Inside a delivery the row waits in the unit of work and the answer is
        True; a tag that the contact already has is then left as it is. A value of
        an S-level group replaces the present one. Raises NotFound for an unknown
        tag or contact, Conflict for a retired tag, Invalid for an unknown origin.
        """
        known = self._known(tag)
        if known.s_group_id is None and current_unit() is not None:
            if origin not in ORIGINS:
                raise _bad_origin(origin)
            row = (contact_id, known.tag_id, None, origin, actor, self.brand.now() if at is None else at)
            return buffered(self._flusher, (contact_id, known.tag_id), row)
        return self.add_many([(contact_id, known.tag_id)], origin=origin, actor=actor, at=at) == 1

    @transactional
    def add_many(
        self,
        pairs: Sequence[tuple[int, TagRef]],
        *,
        origin: str = "auto",
        actor: str = "",
        at: int | None = None,
        backfill: bool = False,
        skip_retired: bool = False,
    ) -> int:
        """Give many (contact id, tag) pairs in a few statements; returns how many were new.

        Raises what :meth:`add` raises; then nothing is written. ``backfill`` marks
        the events as history. With ``skip_retired`` a retired tag is left out
        instead of refused.
        """
        if origin not in ORIGINS:
            raise _bad_origin(origin)
        if not pairs:
            return 0
        begin_writing()
        at = self.brand.now() if at is None else at
        defs = {ref: self._known(ref) for ref in {ref for _, ref in pairs}}
        if not skip_retired:
            self._refuse_retired({known.tag_id for known in defs.values()})
        standing = survivors({contact_id for contact_id, _ in pairs})
        plain: dict[tuple[int, int], tuple[Any, ...]] = {}
        s_level: dict[int, dict[int, _Def]] = {}
        for contact_id, ref in pairs:
            survivor_id, known = standing.get(contact_id), defs[ref]
            if survivor_id is None:
                raise NotFound(f"no contact {contact_id}")
            if known.s_group_id is None:
                row = (survivor_id, known.tag_id, None, origin, actor, at)
                plain.setdefault((survivor_id, known.tag_id), row)
            else:
                s_level.setdefault(known.s_group_id, {})[survivor_id] = known
        history = int(backfill)
        added = self._write_adds([plain[key] for key in sorted(plain)], history)
        for group_id, values in sorted(s_level.items()):
            added += self._set_s_level(group_id, values, _Source(origin, actor, at, history))
        return added

    def _flush_adds(self, rows: list[tuple[Any, ...]]) -> None:
        self._write_adds(rows)

    def _write_adds(self, rows: list[tuple[Any, ...]], history: int = 0) -> int:
        """Insert the rows that are missing, with one event each."""
        if not rows:
            return 0
        inserted = _insert_missing(rows)
        # Looked at after the insert: from here on the rows hold their contacts against merging.
        gone = departed({row[0] for row in inserted}) if inserted else {}
        if gone:
            inserted = self._move_on(inserted, gone)
        tag_ids = {row[1] for row in inserted}
        retired = _retired(tag_ids)
        if retired:
            dropped = [row for row in inserted if row[1] in retired]
            update_rows("DELETE FROM contact_tag WHERE contact_id = ? AND tag_id = ?", [r[:2] for r in dropped])
            inserted = [row for row in inserted if row[1] not in retired]
            log.warning("brand %s: %d tags not set: %s retired", self.brand.id, len(dropped), sorted(retired))
        if not inserted:
            return 0
        now = self.brand.now()
        texts = {row[1:5]: "" for row in inserted}
        for key in texts:
            texts[key] = _event_text(*self._known(key[0])[:3], key[2], key[3])
        eventlog.append_encoded(
            [("tag.added", row[0], row[5], history, texts[row[1:5]]) for row in inserted], recorded_at=now
        )
        self._mark_used({row[1] for row in inserted}, now)
        return len(inserted)

    def _move_on(
        self, inserted: list[tuple[Any, ...]], gone: dict[int, int | None]
    ) -> list[tuple[Any, ...]]:
        """Take rows back from contacts that were merged or erased and give them to the survivors."""
        stray = [row for row in inserted if row[0] in gone]
        update_rows("DELETE FROM contact_tag WHERE contact_id = ? AND tag_id = ?", [row[:2] for row in stray])
        moved = {
            (survivor_id, row[1]): (survivor_id, *row[1:])
            for row in stray
            if (survivor_id := gone[row[0]]) is not None
        }
        kept = [row for row in inserted if row[0] not in gone]
        return kept + _insert_missing(list(moved.values()))

    def _mark_used(self, tag_ids: Iterable[int], now: int) -> None:
        update_rows(
            "UPDATE tag SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
            [(now, tag_id, now - USED_EVERY_MS) for tag_id in sorted(tag_ids)],
        )

    def _set_s_level(self, group_id: int, values: dict[int, _Def], source: _Source) -> int:
        """Set one value per contact of an S-level group; returns how many changed."""
        hold = "" if current_handle().engine == "sqlite" else " ORDER BY contact_id FOR UPDATE"
        present = dict(
            fetch_in(
                "SELECT contact_id, tag_id FROM contact_tag WHERE s_group_id = ? "
                f"AND contact_id IN ({{in}}){hold}",
                sorted(values),
                (group_id,),
            )
        )
        changed = [(contact_id, known) for contact_id, known in sorted(values.items())
                   if contact_id in present and present[contact_id] != known.tag_id]
        update_rows(
            "UPDATE contact_tag SET tag_id = ?, origin = ?, actor = ?, at = ? "
            "WHERE contact_id = ? AND s_group_id = ?",
            [(known.tag_id, *source[:3], contact_id, group_id) for contact_id, known in changed],
        )
        absent = [(contact_id, known) for contact_id, known in sorted(values.items()) if contact_id not in present]
        insert_rows(
            ContactTag,
            _COLUMNS,
            [(contact_id, known.tag_id, group_id, *source[:3]) for contact_id, known in absent],
        )
        events = []
        for contact_id, known in changed:
            before = self._known(present[contact_id])
            events.append(_event("tag.removed", contact_id, before, source))
            events.append(_event("tag.added", contact_id, known, source))
        events += [_event("tag.added", contact_id, known, source) for contact_id, known in absent]
        now = self.brand.now()
        eventlog.append_encoded(events, recorded_at=now)
        self._mark_used({known.tag_id for _, known in changed + absent}, now)
        return len(changed) + len(absent)

    @transactional
    def remove(
        self, contact_id: int, tag: TagRef, *, origin: str = "manual", actor: str = "", at: int | None = None
    ) -> bool:
        """Take a tag from a contact; True when it had it.

        ``origin`` and ``actor`` say in the event who removed it. Raises Conflict for
        a value of an S-level group, which can only be replaced, and NotFound for an
        unknown tag or contact.
        """
        known = self._known(tag)
        if known.s_group_id is not None:
            raise Conflict(
                f"{known.group!r} is S-level: every contact keeps one value; set another instead", code="s_level"
            )
        if origin not in ORIGINS:
            raise _bad_origin(origin)
        begin_writing()
        standing = survivors((contact_id,))
        if contact_id not in standing:
            raise NotFound(f"no contact {contact_id}")
        at = self.brand.now() if at is None else at
        return bool(self._take(standing[contact_id], [known], _Source(origin, actor, at)))

    def _take(self, contact_id: int, tags: Sequence[_Def], source: _Source) -> list[int]:
        taken, events = [], []
        for known in tags:
            gone = execute(
                "DELETE FROM contact_tag WHERE contact_id = ? AND tag_id = ?", (contact_id, known.tag_id)
            )
            if gone.rowcount:
                taken.append(known.tag_id)
                events.append(_event("tag.removed", contact_id, known, source))
        eventlog.append_encoded(events, recorded_at=self.brand.now())
        return taken

    @transactional
    def sync(self, contact_id: int, tags: Sequence[TagRef], source: str) -> SyncResult:
        """Make a contact's tags from ``source`` exactly these; the answer says what changed.

        Only tags that the same source had synced are taken away: tags set by a
        person, a rule or another source stay. An S-level value is replaced only
        where it is the default or was synced.
        """
        source = clean_text(source, field="source", max_length=LIMITS.name)
        if not source:
            raise Invalid("a sync names its source", field="source")
        begin_writing()
        standing = survivors((contact_id,))
        if contact_id not in standing:
            raise NotFound(f"no contact {contact_id}")
        contact_id, now = standing[contact_id], self.brand.now()
        wanted = {known.tag_id: known for known in map(self._known, tags)}
        self._refuse_retired(wanted)
        present = {
            row[0]: row[1:]
            for row in execute(
                "SELECT tag_id, s_group_id, origin, actor, actor = 's-level default' FROM contact_tag "
                "WHERE contact_id = ?",
                (contact_id,),
            ).fetchall()
        }
        by_hand = {
            group for group, origin, _, default in present.values()
            if group is not None and origin != "synced" and not default
        }
        stale = [
            self._known(tag_id) for tag_id, (group, origin, actor, _) in present.items()
            if group is None and origin == "synced" and actor == source and tag_id not in wanted
        ]
        missing = [
            known for tag_id, known in wanted.items()
            if tag_id not in present and known.s_group_id not in by_hand
        ]
        self.add_many([(contact_id, known.tag_id) for known in missing], origin="synced", actor=source)
        removed = self._take(contact_id, stale, _Source("synced", source, now))
        return SyncResult(tuple(sorted(k.tag_id for k in missing)), tuple(sorted(removed)))

    @staticmethod
    def _refuse_retired(tag_ids: Iterable[int]) -> None:
        retired = _retired(tag_ids)
        if retired:
            raise Conflict(f"retired tags cannot be set: {sorted(retired)}; undo the retirement first", code="retired")

    # Reading -----------------------------------------------------------------

    def of(self, contact_id: int) -> list[TagView]:
        """The tags of a contact by group and name, without retired ones."""
        rows = execute(
            "SELECT t.id, g.name, t.name, ct.origin, ct.actor, ct.at, g.s_level FROM contact_tag ct "
            "JOIN tag t ON t.id = ct.tag_id JOIN tag_group g ON g.id = t.group_id "
            "WHERE ct.contact_id = ? AND t.retirement_id IS NULL ORDER BY g.name, t.name",
            (contact_id,),
        ).fetchall()
        return [TagView(*row[:6], bool(row[6])) for row in rows]

    def find(self, group: str, name: str) -> int | None:
        """The id of a tag by group and name, or None."""
        found = self._look_up((group, name))
        return found.tag_id if found is not None else None

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
        row = self._group_row(group)
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

    # Out of use --------------------------------------------------------------

    def unused(self, days: int) -> list[TagInfo]:
        """Tags set on nobody for ``days`` days of 24 hours, oldest first; see :mod:`.tag_retirement`."""
        from . import tag_retirement

        return tag_retirement.unused(self.brand, days)

    def retire(self, tag_ids: Sequence[int], *, actor: str, reason: str) -> int:
        """Put tags out of use in one go; returns the id that undoes it."""
        from . import tag_retirement

        return tag_retirement.retire(self.brand, tag_ids, actor=actor, reason=reason)

    def undo_retire(self, retirement_id: int, *, actor: str) -> int:
        """Bring the tags of a retirement back; returns how many."""
        from . import tag_retirement

        return tag_retirement.undo(self.brand, retirement_id, actor=actor)


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


def _insert_missing(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Insert the rows that contacts do not have yet; returns those."""
    new = insert_returning(
        ContactTag, _COLUMNS, rows, returning=("contact_id", "tag_id"), on_conflict="ON CONFLICT DO NOTHING"
    )
    if len(new) == len(rows):
        return rows
    pairs = set(new)
    return [row for row in rows if row[:2] in pairs]


def _retired(tag_ids: Iterable[int]) -> set[int]:
    rows = fetch_in("SELECT id FROM tag WHERE id IN ({in}) AND retirement_id IS NOT NULL", sorted(tag_ids))
    return {row[0] for row in rows}


def _bad_origin(origin: object) -> Invalid:
    return Invalid(f"unknown origin of a tag {origin!r}; known are {', '.join(ORIGINS)}", field="origin")


@lru_cache(maxsize=4096)
def _event_text(tag_id: int, group: str, name: str, origin: str, actor: str) -> str:
    fact = {"tag_id": tag_id, "group": group, "tag": name, "origin": origin, "actor": actor}
    return json.dumps(fact, ensure_ascii=False, separators=(",", ":"))


def _event(kind: str, contact_id: int, known: _Def, source: _Source) -> tuple[Any, ...]:
    text = _event_text(known.tag_id, known.group, known.name, source.origin, source.actor)
    return kind, contact_id, source.at, source.history, text
