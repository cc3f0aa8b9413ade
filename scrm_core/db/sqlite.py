"""One SQLite file per brand.

WAL with ``BEGIN IMMEDIATE``: a deferred transaction that reads and then writes
fails at once with "database is locked" however long the timeout. Several
processes on one file take an advisory file lock before they begin, because
SQLite's own waiting sleeps in growing steps and lets one writer starve. Threads
of one process wait for each other first, without sleeping.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import peewee

from ..errors import Busy
from ..limits import LIMITS
from .lazy import LazyTransactions
from .router import STATE, BrandHandle
from .turns import FileTurns

CHECKPOINT_PAGES = 4_000
"""Pages (16 MB) of the write-ahead log before they are copied into the file: each page once for many writes."""


_FEWEST = 2
"""Files that a thread may have open however many the others have."""

_SUFFIXES = ("", "-wal", "-shm", "-lock", "-migrate")
_sync = getattr(os, "fdatasync", os.fsync)


class _Held(threading.local):
    fd: int | None = None


class BrandSqlite(LazyTransactions, peewee.SqliteDatabase):  # type: ignore[misc]
    """A brand's file. Connections are per thread; see :class:`SqliteEngine` for how many."""

    def __init__(self, path: Path, engine: SqliteEngine) -> None:
        self._engine = engine
        self._held = _Held()
        self._turns = FileTurns(f"{path}-lock")
        self._turn = threading.Lock()
        super().__init__(
            str(path),
            pragmas={
                "busy_timeout": LIMITS.busy_ms,
                "journal_mode": "wal",
                "synchronous": engine.synchronous,
                "foreign_keys": 1,
                "cache_size": -16_000,
                "journal_size_limit": 64_000_000,
                "wal_autocheckpoint": CHECKPOINT_PAGES,
            },
            timeout=LIMITS.busy_ms / 1000,
            lock_type="IMMEDIATE",
            returning_clause=False,
            check_same_thread=True,
            cached_statements=256,
            uri=False,
        )

    def _connect(self) -> Any:
        if not os.path.exists(self.database):
            raise Busy(f"{self.database} does not exist; run `scrm migrate`", code="database_away")
        return super()._connect()

    def connect(self, reuse_if_open: bool = False) -> Any:
        opened = super().connect(reuse_if_open)
        # Behind peewee's lock of this database: two threads that each open what the other closes would wait for ever.
        self._engine.opened(self)
        return opened

    def leave(self) -> None:
        """Called when the outermost brand block of a thread ends; connections stay open."""
        self._engine.used(self)

    def begin(self, *args: Any, **kwargs: Any) -> None:
        self._take_lock()
        try:
            super().begin(*args, **kwargs)
        except BaseException:
            self._release_lock()
            raise

    @contextlib.contextmanager
    def brief(self) -> Iterator[None]:
        """A transaction of few writes, which waits for the disk when others may write already.

        Its commit is on the disk when this returns, as every commit is under
        ``synchronous=FULL``; only the turn at the file is given on before that wait.
        Savepoints of sixteen pages make no temporary file, which costs as much
        again. The settings do not stay: sorting millions of rows is to go on using
        the disk, and whoever writes without a transaction is to wait for it.
        """
        connection = self.connection()
        waits = self._engine.synchronous == "FULL" and FileTurns.possible
        # Not execute(): a pragma acts as it is prepared, and a prepared statement is kept.
        connection.executescript("PRAGMA temp_store = MEMORY" + "; PRAGMA synchronous = NORMAL" * waits)
        try:
            with self.atomic():
                yield
        finally:
            if not self.is_closed() and not connection.in_transaction:  # executescript() would commit
                connection.executescript("PRAGMA temp_store = DEFAULT" + "; PRAGMA synchronous = FULL" * waits)
        if not waits:
            return
        if STATE.later is None:
            self._wait_for_the_disk()
        else:
            STATE.later.append(self._wait_for_the_disk)

    def _wait_for_the_disk(self) -> None:
        """Return when all that was committed before this call would survive a power cut.

        Also when this transaction wrote nothing: its answers may tell of another's
        commit. What a checkpoint has moved from the log into the file is there. Who
        closes the file last moves everything and removes the log: then the file is
        waited for.
        """
        try:
            try:
                fd = os.open(f"{self.database}-wal", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                fd = os.open(self.database, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _sync(fd)
            finally:
                os.close(fd)
        except OSError as found:
            error = found
        else:
            return
        # Told as the driver tells of it, not as a fault of whoever asked.
        raise peewee.OperationalError(f"disk I/O error: {error}")

    def commit(self) -> None:
        super().commit()
        self._release_lock()

    def rollback(self) -> None:
        # SQLite has already rolled back after some errors (a full disk): asking again would
        # hide the first error behind "no transaction is active".
        try:
            if not self.is_closed() and self.connection().in_transaction:
                super().rollback()
        finally:
            self._release_lock()

    def _take_lock(self) -> None:
        """Wait for this thread's turn in the process, then for the process's turn at the file."""
        if not FileTurns.possible or self._held.fd is not None:
            return
        deadline = time.monotonic() + LIMITS.busy_ms / 1000
        if not self._turn.acquire(timeout=LIMITS.busy_ms / 1000):
            raise Busy("the database is busy; try again", code="database_busy")
        try:
            self._held.fd = self._turns.take(max(0.0, deadline - time.monotonic()))
        except BaseException:
            self._turn.release()
            raise

    def _release_lock(self) -> None:
        fd, self._held.fd = self._held.fd, None
        if fd is not None:
            try:
                self._turns.give(fd)
            finally:
                self._turn.release()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        # peewee's own way here costs more than SQLite's work for a short statement.
        if STATE.unit is not None:
            self.before_statement(sql)
        state = self._state
        if state.closed:
            self.connect()
        if self.query_hooks:
            return super().execute_sql(sql, params)
        try:
            return state.conn.execute(sql, params or ())
        except sqlite3.Error:
            with peewee.__exception_wrapper__:
                raise

    def executemany(self, sql: str, rows: list[tuple[Any, ...]]) -> int:
        """Run one statement for many rows; returns the number of rows it changed."""
        if len(rows) == 1:  # a request writes one row; preparing for many costs more than the row
            return int(self.execute_sql(sql, rows[0]).rowcount)
        self.before_statement(sql)
        with peewee.__exception_wrapper__:
            return int(self.cursor().executemany(sql, rows).rowcount)


class _Files(OrderedDict[int, "BrandSqlite"]):
    """What one thread has open, the file used last at the end; gone with its thread."""

    __hash__ = object.__hash__  # each is itself alone in the set of all


class _Open(threading.local):
    def __init__(self, threads: WeakSet[_Files], lock: threading.Lock) -> None:
        self.order = _Files()
        with lock:
            threads.add(self.order)


class SqliteEngine:
    """All brand files of one installation, with a bound on what the process keeps open.

    Whoever is the last to close a file copies its log into it and waits for the disk: forty times what a lead costs. So
    one thread alone may use the whole bound; where there are more, each gives back what is above its part as it goes
    on.
    """

    kind = "sqlite"

    def __init__(self, directory: Path, *, synchronous: str = "FULL", keep: int | None = None) -> None:
        self.directory = directory
        self.synchronous = synchronous
        self._keep = keep or LIMITS.open_brands
        self._handles: dict[str, BrandHandle] = {}
        self._lock = threading.Lock()
        self._threads: WeakSet[_Files] = WeakSet()
        self._crowded = False
        self._open = _Open(self._threads, self._lock)

    def handle(self, brand: str) -> BrandHandle:
        """The handle of a brand; the file is opened at the first query."""
        handle = self._handles.get(brand)
        if handle is None:
            with self._lock:
                handle = self._handles.get(brand)
                if handle is None:
                    database = BrandSqlite(self.path(brand), self)
                    handle = BrandHandle(brand, database, engine=self.kind)
                    self._handles[brand] = handle
        return handle

    def path(self, brand: str) -> Path:
        return self.directory / f"{brand}.db"

    def exists(self, brand: str) -> bool:
        """True when the brand's database has been created."""
        return self.path(brand).exists()

    def create(self, brand: str) -> None:
        """Create the brand's empty database if it is missing."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.path(brand)
        if not path.exists():
            fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
            os.close(fd)

    def drop(self, brand: str) -> None:
        """Delete the brand's database."""
        handle = self.handle(brand)
        handle.database.close()
        for suffix in _SUFFIXES:
            Path(f"{self.path(brand)}{suffix}").unlink(missing_ok=True)
        self._handles.pop(brand, None)

    def place(self, brand: str) -> str:
        """Where the brand's database is, in words."""
        return str(self.path(brand))

    def staging(self) -> SqliteEngine:
        """An engine beside this one, for what is made there before :meth:`adopt`."""
        return SqliteEngine(self.directory / "staging", synchronous=self.synchronous)

    def set_aside(self, brand: str, aside: Path) -> None:
        """Give the brand's file a second name and take what belongs to its open state away; nobody writes to it."""
        self.handle(brand).database.close()
        # What is in the log goes into the file first: the next file of this place must not find another's log.
        raw = sqlite3.connect(self.path(brand), timeout=LIMITS.busy_ms / 1000)
        try:
            (busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            raw.close()
        if busy:
            raise Busy(f"{self.path(brand)} is being read; stop `scrm run` and try again")
        os.link(self.path(brand), aside)
        for suffix in _SUFFIXES[1:]:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path(brand)}{suffix}", f"{aside}{suffix}")

    def adopt(self, brand: str, staging: SqliteEngine, stamp: int) -> str:
        """Put what ``staging`` made into the brand's place at one instant; returns where what stood there lies."""
        staging.handle(brand).database.close()
        made = staging.path(brand)
        raw = sqlite3.connect(made)
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        aside = self.path(f"{brand}.aside-{stamp}") if self.exists(brand) else None
        try:
            if aside is not None:
                self.set_aside(brand, aside)
            os.replace(made, self.path(brand))
        except BaseException:
            if aside is not None:
                aside.unlink(missing_ok=True)
            raise
        staging.drop(brand)
        self._handles.pop(brand, None)
        with contextlib.suppress(OSError):  # another brand is on its way
            staging.directory.rmdir()
        fd = os.open(self.directory, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        return "" if aside is None else str(aside)

    def opened(self, database: BrandSqlite) -> None:
        """Note that this thread opens ``database``; close what it used longest ago beyond the bound."""
        order = self._open.order
        with self._lock:
            order[id(database)] = database
            order.move_to_end(id(database))
            others = sum(len(each) for each in self._threads) - len(order)
        self._crowded = others + len(order) > self._keep
        if self._crowded:
            # Whoever has more gives it back when next used; until then this thread makes do with what is left.
            self._keep_at_most(max(_FEWEST, self._keep - others))

    def used(self, database: BrandSqlite) -> None:
        """Note that this thread has done something with ``database`` just now; above its part it closes some others."""
        order = self._open.order
        if id(database) in order:
            order.move_to_end(id(database))
        if self._crowded and len(order) > _FEWEST:
            with self._lock:
                held = [len(each) for each in self._threads if each]
            self._crowded = sum(held) > self._keep
            if self._crowded:
                self._keep_at_most(max(_FEWEST, self._keep // len(held)))

    def _keep_at_most(self, count: int) -> None:
        """Close what this thread used longest ago.

        What one of its brand blocks is about stays: its rows may be on their way while an inner block opens others.
        """
        order = self._open.order
        needed = {next(reversed(order)), *(id(handle.database) for handle in STATE.inside)}
        for key in [key for key in order if key not in needed][: max(0, len(order) - count)]:
            oldest = order.pop(key)
            if not oldest.is_closed():
                oldest.close()

    def close(self) -> None:
        """Close this thread's connections."""
        for database in self._open.order.values():
            if not database.is_closed():
                database.close()
        self._open.order.clear()
