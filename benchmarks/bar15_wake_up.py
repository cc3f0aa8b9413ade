"""Bar 15: from the commit of an event to the start of its handler, idle worker: p50 <= 10 ms, none lost."""

from __future__ import annotations

import math
import statistics
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from engines import Engine, engines
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
    met: set[int] = set()

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        type(self).at = time.perf_counter()
        type(self).met.add(event.order_id)
        type(self).begun.set()


def main() -> None:
    """Measure the bar on each database; the ratio is milliseconds."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """Two rows."""
    with TemporaryDirectory() as folder:
        installation = open_brands(Path(folder), ["bench"], (Waking,), url=engine.url)
        stop = threading.Event()
        worker = Worker(installation, stop)
        thread = threading.Thread(target=worker.run, kwargs={"jobs": False})
        thread.start()
        brand = installation.brand("bench")
        waits: list[float] = []
        Waking.met.clear()
        for n in range(EVENTS):
            Waking.begun.clear()
            data = {"order_id": n, "source": "bench", "number": str(n), "paid_minor": 1}
            with brand, brand.transaction():
                eventlog.append([NewEvent("order.paid", None, n, data)], recorded_at=n)
            committed = time.perf_counter()
            late = not Waking.begun.wait(30)
            waits.append(math.inf if late else max(0.0, Waking.at - committed) * 1_000)
        deadline = time.monotonic() + 60
        while len(Waking.met) < EVENTS and time.monotonic() < deadline:
            time.sleep(0.1)
        lost = EVENTS - len(Waking.met)
        stop.set()
        worker.receiver.wake()
        thread.join()
        report(f"15 commit to handler, p50 in ms, {engine.name}", statistics.median(waits), at_most=10)
        report(f"15 events lost of {EVENTS}, {engine.name}", float(lost), at_most=0)


if __name__ == "__main__":
    main()
