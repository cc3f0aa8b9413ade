"""Bar 16: the cost of one delivered event as the log grows, beside itself on a short log (<= 1.2x)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from engines import Engine, engines
from measure import paired, report, size

from scrm_core import eventlog
from scrm_core.brands import Brand
from scrm_core.delivery import Delivery
from scrm_core.eventlog import NewEvent
from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.plugin import Plugin

SHORT = size(10_000, 100)
LONG = size(5_000_000, 2_000)
ROUNDS = size(300, 3)
EVENTS = 50
DATA = '{"order_id":1,"source":"bench","number":"N","paid_minor":1990,"items":1,"lines":[["SKU",1,1990,0]]}'


class Looking(Plugin):
    """Looks at every order."""

    name = "looking"
    version, summary, requires_core = "1", "looks", ">=0.0"

    count = 0

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.count += 1


def grow(engine: Engine, root: Path, name: str, count: int) -> None:
    """Fill a brand's log with ``count`` old events and put the cursor behind them."""
    connection = engine.raw(root, name)
    head = "INSERT INTO event (type, contact_id, at, recorded_at, backfill, data) "
    connection.execute("BEGIN")
    if engine.sqlite:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"{head}SELECT 'order.paid', i % 1000, i, i, 0, ? FROM n",
            (count, DATA),
        )
        connection.execute("UPDATE plugin_cursor SET event_id = ?", (count,))
    else:
        fill = f"{head}SELECT 'order.paid', i %% 1000, i, i, 0, %s FROM generate_series(1, %s) AS n(i)"
        connection.execute(fill, (DATA, count))
        connection.execute(
            "UPDATE plugin_cursor SET (xid, event_id) = "
            "(SELECT event.xid::text, id FROM event ORDER BY event.xid DESC, id DESC LIMIT 1)"
        )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)" if engine.sqlite else "VACUUM ANALYZE event")
    connection.close()


def rounds(brand: Brand) -> Callable[[], None]:
    """Append and deliver a few events, again and again."""

    def run() -> None:
        data = {"order_id": 1, "source": "bench", "number": "N", "paid_minor": 1990, "lines": [["SKU", 1, 1990, 0]]}
        with brand:
            delivery, plugin = Delivery(brand), brand.plugins[Looking.name]
            for _ in range(ROUNDS):
                wanted = plugin.count + EVENTS  # type: ignore[attr-defined]
                with brand.transaction():
                    eventlog.append([NewEvent("order.paid", 1, 1, data)] * EVENTS, recorded_at=1)
                while plugin.count < wanted:  # type: ignore[attr-defined]
                    delivery.drain()

    return run


def main() -> None:
    """Measure the bar on each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """One row."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        installation = open_brands(root, ["short", "long"], (Looking,), url=engine.url)
        installation.close()
        grow(engine, root, "short", SHORT)
        grow(engine, root, "long", LONG)
        long, short = rounds(installation.brand("long")), rounds(installation.brand("short"))
        long(), short()  # the pages of both files that matter are in memory from here on
        measured = paired(long, short)
        report(f"16 cost per event, log of {LONG:,} / {SHORT:,}, {engine.name}", measured.time, at_most=1.2)


if __name__ == "__main__":
    main()
