"""A brand's schema for the mover. Imported only where there is a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ..db.sealing import MOVED, SEAL
from ..errors import Busy, Conflict
from ..limits import LIMITS
from .store import Row

_FOREIGN = """
SELECT child.relname, parent.relname FROM pg_constraint c
JOIN pg_class child ON child.oid = c.conrelid JOIN pg_class parent ON parent.oid = c.confrelid
WHERE c.contype = 'f' AND child.relnamespace = %s::regnamespace AND c.conrelid <> c.confrelid
"""
_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'bool'::regtype,
  pg_get_serial_sequence(quote_ident(%s) || '.' || quote_ident(c.relname), a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""


class PostgresStore:
    """One brand's schema; see :class:`.store.Store`."""

    kind = "postgresql"

    def __init__(self, url: str, schema: str) -> None:
        parts = urlsplit(url)
        self.schema = schema
        self.where = f"schema {schema!r} of {parts.hostname}{parts.path}"
        try:
            self.raw = psycopg.connect(url, connect_timeout=5, application_name="scrm move")
        except psycopg.OperationalError as exc:
            raise Busy(f"no connection to {parts.hostname}{parts.path}: {exc}") from exc
        self.raw.prepare_threshold = None  # a transaction pooler keeps no prepared statement
        self._columns: list[tuple[str, str, bool, str | None]] | None = None

    def _begin(self, *settings: str) -> None:
        for setting in settings:
            self.raw.execute(setting)  # type: ignore[arg-type]
        self.raw.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(self.schema)))

    def hold(self) -> None:
        self._begin(f"SET LOCAL lock_timeout = {LIMITS.busy_ms}")
        names = sql.SQL(", ").join(sql.Identifier(name) for name in self.tables())
        try:
            self.raw.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(names))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as exc:
            raise Busy(f"{self.where} is being written to; stop `scrm run` and try again") from exc

    def watch(self) -> None:
        self._begin("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def tables(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for table, column, _, _ in self._catalogue():
            found[table] = (*found.get(table, ()), column)
        return found

    def _catalogue(self) -> list[tuple[str, str, bool, str | None]]:
        """Table, column, whether it is a flag, the sequence of its numbers."""
        if self._columns is None:
            found = self.raw.execute(_COLUMNS, (self.schema, f'"{self.schema}"')).fetchall()
            self._columns = [(str(table), str(column), bool(flag), number) for table, column, flag, number in found]
        return self._columns

    def _flags(self, table: str) -> set[str]:
        return {column for name, column, flag, _ in self._catalogue() if name == table and flag}

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        flags = self._flags(table)
        wanted = sql.SQL(", ").join(
            sql.SQL("{}::int" if column in flags else "{}").format(sql.Identifier(column)) for column in columns
        )
        wanted = sql.SQL("SELECT {} FROM {}").format(wanted, sql.Identifier(table))
        with self.raw.cursor() as cursor:
            described = cursor.execute(sql.SQL("{} LIMIT 0").format(wanted)).description or ()
            # Row by row, as wide as they are; a cursor would hand them out by the thousand.
            with cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(wanted)) as copy:
                copy.set_types([column.type_code for column in described])
                yield from copy.rows()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        done = self.raw.execute(sql.replace("?", "%s"), params)  # type: ignore[arg-type]
        return done.fetchall() if done.description is not None else []

    def order(self, tables: Iterable[str]) -> list[str]:
        parents: dict[str, set[str]] = {table: set() for table in sorted(tables)}
        for child, parent in self.raw.execute(_FOREIGN, (f'"{self.schema}"',)).fetchall():
            parents.setdefault(child, set()).add(parent)
        try:
            return [table for table in TopologicalSorter(parents).static_order() if table in parents]
        except CycleError as exc:
            raise Conflict(f"tables name each other in a circle: {', '.join(exc.args[1])}", code="move") from exc

    def empty(self, tables: Sequence[str]) -> None:
        for table in tables:
            self.raw.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))
        for table in reversed(tables):
            self.raw.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        flags = [place for place, column in enumerate(columns) if column in self._flags(table)]
        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
        # One COPY: rows of a table that name each other are checked when all are there.
        copying = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self.raw.cursor() as cursor, cursor.copy(copying) as copy:
            for row in rows:
                if flags:
                    values = list(row)
                    for place in flags:
                        values[place] = None if values[place] is None else bool(values[place])
                    row = tuple(values)
                copy.write_row(row)

    def settle(self) -> None:
        for table in self.tables():
            self.raw.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(table)))
        for table, column, _, sequence in self._catalogue():
            if sequence is not None:
                self.raw.execute(
                    sql.SQL("SELECT setval(%s, coalesce(max({0}), 0) + 1, false) FROM {1}").format(
                        sql.Identifier(column), sql.Identifier(table)
                    ),
                    (sequence,),
                )

    def seal(self, target: str) -> None:
        self.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (SEAL, target))
        # 57P03, "cannot connect now": whoever writes is told to come back, as when the server is away.
        self.raw.execute(
            "CREATE FUNCTION moved_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # type: ignore[arg-type]
            f"RAISE EXCEPTION '{MOVED}' USING ERRCODE = '57P03'; END $$"
        )
        for table in self.tables():
            self.raw.execute(
                sql.SQL(
                    "CREATE TRIGGER moved_away BEFORE INSERT OR UPDATE OR DELETE ON {} "
                    "FOR EACH STATEMENT EXECUTE FUNCTION moved_away()"
                ).format(sql.Identifier(table))
            )

    def unseal(self) -> None:
        self.raw.execute("DROP FUNCTION IF EXISTS moved_away() CASCADE")
        self.execute("DELETE FROM meta WHERE key = ?", (SEAL,))

    def commit(self) -> None:
        self.raw.commit()

    def close(self) -> None:
        self.raw.close()
