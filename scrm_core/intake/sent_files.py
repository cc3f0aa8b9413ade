"""Files that people send in from a page: kept in pieces, tried whole, then imported by a worker.

The import is :func:`.importer.run_import`, as by command: a file is tried first
and changes nothing, somebody starts it, and a worker that dies leaves it to
another one, which goes on behind the last committed batch. The pieces lie in
the brand's database, so that any machine can read them, and go when the file
was read, or a day later.
"""

from __future__ import annotations

import base64
import csv
import json
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Invalid, NotFound, ScrmError
from ..limits import LIMITS
from ..services import audit
from ..services.survivors import begin_writing
from ..values.masking import scrub
from ..values.money import exponent_of
from ..values.text import clean_text
from .binding import Binding
from .csvfile import CsvFile
from .importer import ImportReport, run_import
from .mapping import Mapping, load_mapping, plain_mapping
from .platforms import PLATFORMS
from .schemas import SCHEMAS

if TYPE_CHECKING:
    from ..brands import Brand

JOB = "sent-files"
PIECE_BYTES = 900_000
"""The largest piece: with its form it is a body within ``LIMITS.body_bytes``."""
SHOWN_REJECTS = 200
_KEPT_MS, _LISTED_MS = 86_400_000, 30 * 86_400_000
_ODD = re.compile(r"[^\w.() -]+")
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


