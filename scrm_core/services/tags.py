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

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..db import current_unit, transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..values.text import clean_text
from . import tag_retirement
from .survivors import begin_writing, survivor, survivors
from .tag_catalogue import TagCatalogue
from .tag_setting import TagSetting, retired
from .tag_types import (
    KINDS,
    ORIGINS,
    Coverage,
    GroupInfo,
    Source,
    SyncResult,
    TagDef,
    TagInfo,
    TagRef,
    TagView,
    check_origin,
)

if TYPE_CHECKING:
    from ..brands import Brand

__all__ = [
    "KINDS",
    "ORIGINS",
    "Coverage",
    "GroupInfo",
    "SyncResult",
    "TagInfo",
    "TagRef",
    "TagView",
    "Tags",
]


class Tags:
    """A brand's tags; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._catalogue = TagCatalogue(brand)
        self._setting = TagSetting(brand, self._catalogue)
        # One bound method for ever: the unit of work groups rows by it.
        self._flusher = self._flush_adds

    # Definitions -------------------------------------------------------------

    def group(
        self, name: str, *, s_level: bool = False, default: str | None = None, kind: str = "system", plan: str = ""
    ) -> int:
        """Create a group, or find it by name; returns its id.

        An S-level group needs ``default``, the name of the tag that every contact
        has until another value is set; ``kind`` and ``plan`` describe that tag.
        All present contacts get it at once. Raises Invalid, and Conflict when a
        group of this name exists with another level.
        """
        return self._catalogue.group(name, s_level=s_level, default=default, kind=kind, plan=plan)

    def define(self, group: str, name: str, *, kind: str = "business", plan: str = "") -> int:
        """Create a tag, or find it by group and name; returns its id. A missing group is created.

        ``kind`` is business, channel or system; a business tag needs ``plan``.
        Raises Invalid. An existing tag keeps its kind and plan.
        """
        return self._catalogue.define(group, name, kind=kind, plan=plan)

    def find(self, group: str, name: str) -> int | None:
        """The id of a tag by group and name, or None."""
        found = self._catalogue.look_up((group, name))
        return found.tag_id if found is not None else None

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of tags written ``GROUP/TAG`` that the brand does not have, or has retired."""
        known = {f"{tag.group}/{tag.name}" for tag in self.all()}
        return [name for name in names if name not in known]

    def groups(self) -> list[GroupInfo]:
        """Every tag group by name."""
        return self._catalogue.groups()

    def all(self, *, group: str | None = None, retired: bool = False) -> list[TagInfo]:
        """Tags by group and name; retired ones only when asked for."""
        return self._catalogue.all(group=group, retired=retired)

    def coverage(self, group: str, *, limit: int = LIMITS.page_rows) -> Coverage:
        """How many active contacts have a tag of the group, and ids of at most ``limit`` that have none.

        An S-level group covers everybody by construction: anything missing is a
        fault. Raises NotFound for an unknown group.
        """
        return self._catalogue.coverage(group, limit=limit)

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
        known = self._catalogue.known(tag)
        unit = current_unit()
        if unit is not None and known.s_group_id is None:
            if origin not in ORIGINS:
                check_origin(origin)
            tag_id = known.tag_id
            at = self.brand.now() if at is None else at
            unit.put(self._flusher, (contact_id, tag_id), (contact_id, tag_id, None, origin, actor, at))
            return True
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
        check_origin(origin)
        if not pairs:
            return 0
        begin_writing()
        at = self.brand.now() if at is None else at
        defs = {ref: self._catalogue.known(ref) for ref in {ref for _, ref in pairs}}
        if not skip_retired:
            _refuse_retired({known.tag_id for known in defs.values()})
        standing = survivors({contact_id for contact_id, _ in pairs})
        plain: dict[tuple[int, int], tuple[Any, ...]] = {}
        s_level: dict[int, dict[int, TagDef]] = {}
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
        added = self._setting.insert([plain[key] for key in sorted(plain)], history)
        for group_id, values in sorted(s_level.items()):
            added += self._setting.set_values(group_id, values, Source(origin, actor, at, history))
        return added

    def _flush_adds(self, rows: list[tuple[Any, ...]]) -> None:
        self._setting.insert(rows)

    @transactional
    def remove(
        self, contact_id: int, tag: TagRef, *, origin: str = "manual", actor: str = "", at: int | None = None
    ) -> bool:
        """Take a tag from a contact; True when it had it.

        ``origin`` and ``actor`` say in the event who removed it. Raises Conflict for
        a value of an S-level group, which can only be replaced, and NotFound for an
        unknown tag or contact.
        """
        known = self._catalogue.known(tag)
        if known.s_group_id is not None:
            raise Conflict(
                f"{known.group!r} is S-level: every contact keeps one value; set another instead", code="s_level"
            )
        check_origin(origin)
        begin_writing()
        at = self.brand.now() if at is None else at
        return bool(self._setting.take(survivor(contact_id), [known], Source(origin, actor, at)))

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
        contact_id, now = survivor(contact_id), self.brand.now()
        wanted = {known.tag_id: known for known in map(self._catalogue.known, tags)}
        _refuse_retired(wanted)
        present = {
            row[0]: row[1:]
            for row in execute(
                "SELECT tag_id, s_group_id, origin, actor, actor = 's-level default' FROM contact_tag "
                "WHERE contact_id = ?",
                (contact_id,),
            ).fetchall()
        }
        by_hand = {
            group
            for group, origin, _, default in present.values()
            if group is not None and origin != "synced" and not default
        }
        stale = [
            self._catalogue.known(tag_id)
            for tag_id, (group, origin, actor, _) in present.items()
            if group is None and origin == "synced" and actor == source and tag_id not in wanted
        ]
        missing = [
            known
            for tag_id, known in wanted.items()
            if tag_id not in present and known.s_group_id not in by_hand
        ]
        self.add_many([(contact_id, known.tag_id) for known in missing], origin="synced", actor=source)
        removed = self._setting.take(contact_id, stale, Source("synced", source, now))
        return SyncResult(tuple(sorted(k.tag_id for k in missing)), tuple(sorted(removed)))

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

    # Out of use --------------------------------------------------------------

    def unused(self, days: int) -> list[TagInfo]:
        """Tags set on nobody for ``days`` days of 24 hours; see :mod:`.tag_retirement`."""
        return tag_retirement.unused(self.brand, days)

    def retire(self, tag_ids: Sequence[int], *, actor: str, reason: str) -> int:
        """Put tags out of use in one go; returns the id that undoes it. See :mod:`.tag_retirement`."""
        return tag_retirement.retire(self.brand, tag_ids, actor=actor, reason=reason)

    def undo_retire(self, retirement_id: int, *, actor: str) -> int:
        """Bring the tags of a retirement back; returns how many."""
        return tag_retirement.undo(self.brand, retirement_id, actor=actor)


def _refuse_retired(tag_ids: Iterable[int]) -> None:
    unusable = retired(tag_ids)
    if unusable:
        raise Conflict(f"retired tags cannot be set: {sorted(unusable)}; undo the retirement first", code="retired")
