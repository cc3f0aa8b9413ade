"""Reading CSV files that shops really upload, and those nobody should.

:class:`CsvFile` finds the encoding (UTF-8 with or without a byte order mark, or
GB18030), refuses what is not CSV (xlsx, zip, UTF-16, binary), normalises the
header and then streams rows with flat memory. A row is either read or answered
by a :class:`Reject` with its line, and reading goes on behind it, also behind a
quote that is never closed. Blank lines are not rows.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from scrm_core.errors import Invalid, Malformed
from scrm_core.limits import LIMITS

_CHUNK = 1 << 20
_MAGIC = {
    b"PK\x03\x04": "an xlsx or zip file, not CSV; open it and save it as CSV (UTF-8)",
    b"PK\x05\x06": "an empty zip file, not CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file (xls), not CSV; open it and save it as CSV (UTF-8)",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"%PDF": "a PDF, not CSV",
    b"\xff\xfe": "in UTF-16; save it as CSV (UTF-8)",
    b"\xfe\xff": "in UTF-16; save it as CSV (UTF-8)",
}
_UNIT = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])\s*$")
_UNREADABLE = re.compile("[\0\ufffd]")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be taken: where it starts (1 is the first line of the file) and why."""

    line: int
    column: str
    reason: str


Record = tuple[int, list[str]] | Reject
"""The line on which a row starts and its cells, or why there is none."""


