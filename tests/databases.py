"""Databases for tests: made and migrated once per session, given to each test as if they were new.

Which tables a test needs depends on the plugins that its brands switch on: its
:class:`Kind`. On SQLite a test gets a copy of the migrated files of its kind,
on PostgreSQL the schemas that the tests before it used, emptied; what they
added is dropped, what migrations wrote (a brand's salt, a plugin's first rows)
is put back.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import shutil
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from scrm_core.db.bulk import execute
from scrm_core.db.postgres import PostgresEngine
from scrm_core.installation import Installation
from scrm_core.plugin import Plugin

Table = tuple[str, str]


@dataclass(frozen=True)
class Kind:
    """Which tables there are: the brands' ids, and each plugin with tables that a brand switches on.

    A plugin is known by its class, or by its name where it is an installed one.
    """

    brands: frozenset[str]
    plugins: frozenset[tuple[str, str | type[Plugin]]]

    @classmethod
    def of(cls, brands: dict[str, str], plugins: Iterable[type[Plugin]]) -> Kind:
        """The kind of brand files (text by id) and plugin classes given to the installation."""
        given = {plugin.name: plugin for plugin in plugins}
        switched_on: set[tuple[str, str | type[Plugin]]] = set()
        for brand, text in brands.items():
            for name, settings in tomllib.loads(text).get("plugins", {}).items():
                if settings.get("enabled", True) and (name not in given or given[name].migrations is not None):
                    switched_on.add((brand, given.get(name, name)))
        return cls(frozenset(brands), frozenset(switched_on))


class SqliteFiles:
    """The migrated files of each kind, below ``folder``; ``plain`` is the folder of those without plugins."""

    def __init__(self, folder: Path, plain: Path) -> None:
        self._folder = folder
        self._plain = plain
        self._asked: set[Kind] = set()
        self._made: dict[Kind, Path] = {}
        # Never one twice: making files may fail half-way, as a test of wrong settings means it to.
        self._numbers = itertools.count()

    def copy(self, kind: Kind, target: Path, make: Callable[[Path], Installation]) -> None:
        """Put a brand's files of a kind into ``target``, which ``Installation.migrate`` then completes.

        ``make`` writes a project of that kind into a new folder and opens it.
        """
        source = self._plain
        # Many kinds belong to one test: only one that is asked for again is worth files of its own.
        if kind.plugins and kind in self._asked:
            if kind not in self._made:
                self._made[kind] = self._make(make(self._folder / f"kind-{next(self._numbers)}"))
            source = self._made[kind]
        self._asked.add(kind)
        shutil.copytree(source, target)

    def _make(self, installation: Installation) -> Path:
        data: Path = installation.config.data_dir
        shutil.copytree(self._plain, data)
        installation.migrate()
        for brand in installation.brands():
            with brand:
                execute("DELETE FROM plugin_cursor")  # made anew by the clock of each test
        installation.close()
        return data


@dataclass(frozen=True)
class _Contents:
    """What the schemas hold after migration: every table, a copy of those that are not empty.

    ``question`` is the prepared statement that names the tables a test changed, ``counts``
    where each sequence stands: its last number and whether that one was given out.
    """

    kind: Kind
    tables: frozenset[Table]
    copies: dict[Table, str]
    question: str
    counts: dict[str, tuple[int, bool]]


# The tables that a connection knows and the statements that it has prepared are no state that a test could see.
_AS_NEW = "RESET ALL; SELECT pg_advisory_unlock_all(); DISCARD TEMP; UNLISTEN *"


class _Engine(PostgresEngine):
    """An engine that takes over one connection, leaves one behind and asks about schemas by the session's own."""

    def __init__(self, url: str, schemas: PostgresSchemas) -> None:
        super().__init__(url)
        self._schemas = schemas
        connection = schemas.take()
        if connection is not None:
            heapq.heappush(self.database._connections, (time.time(), 0, connection))

    def _direct(self, sql: str, params: tuple[Any, ...] = ()) -> list[Any]:
        import psycopg

        try:
            return self._schemas.ask(sql, params)
        except psycopg.Error as exc:
            raise peewee.OperationalError(str(exc)) from exc

    def close(self) -> None:
        pool = self.database
        if not pool.is_closed():
            pool.close()
        idle = [connection for _, _, connection in pool._connections if not connection.closed]
        if idle:
            pool._connections = [each for each in pool._connections if each[2] is not idle[0]]
            self._schemas.give(idle[0])
        super().close()


