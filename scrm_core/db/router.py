"""Which database a query goes to: the current brand's, or an error.

Models are bound once, when they are defined, to :data:`brand_db`. The brand is
found through a context variable. Rebinding models per request (peewee's
``bind_ctx``) changes the class for every thread and is never used here.

While a transaction is open its brand is pinned: touching another brand in the
same thread raises :class:`~scrm_core.errors.CrossBrand`, because two threads
holding two brand files in opposite order would wait for each other for ever.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import peewee

from ..errors import CrossBrand, NoBrand
from .faults import is_transient, translate

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 5


class BrandHandle:
    """One brand's database: its name, the peewee database and the schema in it.

    ``on_commit`` is called after the commit of a transaction that appended
    events; it nudges the delivery worker and must not raise.
    """

    __slots__ = ("database", "engine", "group", "name", "on_commit", "schema")

    def __init__(self, name: str, database: Any, *, engine: str, schema: str | None = None) -> None:
        self.name = name
        self.database = database
        self.engine = engine
        self.schema = schema
        self.on_commit: Callable[[str], None] | None = None
        self.group: Any = None  # made by db.group when first used

    def __repr__(self) -> str:
        return f"<BrandHandle {self.name} on {self.engine}>"


_current: ContextVar[BrandHandle | None] = ContextVar("scrm_brand", default=None)


class _ThreadState(threading.local):
    """What this thread has open: the pinned brand, transaction depth, the unit of work."""

    pinned: BrandHandle | None = None
    depth: int = 0
    appended: bool = False
    unit: Any = None
    later: list[Callable[[], None]] | None = None

    def __init__(self) -> None:
        self.inside: list[BrandHandle] = []  # the brands whose blocks are open, outermost first


STATE = _ThreadState()


def current_handle() -> BrandHandle:
    """The brand entered in this context; raises NoBrand outside any."""
    handle = _current.get()
    if handle is None:
        raise NoBrand("no brand: enter one with `with brand:` before touching the database")
    pinned = STATE.pinned
    if pinned is not None and pinned is not handle:
        raise CrossBrand(
            f"a transaction of brand {pinned.name!r} is open in this thread; "
            f"finish it before touching brand {handle.name!r}"
        )
    return handle


@contextlib.contextmanager
def waiting_later() -> Iterator[list[Callable[[], None]]]:
    """Collect the waits for the disk of the groups that commit in this block, for another thread to do.

    Nobody may be told of what was written in the block before all of them have returned.
    """
    before, STATE.later = STATE.later, []
    try:
        yield STATE.later
    finally:
        STATE.later = before


@contextlib.contextmanager
def in_brand(handle: BrandHandle) -> Iterator[BrandHandle]:
    """Enter a brand: every query in the block goes to its database.

    Database faults that leave the block are translated to ``Busy`` (locked or
    away) and ``StorageFull``. A transaction that is still open when the outermost
    block ends is rolled back: nobody else would end it, and it holds locks.
    """
    pinned = STATE.pinned
    if pinned is not None and pinned is not handle:
        raise CrossBrand(
            f"a transaction of brand {pinned.name!r} is open in this thread; "
            f"finish it before entering brand {handle.name!r}"
        )
    token = _current.set(handle)
    STATE.inside.append(handle)
    well = False
    try:
        yield handle
        well = True
    except (peewee.DatabaseError, peewee.InterfaceError) as exc:
        fault = translate(exc)
        if fault is None:
            raise
        raise fault from exc
    finally:
        STATE.inside.remove(handle)
        open_still = not STATE.inside and roll_back_left_open()
        _current.reset(token)
        if not STATE.inside:
            handle.database.leave()
        if open_still and well:
            raise LeftOpen


class LeftOpen(RuntimeError):
    """Code of somebody's began a transaction and did not end it; what it wrote is rolled back."""

    def __init__(self) -> None:
        super().__init__("a transaction was left open; what was written in it is undone")


def roll_back_left_open() -> bool:
    """Roll back what is open in this thread, whoever began it; True when there was something."""
    handle = STATE.pinned
    if handle is None:
        return False
    STATE.pinned, STATE.depth, STATE.unit, STATE.appended = None, 0, None, False
    handle.database.forget_transactions()
    with contextlib.suppress(peewee.DatabaseError):  # the connection is gone, and with it the transaction
        handle.database.rollback()
    return True


@contextlib.contextmanager
def leaving_none_open() -> Iterator[None]:
    """Around code of a plugin: a transaction that it leaves open is undone, and LeftOpen; one around it stays."""
    if STATE.pinned is not None:
        yield
        return
    try:
        yield
    except BaseException:
        roll_back_left_open()
        raise
    if roll_back_left_open():
        raise LeftOpen


