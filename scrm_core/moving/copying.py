"""Copying all rows of a brand from one database into another, compared row for row before anything stays."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..db.faults import translate
from ..db.migrations import HISTORY
from ..errors import Conflict
from .store import Row, Store

_ONE_SIDED = {"event": {"xid"}}
"""Columns that only one engine has: PostgreSQL numbers the transactions of the log."""
_SPACE = 1 << 128


@dataclass(frozen=True, slots=True)
class TableCopy:
    """A table that was copied: how many rows, and a checksum of them that does not depend on their order."""

    table: str
    rows: int
    checksum: str


class Sum:
    """Counts rows and adds up their hashes."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, counted as they pass."""
        hashed, count, total = hashlib.blake2b, 0, 0
        try:
            for row in rows:
                count += 1
                total += int.from_bytes(hashed(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest())
                yield row
        finally:
            self.count, self._sum = count, total % _SPACE

    @property
    def checksum(self) -> str:
        return f"{self._sum:032x}"


def columns_of(source: Store, target: Store) -> dict[str, tuple[str, ...]]:
    """What is copied of each table; raises Conflict where the two differ."""
    here, there = _copied(source), _copied(target)
    missing = sorted(set(here) - set(there))
    if missing:
        raise Conflict(f"{target.where} has no table {', '.join(missing)}", code="move")
    found = {}
    for table, columns in here.items():
        apart = (set(columns) ^ set(there[table])) - _ONE_SIDED.get(table, set())
        if apart:
            raise Conflict(
                f"table {table} differs in {', '.join(sorted(apart))}; run `scrm migrate` first", code="move"
            )
        found[table] = tuple(column for column in columns if column in there[table])
    return found


def _copied(store: Store) -> dict[str, tuple[str, ...]]:
    """All tables but those that tell which migrations ran: each database has its own."""
    return {table: columns for table, columns in store.tables().items() if not table.startswith(HISTORY)}


def copy(source: Store, target: Store) -> list[TableCopy]:
    """Replace everything in the target by the source's rows, in the transactions that both have open.

    Raises Conflict when what is read back is not what was read.
    """
    columns = columns_of(source, target)
    order = target.order(_copied(target))
    target.empty(order)
    copies = []
    for table in order:
        if table not in columns:
            continue
        read, back = Sum(), Sum()
        with _refusals(target, table):
            target.fill(table, columns[table], read.passing(source.rows(table, columns[table])))
            for _ in back.passing(target.rows(table, columns[table])):
                pass
        if (read.count, read.checksum) != (back.count, back.checksum):
            raise Conflict(
                f"table {table}: read {read.count} rows with checksum {read.checksum}, "
                f"found {back.count} with {back.checksum} afterwards; nothing was kept",
                code="move",
            )
        copies.append(TableCopy(table, read.count, read.checksum))
    with _refusals(target, "the whole"):
        target.settle()
    return copies


@contextlib.contextmanager
def _refusals(target: Store, table: str) -> Iterator[None]:
    """What a database says of a row that it does not take, as a Conflict; the row itself is not shown.

    A backup is a file, and whoever had it may have changed it.
    """
    try:
        yield
    except Exception as exc:
        fault = translate(exc)
        if fault is not None:
            raise fault from exc
        if type(exc).__module__.partition(".")[0] not in ("sqlite3", "psycopg"):
            raise
        # PostgreSQL's own words end with the row.
        words = str(exc) if isinstance(exc, sqlite3.Error) else type(exc).__name__
        raise Conflict(f"{target.where}: {table} refuses a row: {words}; nothing was kept", code="move") from exc
