"""Handing events to plugins: database effects exactly once, one bad event stops nobody.

Each (plugin, brand) has a cursor. A batch is read and decoded once and given
to every plugin that stands at the same place; each plugin's writes and its
cursor commit together. The cursor moves by compare-and-set, so two workers
that hand out the same batch cannot both commit it; the lease only saves work.

A handler that raises is found, its event is parked with the traceback in the
transaction that moves the cursor past it, and retried with growing pauses.
Failures in a row trip the plugin's breaker for that brand.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import eventlog
from .db import delivery_transaction
from .db.bulk import execute
from .db.faults import is_fault
from .db.router import brand_db
from .errors import NotFound
from .eventlog import LoggedEvent, Position
from .facts import EVENT_TYPES
from .hooks import EVENT_HOOKS
from .limits import LIMITS

if TYPE_CHECKING:
    from .brands import Brand

log = logging.getLogger("scrm.delivery")

# Pause before each further attempt of a parked event; the last one repeats.
RETRY_SECONDS = (10, 60, 300, 1_800, 7_200, 21_600, 43_200)
LEASE_MS = 60_000
TRACEBACK_CHARS = 8_000


class Lost(Exception):
    """Another worker moved the cursor or took the parked event first: nothing to do."""


@dataclass(slots=True)
class Running:
    """The handler that runs right now, for the watchdog; ``started`` is monotonic seconds."""

    brand: str
    plugin: str
    event_id: int
    started: float


@dataclass(frozen=True, slots=True)
class Cursor:
    """A plugin's place in the log and its state for one brand."""

    plugin: str
    position: Position
    state: str
    reason: str
    failures: int


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
        super().__init__(f"{type(cause).__name__}: {cause}")
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
            if self.brand.handle.engine == "sqlite" or not self._behind():
                return total
            waited_since = waited_since or time.monotonic()
            if time.monotonic() - waited_since > patience:
                return total
            time.sleep(0.005)

    def _behind(self) -> bool:
        """True when a committed event waits for a plugin that takes events."""
        return any(
            cursor.state == "active" and cursor.plugin in self.brand.plugins and eventlog.lag(cursor.position)
            for cursor in read_cursors()
        )

    def _deliver_group(self, position: Position, group: list[Cursor], done: Step) -> None:
        wanted = frozenset(kind for c in group for kind in self._handlers.get(c.plugin, ()))
        events = eventlog.read(position, self.batch, wanted)
        if not events:
            return
        before = done.delivered
        idle = []
        for cursor in group:
            try:
                if self._deliver(cursor, events, done):
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
            self._move_idle(idle, position, events[-1].position)
        # Handlers append events of their own, so a short batch is no proof that the log is at its end.
        done.more = done.more or len(events) == self.batch or done.delivered > before

    def _move_idle(self, plugins: list[str], before: Position, after: Position) -> None:
        """Move the cursors of plugins that wrote nothing for a batch, in one statement.

        A crash before it hands them the batch again, and they will write nothing again.
        """
        marks = ", ".join("?" * len(plugins))
        execute(
            "UPDATE plugin_cursor SET xid = ?, event_id = ?, updated_at = ? WHERE xid = ? AND event_id = ? "
            f"AND state = 'active' AND failures = 0 AND plugin IN ({marks})",
            (
                str(after.xid),
                after.event_id,
                self.brand.now(),
                str(before.xid),
                before.event_id,
                *plugins,
            ),
        )

    def _deliver(self, cursor: Cursor, events: Sequence[LoggedEvent], done: Step) -> bool:
        """Deliver a batch to one plugin, parking what it cannot handle.

        Returns True when the plugin wrote nothing at all: its cursor has not
        moved and the caller moves it together with others.
        """
        start, size = 0, len(events)
        failures = cursor.failures
        position = cursor.position
        while start < len(events):
            piece = events if size == len(events) and start == 0 else events[start : start + size]
            try:
                idle = self._attempt(cursor.plugin, position, piece, failures, whole=piece is events)
                if idle:
                    done.delivered += len(events)
                    return True
            except HandlerError as exc:
                if exc.index > 0:
                    # What came before the bad event is good: commit it, then meet the event alone.
                    size = exc.index
                    continue
                failures = self._park(cursor.plugin, position, exc.event, exc.cause, failures)
                done.parked += 1
                done.errors.append(f"{cursor.plugin}: event {exc.event.position.event_id}: {exc}")
                position = exc.event.position
                start, size = start + 1, len(events)
                if failures >= LIMITS.breaker_failures:
                    return False
                continue
            except Lost:
                raise
            except Exception as exc:
                if is_fault(exc):
                    raise  # the database's fault, not the event's: the batch comes again
                if len(piece) > 1:
                    size = len(piece) // 2  # writing the batch failed: find the event by halving
                    continue
                failures = self._park(cursor.plugin, position, piece[0], exc, failures)
                done.parked += 1
                done.errors.append(f"{cursor.plugin}: event {piece[0].position.event_id}: {exc}")
                position = piece[0].position
                start, size = start + 1, len(events)
                if failures >= LIMITS.breaker_failures:
                    return False
                continue
            done.delivered += len(piece)
            failures = 0
            position = piece[-1].position
            start, size = start + len(piece), len(events)
        return False

    def _attempt(
        self, plugin: str, position: Position, events: Sequence[LoggedEvent], failures: int, *, whole: bool
    ) -> bool:
        """Run the handlers of one plugin over events and commit them with the cursor.

        Returns True, without moving the cursor, when a ``whole`` batch made it write nothing.
        """
        handlers = self._handlers.get(plugin, {})
        parked = _parked_ids(plugin, events) if handlers else frozenset()
        with delivery_transaction() as unit:
            handled = False
            for index, event in enumerate(events):
                handler = handlers.get(event.type)
                if handler is None or event.fact is None:
                    continue
                function, backfill = handler
                if (event.backfill and not backfill) or event.position.event_id in parked:
                    continue
                handled = True
                self._call(plugin, function, event, index)
            if whole and failures == 0 and unit.untouched:
                return True
            unit.flush()
            self._move(plugin, position, events[-1].position, 0 if handled else failures)
        return False

    def _call(self, plugin: str, function: Callable[[Any], Any], event: LoggedEvent, index: int) -> None:
        self.running = Running(self.brand.id, plugin, event.position.event_id, time.monotonic())
        try:
            function(event.fact)
        except BaseException as exc:
            # SystemExit and RecursionError included: no plugin ends the worker. Faults of the
            # database itself are told apart from the event's own failure.
            if is_fault(exc):
                raise
            raise HandlerError(event, index, exc) from exc
        finally:
            self.running = None

    def _move(self, plugin: str, before: Position, after: Position, failures: int) -> None:
        changed = execute(
            "UPDATE plugin_cursor SET xid = ?, event_id = ?, failures = ?, updated_at = ? "
            "WHERE plugin = ? AND xid = ? AND event_id = ? AND state = 'active'",
            (
                str(after.xid),
                after.event_id,
                failures,
                self.brand.now(),
                plugin,
                str(before.xid),
                before.event_id,
            ),
        )
        if changed.rowcount != 1:
            raise Lost

    def _park(
        self, plugin: str, position: Position, event: LoggedEvent, cause: BaseException, failures: int
    ) -> int:
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
            self._move(plugin, position, event.position, failures)
            if failures >= LIMITS.breaker_failures:
                pause_plugin(self.brand, plugin, f"{failures} events in a row failed; the last: {error}")
        log.error("plugin %s, brand %s: event %s parked: %s", plugin, self.brand.id, event.position, error)
        return failures

    def _retry_due(self, done: Step, plugins: Collection[str] | None) -> None:
        now = self.brand.now()
        rows = execute(
            "SELECT parked.plugin, parked.event_id, parked.attempts FROM parked "
            "JOIN plugin_cursor ON plugin_cursor.plugin = parked.plugin "
            "WHERE parked.state = 'retry' AND parked.next_at <= ? AND plugin_cursor.state = 'active' "
            "ORDER BY parked.event_id LIMIT ?",
            (now, self.batch),
        ).fetchall()
        for plugin, event_id, attempts in rows:
            if plugin in self.brand.plugins and (plugins is None or plugin in plugins):
                try:
                    if self.retry(plugin, event_id, attempts):
                        done.retried += 1
                except Lost:
                    continue

    def retry(self, plugin: str, event_id: int, attempts: int) -> bool:
        """Hand a parked event to its plugin again; True when it went through.

        The parked row is removed in the transaction of the handler's writes.
        """
        event = eventlog.read_one(event_id)
        handler = self._handlers.get(plugin, {}).get(event.type) if event is not None else None
        if event is None or handler is None:
            execute("DELETE FROM parked WHERE plugin = ? AND event_id = ?", (plugin, event_id))
            return False
        try:
            with delivery_transaction() as unit:
                self._call(plugin, handler[0], event, 0)
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