class _Later(Exception):
    """The time of this run is over: the next one goes on."""


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
            raise Conflict("this is not the next piece of the file; send it anew", code="import_piece")
        self._keep(file_id, nth, piece)
        if last:
            self._complete(self.get(file_id))

    def _keep(self, file_id: int, nth: int, piece: bytes) -> None:
        if not piece:
            raise Invalid("the file is empty; a header line is expected", field="file", code="csv_empty")
        if len(piece) > PIECE_BYTES:
            raise Invalid(f"a piece has at most {PIECE_BYTES:,} bytes", field="file", code="file_size")
        grown = execute(
            "UPDATE import_file SET size = size + ?, updated_at = ? WHERE id = ? AND size + ? <= ?",
            (len(piece), self._brand.now(), file_id, len(piece), LIMITS.upload_bytes),
        )
        if grown.rowcount != 1:
            raise Invalid(f"a file has at most {LIMITS.upload_bytes:,} bytes", field="file", code="file_size")
        text = base64.b64encode(piece).decode()
        execute("INSERT INTO import_file_part (file_id, nth, data) VALUES (?, ?, ?)", (file_id, nth, text))

    def _complete(self, view: SentFile) -> None:
        """The file is whole: what can never be read is refused now, the rest is tried by a worker."""
        with tempfile.TemporaryDirectory() as folder, CsvFile(self._written(view, folder)) as file:
            brand = self._brand
            Binding(
                _mapping(view), file.header, zone=brand.zone, region=brand.config.phone_region,
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
        """Forget a file that is not being imported, with all its pieces; raises Conflict (``import_file_state``)."""
        begin_writing()
        if self.get(file_id).state in ("waiting", "running"):
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
        """The job: try and import what waits, oldest first, for so long; returns how many files it was done with."""
        until, done, seen = time.monotonic() + seconds, 0, 0
        # One by one: what is sent in meanwhile is found too.
        while row := execute(
            f"{_VIEW}WHERE id > ? AND state IN ('checking', 'waiting', 'running') ORDER BY id LIMIT 1", (seen,)
        ).fetchone():
            seen = row[0]
            try:
                done += self._read(_view(row), until)
            except _Later:
                break
        return done

    def forget_old(self) -> None:
        """The job: pieces that nobody started within a day, and files of which all has been said for a month."""
        now = self._brand.now()
        old = "SELECT id FROM import_file WHERE state NOT IN ('waiting', 'running') AND updated_at < ?"
        execute(f"DELETE FROM import_file_part WHERE file_id IN ({old})", (now - _KEPT_MS,))
        execute(
            "UPDATE import_file SET state = 'failed', error = 'nobody started it' "
            "WHERE state IN ('coming', 'checking', 'checked') AND updated_at < ?",
            (now - _KEPT_MS,),
        )
        execute("DELETE FROM import_file WHERE state IN ('done', 'failed') AND updated_at < ?", (now - _LISTED_MS,))

    def _read(self, view: SentFile, until: float) -> bool:
        dry = view.state == "checking"

        def progress(rows: int, consumed: int, size: int) -> None:
            execute(
                "UPDATE import_file SET consumed = ?, updated_at = ? WHERE id = ?",
                (min(consumed, size), self._brand.now(), view.id),
            )
            if time.monotonic() > until:
                raise _Later

        with tempfile.TemporaryDirectory() as folder:
            path, rejects = self._written(view, folder), Path(folder, "rejects.csv")
            if not dry:
                execute("UPDATE import_file SET state = 'running' WHERE id = ? AND state = 'waiting'", (view.id,))
            try:
                report = run_import(
                    self._brand, view.kind, path, _mapping(view), source=view.source or None, dry_run=dry,
                    backfill=view.backfill, rejects=rejects if dry else None, progress=progress,
                )  # fmt: skip
            except Conflict as error:
                if error.code == "import_running":
                    return False  # another worker has it
                return self._failed(view, error)
            except ScrmError as error:
                return self._failed(view, error)
            self._told(view, report, _first(rejects) if dry else [])
        return True

    @transactional
    def _told(self, view: SentFile, report: ImportReport, rejects: list[list[Any]]) -> None:
        counts = json.dumps({**asdict(report), "rejects": rejects}, ensure_ascii=False)
        before, after = ("checking", "checked") if view.state == "checking" else ("running", "done")
        execute(
            "UPDATE import_file SET state = ?, counts = ?, consumed = size, updated_at = ? WHERE id = ? AND state = ?",
            (after, counts, self._brand.now(), view.id, before),
        )
        if after == "done":
            execute("DELETE FROM import_file_part WHERE file_id = ?", (view.id,))

    @transactional
    def _failed(self, view: SentFile, error: ScrmError) -> bool:
        execute(
            "UPDATE import_file SET state = 'failed', error = ?, updated_at = ? WHERE id = ?",
            (scrub(error.message)[: LIMITS.text], self._brand.now(), view.id),
        )
        execute("DELETE FROM import_file_part WHERE file_id = ?", (view.id,))
        return True

    def _written(self, view: SentFile, folder: str) -> Path:
        path = Path(folder, view.name)
        with path.open("wb") as file:
            (count,) = execute("SELECT count(*) FROM import_file_part WHERE file_id = ?", (view.id,)).fetchone()
            for nth in range(count):
                (data,) = execute(
                    "SELECT data FROM import_file_part WHERE file_id = ? AND nth = ?", (view.id, nth)
                ).fetchone()
                file.write(base64.b64decode(data))
        return path

    def _set(self, file_id: int, before: str, after: str) -> None:
        moved = execute(
            "UPDATE import_file SET state = ?, consumed = 0, updated_at = ? WHERE id = ? AND state = ?",
            (after, self._brand.now(), file_id, before),
        )
        if moved.rowcount != 1:
            raise Conflict("somebody was quicker; look at the file again", code="import_file_state")

    def _ask(self, actor: str) -> bool:
        return self._brand.jobs.ask("core", JOB, actor=actor)


def _mapping(view: SentFile) -> Mapping:
    return load_mapping(view.mapping, view.kind) if view.mapping else plain_mapping(view.kind)


def _safe(name: str) -> str:
    """A file's name without a folder, of harmless characters, for people."""
    plain = _ODD.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .")[-80:].lstrip(" .")
    return plain or "file.csv"


def _first(rejects: Path) -> list[list[Any]]:
    with rejects.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        shown = islice(rows, SHOWN_REJECTS)
        return [[int(line), scrub(column), scrub(reason)] for line, column, reason in shown]


def _view(row: tuple[Any, ...]) -> SentFile:
    counts = json.loads(row[10])
    rejects = tuple((line, column, reason) for line, column, reason in counts.pop("rejects", ()))
    share = row[7] / row[6] if row[6] else 0.0
    return SentFile(*row[:5], row[5] == 1, row[6], share, row[8], row[9], counts, rejects, *row[11:])
