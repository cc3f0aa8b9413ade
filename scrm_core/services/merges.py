"""Merging contacts (合并): recorded row by row, and undone exactly.

Every row of core and of the brand's plugins that has a foreign key to the
losing contact is re-pointed to the winner. A row that the database refuses to
move (the winner has the same tag, an open membership of its own) stays with the
loser. Both are noted in the merge, so that undoing gives back what moved and
touches nothing that came later.

The loser's S-level values stay with it. Where one of the two had withdrawn a
consent, the winner gets a withdrawal: the stricter state wins.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peewee

from .. import eventlog
from ..db import brand_db, current_handle
from ..db.bulk import execute, update_rows
from ..errors import Conflict, NotFound
from ..models import ContactTag
from .consent import latest_states
from .references import Reference, references
from .survivors import begin_writing
from .tag_catalogue import fill_s_level

if TYPE_CHECKING:
    from ..brands import Brand

_SETTLED = "SELECT id, state, name, merged_into_id FROM contact WHERE id IN (?, ?) ORDER BY id"


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do: rows of the loser by table, the name that stays, consents that end as withdrawn."""

    rows: tuple[tuple[str, int], ...]
    name: str
    withdrawn: tuple[tuple[str, str], ...]


def preview(brand: Brand, winner_id: int, loser_id: int) -> MergePreview:
    """What :func:`merge` would do, without doing it; raises what it raises.

    A row that the winner has already stays with the loser: the counts are the most that move.
    """
    if winner_id == loser_id:
        raise Conflict("a contact cannot be merged with itself")
    found = execute(_SETTLED, (winner_id, loser_id)).fetchall()
    names = {row[0]: row[2] for row in found if row[1] == "active"}
    if len(names) != 2:
        raise NotFound("no such contact")
    known = references(brand)
    sql = " UNION ALL ".join(
        f'SELECT {place}, count(*) FROM "{each.table}" WHERE "{each.column}" = ?' for place, each in enumerate(known)
    )
    counts: dict[str, int] = {}
    for place, count in execute(sql, (loser_id,) * len(known)).fetchall():
        if count:
            counts[known[place].table] = counts.get(known[place].table, 0) + int(count)
    return MergePreview(
        tuple(sorted(counts.items())), names[winner_id] or names[loser_id], tuple(_stricter(winner_id, loser_id))
    )


def merge(brand: Brand, winner_id: int, loser_id: int, *, actor: str, reason: str) -> int:
    """Merge the loser into the winner in the open transaction; returns the merge's id.

    Raises Conflict when both are the same contact, and NotFound when one of
    them is unknown, erased or merged already.
    """
    if winner_id == loser_id:
        raise Conflict("a contact cannot be merged with itself")
    begin_writing()
    names = _lock_active(winner_id, loser_id)
    withdrawn = _stricter(winner_id, loser_id)
    now = brand.now()
    moved: dict[str, list[list[Any]]] = {}
    kept: dict[str, list[list[Any]]] = {}
    for reference in references(brand):
        took, left = _move(reference, loser_id, winner_id)
        if took:
            moved[reference.name] = took
        if left:
            kept[reference.name] = left
    name = names[winner_id] or names[loser_id]
    record = {
        "rows": moved,
        "kept": kept,
        "name": [names[winner_id], name],
        "consents": _withdraw(winner_id, withdrawn, now),
    }
    (merge_id,) = execute(
        "INSERT INTO contact_merge (winner_id, loser_id, at, actor, reason, moved) VALUES (?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        (winner_id, loser_id, now, actor, reason, json.dumps(record, ensure_ascii=False, separators=(",", ":"))),
    ).fetchone()
    execute("UPDATE contact SET name = ?, updated_at = ? WHERE id = ?", (name, now, winner_id))
    execute(
        "UPDATE contact SET state = 'merged', merged_into_id = ?, updated_at = ? WHERE id = ?",
        (winner_id, now, loser_id),
    )
    _recount(brand, winner_id, loser_id)
    _tell(brand, merge_id, winner_id, loser_id, undone=False)
    return int(merge_id)


