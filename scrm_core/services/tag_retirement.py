"""Retiring tags (标签清理): unused tags are listed, put out of use in bulk, and brought back whole.

A retired tag keeps its rows, so undoing loses nothing; it is shown on nobody
and can be set on nobody until the retirement is undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY
from ..db import transactional
from ..db.bulk import execute, fetch_in
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..values.text import clean_text
from .audit import record
from .survivors import begin_writing
from .tag_catalogue import tag_infos
from .tag_types import TagInfo

if TYPE_CHECKING:
    from ..brands import Brand


def unused(brand: Brand, days: int) -> list[TagInfo]:
    """Tags in use that nobody was given for ``days`` days, in the order of group and name.

    A tag that was never set counts from its creation. Values of S-level groups
    are left out: everybody has one whether or not it was set.
    """
    if days < 0:
        raise Invalid("days cannot be negative", field="days")
    return tag_infos(
        "g.s_level = 0 AND t.retirement_id IS NULL AND coalesce(t.last_used_at, t.created_at) <= ?",
        (brand.now() - days * MS_PER_DAY,),
    )


@transactional
def retire(brand: Brand, tag_ids: Sequence[int], *, actor: str, reason: str) -> int:
    """Put tags out of use; returns the id of the retirement.

    Raises Invalid for an empty list, NotFound for an unknown tag and Conflict for
    a value of an S-level group or a tag that is retired already.
    """
    wanted = sorted(set(tag_ids))
    if not wanted:
        raise Invalid("no tags to retire", field="tag_ids")
    reason = clean_text(reason, field="reason", max_length=LIMITS.text)
    begin_writing()
    rows = fetch_in(
        "SELECT t.id, t.name, g.s_level, t.retirement_id FROM tag t JOIN tag_group g ON g.id = t.group_id "
        "WHERE t.id IN ({in})",
        wanted,
    )
    unknown = sorted(set(wanted) - {row[0] for row in rows})
    if unknown:
        raise NotFound(f"no tag {unknown[0]}")
    for _, name, s_level, retirement_id in rows:
        if s_level:
            raise Conflict(f"{name!r} is a value of an S-level group and cannot be retired", code="s_level")
        if retirement_id is not None:
            raise Conflict(f"{name!r} is retired already", code="retired")
    now = brand.now()
    (retirement_id,) = execute(
        "INSERT INTO tag_retirement (at, actor, reason) VALUES (?, ?, ?) RETURNING id", (now, actor, reason)
    ).fetchone()
    marks = ", ".join("?" * len(wanted))
    changed = execute(
        f"UPDATE tag SET retirement_id = ? WHERE retirement_id IS NULL AND id IN ({marks})",
        (retirement_id, *wanted),
    )
    if changed.rowcount != len(wanted):
        raise Conflict("one of the tags was retired by somebody else meanwhile", code="retired")
    record(brand, actor, "tags.retire", f"retirement:{retirement_id}", {"tags": wanted})
    return int(retirement_id)


@transactional
def undo(brand: Brand, retirement_id: int, *, actor: str) -> int:
    """Bring back the tags of a retirement; returns how many. A second undo is a Conflict."""
    changed = execute(
        "UPDATE tag_retirement SET undone_at = ? WHERE id = ? AND undone_at IS NULL",
        (brand.now(), retirement_id),
    )
    if changed.rowcount != 1:
        known = execute("SELECT 1 FROM tag_retirement WHERE id = ?", (retirement_id,)).fetchone()
        if known is None:
            raise NotFound(f"no retirement {retirement_id}")
        raise Conflict(f"retirement {retirement_id} was undone already", code="undone")
    back = execute("UPDATE tag SET retirement_id = NULL WHERE retirement_id = ?", (retirement_id,))
    record(brand, actor, "tags.undo_retire", f"retirement:{retirement_id}")
    return int(back.rowcount)