def worker_name() -> str:
    """This process's name in leases: host and process id."""
    return f"{os.uname().nodename}:{os.getpid()}"


def _dead(owner: str) -> bool:
    """True when ``owner`` was a process of this host that is no more."""
    host, _, pid = owner.rpartition(":")
    if host != os.uname().nodename or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Lease:
    """This worker's claim on a brand's plugins, so that two workers do not do the same work.

    It only saves work: cursors move by compare-and-set whoever holds it. A
    worker that dies leaves its plugins to others of its host at once, to other
    hosts after ``LEASE_MS``.
    """

    def __init__(self, brand: Brand, owner: str) -> None:
        self.brand = brand
        self.owner = owner
        self._plugins: frozenset[str] = frozenset()
        self._renew_at = 0.0

    def plugins(self) -> frozenset[str]:
        """Names of the plugins this worker may deliver to now, renewing the claim when half is over."""
        if time.monotonic() >= self._renew_at:
            now = self.brand.now()
            owners = execute("SELECT DISTINCT lease_owner FROM plugin_cursor WHERE lease_until > ?", (now,))
            for (owner,) in owners.fetchall():
                if owner != self.owner and _dead(owner):
                    execute("UPDATE plugin_cursor SET lease_until = 0 WHERE lease_owner = ?", (owner,))
            execute(
                "UPDATE plugin_cursor SET lease_owner = ?, lease_until = ? "
                "WHERE lease_owner = ? OR lease_until <= ? OR lease_until > ?",
                # A lease further ahead than any can be was taken before the clock went back.
                (self.owner, now + LEASE_MS, self.owner, now, now + 2 * LEASE_MS),
            )
            rows = execute("SELECT plugin FROM plugin_cursor WHERE lease_owner = ?", (self.owner,))
            self._plugins = frozenset(row[0] for row in rows.fetchall())
            complete = self._plugins >= {c.plugin for c in read_cursors()}
            self._renew_at = time.monotonic() + (LEASE_MS / 2_000 if complete else 1.0)
        return self._plugins

    def release(self) -> None:
        """Give the plugins up at once."""
        execute("UPDATE plugin_cursor SET lease_until = 0 WHERE lease_owner = ?", (self.owner,))
        self._renew_at = 0.0


