"""Writing who has which tag: rows in bulk, S-level values in one UPDATE, one event per change."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .. import eventlog
from ..clock import MS_PER_DAY
from ..db import current_handle
from ..db.bulk import execute, fetch_in, insert_returning, insert_rows, update_rows
from ..models import ContactTag
from .survivors import begin_writing, departed
from .tag_catalogue import TagCatalogue
from .tag_types import Source, TagDef

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.tags")

USED_EVERY_MS = MS_PER_DAY
"""``last_used_at`` of a tag moves at most once a day: a hot tag's row is no lock for everybody."""

TagRow = tuple[Any, ...]
"""contact id, tag id, S-level group id or None, origin, actor, instant."""

_FEW = 8
_COLUMNS = ("contact_id", "tag_id", "s_group_id", "origin", "actor", "at")


class TagSetting:
    """Sets and takes tags in the open transaction; the callers have checked what they ask for."""

    def __init__(self, brand: Brand, catalogue: TagCatalogue) -> None:
        self.brand = brand
        self.catalogue = catalogue

    def insert(self, rows: list[TagRow], history: int = 0) -> int:
        """Insert the rows that are missing, with one event each; returns how many."""
        if not rows:
            return 0
        inserted = _insert_missing(rows)
        if not inserted:
            return 0
        # Looked at after the insert: from here on the rows hold their contacts against merging.
        gone = departed(row[0] for row in inserted)
        if gone:
            inserted = self._move_on(inserted, gone)
        tag_ids = {row[1] for row in inserted}
        unusable = retired(tag_ids)
        if unusable:
            dropped = [row for row in inserted if row[1] in unusable]
            update_rows("DELETE FROM contact_tag WHERE contact_id = ? AND tag_id = ?", [r[:2] for r in dropped])
            inserted = [row for row in inserted if row[1] not in unusable]
            log.warning("brand %s: %d tags not set: %s retired", self.brand.id, len(dropped), sorted(unusable))
        now = self.brand.now()
        texts: dict[tuple[int, str, str], str] = {}
        events = []
        for contact_id, tag_id, _, origin, actor, at in inserted:
            text = texts.get((tag_id, origin, actor))
            if text is None:
                known = self.catalogue.known(tag_id)
                text = texts[tag_id, origin, actor] = _event_text(tag_id, known.group, known.name, origin, actor)
            events.append(("tag.added", contact_id, at, history, text))
        eventlog.append_encoded(events, recorded_at=now)
        self._mark_used(tag_ids - unusable, now)
        return len(inserted)

    @staticmethod
    def _move_on(inserted: list[TagRow], gone: dict[int, int | None]) -> list[TagRow]:
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

    @staticmethod
    def _mark_used(tag_ids: Iterable[int], now: int) -> None:
        update_rows(
            "UPDATE tag SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
            [(now, tag_id, now - USED_EVERY_MS) for tag_id in sorted(tag_ids)],
        )

    def set_values(self, group_id: int, values: dict[int, TagDef], source: Source) -> int:
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
        changed = [
            (contact_id, known)
            for contact_id, known in sorted(values.items())
            if contact_id in present and present[contact_id] != known.tag_id
        ]
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
        now = self.brand.now()
        events = []
        for contact_id, known in changed:
            before = self.catalogue.known(present[contact_id])
            events.append(_event("tag.removed", contact_id, before, source))
            events.append(_event("tag.added", contact_id, known, source))
        events += [_event("tag.added", contact_id, known, source) for contact_id, known in absent]
        eventlog.append_encoded(events, recorded_at=now)
        self._mark_used({known.tag_id for _, known in changed + absent}, now)
        return len(changed) + len(absent)

    def take(self, contact_id: int, tags: Sequence[TagDef], source: Source) -> list[int]:
        """Delete the rows that the contact has, with one event each; returns the ids of those tags."""
        taken, events = [], []
        for known in tags:
            gone = execute("DELETE FROM contact_tag WHERE contact_id = ? AND tag_id = ?", (contact_id, known.tag_id))
            if gone.rowcount:
                taken.append(known.tag_id)
                events.append(_event("tag.removed", contact_id, known, source))
        eventlog.append_encoded(events, recorded_at=self.brand.now())
        return taken


def _insert_missing(rows: list[TagRow]) -> list[TagRow]:
    """Insert the rows that contacts do not have yet; returns those."""
    tag_ids = {row[1] for row in rows}
    if current_handle().engine == "sqlite" and len(tag_ids) <= _FEW:
        # The write lock is held: what is looked up now stays true, and costs a tenth of RETURNING.
        begin_writing()
        for tag_id in sorted(tag_ids):
            present = _having(tag_id, [row[0] for row in rows if row[1] == tag_id])
            if present:
                rows = [row for row in rows if row[1] != tag_id or row[0] not in present]
        insert_rows(ContactTag, _COLUMNS, rows)
        return rows
    new = insert_returning(
        ContactTag, _COLUMNS, rows, returning=("contact_id", "tag_id"), on_conflict="ON CONFLICT DO NOTHING"
    )
    if len(new) == len(rows):
        return rows
    pairs = set(new)
    return [row for row in rows if row[:2] in pairs]


def _having(tag_id: int, contact_ids: list[int]) -> set[int]:
    rows = fetch_in(
        "SELECT contact_id FROM contact_tag WHERE tag_id = ? AND contact_id IN ({in})", contact_ids, (tag_id,)
    )
    return {row[0] for row in rows}


def retired(tag_ids: Iterable[int]) -> set[int]:
    """Those of the tags that are out of use."""
    rows = fetch_in("SELECT id FROM tag WHERE id IN ({in}) AND retirement_id IS NOT NULL", sorted(tag_ids))
    return {row[0] for row in rows}


@lru_cache(maxsize=4096)
def _event_text(tag_id: int, group: str, name: str, origin: str, actor: str) -> str:
    fact = {"tag_id": tag_id, "group": group, "tag": name, "origin": origin, "actor": actor}
    return json.dumps(fact, ensure_ascii=False, separators=(",", ":"))


def _event(kind: str, contact_id: int, known: TagDef, source: Source) -> tuple[str, int, int, int, str]:
    text = _event_text(known.tag_id, known.group, known.name, source.origin, source.actor)
    return kind, contact_id, source.at, source.history, text
