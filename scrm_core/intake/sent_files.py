"""Files that people send in from a page: kept in pieces, tried whole, then imported by a worker.

A file is tried first and changes nothing, and somebody starts it; workers read
it as :mod:`.sent_reading` says. The pieces lie in the brand's database, so that
any machine can read them, and go when the file was read, or a day later.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..services import audit
from ..services.survivors import begin_writing
from ..values.money import exponent_of
from ..values.text import clean_text
from .binding import Binding
from .csvfile import CsvFile
from .importer import Paused
from .platforms import PLATFORMS
from .schemas import SCHEMAS
from .sent_reading import HELD_MS, Reading, a_folder, mapping_of, written

if TYPE_CHECKING:
    from ..brands import Brand

JOB = "sent-files"
PIECE_BYTES = 900_000
"""The largest piece: with its form it is a body within ``LIMITS.body_bytes``."""
_KEPT_MS, _LISTED_MS = 86_400_000, 30 * 86_400_000
_ODD = re.compile(r"[^\w.() -]+")
_NOT_NEXT = "this is not the next piece of the file; send it anew"
_VIEW = (
    "SELECT id, name, kind, mapping, source, backfill, size, consumed, actor, state, counts, error, created_at, "
    "updated_at FROM import_file "
)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it is looked at. ``state``: coming, checking, checked, waiting (for a worker), running, done or failed.

    ``counts`` is the report of the try, or of the import (read, created, updated, unchanged, rejected);
    ``rejects`` the first refused rows of the try as (line, column, reason); ``share`` of the file is read.
    """

    id: int
    name: str
    kind: str
    mapping: str
    source: str
    backfill: bool
    size: int
    share: float
    actor: str
    state: str
    counts: dict[str, int]
    rejects: tuple[tuple[int, str, str], ...]
    error: str
    created_at: int
    updated_at: int


def mappings(kind: str) -> tuple[str, ...]:
    """The built-in mappings of a kind of rows, by name."""
    return tuple(name for name, table in PLATFORMS.items() if table.get("kind", "orders") == kind)


