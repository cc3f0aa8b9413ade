"""The delivery loop of one brand: batches out, cursors forward, bad events aside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import eventlog
from ..db import delivery_transaction
from ..db.bulk import execute
from ..db.faults import is_fault
from ..db.router import brand_db
from ..eventlog import Batch, LoggedEvent, Position
from ..facts import EVENT_TYPES
from ..limits import LIMITS
from .cursors import Cursor, pause_plugin, read_cursors
from .parking import RETRY_SECONDS, describe, parked_ids

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.delivery")

# An event whose handler hung is parked before the cursor reaches it. It is retried only behind the
# cursor, which passes parked events by: ahead of it, it would be handed out a second time. A retry
# further off than any pause was planned before the clock went back.
_DUE_BEHIND = (
    "SELECT parked.plugin, parked.event_id, parked.attempts FROM parked "
    "JOIN plugin_cursor ON plugin_cursor.plugin = parked.plugin JOIN event ON event.id = parked.event_id "
    "WHERE parked.state = 'retry' AND (parked.next_at <= ? OR parked.next_at > ?) "
    "AND plugin_cursor.state = 'active' AND {behind} ORDER BY parked.event_id LIMIT ?"
)
_DUE = {
    True: _DUE_BEHIND.format(behind="event.id <= plugin_cursor.event_id"),
    False: _DUE_BEHIND.format(
        behind="(event.xid, event.id) <= (plugin_cursor.xid::xid8, plugin_cursor.event_id)"
    ),
}
# For the one statement's own transaction. SQLite waits for its disk when it likes.
_UNSYNCED = {"sqlite": "", "postgresql": " AND set_config('synchronous_commit', 'off', true) = 'off'"}


class Lost(Exception):
    """Another worker moved the cursor or took the parked event first: nothing to do."""


@dataclass(slots=True)
class Running:
    """The handler that runs right now, for the watchdog; ``started`` is monotonic seconds."""

    brand: str
    plugin: str
    event_id: int
    started: float


@dataclass(slots=True)
class Step:
    """What one :meth:`Delivery.step` did."""

    delivered: int = 0
    parked: int = 0
    retried: int = 0
    more: bool = False
    errors: list[str] = field(default_factory=list)


class HandlerError(Exception):
    """A handler raised; carries the event and the original exception."""

    def __init__(self, event: LoggedEvent, index: int, cause: BaseException) -> None:
        super().__init__(type(cause).__name__)  # its words are the plugin's code, which may be what is broken
        self.event = event
        self.index = index
        self.cause = cause


class Delivery:
    """Delivers one brand's events.

    Enter the brand before calling (``with brand:``); every method works on it.
    """

    def __init__(self, brand: Brand, *, batch: int = LIMITS.delivery_batch) -> None:
        self.brand = brand
        self.batch = batch
        self.running: Running | None = None
        self._handlers: dict[str, dict[str, tuple[Callable[[Any], Any], bool]]] = {}
        for event_type, (_, hook) in EVENT_TYPES.items():
            for name, function, backfill in brand.hooks.implementations(hook):
                self._handlers.setdefault(name, {})[event_type] = (function, backfill)

    def step(self, plugins: Collection[str] | None = None) -> Step:
        """Deliver one batch to every plugin (or those named), then retry what is due."""
        done = Step()
        by_position: dict[Position, list[Cursor]] = {}
        for cursor in read_cursors():
            wanted = cursor.plugin in self.brand.plugins and (plugins is None or cursor.plugin in plugins)
            if wanted and cursor.state == "active":
                by_position.setdefault(cursor.position, []).append(cursor)
        for position, group in by_position.items():
            self._deliver_group(position, group, done)
        self._retry_due(done, plugins)
        return done

    def drain(self, *, patience: float = 10.0) -> Step:
        """Step until every committed event is delivered (parked events that are not due stay).

        On PostgreSQL a committed event can be read only when every older
        transaction of the server has ended; ``patience`` bounds, in seconds,
        how long that is waited for.
        """
        total = Step()
        waited_since: float | None = None
        while True:
            step = self.step()
            total.delivered += step.delivered
            total.parked += step.parked
            total.retried += step.retried
            total.errors += step.errors
            if step.more:
                waited_since = None
                continue
            if self.brand.handle.engine == "sqlite" or not self.behind():
                return total
            waited_since = waited_since or time.monotonic()
            if time.monotonic() - waited_since > patience:
                return total
            time.sleep(0.005)

    def behind(self) -> bool:
        """True when a committed event waits for a plugin that takes events."""
        return any(
            cursor.state == "active" and cursor.plugin in self.brand.plugins and eventlog.lag(cursor.position)
            for cursor in read_cursors()
        )

    def _deliver_group(self, position: Position, group: list[Cursor], done: Step) -> None:
        wanted = frozenset(kind for c in group for kind in self._handlers.get(c.plugin, ()))
        batch = eventlog.read_batch(position, self.batch, wanted)
        if not batch.size:
            return
        before = done.delivered
        # Events parked beforehand (their handler hung) are passed by when the cursor reaches them.
        parked = parked_ids() if batch.events else {}
        idle = []
        for cursor in group:
            try:
                if self._deliver(cursor, batch, parked.get(cursor.plugin, frozenset()), done):
                    idle.append(cursor.plugin)
            except Lost:
                done.more = True
            except Exception as exc:
                if not is_fault(exc):
                    raise
                # The database's fault, not the event's: this plugin gets the batch again.
                done.errors.append(f"{cursor.plugin}: {exc}")
                log.warning("plugin %s, brand %s waits: %s", cursor.plugin, self.brand.id, exc)
        if idle:
            self._move_idle(idle, position, batch.end)
        # Handlers append events of their own, so a short batch is no proof that the log is at its end.
        done.more = done.more or batch.size == self.batch or done.delivered > before

    def _move_idle(self, plugins: list[str], before: Position, after: Position) -> None:
        """Move the cursors of plugins that wrote nothing for a batch, in one statement.

        A crash before it hands them the batch again, and they will write nothing again: so nobody waits for the disk.
        """
        marks = ", ".join("?" * len(plugins))
        execute(
            "UPDATE plugin_cursor SET xid = ?, event_id = ?, updated_at = ? WHERE xid = ? AND event_id = ? "
            f"AND state = 'active' AND failures = 0 AND plugin IN ({marks}){_UNSYNCED[self.brand.handle.engine]}",
            (
                str(after.xid),
                after.event_id,
                self.brand.now(),
                str(before.xid),
                before.event_id,
                *plugins,
            ),
        )

    def _deliver(self, cursor: Cursor, batch: Batch, parked: Set[int], done: Step) -> bool:
        """Deliver a batch to one plugin, parking what it cannot handle.

        Returns True when the plugin wrote nothing at all: its cursor has not
        moved and the caller moves it together with others.
        """
        handlers = self._handlers.get(cursor.plugin, {})
        events = [
            event
            for event in batch.events
            if event.type in handlers
            and (not event.backfill or handlers[event.type][1])
            and event.position.event_id not in parked
        ]
        if not events and cursor.failures == 0:
            return True
        position, failures = cursor.position, cursor.failures
        start, size = 0, len(events)
        while True:
            piece = events[start : start + size]
            end = batch.end if start + size >= len(events) else piece[-1].position
            culprit: tuple[LoggedEvent, BaseException]
            try:
                whole = position == cursor.position and end == batch.end and failures == 0
                if self._attempt(cursor.plugin, position, end, piece, failures, whole=whole):
                    done.delivered += len(events)
                    return True
            except HandlerError as exc:
                if exc.index > 0:
                    # What came before the bad event is good: commit it, then meet the event alone.
                    size = exc.index
                    continue
                culprit = exc.event, exc.cause
            except Lost:
                raise
            except Exception as exc:
                if is_fault(exc) or not piece:
                    raise
                if len(piece) > 1:
                    size = len(piece) // 2  # writing the batch failed: find the event by halving
                    continue
                culprit = piece[0], exc
            else:
                done.delivered += len(piece)
                position, failures = end, 0
                start, size = start + len(piece), len(events)
                if end == batch.end:
                    return False
                continue
            failures = self._park(cursor.plugin, position, *culprit, failures)
            done.parked += 1
            done.errors.append(f"{cursor.plugin}: event {culprit[0].position.event_id}: {describe(culprit[1])[0]}")
            position = culprit[0].position
            start, size = start + 1, len(events)
            if failures >= LIMITS.breaker_failures or position == batch.end:
                return False

    def _attempt(
        self,
        plugin: str,
        position: Position,
        end: Position,
        events: Sequence[LoggedEvent],
        failures: int,
        *,
        whole: bool,
    ) -> bool:
        """Run the handlers of one plugin over events and commit them with the cursor.

        Returns True, without moving the cursor, when a ``whole`` batch made it write nothing.
        """
        with delivery_transaction() as unit:
            self._call(plugin, events)
            if whole and unit.untouched:
                return True
            unit.flush()
            self._move(plugin, position, end, failures, 0 if events else failures)
        return False

    def _call(self, plugin: str, events: Sequence[LoggedEvent]) -> None:
        """Call the plugin's handlers; HandlerError tells which event failed, faults pass through."""
        handlers = self._handlers.get(plugin, {})
        self.running = running = Running(self.brand.id, plugin, 0, 0.0)
        called = -1
        try:
            for event in events:
                called += 1
                running.event_id = event.position.event_id
                running.started = time.monotonic()
                handlers[event.type][0](event.fact)
        except BaseException as exc:
            # SystemExit and RecursionError included: no plugin ends the worker. Faults of the
            # database itself are told apart from the event's own failure.
            if is_fault(exc):
                raise
            raise HandlerError(events[called], called, exc) from exc
        finally:
            self.running = None

    def _move(self, plugin: str, before: Position, after: Position, failed: int, failures: int) -> None:
        changed = execute(
            "UPDATE plugin_cursor SET xid = ?, event_id = ?, failures = ?, updated_at = ? "
            "WHERE plugin = ? AND xid = ? AND event_id = ? AND failures = ? AND state = 'active'",
            (
                str(after.xid),
                after.event_id,
                failures,
                self.brand.now(),
                plugin,
                str(before.xid),
                before.event_id,
                failed,
            ),
        )
        if changed.rowcount != 1:
            raise Lost

    def _park(self, plugin: str, position: Position, event: LoggedEvent, cause: BaseException, failures: int) -> int:
        """Park one event and move past it in one transaction; returns the failures in a row."""
        failures += 1
        now = self.brand.now()
        error, trace = describe(cause)
        with brand_db.atomic():
            execute(
                "INSERT INTO parked (plugin, event_id, attempts, state, next_at, error, traceback, "
                "created_at, updated_at) VALUES (?, ?, 1, 'retry', ?, ?, ?, ?, ?) "
                "ON CONFLICT (plugin, event_id) DO NOTHING",
                (plugin, event.position.event_id, now + RETRY_SECONDS[0] * 1000, error, trace, now, now),
            )
            self._move(plugin, position, event.position, failures - 1, failures)
            if failures >= LIMITS.breaker_failures:
                pause_plugin(self.brand, plugin, f"{failures} events in a row failed; the last: {error}")
        log.error("plugin %s, brand %s: event %s parked: %s", plugin, self.brand.id, event.position.event_id, error)
        return failures

    def _retry_due(self, done: Step, plugins: Collection[str] | None) -> None:
        now = self.brand.now()
        rows = execute(
            _DUE[self.brand.handle.engine == "sqlite"], (now, now + 2_000 * RETRY_SECONDS[-1], self.batch)
        ).fetchall()
        waiting = set()
        for plugin, event_id, attempts in rows:
            wanted = plugin in self.brand.plugins and (plugins is None or plugin in plugins)
            if not wanted or plugin in waiting:
                continue
            try:
                if self.retry(plugin, event_id, attempts):
                    done.retried += 1
            except Lost:
                continue
            except Exception as exc:
                if not is_fault(exc):
                    raise
                # As with a batch: what this plugin meets costs no other plugin its turn.
                waiting.add(plugin)
                done.errors.append(f"{plugin}: {exc}")
                log.warning("plugin %s, brand %s waits: %s", plugin, self.brand.id, exc)

    def retry(self, plugin: str, event_id: int, attempts: int) -> bool:
        """Hand a parked event to its plugin again; True when it went through.

        The parked row is removed in the transaction of the handler's writes.
        """
        event = eventlog.read_one(event_id)
        handler = self._handlers.get(plugin, {}).get(event.type) if event is not None else None
        # A move to another engine parks all that a plugin has not seen: also what it would not have been handed.
        if event is None or handler is None or (event.backfill and not handler[1]):
            execute("DELETE FROM parked WHERE plugin = ? AND event_id = ?", (plugin, event_id))
            return False
        try:
            with delivery_transaction() as unit:
                self._call(plugin, [event])
                unit.flush()
                gone = execute(
                    "DELETE FROM parked WHERE plugin = ? AND event_id = ? AND attempts = ?",
                    (plugin, event_id, attempts),
                )
                if gone.rowcount != 1:
                    raise Lost
            return True
        except Lost:
            raise
        except Exception as exc:
            cause = exc.cause if isinstance(exc, HandlerError) else exc
            if is_fault(exc):
                raise
            self._park_again(plugin, event_id, attempts, cause)
            return False

    def _park_again(self, plugin: str, event_id: int, attempts: int, cause: BaseException) -> None:
        now = self.brand.now()
        error, trace = describe(cause)
        pause = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)] * 1000
        state = "held" if attempts + 1 >= LIMITS.park_attempts else "retry"
        execute(
            "UPDATE parked SET attempts = attempts + 1, state = ?, next_at = ?, error = ?, traceback = ?, "
            "updated_at = ? WHERE plugin = ? AND event_id = ? AND attempts = ?",
            (state, now + pause, error, trace, now, plugin, event_id, attempts),
        )
