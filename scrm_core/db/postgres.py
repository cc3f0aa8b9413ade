"""One PostgreSQL schema per brand, one pool of connections for all brands.

BEGIN and SAVEPOINT wait for the statement that follows them: they have no effect
of their own, and each would be a turn of the server's process and one of ours.
RELEASE waits as well while the transaction is sound, for then it cannot fail; a
COMMIT ends what was not released. Nothing that reads or writes ever waits.

``search_path`` is set when a connection changes brand. With
``transaction_pooler=True`` (pgbouncer in transaction mode) it is set inside
every transaction instead, since two statements may run on two connections.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import peewee
from playhouse.pool import PooledPostgresqlDatabase

from ..errors import CrossBrand
from ..limits import LIMITS
from .faults import GivenUp
from .lazy import LazyTransactions
from .router import STATE, BrandHandle, current_handle

# A machine whose cable is out says nothing. Its transaction would hold its locks, and hold up the delivery
# of every brand of the server, until the kernel gives up: hours. Each end asks the other after ten silent
# seconds, and three times.
_HERE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
_THERE = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000"
)

_IDLE, _FAILED, _GONE = 0, 3, 4
"""psycopg's ``TransactionStatus``: none is open; a statement of it failed; nobody is there any more."""
_PARSED = 1_000
"""The most statements that are remembered as ones that the server can parse."""


class _Waiting(threading.local):
    """What this thread's transaction is to hear before its next statement."""

    def __init__(self) -> None:
        self.said: list[str] = []


@functools.cache
def _planned_cursor() -> Any:
    import psycopg

    class Planned(psycopg.ClientCursor):  # type: ignore[type-arg]
        """Sends a statement with its values in it, which is planned for them; what waits goes before it."""

        database: BrandPostgres

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            text = self.mogrify(query, params)
            with self.database.saying(query if text.isascii() else None) as waiting:
                super().execute("; ".join((*waiting, text)), prepare=False)
            while self.nextset():  # the last answer is the statement's
                pass
            return self

    return Planned