class _Savepoint:
    """A savepoint named by its depth.

    peewee names each one anew: no two are the same statement, all are parsed,
    and they crowd the cache of prepared ones. Those of one depth never overlap.
    """

    __slots__ = ("_database", "_mark", "_name")

    def __init__(self, database: Any, depth: int) -> None:
        self._database, self._name = database, f"depth_{depth}"

    def __enter__(self) -> None:
        self._database.open_savepoint(self._name)
        unit = STATE.unit
        self._mark = unit.mark() if unit is not None else None

    def __exit__(self, exc_type: Any, exc: Any, tb: Any) -> None:
        if exc_type is not None:
            self._undo()
            return
        try:
            self._database.release_savepoint(self._name)
        except Exception:
            self._undo()
            raise

    def _undo(self) -> None:
        if STATE.unit is not None and self._mark is not None:
            STATE.unit.back_to(self._mark)
        self._database.undo_savepoint(self._name)


class _Atomic:
    """``brand_db.atomic()``: the target is resolved at enter and stays pinned until exit."""

    __slots__ = ("_args", "_cm", "_depth", "_handle", "_kind", "_kwargs")

    def __init__(self, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._kind, self._args, self._kwargs = kind, args, kwargs

    def __enter__(self) -> Any:
        self._handle = handle = current_handle()
        if STATE.depth and self._kind == "atomic":
            self._cm = _Savepoint(handle.database, STATE.depth)
        else:
            self._cm = getattr(handle.database, self._kind)(*self._args, **self._kwargs)
        entered = self._cm.__enter__()
        if STATE.depth == 0:
            STATE.pinned = handle
            STATE.appended = False
        self._depth = STATE.depth
        STATE.depth += 1
        return entered

    def __exit__(self, exc_type: Any, exc: Any, tb: Any) -> Any:
        if STATE.depth <= self._depth:
            return None  # left open by somebody: what was around it has taken it along
        left_open = LeftOpen() if STATE.depth > self._depth + 1 else None
        if exc_type is None and left_open is not None:
            exc_type, exc, tb = LeftOpen, left_open, None
        try:
            handled = self._cm.__exit__(exc_type, exc, tb)
            if exc is not None and exc is left_open:
                raise left_open
            return handled
        except BaseException:
            STATE.appended = False
            raise
        finally:
            STATE.depth = self._depth
            if self._depth == 0:
                STATE.pinned = None
                if exc_type is None and STATE.appended:
                    notify(self._handle)
                STATE.appended = False

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            with _Atomic(self._kind, self._args, self._kwargs):
                return fn(*args, **kwargs)

        return inner


def notify(handle: BrandHandle) -> None:
    """Tell the worker that ``handle`` has new events."""
    if handle.on_commit is not None:
        handle.on_commit(handle.name)


class BrandRouter(peewee.DatabaseProxy):  # type: ignore[misc]
    """The database that all models are bound to; resolves per context."""

    __slots__ = ()

    def __init__(self) -> None:
        object.__setattr__(self, "_callbacks", [])

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def obj(self) -> Any:
        # None while models are being defined: peewee reads it as "not yet initialised".
        return None if _current.get() is None else current_handle().database

    def initialize(self, obj: Any) -> None:
        raise TypeError("the brand router is never initialised: enter a brand instead")

    def __getattr__(self, name: str) -> Any:
        return getattr(current_handle().database, name)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        return current_handle().database.execute_sql(sql, params)

    def atomic(self, *args: Any, **kwargs: Any) -> _Atomic:
        return _Atomic("atomic", args, kwargs)

    def brief(self) -> _Atomic:
        """``atomic()`` for a transaction of few writes, outside of any other."""
        return _Atomic("brief", (), {})

    def transaction(self, *args: Any, **kwargs: Any) -> _Atomic:
        return _Atomic("transaction", args, kwargs)

    def savepoint(self, *args: Any, **kwargs: Any) -> _Atomic:
        return _Atomic("savepoint", args, kwargs)

    def manual_commit(self) -> Any:
        raise TypeError("manual_commit() would escape the brand's pin: use atomic()")

    def connection_context(self) -> Any:
        raise TypeError("connections follow the brand: use `with brand:`")


brand_db = BrandRouter()


def transactional(fn: Callable[P, R]) -> Callable[P, R]:
    """Run a service function in one transaction of the current brand.

    Inside an open transaction the function joins it. Otherwise it begins one,
    and a deadlock or serialization failure (PostgreSQL 40P01, 40001) runs the
    whole function again with fresh reads, five times at most.
    """

    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        unit = STATE.unit
        if unit is not None:
            unit.flush()
        if STATE.depth:
            return fn(*args, **kwargs)
        for attempt in range(1, RETRIES + 1):
            try:
                with brand_db.atomic():
                    return fn(*args, **kwargs)
            except peewee.DatabaseError as exc:
                if attempt == RETRIES or not is_transient(exc):
                    raise
        raise AssertionError("unreachable")

    return inner
