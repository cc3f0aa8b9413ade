"""Which contact stands for an id: events and plugins may still name one that was merged away."""

from __future__ import annotations

from collections.abc import Iterable

from ..db import brand_db, current_handle, current_unit
from ..db.bulk import execute, fetch_in
from ..errors import NotFound


def begin_writing() -> None:
    """Open the transaction of a delivery now, so that what is read next cannot change under us.

    A delivery's transaction begins at its first write. A service that reads,
    decides and then writes must not decide before it. Outside delivery the
    transaction is open already and nothing happens.
    """
    if current_unit() is not None:
        with brand_db.atomic():
            # Entering the savepoint is what begins the transaction.
            return


def key_share() -> str:
    """The SQL tail that holds rows of ``contact c`` against merging until the transaction ends.

    A merge locks both contacts FOR UPDATE; inserting a foreign key takes the
    same lock as this, only later. SQLite has one writer and needs no lock.
    """
    return "" if current_handle().engine == "sqlite" else " FOR KEY SHARE OF c"


SAME_PEOPLE = (
    "WITH RECURSIVE same (id) AS (SELECT CAST(? AS BIGINT) "
    "UNION SELECT c.id FROM contact c JOIN same s ON c.merged_into_id = s.id) "
)
"""SQL before a statement that takes a person's id first: ``same`` holds it and all contacts merged into it.

A merge re-points rows, but one that its table refuses to move (the person who
stays has a row of their own) keeps the merged contact. People are compared,
never ids.
"""


def standing(contact_id: int) -> int:
    """The contact that an id stands for now, through any number of merges; the id itself of somebody erased.

    Nothing is locked: a page may ask.
    """
    row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    while row is not None and row[0] is not None:
        contact_id = int(row[0])
        row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    return contact_id


def survivors(contact_ids: Iterable[int], *, hold: bool = True) -> dict[int, int]:
    """Each id with the active contact that it stands for now.

    Ids of erased contacts and ids that never existed are missing from the
    answer. With ``hold`` the contacts stay unmerged until the transaction ends.
    """
    tail = key_share() if hold else ""
    answer: dict[int, int] = {}
    waiting: dict[int, list[int]] = {contact_id: [contact_id] for contact_id in contact_ids}
    while waiting:
        rows = fetch_in(
            f"SELECT c.id, c.state, c.merged_into_id FROM contact c WHERE c.id IN ({{in}}){tail}",
            sorted(waiting),
        )
        following: dict[int, list[int]] = {}
        for contact_id, state, merged_into in rows:
            asked = waiting[contact_id]
            if state == "active":
                answer.update(dict.fromkeys(asked, contact_id))
            elif state == "merged":
                following.setdefault(merged_into, []).extend(asked)
        waiting = following
    return answer


def survivor(contact_id: int, *, hold: bool = True) -> int:
    """The active contact that an id stands for; NotFound when it is unknown or erased."""
    sql = f"SELECT c.state, c.merged_into_id FROM contact c WHERE c.id = ?{key_share() if hold else ''}"
    standing = contact_id
    while True:
        row = execute(sql, (standing,)).fetchone()
        if row is not None and row[0] == "active":
            return standing
        if row is None or row[0] != "merged":
            raise NotFound(f"no contact {contact_id}")
        standing = row[1]


def departed(contact_ids: Iterable[int]) -> dict[int, int | None]:
    """Those of the ids that are no longer active, each with its survivor (None when erased).

    Costs one probe of a small index for a brand that never merged or erased anybody.
    """
    (any_gone,) = execute(
        "SELECT EXISTS (SELECT 1 FROM contact WHERE merged_into_id IS NOT NULL) "
        "OR EXISTS (SELECT 1 FROM erasure)"
    ).fetchone()
    if not any_gone:
        return {}
    gone = fetch_in(
        "SELECT id FROM contact WHERE id IN ({in}) AND state <> 'active'", sorted(set(contact_ids))
    )
    if not gone:
        return {}
    ids = [row[0] for row in gone]
    standing = survivors(ids)
    return {contact_id: standing.get(contact_id) for contact_id in ids}
