"""Who somebody is now: rows may still name contacts that were merged into another one since.

A merge re-points rows, but one that its table refuses to move (the person who
stays has a row of their own) keeps the merged contact. People are compared, never ids.
"""

from __future__ import annotations

import unicodedata

from scrm_core.api import Invalid, clean_text, execute

SAME = (
    "WITH RECURSIVE same (id) AS (SELECT CAST(? AS BIGINT) "
    "UNION SELECT c.id FROM contact c JOIN same s ON c.merged_into_id = s.id) "
)
"""SQL before a statement that takes a person's id first: ``same`` holds it and all contacts merged into it."""


def standing(contact_id: int) -> int:
    """The contact that an id stands for now, through any number of merges."""
    row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    while row is not None and row[0] is not None:
        contact_id = int(row[0])
        row = execute("SELECT merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
    return contact_id


def speakable(text: str) -> bool:
    """Whether a code or uid from outside can be asked for: what the database does not take, nobody has."""
    return len(text) <= 200 and text.isprintable()


def named(actor: str) -> str:
    """The cleaned name of who acts; raises Invalid for an empty one."""
    name = clean_text(actor, field="actor", max_length=200)
    if not name:
        raise Invalid("say who does it", field="actor")
    return name


def same_actor(actor: str) -> str:
    """What tells a person from others: the name without capitals, spaces and forms of letters (Mia is mia)."""
    return "".join(unicodedata.normalize("NFKC", actor).casefold().split())
