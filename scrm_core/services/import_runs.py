"""How far an import of a file has come: the row that makes it resumable after kill -9.

The position moves in the transaction that writes the rows it stands for, by a
conditional UPDATE. A crash therefore loses a whole batch or nothing, and two
processes importing one file at once cannot both move it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..db import current_handle, transactional
from ..db.bulk import execute, insert_rows
from ..errors import Conflict, NotFound
from ..limits import LIMITS
from ..models import Contact, ContactTag, Identity, ImportReject, Order, OrderLine
from ..values.masking import scrub
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """An import that is under way or ``done``: ``position`` counts committed rows, ``counts`` what became of them."""

    run_id: int
    position: int
    counts: dict[str, int] = field(default_factory=dict)
    done: bool = False


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import as it is looked at. ``state`` is running or done; instants are epoch milliseconds.

    ``rows`` are committed, of which so many were created, updated, unchanged and
    rejected; ``share`` of the file is read (0 to 1, None where nobody knows).
    ``kept`` rejected rows can still be read.
    """

    id: int
    kind: str
    source: str
    name: str
    state: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    kept: int
    share: float | None
    started_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was refused: its line in the file, the column at fault and why, without phone numbers."""

    line: int
    column: str
    reason: str


_VIEW = (
    "SELECT r.id, r.kind, r.source, r.name, r.state, r.position, r.counts, r.consumed, r.size, r.started_at, "
    "r.updated_at, (SELECT count(*) FROM import_reject j WHERE j.run_id = r.id) FROM import_run r "
)


class Imports:
    """The imports of a brand, to look at; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def newest(self, limit: int = LIMITS.page_rows, *, before: int | None = None) -> list[ImportView]:
        """The newest imports, newest first; ``before`` is an import's id to page on from."""
        rows = execute(f"{_VIEW}WHERE r.id < ? ORDER BY r.id DESC LIMIT ?", (before or 2**62, limit))
        return [_view(row) for row in rows.fetchall()]

    def get(self, run_id: int) -> ImportView:
        """One import; raises NotFound."""
        row = execute(f"{_VIEW}WHERE r.id = ?", (run_id,)).fetchone()
        if row is None:
            raise NotFound("no such import")
        return _view(row)

    def rejected(self, run_id: int) -> list[RejectedRow]:
        """The rows that an import refused, by line: ``LIMITS.import_rejects`` at most, for some days."""
        rows = execute("SELECT line, heading, reason FROM import_reject WHERE run_id = ? ORDER BY line", (run_id,))
        return [RejectedRow(*row) for row in rows.fetchall()]

    def forget_rejected(self) -> int:
        """Forget the refused rows of imports that ended long ago; a job of the core. Returns how many."""
        before = self._brand.now() - LIMITS.import_reject_days * 86_400_000
        old = "SELECT id FROM import_run WHERE updated_at < ?"
        return int(execute(f"DELETE FROM import_reject WHERE run_id IN ({old})", (before,)).rowcount)


def _view(row: Sequence[Any]) -> ImportView:
    counts = json.loads(row[6])
    numbers = [int(counts.get(name, 0)) for name in ("created", "updated", "unchanged", "rejected")]
    share = 1.0 if row[4] == "done" else row[7] / row[8] if row[8] else None
    return ImportView(*row[:6], *numbers, row[11], share, row[9], row[10])


@transactional
def begin_import(
    brand: Brand, kind: str, source: str, digest: str, *, name: str = "", size: int = 0, once: bool = False
) -> ImportProgress:
    """The unfinished import of this very file, or a new one at position 0; with ``once`` also one that is done.

    ``digest`` identifies the file and everything else that decides what its
    rows mean; with another digest the import is another one. ``name`` and ``size``
    (bytes) are the file's, for people.
    """
    begin_writing()
    now = brand.now()
    over = execute(
        "SELECT id, position, counts FROM import_run "
        "WHERE kind = ? AND source = ? AND digest = ? AND state = 'done' ORDER BY id DESC LIMIT 1",
        (kind, source, digest),
    ).fetchone() if once else None  # fmt: skip
    if over is not None:
        return ImportProgress(over[0], over[1], json.loads(over[2]), done=True)
    execute(
        "INSERT INTO import_run (kind, source, digest, state, position, counts, started_at, updated_at, name, size) "
        "VALUES (?, ?, ?, 'running', 0, '{}', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (kind, source, digest, now, now, name, size),
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
    brand: Brand,
    progress: ImportProgress,
    position: int,
    counts: dict[str, int],
    *,
    done: bool = False,
    consumed: int = 0,
) -> ImportProgress:
    """Move an import in the open transaction; raises Conflict when another process moved it meanwhile."""
    state = "done" if done else "running"
    moved = execute(
        "UPDATE import_run SET position = ?, counts = ?, state = ?, updated_at = ?, consumed = ? "
        "WHERE id = ? AND position = ? AND state = 'running'",
        (position, json.dumps(counts), state, brand.now(), consumed, progress.run_id, progress.position),
    )
    if moved.rowcount != 1:
        raise Conflict("another process imports this file at the moment", code="import_running")
    return ImportProgress(progress.run_id, position, counts)


def keep_rejected(run_id: int, rejected: Sequence[tuple[int, str, str]], before: int) -> None:
    """Keep refused rows (line, column, reason) in the open transaction; ``before`` of them were refused already."""
    room = max(0, LIMITS.import_rejects - before)
    rows = [(run_id, line, scrub(column), scrub(reason)) for line, column, reason in rejected[:room]]
    insert_rows(ImportReject, ("run_id", "line", "heading", "reason"), rows, on_conflict="ON CONFLICT DO NOTHING")


def refresh_statistics() -> None:
    """Let the database look at what an import has made of its tables, so that it plans queries well.

    PostgreSQL's own look comes minutes later; until then a page of a segment may cost seconds.
    """
    if current_handle().engine == "sqlite":
        execute("PRAGMA optimize")
    else:
        tables = ", ".join(f'"{model._meta.table_name}"' for model in (Contact, Identity, Order, OrderLine, ContactTag))
        execute(f"ANALYZE {tables}")