class PostgresSchemas:
    """The schemas of this session's database, in the state in which a test may use them."""

    def __init__(self, url: str) -> None:
        import psycopg

        # Statements are prepared by name below: psycopg forgets its own whenever a table is dropped.
        self._admin: Any = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        # All tables are emptied, so no foreign key has to be asked about.
        self._admin.execute("SET session_replication_role = replica")
        self._url = url
        self._lent: Any = None
        self._questions: dict[str, str] = {}
        self._plain: _Contents | None = None
        self._now: _Contents | None = None

    def close(self) -> None:
        self._admin.close()
        if self._lent is not None:
            self._lent.close()

    def engine(self) -> PostgresEngine:
        """The engine of one test. To connect takes longer than most tests, so it begins with a connection of the last."""
        return _Engine(self._url, self)

    def take(self) -> Any:
        """A connection that is as new, or None."""
        lent, self._lent = self._lent, None
        return lent

    def give(self, connection: Any) -> None:
        """Keep an idle connection for the next test."""
        import psycopg

        with contextlib.suppress(psycopg.Error):
            connection.execute(_AS_NEW, prepare=False)
            connection.scrm_schema = None
            connection, self._lent = self._lent, connection
        if connection is not None:
            connection.close()

    def ask(self, sql: str, params: tuple[Any, ...]) -> list[Any]:
        cursor = self._admin.execute(sql, params)
        return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """Leave no schema of any brand; the next test finds them made anew."""
        self._drop_schemas(self._present())
        self._plain = self._now = None

    def prepare(self, kind: Kind, plain: Callable[[], Installation]) -> None:
        """Leave nothing of the test before; ``plain`` opens an installation of the brands without plugins.

        Tables of plugins stay when this test has the same kind. Call
        :meth:`migrated` when the test's own installation is migrated.
        """
        present = self._present()
        keep = self._now if self._now is not None and self._now.kind == kind else self._plain
        if keep is None or not keep.tables <= present:
            self._drop_schemas(present)
            made = plain()
            made.migrate()
            made.close()
            self._plain = None
            self._plain = self._now = self._look(Kind(frozenset(made.brand_ids()), frozenset()))
            return
        assert self._plain is not None
        self._drop_schemas(present, {schema for schema, _ in keep.tables})
        for schema, table in present - keep.tables:
            self._admin.execute(f'DROP TABLE IF EXISTS "{schema}"."{table}" CASCADE')
        self._restore(keep)
        # A plugin's tables are as new. Numbers of the core's go on: ids of two tables are rarely equal by chance.
        with self._admin.pipeline():
            for sequence in keep.counts.keys() - self._plain.counts.keys():
                self._admin.execute("SELECT setval(%s::regclass, %s, %s)", (sequence, *keep.counts[sequence]))
        self._now = keep

    def migrated(self, kind: Kind) -> None:
        """Note that the schemas are now migrated as a kind needs them and that no test has written yet."""
        if self._now is None or self._now.kind != kind:
            self._now = self._look(kind)

    def _present(self) -> frozenset[Table]:
        rows = self._admin.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema$|public$)'"
        )
        return frozenset((schema, table) for schema, table in rows.fetchall())

    def _drop_schemas(self, present: frozenset[Table], keep: set[str] | None = None) -> None:
        for schema in {schema for schema, _ in present} - (keep or set()):
            self._admin.execute(f'DROP SCHEMA "{schema}" CASCADE')

    def _look(self, kind: Kind) -> _Contents:
        """Copy every table that migrations filled, and phrase the question which tables a test changed."""
        tables = self._present()
        # What a kind finds in the core's tables is what the plain brands find there.
        copies = dict(self._plain.copies) if self._plain is not None else {}
        known = self._plain.tables if self._plain is not None else frozenset()
        questions = []
        for schema, table in sorted(tables):
            name, copy = f'"{schema}"."{table}"', f'pg_temp."{schema}.{table}"'
            if (schema, table) not in known:
                self._admin.execute(f"DROP TABLE IF EXISTS {copy}")
                if self._admin.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0]:
                    self._admin.execute(f'CREATE TEMP TABLE "{schema}.{table}" AS TABLE {name}')
                    copies[schema, table] = copy
            if (schema, table) in copies:
                changed = f"(TABLE {name} EXCEPT ALL TABLE {copy}) UNION ALL (TABLE {copy} EXCEPT ALL TABLE {name})"
            else:
                changed = f"SELECT 1 FROM {name}"
            questions.append(f"SELECT '{schema}', '{table}' WHERE EXISTS ({changed})")
        question = " UNION ALL ".join(questions)
        if question not in self._questions:
            self._questions[question] = f"question_{len(self._questions)}"
            self._admin.execute(f"PREPARE {self._questions[question]} AS {question}")
        return _Contents(kind, tables, copies, self._questions[question], self._counts())

    def _counts(self) -> dict[str, tuple[int, bool]]:
        rows = self._admin.execute(
            "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), "
            "last_value IS NOT NULL FROM pg_sequences"
        )
        return {sequence: (number, given_out) for sequence, number, given_out in rows.fetchall()}

    def _restore(self, contents: _Contents) -> None:
        # Asking which few tables were written is far quicker than emptying all of them.
        changed = self._admin.execute(f"EXECUTE {contents.question}").fetchall()
        with self._admin.pipeline():
            for schema, table in changed:
                self._admin.execute(f'DELETE FROM "{schema}"."{table}"')
                copy = contents.copies.get((schema, table))
                if copy is not None:
                    self._admin.execute(f'INSERT INTO "{schema}"."{table}" OVERRIDING SYSTEM VALUE TABLE {copy}')
