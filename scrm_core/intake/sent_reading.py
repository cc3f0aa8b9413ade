"""How workers read files that were sent in: each by one at a time, in pieces of time, until it is done or has failed.

Whoever reads a file holds it, and says so again after each batch. A try goes on
behind its last batch as an import does. Trouble that passes (a database that is
locked, away or full) leaves the file as it is; one whose reading fails time and
again, or ends the process each time, is given up with the reason.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute
from ..db.faults import is_fault
from ..delivery import describe, ended, worker_name
from ..errors import Busy, Conflict, Invalid, ScrmError, StorageFull
from ..limits import LIMITS
from ..values.masking import scrub
from .csvfile import Reject
from .importer import ImportReport, Paused, Trial, run_import
from .mapping import Mapping, load_mapping, plain_mapping

if TYPE_CHECKING:
    from ..brands import Brand
    from .sent_files import SentFile

log = logging.getLogger("scrm.jobs")

SHOWN_REJECTS = 200
HELD_MS = 600_000
"""A batch takes seconds: who has said nothing for so long is no more, and the file is another's."""
MOST_FAILURES = 3
"""Failures without a batch between them, after which a file is given up."""
_PASSING = (429, 503, 507)


class _Lost(Exception):
    """The file is another's by now, or gone: what was found counts no more."""


class Reading:
    """One file in the hands of this process; :meth:`claim` it first, inside ``with brand:``."""

    def __init__(self, brand: Brand, view: SentFile) -> None:
        self._brand = brand
        self._view = view
        self._dry = view.state == "checking"
        self._state = "checking" if self._dry else "running"
        self._me = f"{secrets.token_hex(4)} {worker_name()}"
        self._failures = 0
        self._trial = Trial(SHOWN_REJECTS)
        if self._dry and view.counts:
            counts = dict(view.counts)
            self._trial.position, self._trial.counts = counts.pop("read"), counts
            self._trial.refused = [Reject(*each) for each in view.rejects]

    def claim(self) -> bool:
        """Take the file unless another process has it."""
        now = self._brand.now()
        row = execute(
            "SELECT reader, held_until, failures, error FROM import_file WHERE id = ?", (self._view.id,)
        ).fetchone()
        if row is None:
            return False
        reader, held_until, failures, error = row
        if reader and held_until > now and not ended(reader.partition(" ")[2]):
            return False
        gone = reader.partition(" ")[2]
        # Whoever ends well, or fails, lets go of the file; this process itself may have found no database to say so.
        self._failures = failures + (gone not in ("", worker_name()))
        claimed = execute(
            "UPDATE import_file SET reader = ?, held_until = ?, failures = ?, state = ? "
            "WHERE id = ? AND state = ? AND reader = ? AND held_until = ?",
            (self._me, now + HELD_MS, self._failures, self._state, self._view.id, self._view.state, reader, held_until),
        )
        if claimed.rowcount != 1:
            return False
        if self._failures < MOST_FAILURES:
            return True
        self._failed(f"the process that read it ended in the middle of it; it failed {self._failures} times; {error}")
        return False

    def read(self, pause: Callable[[], bool]) -> bool:
        """Read on; True when nothing is left to do with the file. Raises Paused when ``pause`` said so."""
        try:
            self._told(self._run(pause))
            return True
        except _Lost:
            return False
        except Paused:
            self._let_go()
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the files behind this one go on)
            return self._ended_by(error)
        except BaseException as error:  # a plugin may raise SystemExit, and the process lives on
            self._failed_once(error)
            raise

    def _ended_by(self, error: Exception) -> bool:
        if isinstance(error, Conflict) and error.code == "import_running":
            self._let_go()  # another process has moved it meanwhile
            return False
        if _passes(error):
            log.warning("brand %s: file %s waits: %s", self._brand.id, self._view.id, describe(error)[0])
            self._let_go(f"it is tried again: {describe(error)[0]}")
            return False
        if isinstance(error, ScrmError) and error.status < 500:
            return self._failed(error.message)
        log.exception("brand %s: file %s cannot be read", self._brand.id, self._view.id)
        return self._failed_once(error)

    def _failed_once(self, error: BaseException) -> bool:
        self._failures += 1
        told = f"reading it failed {self._failures} times: {describe(error)[0]}"
        if self._failures >= MOST_FAILURES:
            return self._failed(told)
        self._let_go(told)
        return False

    def _run(self, pause: Callable[[], bool]) -> ImportReport:
        view = self._view
        # A database may give the id of a file that was forgotten to another one: the moment tells the two apart.
        with a_folder() as folder:
            return run_import(
                self._brand, view.kind, self._written(folder), mapping_of(view), source=view.source or None,
                dry_run=self._dry, backfill=view.backfill, progress=self._progress, name=view.name,
                own=f"sent:{view.id}:{view.created_at}", trial=self._trial, pause=pause,
            )  # fmt: skip

    def _written(self, folder: Path) -> Path:
        path = written(self._view.id, folder)
        if path is None:
            raise _Lost
        return path

    def _progress(self, rows: int, consumed: int, size: int) -> None:
        now = self._brand.now()
        self._failures = 0
        far = "consumed = ?, updated_at = ?, held_until = ?, failures = 0, error = ''"
        values: tuple[Any, ...] = (min(consumed, size), now, now + HELD_MS)
        if self._dry:
            far, values = f"counts = ?, {far}", (self._counts(self._trial.report()), *values)
        if not self._set(far, *values):
            raise _Lost

    def _let_go(self, error: str = "") -> None:
        self._set("reader = '', held_until = 0, failures = ?, error = ?", self._failures, _shown(error))

    @transactional
    def _told(self, report: ImportReport) -> None:
        self._end("checked" if self._dry else "done", "counts = ?, consumed = size, error = ''", self._counts(report))

    @transactional
    def _failed(self, error: str) -> bool:
        return self._end("failed", "error = ?", _shown(error))

    def _end(self, state: str, more: str, *values: Any) -> bool:
        now = self._brand.now()
        ended = self._set(f"state = ?, updated_at = ?, reader = '', held_until = 0, {more}", state, now, *values)
        if ended and state != "checked":
            execute("DELETE FROM import_file_part WHERE file_id = ?", (self._view.id,))
        return ended

    def _set(self, what: str, *values: Any) -> bool:
        """Change the file where it still is as it was claimed; False where it is another's by now, or gone."""
        changed = execute(
            f"UPDATE import_file SET {what} WHERE id = ? AND state = ? AND reader = ?",
            (*values, self._view.id, self._state, self._me),
        )
        return bool(changed.rowcount)

    def _counts(self, report: ImportReport) -> str:
        rejects = [(each.line, scrub(each.column), scrub(each.reason)) for each in self._trial.refused]
        return json.dumps({**asdict(report), "rejects": rejects}, ensure_ascii=False)


