"""Bar 15: from the commit of an event to the start of its handler, idle worker: p50 <= 10 ms, none lost."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from measure import report, size

from scrm_core import eventlog
from scrm_core.eventlog import NewEvent
from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.plugin import Plugin
from scrm_core.worker import Worker

EVENTS = size(200, 20)


class Waking(Plugin):
    """Notes when its handler begins."""

    name = "waking"
    version, summary, requires_core = "1", "notes the time", ">=0.0"
    begun = threading.Event()
    at = 0.0

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        type(self).at = time.perf_counter()
        type(self).begun.set()


def main() -> None:
    """Measure the bar; the ratio is milliseconds."""
    with TemporaryDirectory() as folder:
        installation = open_brands(Path(folder), ["bench"], (Waking,))
        stop = threading.Event()
        worker = Worker(installation, stop)
        thread = threading.Thread(target=worker.run, kwargs={"jobs": False})
        thread.start()
        brand = installation.brand("bench")
        waits, lost = [], 0
        for n in range(EVENTS):
            Waking.begun.clear()
            data = {"order_id": n, "source": "bench", "number": str(n), "paid_minor": 1}
            with brand, brand.transaction():
                eventlog.append([NewEvent("order.paid", None, n, data)], recorded_at=n)
            committed = time.perf_counter()
            if Waking.begun.wait(5):
                waits.append(max(0.0, Waking.at - committed) * 1_000)
            else:
                lost += 1
        stop.set()
        worker.receiver.wake()
        thread.join()
        report("15 commit to handler, p50 in ms", statistics.median(waits), at_most=10)
        report(f"15 events lost of {EVENTS}", float(lost), at_most=0)


if __name__ == "__main__":
    main()
