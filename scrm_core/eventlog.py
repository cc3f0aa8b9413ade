"""The brand's event log: append in the writer's transaction, read in commit order.

On SQLite ids are given in commit order because there is one writer. On
PostgreSQL they are not: a reader that remembers the last id loses events of
transactions that commit late. There the log is read by ``(xid, id)`` below the
oldest running transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from .db import brand_db, current_handle
from .db.bulk import Rows, array, execute, in_chunks, insert_together, update_rows
from .db.router import STATE, notify
from .facts import EVENT_TYPES, Fact, OrderLineFact, OrderPaid
from .models import Event

_COLUMNS = ("type", "contact_id", "at", "recorded_at", "backfill", "data")


class Position(NamedTuple):
    """A place in the log; ``xid`` is 0 on SQLite."""

    xid: int
    event_id: int


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. ``data`` holds the fact's own fields, JSON values only."""

    type: str
    contact_id: int | None
    at: int
    data: dict[str, Any]
    backfill: bool = False


class LoggedEvent(NamedTuple):
    """An event as read from the log; ``fact`` is None for types this version has no hook for."""

    position: Position
    type: str
    at: int
    recorded_at: int
    backfill: bool
    contact_id: int | None
    data: dict[str, Any]
    fact: Fact | None


def append(events: Iterable[NewEvent], *, recorded_at: int) -> int:
    """Append events in the current transaction; returns how many.

    Services call it in the transaction that writes what happened. The worker
    is nudged after the commit.
    """
    return append_beside(None, events, recorded_at=recorded_at)[1]


def append_beside(others: Rows | None, events: Iterable[NewEvent], *, recorded_at: int) -> tuple[int, int]:
    """Append events with rows of another table, in one statement where that can be; returns how many of both."""
    rows = [(e.type, e.contact_id, e.at, recorded_at, 1 if e.backfill else 0, e.data) for e in events]
    inserts = [Rows(Event, _COLUMNS, rows)] if others is None else [others, Rows(Event, _COLUMNS, rows)]
    *before, appended = insert_together(*inserts)
    if appended and STATE.depth:
        STATE.appended = True
    elif appended:
        notify(current_handle())
    return (before[0] if before else 0), appended


_CHUNK = 250
_TYPES = ("text", "bigint", "bigint", "bigint", "bigint", "text")


@lru_cache(8)
def _insert_of(rows: int) -> str:
    return f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES {', '.join(['(?, ?, ?, ?, ?, ?)'] * rows)}"


def append_encoded(events: Sequence[tuple[str, int | None, int, int, str]], *, recorded_at: int) -> int:
    """Append many events whose data is JSON text already; returns how many.

    Each is ``(type, contact_id, at, backfill as 0 or 1, data)``. For writers of
    many events alike: encoding one JSON text per event would cost more than
    writing it.
    """
    if not events:
        return 0
    rows = [(kind, contact_id, at, recorded_at, backfill, data) for kind, contact_id, at, backfill, data in events]
    if current_handle().engine == "sqlite":
        parts, rest = in_chunks(rows, _CHUNK)
        for part in parts:
            execute(_insert_of(len(part)), list(chain.from_iterable(part)))
        update_rows(_insert_of(1), rest)
    else:
        arrays = ", ".join(f"?::{kind}[]" for kind in _TYPES)
        execute(
            f"INSERT INTO event ({', '.join(_COLUMNS)}) SELECT * FROM unnest({arrays})",
            [array(column) for column in zip(*rows, strict=True)],
        )
    if STATE.depth:
        STATE.appended = True
    else:
        notify(current_handle())
    return len(rows)


def _lines(value: Sequence[Any]) -> tuple[OrderLineFact, ...]:
    return tuple(OrderLineFact(sku, qty, paid, bool(gift)) for sku, qty, paid, gift in value)


def _order_paid(event_id: int, at: int, backfill: bool, contact_id: int | None, data: dict[str, Any]) -> Fact:
    return OrderPaid(
        event_id,
        at,
        backfill,
        contact_id,
        data["order_id"],
        data["source"],
        data["number"],
        data.get("platform", ""),
        data["paid_minor"],
        data.get("items", 0),
        _lines(data.get("lines", ())),
    )


def _decoder(cls: type[Fact]) -> Callable[..., Fact]:
    names = frozenset(cls.__dataclass_fields__) - {"event_id", "at", "backfill", "contact_id"}

    def decode(event_id: int, at: int, backfill: bool, contact_id: int | None, data: dict[str, Any]) -> Fact:
        if not data.keys() <= names:
            # A newer version wrote more fields: adding a field is compatible.
            data = {key: value for key, value in data.items() if key in names}
        return cls(event_id, at, backfill, contact_id, **data)

    return decode


_DECODERS: dict[str, Callable[..., Fact]] = {
    name: _order_paid if cls is OrderPaid else _decoder(cls) for name, (cls, _) in EVENT_TYPES.items()
}