def mapping_of(view: SentFile) -> Mapping:
    """How a file's rows are read."""
    return load_mapping(view.mapping, view.kind) if view.mapping else plain_mapping(view.kind)


def written(file_id: int, folder: Path) -> Path | None:
    """A file's pieces as one file below ``folder``; None where they are gone. Raises Busy when it cannot be written.

    It has a name of ours: what people call theirs may be one that the machine does not take.
    """
    path = folder / "sent.csv"
    (count,) = execute("SELECT count(*) FROM import_file_part WHERE file_id = ?", (file_id,)).fetchone()
    try:
        with path.open("wb") as file:
            for nth in range(count):
                part = execute(
                    "SELECT data FROM import_file_part WHERE file_id = ? AND nth = ?", (file_id, nth)
                ).fetchone()
                if part is None:
                    return None
                file.write(base64.b64decode(part[0]))
    except OSError as error:
        raise _no_room(error) from None
    return path if count else None


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """A folder for a moment; raises Busy where this machine has no room for one."""
    try:
        folder = tempfile.TemporaryDirectory()
    except OSError as error:
        raise _no_room(error) from None
    with folder as path:
        yield Path(path)


def _no_room(error: OSError) -> Busy:
    kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else Busy
    return kind(f"no file can be written in this machine's temporary folder: {error.strerror}")


def _passes(error: Exception) -> bool:
    """Whether this says something of the machine at this moment, and nothing of the file."""
    if isinstance(error, Invalid) and error.code == "file":  # our own copy of it cannot be opened
        return True
    return is_fault(error) or (isinstance(error, ScrmError) and error.status in _PASSING)


def _shown(error: str) -> str:
    return scrub(error.rstrip("; "))[: LIMITS.text]
