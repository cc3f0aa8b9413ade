"""Importing files: batches that commit with their progress, resumable after kill -9.

Each batch of ``LIMITS.import_batch`` rows is one transaction that also moves the
position of the import. The same command after a crash goes on behind the last
committed batch and ends in the same totals; the same file imported again finds
everything unchanged. Rows that are refused are written to the rejects file
before their batch commits, and what a crash left behind there is cut off again.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from scrm_core.db import transactional
from scrm_core.errors import Invalid, ScrmError, StorageFull
from scrm_core.intake.binding import Binding, CheckedRow
from scrm_core.intake.csvfile import CsvFile, Reject
from scrm_core.intake.mapping import Mapping
from scrm_core.intake.writers import WRITERS
from scrm_core.limits import LIMITS
from scrm_core.services.import_runs import (
    ImportProgress,
    advance_import,
    begin_import,
    keep_rejected,
    refresh_statistics,
)
from scrm_core.values.money import exponent_of
from scrm_core.values.text import csv_cell

if TYPE_CHECKING:
    from scrm_core.brands import Brand

Progress = Callable[[int, int, int], None]
"""Told after each batch: rows so far, bytes read so far, bytes of the file."""

REJECT_COLUMNS = ("line", "column", "reason")
"""The header of a rejects file."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file, over all runs that it took: ``read`` is the sum of the others.

    In a file with one row per order line, a row here is an order.
    """

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int


@dataclass(slots=True)
class Trial:
    """How far a dry run has come, for another one to go on behind it; ``refused`` are the first ``most`` rejects."""

    most: int
    position: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    refused: list[Reject] = field(default_factory=list)

    def report(self) -> ImportReport:
        """What became of the rows so far."""
        return _report(self.position, Counter(self.counts))


class Paused(Exception):
    """The caller wanted no further batch: the next run goes on behind the last one."""


LARGE_IMPORT = 5_000
"""Rows from which on the database's statistics are refreshed after an import."""


def run_import(
    brand: Brand,
    kind: str,
    path: str | Path,
    mapping: Mapping,
    *,
    source: str | None = None,
    dry_run: bool = False,
    backfill: bool = False,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
    name: str = "",
    own: str = "",
    trial: Trial | None = None,
    pause: Callable[[], bool] | None = None,
) -> ImportReport:
    """Import a CSV file of ``kind`` (a key of ``SCHEMAS``) into a brand and say what became of its rows.

    ``source`` replaces the mapping's. ``backfill`` marks the events as history.
    With ``dry_run`` every row is checked and tried, and nothing stays.
    ``rejects`` is a file to be written with line, column and reason of each
    refused row. Raises Invalid or Malformed when the file as a whole cannot be
    read or lacks a column, Conflict when another process imports it right now.

    ``name`` is what people call the file. ``own`` names one import among those
    of equal files: when it is done already its report is given once more.
    ``trial`` is where a dry run begins, and is told how far it comes. ``pause``
    is asked between batches; when it says yes, Paused is raised.
    """
    if mapping.kind != kind:
        raise Invalid(f"the mapping is for {mapping.kind}, not for {kind}", field="kind", code="mapping")
    if rejects is not None and os.path.exists(rejects) and os.path.samefile(rejects, path):
        raise Invalid("the rejects would overwrite the imported file; name another", field="rejects", code="file")
    with CsvFile(path, name) as file:
        binding = Binding(
            mapping,
            file.header,
            zone=brand.zone,
            region=brand.config.phone_region,
            exponent=exponent_of(brand.currency),
            source=source,
        )
        job = _Import(brand, binding, file, source or mapping.source or "import", dry_run, backfill, own)
        with brand:
            return job.run(rejects, progress, trial or Trial(0), pause)


Batch = tuple[ImportProgress, Counter[str], list[Reject]]
"""Where an import stands behind a batch, what became of all rows so far, and those refused in this one."""