def describe(cause: BaseException) -> tuple[str, str]:
    """A one-line error and a bounded traceback of an exception, safe to store."""
    try:
        error = f"{type(cause).__name__}: {cause}"
    except Exception:  # noqa: BLE001  a plugin's own __str__ may be the broken part
        error = type(cause).__name__
    trace = "".join(traceback.format_exception(cause, limit=-30))
    clean = error.replace("\x00", "").encode("utf-8", "replace").decode()[:1_000]
    return clean, trace.replace("\x00", "").encode("utf-8", "replace").decode()[-TRACEBACK_CHARS:]


def _parked_ids(plugin: str, events: Sequence[LoggedEvent]) -> frozenset[int]:
    # An event parked beforehand (its handler hung) is passed by when the cursor reaches it.
    rows = execute(
        "SELECT event_id FROM parked WHERE plugin = ? AND event_id >= ? AND event_id <= ?",
        (
            plugin,
            min(e.position.event_id for e in events),
            max(e.position.event_id for e in events),
        ),
    ).fetchall()
    return frozenset(row[0] for row in rows)


def read_cursors() -> list[Cursor]:
    """The cursors of the current brand."""
    rows = execute("SELECT plugin, xid, event_id, state, reason, failures FROM plugin_cursor ORDER BY plugin")
    return [
        Cursor(plugin, Position(int(xid), event_id), state, reason, failures)
        for plugin, xid, event_id, state, reason, failures in rows.fetchall()
    ]


def ensure_cursors(brand: Brand) -> None:
    """Give every enabled plugin with event hooks a cursor.

    A new one begins at "now", or at the start of the log when the plugin's
    class or its table in the brand file says ``history = true``.
    """
    existing = {cursor.plugin for cursor in read_cursors()}
    for name, plugin in brand.plugins.items():
        listens = any(
            name == implementer
            for hook in EVENT_HOOKS
            for implementer, _, _ in brand.hooks.implementations(hook)
        )
        if name in existing or not listens:
            continue
        entry = brand.config.plugins.get(name)
        history = plugin.history if entry is None or entry.history is None else entry.history
        start = eventlog.START if history else eventlog.head()
        execute(
            "INSERT INTO plugin_cursor (plugin, xid, event_id, state, reason, failures, lease_owner, "
            "lease_until, updated_at) VALUES (?, ?, ?, 'active', '', 0, '', 0, ?) "
            "ON CONFLICT (plugin) DO NOTHING",
            (name, str(start.xid), start.event_id, brand.now()),
        )