def undo(brand: Brand, merge_id: int, *, actor: str) -> int:
    """Undo a merge in the open transaction: what moved goes back, what came later stays. Returns the winner's id.

    Raises NotFound for an unknown merge, and Conflict when it was undone already,
    when one of the two was erased, or when the winner was itself merged later, or
    had another one merged into it (undo that merge first: what it left behind or
    withdrew because of this one would be wrong without it).
    """
    begin_writing()
    row = execute("SELECT winner_id, loser_id FROM contact_merge WHERE id = ?", (merge_id,)).fetchone()
    if row is None:
        raise NotFound(f"no merge {merge_id}")
    winner_id, loser_id = row
    states = {line[0]: line for line in _locked(winner_id, loser_id)}
    # Read under the locks: another undo may have come first.
    undone_at, text = execute("SELECT undone_at, moved FROM contact_merge WHERE id = ?", (merge_id,)).fetchone()
    if undone_at is not None:
        raise Conflict(f"merge {merge_id} was undone already", code="undone")
    if "erased" in (states[winner_id][1], states[loser_id][1]):
        raise Conflict(f"merge {merge_id} concerns an erased person and stays", code="erased")
    if states[winner_id][1] != "active":
        raise Conflict(f"contact {winner_id} was itself merged later; undo that merge first", code="merged")
    later = execute(
        "SELECT max(id) FROM contact_merge WHERE winner_id = ? AND id > ? AND undone_at IS NULL", (winner_id, merge_id)
    ).fetchone()[0]
    if later is not None:
        raise Conflict(f"merge {later} into the same contact came later; undo that merge first", code="merged_later")
    now = brand.now()
    record = json.loads(text)
    execute(
        "UPDATE contact SET state = 'active', merged_into_id = NULL, updated_at = ? WHERE id = ?", (now, loser_id)
    )
    for reference in references(brand):
        _move_back(reference, record["rows"].get(reference.name, ()), winner_id, loser_id)
    for consent_id in record["consents"]:
        execute("DELETE FROM consent WHERE id = ? AND contact_id = ?", (consent_id, winner_id))
    before, after = record["name"]
    execute(
        "UPDATE contact SET name = CASE WHEN name = ? THEN ? ELSE name END, updated_at = ? WHERE id = ?",
        (after, before, now, winner_id),
    )
    fill_s_level(now, loser_id)
    execute("UPDATE contact_merge SET undone_at = ? WHERE id = ?", (now, merge_id))
    _recount(brand, winner_id, loser_id)
    _tell(brand, merge_id, winner_id, loser_id, undone=True)
    return int(winner_id)


def _locked(one: int, two: int) -> list[tuple[int, str, str, int | None]]:
    """Both contacts, locked against everybody who would attach a row to them."""
    hold = "" if current_handle().engine == "sqlite" else " FOR UPDATE"
    return list(execute(_SETTLED + hold, (one, two)).fetchall())


def _lock_active(winner_id: int, loser_id: int) -> dict[int, str]:
    names = {row[0]: row[2] for row in _locked(winner_id, loser_id) if row[1] == "active"}
    for contact_id in (winner_id, loser_id):
        if contact_id not in names:
            raise NotFound(f"no active contact {contact_id}")
    return names