class CsvFile:
    """An opened CSV file: ``header``, ``encoding``, ``digest``, ``size`` in bytes and its rows.

    ``digest`` is the SHA-256 of the whole file in hex. Raises Invalid when the
    file cannot be opened and Malformed when it is not a CSV file or its header
    is unusable. Use it as a context manager. ``name`` is what people call it,
    where that is not the name of the file.
    """

    def __init__(self, path: str | Path, name: str = "") -> None:
        self.name = name or Path(path).name
        try:
            self.encoding, self.digest = _inspect(Path(path), self.name)
            raw = open(path, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise Invalid(f"{self.name} cannot be read: {error.strerror}", code="file") from None
        self.size = os.fstat(raw.fileno()).st_size
        self._text = io.TextIOWrapper(raw, encoding=self.encoding, errors="replace", newline="")
        try:
            self._lines = _Lines(self._text, LIMITS.csv_line)
            self._read_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; doing it twice is harmless."""
        self._text.close()

    @property
    def consumed(self) -> int:
        """How many bytes of the file were read so far, for a progress bar."""
        return self._text.buffer.tell()

    def _read_header(self) -> None:
        first = self._lines.peek()
        if first is None:
            raise Malformed(f"the header line is longer than {LIMITS.csv_line} characters", code="csv_header")
        if "\0" in first:
            raise Malformed(f"{self.name} is binary or UTF-16; save it as CSV (UTF-8)", code="csv_binary")
        if "\ufffd" in first:
            raise Malformed(f"the header of {self.name} is neither UTF-8 nor GB18030", code="csv_encoding")
        delimiter = next((d for d in ",\t;" if d in first), ",")
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        try:
            cells = next(self._reader, None)
        except (csv.Error, _BrokenRecord) as error:
            raise Malformed(f"the header of {self.name} cannot be read: {error}", code="csv_header") from None
        if not cells:
            raise Malformed(f"{self.name} is empty; a header line is expected", code="csv_empty")
        if len(cells) > LIMITS.csv_columns:
            raise Malformed(f"{len(cells)} columns; at most {LIMITS.csv_columns} are accepted", code="csv_columns")
        self.header = normalise_headers(cells)

    def rows(self) -> Iterator[Record]:
        """Every row behind the header, in the order of the file; to be consumed once."""
        lines, reader, width = self._lines, self._reader, len(self.header)
        cell_limit = LIMITS.csv_field
        while True:
            start = lines.begin()
            try:
                row = next(reader)
            except StopIteration:
                return
            except (csv.Error, _BrokenRecord) as error:
                yield from lines.give_back(start, _why(error, lines))
                continue
            if len(row) == width:
                if lines.unreadable or lines.size > cell_limit:
                    yield self._inspect_row(start, row)
                else:
                    yield start, row
            elif row and not lines.blank():
                reason = f"has {len(row)} cells, the header has {width}"
                if lines.number > start:  # a stray quote joined several lines
                    yield from lines.give_back(start, reason)
                else:
                    yield Reject(start, "", reason)

    def _inspect_row(self, line: int, row: list[str]) -> Record:
        for column, cell in zip(self.header, row, strict=True):
            if len(cell) > LIMITS.csv_field:
                return Reject(line, column, f"is longer than {LIMITS.csv_field} characters")
            bad = _UNREADABLE.search(cell)
            if bad is not None:
                what = "a NUL character" if bad.group() == "\0" else f"bytes that are not {self.encoding}"
                return Reject(line, column, f"contains {what}")
        return line, row


class _BrokenRecord(Exception):
    """A record ran over a limit while csv was still collecting it."""


def _why(error: Exception, lines: _Lines) -> str:
    text = str(error)
    if isinstance(error, _BrokenRecord):
        return text
    if "field larger" in text:
        return f"a cell is longer than {LIMITS.csv_field} characters, or a quote is not closed"
    if "unexpected end" in text:
        return "a quote is opened and never closed"
    return f"is not valid CSV: {text}"


class _Lines:
    """Feeds lines to csv.reader, remembers those of the current record and can give them back."""

    def __init__(self, text: io.TextIOWrapper, limit: int) -> None:
        self._readline = text.readline
        self._limit = limit
        self._waiting: deque[str | None] = deque()  # None stands for a line over the limit
        self._record: list[str | None] = []
        self._replays = 10_000
        self.number = 0
        self.size = 0
        self.unreadable = False

    def __iter__(self) -> _Lines:
        return self

    def begin(self) -> int:
        """Start a record; the number of its first line."""
        self._record = []
        self.size = 0
        self.unreadable = False
        return self.number + 1

    def blank(self) -> bool:
        """Whether the current record is white space only."""
        return all(line is not None and not line.strip() for line in self._record)

    def peek(self) -> str | None:
        """The first line that is not blank, left in place; blank ones before it are passed over."""
        while True:
            line = self._fetch()
            if line == "" or line is None or line.strip():
                self._waiting.appendleft(line)
                return line
            self.number += 1

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._fetch()
        if line == "":
            raise StopIteration
        self.number += 1
        self._record.append(line)
        if line is None:
            raise _BrokenRecord(f"is longer than {self._limit} characters")
        self.size += len(line)
        if self.size > self._limit:
            raise _BrokenRecord(f"a quote is not closed within {self._limit} characters")
        if "\0" in line or "\ufffd" in line:
            self.unreadable = True
        return line

    def _fetch(self) -> str | None:
        line = self._readline(self._limit + 1)
        if len(line) <= self._limit or line[-1] in "\r\n":
            return line
        while line and line[-1] not in "\r\n":
            line = self._readline(_CHUNK)
        return None

    def give_back(self, start: int, reason: str) -> Iterator[Reject]:
        """Reject the first line of the current record and read the others again.

        A hostile file can make every line open a quote that swallows thousands of
        lines; the number of lines read again is therefore a small multiple of the
        lines read, and beyond that the swallowed lines are rejected one by one.
        """
        again = self._record[1:]
        self._replays += 4 - len(again)
        yield Reject(start, "", reason)
        if self._replays >= 0:
            self._waiting.extendleft(reversed(again))
            self.number -= len(again)
        else:
            self._replays += len(again)
            for offset in range(1, len(again) + 1):
                yield Reject(start + offset, "", f"stands inside a quote opened on line {start}")


def _inspect(path: Path, name: str) -> tuple[str, str]:
    """The encoding and SHA-256 of a file; Malformed when its first bytes say it is not CSV."""
    digest = hashlib.sha256()
    utf8 = codecs.getincrementaldecoder("utf-8")()
    encoding = "utf-8"
    with open(path, "rb") as file:
        chunk = file.read(_CHUNK)
        if not chunk:
            raise Malformed(f"{name} is empty; a header line is expected", code="csv_empty")
        for magic, what in _MAGIC.items():
            if chunk.startswith(magic):
                raise Malformed(f"{name} is {what}", code="csv_binary")
        if chunk.startswith(b"\xef\xbb\xbf"):
            encoding = "utf-8-sig"
        undecided = encoding == "utf-8"
        tail = b""
        while chunk:
            digest.update(chunk)
            if undecided:
                try:
                    utf8.decode(chunk)
                except UnicodeDecodeError:
                    encoding = _likelier(tail + chunk)
                    undecided = False
            tail = chunk[-4096:]
            chunk = file.read(_CHUNK)
        if undecided:
            try:
                utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                encoding = _likelier(tail)
    return encoding, digest.hexdigest()


def _likelier(sample: bytes) -> str:
    """UTF-8 with a few damaged bytes, or GB18030: by what most characters beyond ASCII are."""
    text = sample.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    good = sum(1 for character in text if character > "\x7f") - bad
    return "utf-8" if good > bad else "gb18030"


def normalise_header(cell: str) -> str:
    """A header as it is compared: NFKC, one case, no outer spaces, no unit in brackets behind it."""
    name = plain_header(cell)
    # No heading is that long; one that is would be cut bracket by bracket, which takes the square of its length.
    while len(name) <= LIMITS.name and (shorter := _UNIT.sub("", name)) and shorter != name:
        name = shorter
    return name


def plain_header(cell: str) -> str:
    """A header in NFKC and one case, without outer spaces and spreadsheet quotes, unit kept."""
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().strip("'\"=\ufeff \t\r\n").split())


def normalise_headers(cells: list[str]) -> list[str]:
    """All headers of a file, in order.

    A unit stays where dropping it would make two columns equal. An empty header
    becomes ``column N``. Raises Malformed when two columns have the same name.
    """
    short = [normalise_header(cell) for cell in cells]
    names = [
        plain_header(cell) if short.count(name) > 1 else name or f"column {position}"
        for position, (cell, name) in enumerate(zip(cells, short, strict=True), 1)
    ]
    names = [name or f"column {position}" for position, name in enumerate(names, 1)]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise Malformed(f"two columns are called {name[:60]!r}", code="csv_header", column=name[:200])
    return names