def pause_plugin(brand: Brand, plugin: str, reason: str) -> None:
    """Stop delivering to a plugin; its cursor stays. Raises NotFound without a cursor."""
    changed = execute(
        "UPDATE plugin_cursor SET state = 'paused', reason = ?, updated_at = ? WHERE plugin = ?",
        (reason[:1_000], brand.now(), plugin),
    )
    if changed.rowcount != 1:
        raise NotFound(f"plugin {plugin!r} receives no events of brand {brand.id!r}")
    log.error("plugin %s, brand %s: paused: %s", plugin, brand.id, reason)


def resume_plugin(brand: Brand, plugin: str) -> None:
    """Deliver again from the cursor. Raises NotFound without a cursor."""
    changed = execute(
        "UPDATE plugin_cursor SET state = 'active', reason = '', failures = 0, updated_at = ? WHERE plugin = ?",
        (brand.now(), plugin),
    )
    if changed.rowcount != 1:
        raise NotFound(f"plugin {plugin!r} receives no events of brand {brand.id!r}")


@dataclass(frozen=True, slots=True)
class ParkedView:
    """A parked event as shown to people."""

    plugin: str
    event_id: int
    type: str
    attempts: int
    state: str
    next_at: int
    error: str
    traceback: str


def parked_events(plugin: str | None = None, limit: int = 200) -> list[ParkedView]:
    """Parked events of the current brand, oldest first."""
    where, params = ("WHERE parked.plugin = ?", [plugin]) if plugin else ("", [])
    rows = execute(
        "SELECT parked.plugin, event_id, event.type, attempts, state, next_at, error, traceback FROM parked "
        f"JOIN event ON event.id = parked.event_id {where} ORDER BY event_id LIMIT ?",
        [*params, limit],
    ).fetchall()
    return [ParkedView(*row) for row in rows]


def parked_counts() -> dict[str, int]:
    """How many events of the current brand are parked, by plugin; plugins without any are left out."""
    return dict(execute("SELECT plugin, count(*) FROM parked GROUP BY plugin").fetchall())


def retry_now(brand: Brand, plugin: str, event_ids: Iterable[int]) -> int:
    """Make parked events due at once (held ones too); returns how many."""
    count = 0
    for event_id in event_ids:
        changed = execute(
            "UPDATE parked SET state = 'retry', next_at = ?, updated_at = ? WHERE plugin = ? AND event_id = ?",
            (brand.now(), brand.now(), plugin, event_id),
        )
        count += int(changed.rowcount)
    return count


def discard(plugin: str, event_ids: Iterable[int]) -> int:
    """Give parked events up for good; returns how many."""
    count = 0
    for event_id in event_ids:
        changed = execute("DELETE FROM parked WHERE plugin = ? AND event_id = ?", (plugin, event_id))
        count += int(changed.rowcount)
    return count


def park_hung(brand: Brand, plugin: str, event_id: int, seconds: float) -> None:
    """Park an event whose handler did not return; called after its process was ended.

    It counts as a failure in a row like any other.
    """
    now = brand.now()
    row = execute(
        "UPDATE plugin_cursor SET failures = failures + 1, updated_at = ? WHERE plugin = ? RETURNING failures",
        (now, plugin),
    ).fetchone()
    if row is not None and row[0] >= LIMITS.breaker_failures:
        pause_plugin(brand, plugin, f"{row[0]} events in a row failed; the last handler hung")
    execute(
        "INSERT INTO parked (plugin, event_id, attempts, state, next_at, error, traceback, created_at, "
        "updated_at) VALUES (?, ?, 1, 'retry', ?, ?, '', ?, ?) ON CONFLICT (plugin, event_id) DO UPDATE "
        "SET attempts = parked.attempts + 1, next_at = excluded.next_at, error = excluded.error, "
        "state = CASE WHEN parked.attempts + 1 >= ? THEN 'held' ELSE 'retry' END, "
        "updated_at = excluded.updated_at",
        (
            plugin,
            event_id,
            now + RETRY_SECONDS[0] * 1000,
            f"hung: the handler did not return within {seconds:.0f} s; its process was ended",
            now,
            now,
            LIMITS.park_attempts,
        ),
    )
