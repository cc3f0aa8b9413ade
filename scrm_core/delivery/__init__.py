"""Handing events to plugins: database effects exactly once, one bad event stops nobody.

Each (plugin, brand) has a cursor. A batch is read and decoded once and given
to every plugin that stands at the same place; each plugin's writes and its
cursor commit together. The cursor moves by compare-and-set, so two workers
that hand out the same batch cannot both commit it; the lease only saves work.

A handler that raises is found, its event is parked with the traceback in the
transaction that moves the cursor past it, and retried with growing pauses.
Failures in a row trip the plugin's breaker for that brand.
"""

from .cursors import (
    LEASE_MS,
    Cursor,
    Lease,
    ended,
    ensure_cursors,
    pause_plugin,
    read_cursors,
    resume_plugin,
    worker_name,
)
from .loop import Delivery, Running, Step
from .parking import RETRY_SECONDS, ParkedView, describe, discard, park_hung, parked_counts, parked_events, retry_now

__all__ = [
    "LEASE_MS",
    "RETRY_SECONDS",
    "Cursor",
    "Delivery",
    "Lease",
    "ParkedView",
    "Running",
    "Step",
    "describe",
    "discard",
    "ended",
    "ensure_cursors",
    "park_hung",
    "parked_counts",
    "parked_events",
    "pause_plugin",
    "read_cursors",
    "resume_plugin",
    "retry_now",
    "worker_name",
]
