"""How far a part has come: a row of ``meta`` that only one process at a time moves."""

from __future__ import annotations

from ..db.bulk import execute


class Overtaken(Exception):
    """Somebody else works at this part: they go on, and nobody counts anything twice."""


def place(part: str) -> int:
    """The id up to which the part's table has been worked through."""
    row = execute("SELECT value FROM meta WHERE key = ?", (f"retention:{part}",)).fetchone()
    return 0 if row is None else int(row[0])


def move(part: str, old: int, new: int) -> None:
    """Move the place in the open transaction; raises Overtaken when it is no longer the old one."""
    key = f"retention:{part}"
    execute("INSERT INTO meta (key, value) VALUES (?, '0') ON CONFLICT (key) DO NOTHING", (key,))
    changed = execute("UPDATE meta SET value = ? WHERE key = ? AND value = ?", (str(new), key, str(old)))
    if changed.rowcount != 1:
        raise Overtaken(part)
