"""A brand's file for the mover."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..db.sealing import MOVED, SEAL
from ..errors import Busy, Conflict
from ..limits import LIMITS
from .store import Row

_OPERATIONS = ("INSERT", "UPDATE", "DELETE")


class SqliteStore:
    """One brand file; see :class:`.store.Store`."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        # Foreign keys are off, as SQLite's default: what is filled in any order is checked at the end.
        self.raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=LIMITS.busy_ms / 1000, isolation_level=None
        )
        self._triggers: list[str] = []

    def hold(self) -> None:
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            raise Busy(f"{self.where} is being written to; stop `scrm run` and try again") from exc

    def watch(self) -> None:
        self.raw.execute("BEGIN")
        self.raw.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read takes the picture

    def tables(self) -> dict[str, tuple[str, ...]]:
        names = self.raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
        ).fetchall()
        return {name: tuple(row[1] for row in self.raw.execute(f'PRAGMA table_info("{name}")')) for (name,) in names}

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        return self.raw.execute(f'SELECT {_names(columns)} FROM "{table}"')

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return self.raw.execute(sql, params).fetchall()

    def order(self, tables: Iterable[str]) -> list[str]:
        return sorted(tables)

    def empty(self, tables: Sequence[str]) -> None:
        found = self.raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, sql in found:
            self._triggers.append(sql)
            self.raw.execute(f'DROP TRIGGER "{name}"')
        for table in tables:
            self.raw.execute(f'DELETE FROM "{table}"')

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        sql = f'INSERT INTO "{table}" ({_names(columns)}) VALUES ({", ".join("?" * len(columns))})'
        self.raw.executemany(sql, rows)  # row by row: a piece of a file is a million characters

    def settle(self) -> None:
        for sql in self._triggers:
            self.raw.execute(sql)
        self._triggers = []
        wrong = self.raw.execute("PRAGMA foreign_key_check").fetchall()
        if wrong:
            raise Conflict(f"rows of {wrong[0][0]!r} name rows of {wrong[0][2]!r} that are not there", code="move")

    def seal(self, target: str) -> None:
        self.raw.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (SEAL, target))
        for table in self.tables():
            for operation in _OPERATIONS:
                self.raw.execute(
                    f'CREATE TRIGGER "{_trigger(operation, table)}" BEFORE {operation} ON "{table}" '
                    f"BEGIN SELECT RAISE(ABORT, '{MOVED}'); END"
                )

    def unseal(self) -> None:
        for table in self.tables():
            for operation in _OPERATIONS:
                self.raw.execute(f'DROP TRIGGER IF EXISTS "{_trigger(operation, table)}"')
        self.raw.execute("DELETE FROM meta WHERE key = ?", (SEAL,))

    def commit(self) -> None:
        self.raw.execute("COMMIT")

    def close(self) -> None:
        self.raw.close()


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _trigger(operation: str, table: str) -> str:
    return f"moved_{operation.lower()}_{table}"
