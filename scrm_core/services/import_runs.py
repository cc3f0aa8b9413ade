"""How far an import of a file has come: the row that makes it resumable after kill -9.

The position moves in the transaction that writes the rows it stands for, by a
conditional UPDATE. A crash therefore loses a whole batch or nothing, and two
processes importing one file at once cannot both move it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..db import current_handle, transactional
from ..db.bulk import execute
from ..errors import Conflict
from ..models import Contact, ContactTag, Identity, Order, OrderLine
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """An import that is under way: ``position`` counts the rows committed, ``counts`` what became of them."""

    run_id: int
    position: int
    counts: dict[str, int] = field(default_factory=dict)


@transactional
def begin_import(brand: Brand, kind: str, source: str, digest: str) -> ImportProgress:
    """The unfinished import of this very file, or a new one at position 0.

    ``digest`` identifies the file and everything else that decides what its
    rows mean; with another digest the import is another one.
    """
    begin_writing()
    now = brand.now()
    execute(
        "INSERT INTO import_run (kind, source, digest, state, position, counts, started_at, updated_at) "
        "VALUES (?, ?, ?, 'running', 0, '{}', ?, ?) ON CONFLICT DO NOTHING",
        (kind, source, digest, now, now),
    )
    found = execute(
        "SELECT id, position, counts FROM import_run "
        "WHERE kind = ? AND source = ? AND digest = ? AND state = 'running'",
        (kind, source, digest),
    ).fetchone()
    if found is None:
        raise Conflict("another process has just finished importing this file", code="import_running")
    return ImportProgress(found[0], found[1], json.loads(found[2]))


def advance_import(
    brand: Brand, progress: ImportProgress, position: int, counts: dict[str, int], *, done: bool = False
) -> ImportProgress:
    """Move an import in the open transaction; raises Conflict when another process moved it meanwhile."""
    moved = execute(
        "UPDATE import_run SET position = ?, counts = ?, state = ?, updated_at = ? "
        "WHERE id = ? AND position = ? AND state = 'running'",
        (position, json.dumps(counts), "done" if done else "running", brand.now(), progress.run_id, progress.position),
    )
    if moved.rowcount != 1:
        raise Conflict("another process imports this file at the moment", code="import_running")
    return ImportProgress(progress.run_id, position, counts)


def refresh_statistics() -> None:
    """Let the database look at what an import has made of its tables, so that it plans queries well.

    PostgreSQL's own look comes minutes later; until then a page of a segment may cost seconds.
    """
    if current_handle().engine == "sqlite":
        execute("PRAGMA optimize")
    else:
        tables = ", ".join(f'"{model._meta.table_name}"' for model in (Contact, Identity, Order, OrderLine, ContactTag))
        execute(f"ANALYZE {tables}")