class BrandPostgres(LazyTransactions, PooledPostgresqlDatabase):  # type: ignore[misc]
    """The pool. Every statement runs in the schema of the current brand."""

    def __init__(self, url: str, *, transaction_pooler: bool = False, connections: int | None = None) -> None:
        self._local_path = transaction_pooler
        self._waiting = _Waiting()
        self._parsed: set[str] = set()
        super().__init__(
            url,
            prefer_psycopg3=True,
            max_connections=connections or LIMITS.pg_connections,
            timeout=LIMITS.busy_ms / 1000,
            connect_timeout=5,
            options="-c statement_timeout=0 -c lock_timeout=%d %s" % (LIMITS.busy_ms, _THERE),
            **_HERE,
            application_name="scrm",
            # A statement prepared on one server connection does not exist on the pooler's next one.
            **({"prepare_threshold": None} if transaction_pooler else {}),
        )

    def _can_reuse(self, conn: Any) -> bool:
        # Local knowledge only: a round trip at every check-in would cost more than the query.
        return not conn.closed and conn.info.transaction_status == 0

    def _is_closed(self, conn: Any) -> bool:
        return bool(conn.closed)

    def leave(self) -> None:
        """Called when the outermost brand block of a thread ends: the connection goes back."""
        if not self.is_closed() and not self.in_transaction():
            self.close()

    def begin(self, isolation_level: Any = None) -> None:
        handle = current_handle()
        if self.is_closed():
            self.connect()
        self._waiting.said.clear()
        if not self._local_path:
            self._enter_schema(handle)
        if isolation_level is None:
            self._waiting.said.append("BEGIN")
        else:
            super().begin(isolation_level)
        if self._local_path:
            self._waiting.said.append(f'SET LOCAL search_path TO "{handle.schema}"')
            self._state.conn.scrm_schema = None

    def commit(self) -> None:
        if "BEGIN" in self._take_waiting():
            return  # the server has not heard of this transaction
        if self._status() == _FAILED:
            # It would answer COMMIT by rolling back, and call that no error.
            raise GivenUp("a statement of this transaction failed; what was written in it is undone")
        super().commit()

    def rollback(self) -> None:
        waiting = self._take_waiting()
        if self.is_closed() or self._state.conn.closed:
            self._drop_connection()
        elif "BEGIN" not in waiting:
            super().rollback()

    def open_savepoint(self, name: str) -> None:
        if STATE.unit is not None:
            self.before_statement("SAVEPOINT")  # a delivery's transaction begins
        if self._status() in (_FAILED, _GONE):
            super().open_savepoint(name)
        else:
            self._waiting.said.append(f"SAVEPOINT {name}")

    def release_savepoint(self, name: str) -> None:
        if self._forget_savepoint(name):
            return
        if self._status() in (_FAILED, _GONE):
            super().release_savepoint(name)
        else:
            self._waiting.said.append(f"RELEASE SAVEPOINT {name}")

    def undo_savepoint(self, name: str) -> None:
        if self._forget_savepoint(name):
            return
        self._waiting.said.clear()  # savepoints inside this one: they go with it
        super().undo_savepoint(name)

    def _forget_savepoint(self, name: str) -> bool:
        """True when the server has not heard of the savepoint, and now never will."""
        said = self._waiting.said
        if f"SAVEPOINT {name}" not in said:
            return False
        del said[len(said) - 1 - said[::-1].index(f"SAVEPOINT {name}") :]
        return True

    def _status(self) -> int:
        """How the transaction stands, as the server said with its last answer."""
        conn = self._state.conn
        return _GONE if conn is None else int(conn.pgconn.transaction_status)

    def _take_waiting(self) -> list[str]:
        """What waits, which then waits no more."""
        taken, self._waiting.said = self._waiting.said, []
        return taken

    @contextlib.contextmanager
    def saying(self, statement: str | None) -> Iterator[list[str]]:
        """What is to be sent in one message with a statement, before it; sent alone where it may not be.

        The server parses and converts a message whole before it does anything. A
        savepoint must not fail with what is to happen in it: it goes with a statement
        that was parsed before, and None is one that needs a conversion.
        """
        if statement not in self._parsed:
            self._say_waiting()
        waiting = self._waiting.said
        try:
            yield waiting
        finally:
            self._heard()
        if statement is not None and len(self._parsed) < _PARSED:
            self._parsed.add(statement)

    def _say_waiting(self) -> None:
        if self._waiting.said:
            try:
                self._state.conn.execute("; ".join(self._waiting.said), prepare=False)
            finally:
                self._heard()

    def _heard(self) -> None:
        """Nothing waits any more, unless the server has not even begun: then the next statement must not go alone."""
        if self._status() != _IDLE:
            self._waiting.said = []

    def _enter_schema(self, handle: BrandHandle) -> None:
        conn = self._state.conn
        if getattr(conn, "scrm_schema", None) != handle.schema:
            with peewee.__exception_wrapper__:
                conn.execute(f'SET search_path TO "{handle.schema}"')
            conn.scrm_schema = handle.schema

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        handle = current_handle()
        if handle.database is not self:
            raise CrossBrand(f"brand {handle.name!r} does not live in this database")
        try:
            if not self.in_transaction():
                if self._local_path:
                    with self.atomic():
                        return super()._execute_cursor(sql, params, **options)
                if self.is_closed():
                    self.connect()
                self._enter_schema(handle)
            elif self._lazy.begin:
                if self._local_path:
                    # Behind a pooler only a transaction has a schema, so a read begins it too.
                    self._lazy.begin = False
                    self.begin()
                else:
                    if self.is_closed():
                        self.connect()
                    self._enter_schema(handle)
            return super()._execute_cursor(sql, params, **options)
        except (peewee.OperationalError, peewee.InterfaceError):
            self._heal()
            raise

    def execute_planned(self, sql: str, params: Any) -> Any:
        """Run a statement whose best plan depends on its values: planned for them each time.

        A prepared statement keeps the plan that was best when its tables were empty until somebody has counted
        their rows again: each look-up would read all that has come since. What waits goes in the same message.
        """
        return self._execute_cursor(sql, params, planned=True)

    def cursor(self, named_cursor: Any = None, planned: bool = False) -> Any:
        """A cursor in the open transaction; a ``planned`` one has each statement planned for its values."""
        if self.is_closed():
            self.connect()
        if not planned:
            self._say_waiting()
            return super().cursor(named_cursor)
        cursor = _planned_cursor()(self._state.conn)
        cursor.database = self
        return cursor

    def executemany(self, sql: str, rows: list[tuple[Any, ...]]) -> int:
        """Run one statement for many rows; returns the number of rows it changed."""
        if not self.in_transaction():
            # Beginning enters the brand's schema: the connection may have served another brand last.
            with self.atomic():
                return self.executemany(sql, rows)
        self.before_statement(sql)
        with peewee.__exception_wrapper__:
            cursor = self.cursor()
            cursor.executemany(sql, rows)
            return int(cursor.rowcount)

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold a lock of the server for longer than a transaction; raises a fault when another has it for too long.

        On a connection of its own, in a transaction: behind a transaction pooler a session's lock is given back on
        another connection than it was taken on, and stays.
        """
        import psycopg

        conn = None
        try:
            try:
                conn = psycopg.connect(self.database, connect_timeout=5, application_name="scrm", **_HERE)
                conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                conn.execute(f"SET LOCAL lock_timeout = {LIMITS.busy_ms}")
                conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (name,))
            except psycopg.Error as exc:
                raise peewee.OperationalError(str(exc)) from exc
            yield
        finally:
            if conn is not None:
                conn.close()

    def _heal(self) -> None:
        # One dead connection means the server went away: the idle ones are dead as well.
        conn = self._state.conn
        if conn is not None and conn.closed:
            self.close_idle()
            if not self.in_transaction():
                self._drop_connection()

    def _drop_connection(self) -> None:
        with contextlib.suppress(Exception):
            self.manual_close()


class PostgresEngine:
    """All brand schemas of one installation in one PostgreSQL database."""

    kind = "postgresql"

    def __init__(
        self, url: str, *, transaction_pooler: bool = False, connections: int | None = None, prefix: str = ""
    ) -> None:
        self.database = BrandPostgres(url, transaction_pooler=transaction_pooler, connections=connections)
        self._prefix = prefix
        self._handles: dict[str, BrandHandle] = {}
        self._lock = threading.Lock()

    def handle(self, brand: str) -> BrandHandle:
        """The handle of a brand; nothing is asked of the server."""
        handle = self._handles.get(brand)
        if handle is None:
            with self._lock:
                handle = self._handles.setdefault(
                    brand,
                    BrandHandle(brand, self.database, engine=self.kind, schema=self._prefix + brand),
                )
        return handle

    def exists(self, brand: str) -> bool:
        """True when the brand's schema has been created."""
        row = self._direct("SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._prefix + brand,))
        return bool(row)

    def create(self, brand: str) -> None:
        """Create the brand's empty schema if it is missing."""
        try:
            self._direct(f'CREATE SCHEMA IF NOT EXISTS "{self._prefix + brand}"')
        except peewee.OperationalError:
            if not self.exists(brand):  # two at once: the server looks before it makes one, and not while
                raise

    def drop(self, brand: str) -> None:
        """Delete the brand's schema and all in it."""
        self._direct(f'DROP SCHEMA IF EXISTS "{self._prefix + brand}" CASCADE')
        self._handles.pop(brand, None)

    @property
    def url(self) -> str:
        """The database's address, its password included."""
        return str(self.database.database)

    def place(self, brand: str) -> str:
        """Where the brand's schema is, in words; no password."""
        parts = urlsplit(self.url)
        return f"schema {self._prefix + brand!r} of {parts.hostname}{parts.path}"

    def staging(self) -> PostgresEngine:
        """An engine beside this one, for what is made there before :meth:`adopt`."""
        pooler = self.database._local_path
        # No brand's id begins with an underscore: this is nobody's schema.
        return PostgresEngine(self.url, transaction_pooler=pooler, connections=2, prefix=f"_staging_{self._prefix}")

    def set_aside(self, brand: str, aside: str, conn: Any) -> None:
        """Rename the brand's schema in the transaction that ``conn`` has open."""
        conn.execute(f'ALTER SCHEMA "{self._prefix + brand}" RENAME TO "{aside}"')

    def adopt(self, brand: str, staging: PostgresEngine, stamp: int) -> str:
        """Give the brand's name to what ``staging`` made, at one instant; returns where lies what had it, if any."""
        import psycopg

        staging.database.close_all()
        aside = f"{self._prefix}{brand}_aside_{stamp}" if self.exists(brand) else ""
        try:
            with psycopg.connect(self.url, connect_timeout=5) as conn:
                if aside:
                    self.set_aside(brand, aside, conn)
                conn.execute(f'ALTER SCHEMA "{staging._prefix + brand}" RENAME TO "{self._prefix + brand}"')
        except psycopg.Error as exc:
            raise peewee.OperationalError(str(exc)) from exc
        return f"schema {aside!r}" if aside else ""

    def _direct(self, sql: str, params: tuple[Any, ...] = ()) -> list[Any]:
        import psycopg

        try:
            with psycopg.connect(self.database.database, autocommit=True, connect_timeout=5) as conn:
                cursor = conn.execute(sql, params)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as exc:
            raise peewee.OperationalError(str(exc)) from exc

    def close(self) -> None:
        """Close this thread's connection and all idle ones; what other threads use stays."""
        self.database.manual_close()
        self.database.close_idle()
