"""The unit of work of one delivery: writes buffered, one lazily opened transaction.

While a plugin handles a batch of events, services put their rows into the
current :class:`Unit` instead of writing them one by one. The unit writes them
with one statement per kind before the cursor moves. The transaction begins at
the first write or lock, so a handler that only computes holds none.

Whatever looks at rows writes the buffered ones first, so a handler always sees
what it did; a savepoint does so too, and what is buffered in it goes with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from .router import STATE, current_handle, notify

Flusher = Callable[[list[Any]], None]
Buffers = dict[Flusher, dict[Hashable, Any]]


class Unit:
    """Rows waiting to be written, by flusher and key; the last write of a key wins."""

    __slots__ = ("_buffers", "_database", "_flushing")

    def __init__(self, database: Any) -> None:
        self._buffers: Buffers = {}
        self._database = database
        self._flushing = False

    def put(self, flusher: Flusher, key: Hashable, row: Any) -> None:
        """Remember ``row`` under ``key``; ``flusher`` will get all rows, sorted by key."""
        rows = self._buffers.get(flusher)
        if rows is None:
            rows = self._buffers[flusher] = {}
        rows[key] = row

    @property
    def pending(self) -> bool:
        """True when rows wait and nobody is writing them right now."""
        return bool(self._buffers) and not self._flushing

    @property
    def untouched(self) -> bool:
        """True while nothing was written and nothing waits: the transaction has not begun."""
        return not self._buffers and bool(self._database.waits_to_begin)

    def flush(self) -> None:
        """Write everything buffered, kinds in the order they first appeared."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._buffers:
                buffers, self._buffers = self._buffers, {}
                for flusher, rows in buffers.items():
                    # Sorted keys: two deliveries that touch the same rows lock them in one order.
                    flusher([rows[key] for key in sorted(rows)])  # type: ignore[type-var]
        finally:
            self._flushing = False

    def mark(self) -> Buffers:
        """What waits as a savepoint begins: nothing, but for what a flusher has put there itself."""
        return {flusher: dict(rows) for flusher, rows in self._buffers.items()}

    def back_to(self, mark: Buffers) -> None:
        """Forget what was put since ``mark``: its savepoint is undone."""
        self._buffers = mark

    def discard(self) -> None:
        """Forget everything buffered."""
        self._buffers = {}


def current_unit() -> Unit | None:
    """The unit of the delivery running in this thread, or None outside delivery."""
    unit: Unit | None = STATE.unit
    return unit


def buffered(flusher: Flusher, key: Hashable, row: Any) -> bool:
    """Put a row into the current unit; False outside delivery: write it directly then."""
    unit = STATE.unit
    if unit is None:
        return False
    unit.put(flusher, key, row)
    return True


@contextlib.contextmanager
def delivery_transaction() -> Iterator[Unit]:
    """A transaction that begins at its first write, with a unit of work in it.

    On success buffered rows are flushed and the transaction commits; on any
    exception everything is rolled back. Nested ``atomic()`` blocks are
    savepoints of it.
    """
    handle = current_handle()
    if STATE.depth:
        raise RuntimeError("a delivery transaction cannot be nested")
    database = handle.database
    unit = Unit(database)
    with database.lazy_transaction():
        STATE.pinned, STATE.depth, STATE.unit, STATE.appended = handle, 1, unit, False
        committed = False
        try:
            yield unit
            unit.flush()
            if STATE.depth != 1:
                raise RuntimeError("a transaction was left open")
            committed = True
        finally:
            unit.discard()
            appended = STATE.appended and committed
            STATE.pinned, STATE.depth, STATE.unit, STATE.appended = None, 0, None, False
    if appended:
        notify(handle)
