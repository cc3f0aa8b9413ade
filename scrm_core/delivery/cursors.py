"""Cursors: how far each plugin has come in a brand's log, and which worker delivers to it."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .. import eventlog
from ..db.bulk import execute
from ..errors import NotFound
from ..eventlog import Position
from ..hooks import EVENT_HOOKS

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.delivery")

LEASE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A plugin's place in the log and its state for one brand."""

    plugin: str
    position: Position
    state: str
    reason: str
    failures: int


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
            name == implementer for hook in EVENT_HOOKS for implementer, _, _ in brand.hooks.implementations(hook)
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


@cache
def _machine() -> str:
    """This host in leases: its name, what it was started as, and who sees its process ids.

    Two machines or containers may have one name: neither may take the other's process for a dead one of its own.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        ids = os.stat("/proc/self/ns/pid").st_ino
    except OSError:  # no Linux
        return os.uname().nodename
    return f"{os.uname().nodename}/{boot}/{ids}"


def worker_name() -> str:
    """This process's name in leases: its host and process id."""
    return f"{_machine()}:{os.getpid()}"


def ended(owner: str) -> bool:
    """True when ``owner``, a name in a lease, was a process of this host that is no more."""
    host, _, pid = owner.rpartition(":")
    if host != _machine() or not pid.isdigit():
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
                if owner != self.owner and ended(owner):
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