def _move(reference: Reference, loser_id: int, winner_id: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """Re-point the loser's rows of one table; returns the keys of rows that moved and that stayed."""
    table, column = reference.table, reference.column
    keys = ", ".join(f'"{each}"' for each in reference.key)
    rows = execute(f'SELECT {keys} FROM "{table}" WHERE "{column}" = ? ORDER BY {keys}', (loser_id,)).fetchall()
    if not rows:
        return [], []
    if table == ContactTag._meta.table_name:
        free = execute(
            "SELECT contact_id, tag_id FROM contact_tag WHERE contact_id = ? AND s_group_id IS NULL "
            "AND tag_id NOT IN (SELECT tag_id FROM contact_tag WHERE contact_id = ?) ORDER BY tag_id",
            (loser_id, winner_id),
        ).fetchall()
    else:
        free = rows
    take = f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?'
    if len(free) == len(rows) and _accepted(take, (winner_id, loser_id)):
        return [list(row) for row in free], []
    where = " AND ".join(f'"{each}" = ?' for each in reference.key)
    one = f'UPDATE "{table}" SET "{column}" = ? WHERE {where}'
    moved = {tuple(row) for row in free if _accepted(one, (winner_id, *row))}
    return [list(row) for row in rows if tuple(row) in moved], [list(row) for row in rows if tuple(row) not in moved]


def _accepted(sql: str, params: Sequence[Any]) -> bool:
    """Run an UPDATE; False, with nothing changed, when a constraint refuses it."""
    try:
        with brand_db.atomic():
            execute(sql, params)
    except peewee.IntegrityError:
        return False
    return True


def _move_back(reference: Reference, rows: Sequence[Sequence[Any]], winner_id: int, loser_id: int) -> None:
    """Give rows back to the loser; rows deleted or moved on since then stay where they are."""
    where = " AND ".join(f'"{each}" = ?' for each in (*reference.key, reference.column))
    if reference.column in reference.key:
        place = reference.key.index(reference.column)
        rows = [[*row[:place], winner_id, *row[place + 1 :]] for row in rows]
    update_rows(
        f'UPDATE "{reference.table}" SET "{reference.column}" = ? WHERE {where}',
        [(loser_id, *row, winner_id) for row in rows],
    )


def _stricter(winner_id: int, loser_id: int) -> list[tuple[str, str]]:
    """(purpose, channel) that one of the two granted and the other withdrew."""
    one, two = latest_states(winner_id), latest_states(loser_id)
    return sorted(key for key in one.keys() & two.keys() if one[key] != two[key])


def _withdraw(winner_id: int, withdrawn: Sequence[tuple[str, str]], now: int) -> list[int]:
    """Add withdrawals that are the latest word of the merged history; returns their ids."""
    ids = []
    state = latest_states(winner_id)
    for purpose, channel in withdrawn:
        if not state[purpose, channel]:
            continue
        (consent_id,) = execute(
            "INSERT INTO consent (contact_id, purpose, channel, granted, at, recorded_at, source, text_version, "
            "actor) SELECT CAST(? AS BIGINT), purpose, channel, 0, CASE WHEN max(at) > ? THEN max(at) ELSE ? END, "
            "CAST(? AS BIGINT), 'merge', '', '' FROM consent WHERE contact_id = ? AND purpose = ? AND channel = ? "
            "GROUP BY purpose, channel RETURNING id",
            (winner_id, now, now, now, winner_id, purpose, channel),
        ).fetchone()
        ids.append(int(consent_id))
    return ids


def _recount(brand: Brand, *contact_ids: int) -> None:
    """Work out the maintained columns again from the rows that the contacts have now."""
    for contact_id in contact_ids:
        lead = execute(
            "SELECT at, channel_id FROM touch WHERE contact_id = ? AND kind = 'lead' ORDER BY at, id LIMIT 1",
            (contact_id,),
        ).fetchone()
        lead_at, channel_id = lead or (None, None)
        execute("UPDATE contact SET lead_at = ?, lead_channel_id = ? WHERE id = ?", (lead_at, channel_id, contact_id))
    brand.orders.recompute(list(contact_ids))


def _tell(brand: Brand, merge_id: int, winner_id: int, loser_id: int, *, undone: bool) -> None:
    now = brand.now()
    fact = {"merge_id": merge_id, "winner_id": winner_id, "loser_id": loser_id, "undone": undone}
    eventlog.append([eventlog.NewEvent("contact.merged", winner_id, now, fact)], recorded_at=now)