class SentFiles:
    """The files that were sent in for a brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    # Sending in --------------------------------------------------------------

    @transactional
    def begin(
        self,
        name: str,
        kind: str,
        piece: bytes,
        *,
        actor: str,
        mapping: str = "",
        source: str = "",
        backfill: bool = False,
        more: bool = False,
    ) -> int:
        """Take a file's first piece, or with ``more`` false all of it; returns the file's id.

        A whole file is tried by a worker next. Raises Invalid and Malformed for what no CSV file of this kind is.
        """
        if kind not in SCHEMAS:
            raise Invalid(f"unknown kind {kind!r:.60}", field="kind", code="kind")
        if mapping and mapping not in mappings(kind):
            raise Invalid(f"unknown mapping {mapping!r:.60}", field="mapping", code="mapping")
        source = clean_text(source, field="source", max_length=LIMITS.name)
        begin_writing()
        now = self._brand.now()
        row = (_safe(name), kind, mapping, source, int(backfill), 0, 0, actor, "coming", "{}", "", now, now)
        (file_id,) = execute(
            "INSERT INTO import_file (name, kind, mapping, source, backfill, size, consumed, actor, state, counts, "
            f"error, created_at, updated_at) VALUES ({', '.join('?' * len(row))}) RETURNING id",
            row,
        ).fetchone()
        self._keep(file_id, 0, piece)
        audit.record(self._brand, actor, "import.send", f"import_file:{file_id}", {"kind": kind})
        if not more:
            self._complete(self.get(file_id))
        return int(file_id)

    @transactional
    def add(self, file_id: int, nth: int, piece: bytes, *, actor: str, last: bool) -> None:
        """Take the ``nth`` piece (1, 2 ...) of a file that is coming, from whoever began it; the last one completes it.

        Raises Conflict for any but the next piece and for a file that is complete, NotFound for anybody else's.
        """
        begin_writing()
        view = self.get(file_id)
        if view.actor != actor:
            raise NotFound("no such file")
        (known,) = execute("SELECT count(*) FROM import_file_part WHERE file_id = ?", (file_id,)).fetchone()
        if view.state != "coming" or known != nth:
            raise Conflict(_NOT_NEXT, code="import_piece")
        self._keep(file_id, nth, piece)
        if last:
            self._complete(self.get(file_id))

    def _keep(self, file_id: int, nth: int, piece: bytes) -> None:
        if not piece:
            raise Invalid("the file is empty; a header line is expected", field="file", code="csv_empty")
        if len(piece) > PIECE_BYTES:
            raise Invalid(f"a piece has at most {PIECE_BYTES:,} bytes", field="file", code="file_size")
        grown = execute(
            "UPDATE import_file SET size = size + ?, updated_at = ? "
            "WHERE id = ? AND state = 'coming' AND size + ? <= ?",
            (len(piece), self._brand.now(), file_id, len(piece), LIMITS.upload_bytes),
        )
        if grown.rowcount != 1:
            if self.get(file_id).state != "coming":  # forgotten at this moment
                raise Conflict(_NOT_NEXT, code="import_piece")
            raise Invalid(f"a file has at most {LIMITS.upload_bytes:,} bytes", field="file", code="file_size")
        text = base64.b64encode(piece).decode()
        execute("INSERT INTO import_file_part (file_id, nth, data) VALUES (?, ?, ?)", (file_id, nth, text))

    def _complete(self, view: SentFile) -> None:
        """The file is whole: what can never be read is refused now, the rest is tried by a worker."""
        with a_folder() as folder, CsvFile(written(view.id, folder) or folder, view.name) as file:
            brand = self._brand
            Binding(
                mapping_of(view), file.header, zone=brand.zone, region=brand.config.phone_region,
                exponent=exponent_of(brand.currency), source=view.source or None,
            )  # fmt: skip
        self._set(view.id, "coming", "checking")
        self._ask(view.actor)

    # What people do ----------------------------------------------------------

    @transactional
    def start(self, file_id: int, *, actor: str) -> None:
        """Import a file that was tried; raises Conflict (``import_file_state``) where somebody has, NotFound."""
        begin_writing()
        self._set(self.get(file_id).id, "checked", "waiting")
        audit.record(self._brand, actor, "import.start", f"import_file:{file_id}")
        self._ask(actor)

    @transactional
    def go_on(self, file_id: int, *, actor: str) -> bool:
        """Have a worker look at once at a file that waits or was broken off; False where that was asked already."""
        if self.get(file_id).state not in ("checking", "waiting", "running"):
            raise Conflict("nothing is left to do with this file", code="import_file_state")
        return self._ask(actor)

    @transactional
    def forget(self, file_id: int, *, actor: str) -> None:
        """Forget a file with all its pieces; raises Conflict (``import_file_state``) while it is being imported.

        One that was started, and that nothing happened to for ten minutes, is forgotten too: what came in stays.
        """
        begin_writing()
        now = self._brand.now()
        self.get(file_id)
        ended = execute(
            "UPDATE import_file SET state = 'failed', reader = '' WHERE id = ? "
            "AND (state NOT IN ('waiting', 'running') OR (updated_at < ? AND held_until < ?))",
            (file_id, now - HELD_MS, now),
        )
        if ended.rowcount != 1:
            raise Conflict("the file is being imported", code="import_file_state")
        execute("DELETE FROM import_file_part WHERE file_id = ?", (file_id,))
        execute("DELETE FROM import_file WHERE id = ?", (file_id,))
        audit.record(self._brand, actor, "import.forget", f"import_file:{file_id}")

    def newest(self, limit: int = 20) -> list[SentFile]:
        """The newest files, newest first."""
        return [_view(row) for row in execute(f"{_VIEW}ORDER BY id DESC LIMIT ?", (limit,)).fetchall()]

    def get(self, file_id: int) -> SentFile:
        """One file; raises NotFound."""
        row = execute(f"{_VIEW}WHERE id = ?", (file_id,)).fetchone()
        if row is None:
            raise NotFound("no such file")
        return _view(row)

    # What workers do ---------------------------------------------------------

    def work(self, *, seconds: float) -> int:
        """The job: try and import what waits, oldest first, for so long; returns how many files it was done with.

        What is left when the time is over is asked for anew. A file that has failed before comes behind the others.
        """
        until, done, seen = time.monotonic() + seconds, 0, [0]
        # One by one: what is sent in meanwhile is found too.
        while row := execute(
            f"{_VIEW}WHERE id NOT IN ({', '.join('?' * len(seen))}) AND state IN ('checking', 'waiting', 'running') "
            "ORDER BY failures, id LIMIT 1",
            seen,
        ).fetchone():
            if len(seen) > 1 and time.monotonic() > until:
                self._ask("")
                break
            seen.append(row[0])
            reading = Reading(self._brand, _view(row))
            try:
                done += reading.claim() and reading.read(lambda: time.monotonic() > until)
            except Paused:
                self._ask("")
                break
        return done

    @transactional
    def forget_old(self) -> None:
        """The job: pieces that nobody started within a day, and files of which all has been said for a month."""
        begin_writing()
        now = self._brand.now()
        # The row is taken first: whoever starts the file at this moment, or adds to it, finds it ended.
        execute(
            "UPDATE import_file SET state = 'failed', error = 'nobody started it' "
            "WHERE state IN ('coming', 'checked') AND updated_at < ?",
            (now - _KEPT_MS,),
        )
        over = "SELECT id FROM import_file WHERE state IN ('done', 'failed')"
        execute(f"DELETE FROM import_file_part WHERE file_id IN ({over})")
        execute("DELETE FROM import_file WHERE state IN ('done', 'failed') AND updated_at < ?", (now - _LISTED_MS,))

    def _set(self, file_id: int, before: str, after: str) -> None:
        moved = execute(
            "UPDATE import_file SET state = ?, consumed = 0, failures = 0, error = '', updated_at = ? "
            "WHERE id = ? AND state = ?",
            (after, self._brand.now(), file_id, before),
        )
        if moved.rowcount != 1:
            raise Conflict("somebody was quicker; look at the file again", code="import_file_state")

    def _ask(self, actor: str) -> bool:
        return self._brand.jobs.ask("core", JOB, actor=actor)


def _safe(name: str) -> str:
    """A file's name without a folder, of harmless characters, for people."""
    plain = _ODD.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .")[-80:].lstrip(" .")
    return plain or "file.csv"


def _view(row: tuple[Any, ...]) -> SentFile:
    counts = json.loads(row[10])
    rejects = tuple((line, column, reason) for line, column, reason in counts.pop("rejects", ()))
    share = row[7] / row[6] if row[6] else 0.0
    return SentFile(*row[:5], row[5] == 1, row[6], share, row[8], row[9], counts, rejects, *row[11:])