class _Import:
    """One run over one file."""

    def __init__(
        self, brand: Brand, binding: Binding, file: CsvFile, source: str, dry_run: bool, backfill: bool, own: str
    ) -> None:
        self.brand = brand
        self.binding = binding
        self.file = file
        self.source = source
        self.dry_run = dry_run
        self.backfill = backfill
        self.own = own
        self.kind = binding.mapping.kind
        self.write = WRITERS[self.kind]

    def run(
        self, rejects: str | Path | None, progress: Progress | None, trial: Trial, pause: Callable[[], bool] | None
    ) -> ImportReport:
        state = ImportProgress(0, trial.position, trial.counts) if self.dry_run else self._begin()
        counts, done = Counter(state.counts), state.done
        records = self._records(state.position)
        with RejectsFile(rejects, counts["rejects_bytes"]) as out:
            while not done:
                batch = list(islice(records, LIMITS.import_batch))
                done = len(batch) < LIMITS.import_batch
                state, counts, refused = self._batch(batch, state, counts, out, done)
                out.settle(counts["rejects_bytes"])
                trial.position, trial.counts = state.position, dict(counts)
                trial.refused += refused[: trial.most - len(trial.refused)]
                if progress is not None:
                    progress(state.position, self.file.consumed, self.file.size)
                if pause is not None and not done and pause():
                    raise Paused
        if state.position >= LARGE_IMPORT and not self.dry_run:
            refresh_statistics()
        return _report(state.position, counts)

    def _begin(self) -> ImportProgress:
        return begin_import(
            self.brand, self.kind, self.source, self._digest(),
            name=self.file.name, size=self.file.size, once=self.own != "",
        )  # fmt: skip

    def _digest(self) -> str:
        """Identifies the file and all that decides what its rows mean."""
        parts = [self.file.digest, repr(self.binding.mapping), self.source, str(self.backfill)]
        if self.own:
            parts.append(self.own)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _records(self, position: int) -> Iterator[CheckedRow | Reject]:
        """Rows behind ``position``; what was committed is passed over, unread where rows stand alone."""
        rows = self.file.rows()
        if self.binding.mapping.one_row == "line":
            return islice(self.binding.rows(rows), position, None)
        return self.binding.rows(islice(rows, position, None))

    def _batch(
        self,
        batch: list[CheckedRow | Reject],
        state: ImportProgress,
        counts: Counter[str],
        out: RejectsFile,
        done: bool,
    ) -> Batch:
        if not self.dry_run:
            return self._commit(batch, state, counts, out, done)
        try:
            with self.brand.transaction():
                answer = self._apply(batch, state, counts, out)
                raise _Undo
        except _Undo:
            return answer

    @transactional
    def _commit(
        self,
        batch: list[CheckedRow | Reject],
        state: ImportProgress,
        counts: Counter[str],
        out: RejectsFile,
        done: bool,
    ) -> Batch:
        new, counts, refused = self._apply(batch, state, counts, out)
        consumed = min(self.file.consumed, self.file.size)
        return advance_import(self.brand, state, new.position, counts, done=done, consumed=consumed), counts, refused

    def _apply(
        self, batch: list[CheckedRow | Reject], state: ImportProgress, counts: Counter[str], out: RejectsFile
    ) -> Batch:
        """Write a batch and its rejects; may run again after a deadlock, so it changes no argument."""
        counts = counts.copy()
        rows = [record for record in batch if type(record) is tuple]
        answers = self.write(self.brand, [row for _, row in rows], self.source, self.backfill) if rows else []
        refused = [record for record in batch if isinstance(record, Reject)]
        for (line, _), answer in zip(rows, answers, strict=True):
            if isinstance(answer, ScrmError):
                column = self.binding.column_of(getattr(answer, "field", None))
                refused.append(Reject(line, column, answer.message))
            else:
                counts[answer] += 1
        counts["rejected"] += len(refused)
        refused.sort(key=lambda reject: reject.line)
        counts["rejects_bytes"] = out.append(refused)
        if refused and not self.dry_run:
            before = counts["rejected"] - len(refused)
            keep_rejected(state.run_id, [(each.line, each.column, each.reason) for each in refused], before)
        return ImportProgress(state.run_id, state.position + len(batch)), counts, refused


def _report(rows: int, counts: Counter[str]) -> ImportReport:
    return ImportReport(rows, counts["created"], counts["updated"], counts["unchanged"], counts["rejected"])


class _Undo(Exception):
    """Rolls a batch of a dry run back."""


class RejectsFile:
    """A CSV file of refused rows that always ends where the last committed batch ended.

    ``committed`` is its size at that point, 0 to begin it anew; a file that is
    shorter or gone is begun anew too. Without a path nothing is written. Raises
    Invalid when the file cannot be written and StorageFull when the disk is full.
    """

    def __init__(self, path: str | Path | None, committed: int) -> None:
        self._file: io.FileIO | None = None
        self._end = committed
        if path is None:
            return
        try:
            keep = committed > 0 and os.path.exists(path) and os.path.getsize(path) >= committed
            # Unbuffered: what the disk does not take fails at the write and not at the close.
            self._file = io.FileIO(path, "r+" if keep else "w")
            if not keep:
                self._end = self._write(0, (",".join(REJECT_COLUMNS) + "\r\n").encode())
        except OSError as error:
            self.__exit__()
            raise _unwritable(error) from None

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, rejects: list[Reject]) -> int:
        """Write rejects behind what is settled, instead of what was not; the size to settle."""
        if self._file is None:
            return self._end
        lines = _Lines()
        csv.writer(lines).writerows((r.line, csv_cell(r.column), csv_cell(r.reason)) for r in rejects)
        try:
            return self._write(self._end, "".join(lines).encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise _unwritable(error) from None

    def _write(self, start: int, content: bytes) -> int:
        assert self._file is not None
        regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)  # /dev/null takes rejects too
        self._file.seek(start)
        if regular:
            self._file.truncate()
        if self._file.write(content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if regular:
            os.fsync(self._file.fileno())
        return start + len(content)

    def settle(self, size: int) -> None:
        """The batch is committed: the file is good up to ``size``."""
        self._end = size


def _unwritable(error: OSError) -> ScrmError:
    message = f"the rejects file cannot be written: {error.strerror}"
    return StorageFull(message) if error.errno in (errno.ENOSPC, errno.EDQUOT) else Invalid(message, code="file")


class _Lines(list[str]):
    """A list to which csv.writer can write."""

    write = list.append