_SELECT = "SELECT id, type, contact_id, at, recorded_at, backfill, data FROM event "
_SELECT_XID = _SELECT.replace("SELECT", "SELECT event.xid::text,", 1)
_SQLITE_READ = _SELECT + "WHERE id > ? ORDER BY id LIMIT ?"
_SQLITE_STRETCH = "SELECT max(id), count(*) FROM (SELECT id FROM event WHERE id > ? ORDER BY id LIMIT ?) AS stretch"
# The column is qualified: an output column named xid would make ORDER BY sort text.
_POSTGRES_READ = (
    _SELECT_XID + "WHERE (event.xid, event.id) > (?::text::xid8, ?::bigint) "
    "AND event.xid < pg_snapshot_xmin(pg_current_snapshot()) "
    "ORDER BY event.xid, event.id LIMIT ?"
)


class Batch(NamedTuple):
    """A stretch of the log: the ``events`` that somebody wants, the place where it ends, its length."""

    events: list[LoggedEvent]
    end: Position
    size: int


def read(after: Position, limit: int) -> list[LoggedEvent]:
    """Committed events after a position, in order, at most ``limit``."""
    return _decode(*_rows(after, limit))


def read_batch(after: Position, limit: int, wanted: frozenset[str]) -> Batch:
    """The next ``limit`` events after a position, of which only the ``wanted`` types are decoded.

    Events of other types move a cursor but nobody looks at them.
    """
    if current_handle().engine == "sqlite":
        return _sqlite_batch(after, limit, wanted)
    rows, _ = _rows(after, limit)
    if not rows:
        return Batch([], after, 0)
    end = Position(int(rows[-1][0]), rows[-1][1])
    return Batch(_decode([row for row in rows if row[2] in wanted], False), end, len(rows))


def _sqlite_batch(after: Position, limit: int, wanted: frozenset[str]) -> Batch:
    """First where the stretch ends, then what is wanted of it: other events never become Python values.

    Ids are given in commit order, so nothing can appear inside the stretch between the two.
    """
    last, size = execute(_SQLITE_STRETCH, (after.event_id, limit)).fetchone()
    if not size:
        return Batch([], after, 0)
    kinds = sorted(wanted)
    rows = execute(
        f"{_SELECT}WHERE id > ? AND id <= ? AND type IN ({', '.join('?' * len(kinds))}) ORDER BY id",
        (after.event_id, last, *kinds),
    ).fetchall()
    return Batch(_decode(rows, True), Position(0, last), size)


def _rows(after: Position, limit: int) -> tuple[list[tuple[Any, ...]], bool]:
    if current_handle().engine == "sqlite":
        return execute(_SQLITE_READ, (after.event_id, limit)).fetchall(), True
    return execute(_POSTGRES_READ, (str(after.xid), after.event_id, limit)).fetchall(), False


def read_one(event_id: int) -> LoggedEvent | None:
    """One event by id, or None."""
    sqlite = current_handle().engine == "sqlite"
    head = _SELECT if sqlite else _SELECT_XID
    events = _decode(execute(head + "WHERE id = ?", (event_id,)).fetchall(), sqlite)
    return events[0] if events else None


def _decode(rows: list[tuple[Any, ...]], sqlite: bool) -> list[LoggedEvent]:
    out = []
    loads = json.loads
    for row in rows:
        xid, (event_id, kind, contact_id, at, recorded_at, backfill, text) = (
            (0, row) if sqlite else (int(row[0]), row[1:])
        )
        data: dict[str, Any] = loads(text)
        decode = _DECODERS.get(kind)
        fact = decode(event_id, at, backfill == 1, contact_id, data) if decode is not None else None
        out.append(LoggedEvent(Position(xid, event_id), kind, at, recorded_at, backfill == 1, contact_id, data, fact))
    return out


def head() -> Position:
    """The place after the newest committed event: "now".

    Every transaction that begins to write after this call is read after it. On
    PostgreSQL an event of a transaction that was writing already may lie before.
    """
    if current_handle().engine == "sqlite":
        (last,) = execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        return Position(0, int(last))
    row = execute("SELECT event.xid::text, id FROM event ORDER BY event.xid DESC, event.id DESC LIMIT 1").fetchone()
    return Position(int(row[0]), int(row[1])) if row is not None else START


def lag(position: Position) -> int:
    """How many events lie after a position."""
    if current_handle().engine == "sqlite":
        (count,) = execute("SELECT count(*) FROM event WHERE id > ?", (position.event_id,)).fetchone()
    else:
        (count,) = execute(
            "SELECT count(*) FROM event WHERE (event.xid, event.id) > (?::text::xid8, ?::bigint)",
            (str(position.xid), position.event_id),
        ).fetchone()
    return int(count)


def tail(limit: int, *, before: int | None = None) -> list[LoggedEvent]:
    """The newest events, newest first; ``before`` is an event id to page on from."""
    sqlite = brand_db.param == "?"
    where = "WHERE id < ? " if before is not None else ""
    params = [before] if before is not None else []
    rows = execute(
        f"{_SELECT if sqlite else _SELECT_XID}{where}ORDER BY id DESC LIMIT ?",
        [*params, limit],
    ).fetchall()
    return _decode(rows, sqlite)
