"""Who somebody is now: rows of a game may still name contacts that were merged into another one since.

A merge re-points rows, but one that its table refuses to move (the person who
stays has a row of their own) keeps the merged contact. Games compare people,
never ids.
"""

from __future__ import annotations

from scrm_core.api import execute

SAME = (
    "WITH RECURSIVE same (id) AS (SELECT CAST(? AS BIGINT) "
    "UNION SELECT c.id FROM contact c JOIN same s ON c.merged_into_id = s.id) "
)
"""SQL before a statement that takes a person's id first: ``same`` holds it and all contacts merged into it."""


def standing(contact_id: int) -> int:
    """The contact that an id stands for now, through any number of merges; the id itself of somebody erased.

    Nothing is locked: a page may ask.
    """
    row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    while row is not None and row[0] is not None:
        contact_id = int(row[0])
        row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    return contact_id


def same_person(one: int, other: int | None) -> bool:
    """Whether two ids stand for one person now."""
    return one == other or (other is not None and standing(one) == standing(other))
