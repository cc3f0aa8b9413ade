"""What a database error means for the caller: try again, disk full, or a bug."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import peewee

from ..errors import Busy, ScrmError, StorageFull
from .sealing import MOVED

_AWAY = (
    "connection",
    "terminating",
    "server closed",
    "could not connect",
    "failed to resolve host",
    "max connections",
    "the database system is",
)

# What a server says that is there, and will say again.
_REFUSED = ("authentication", "does not exist", "pg_hba", "permission denied", "wrong ssl", "certificate")

_LOCK_TIMEOUT = "55P03"


class GivenUp(peewee.InternalError):  # type: ignore[misc]
    """A transaction was to be committed in which a statement failed: the database has undone it."""


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """An exception and what it came from, each once: ``raise error from error`` names itself as its own cause."""
    met: set[int] = set()
    found: BaseException | None = exc
    while found is not None and id(found) not in met:
        met.add(id(found))
        yield found
        found = found.__context__ if found.__cause__ is None else found.__cause__


def _origin(exc: BaseException) -> BaseException:
    *_, origin = _chain(exc)
    return origin


def _sqlstate(exc: BaseException) -> str | None:
    return next((str(state) for each in _chain(exc) if (state := getattr(each, "sqlstate", None))), None)


def is_transient(exc: BaseException) -> bool:
    """True for a deadlock or serialization failure: the whole transaction may be run again."""
    return _sqlstate(exc) in ("40001", "40P01")


def is_fault(exc: BaseException) -> bool:
    """True when the database is at fault (locked, away, full, contended), not the work asked of it."""
    return isinstance(exc, Busy) or is_transient(exc) or translate(exc) is not None


def passes(exc: BaseException) -> bool:
    """True for a fault of a server that may be over later without anybody's doing: away or contended, not refusing."""
    found = exc if isinstance(exc, Busy) else translate(exc)
    return isinstance(found, Busy) and not any(word in str(exc) for word in (MOVED, *_REFUSED))


def translate(exc: BaseException) -> ScrmError | None:
    """The framework's error for a database fault, or None when it is not one.

    Constraint violations are not faults: services handle them, and one that
    escapes is a bug to be seen. Only what comes from a driver is looked at: the
    words of any other exception may be a customer's.
    """
    state = _sqlstate(exc)
    driver_fault = isinstance(exc, peewee.DatabaseError | peewee.InterfaceError)  # wrapped by peewee, or its own
    if state is None and not driver_fault and not isinstance(_origin(exc), sqlite3.Error):
        return None
    text = str(exc).lower()
    # Only SQLite's words count: PostgreSQL's repeat the value that they are about.
    if state == "53100" or (state is None and ("disk is full" in text or "disk i/o error" in text)):
        return StorageFull("the disk that holds this brand's data is full; free space and try again")
    if isinstance(_origin(exc), sqlite3.IntegrityError) and MOVED in text:
        return Busy(f"{MOVED}; its scrm.toml is to name it", code="database_away")
    if isinstance(_origin(exc), sqlite3.OperationalError):
        if "locked" in text or "busy" in text:
            return Busy("the database is busy; try again", code="database_busy")
        if "unable to open" in text:
            return Busy("the brand's database file cannot be opened", code="database_away")
    if is_transient(exc) or state == _LOCK_TIMEOUT:
        return Busy("the database is contended; try again", code="database_busy")
    if state is not None and state[:2] in ("08", "57", "53"):
        return Busy("the database is away; try again", code="database_away")
    away = state is None and isinstance(exc, peewee.OperationalError | peewee.InterfaceError)
    if away and any(word in text for word in _AWAY):
        return Busy("the database is away; try again", code="database_away")
    return None
