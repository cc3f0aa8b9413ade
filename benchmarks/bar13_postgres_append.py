"""Bar 13: eight processes append events on PostgreSQL, beside as many that insert into a plain bigserial table.

Each transaction appends a few events and waits for the disk, as the server is
set up to. The log is read in the order of commits, which costs a column and an
index; the yardstick's table has neither (>= 0.8x events/s).

Then eight processes append for random times in transactions of random length,
some rolled back, while two plugins are delivered to: every committed event must
reach both exactly once (lost and doubled 0).
"""

from __future__ import annotations

import collections
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from brand_scene import open_brands
from engines import SKIPPED, Engine, postgres, raw_postgres
from measure import report, size

from scrm_core import eventlog
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.eventlog import NewEvent
from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.installation import Installation
from scrm_core.plugin import Plugin

WRITERS = size(8, 2)
COMMITS = size(250, 15)
EVENTS = 4
PAIRS = size(9, 2)
RANDOM_COMMITS = size(150, 10)
DATA = {"order_id": 1, "source": "bench", "number": "N", "paid_minor": 1990, "lines": [["SKU", 1, 1990, 0]]}
TEXT = '{"order_id":1,"source":"bench","number":"N","paid_minor":1990,"lines":[["SKU",1,1990,0]]}'
PLAIN = (
    "CREATE TABLE plain_event (id bigserial PRIMARY KEY, type text NOT NULL, contact_id bigint, at bigint NOT NULL, "
    "recorded_at bigint NOT NULL, backfill bigint NOT NULL, data text NOT NULL)"
)
INSERT = "INSERT INTO plain_event (type, contact_id, at, recorded_at, backfill, data) VALUES (%s, %s, %s, %s, %s, %s)"


def noting(number: int) -> type[Plugin]:
    """A plugin that remembers which orders it was told of."""

    class Noting(Plugin):
        name = f"noting-{number}"
        version, summary, requires_core = "1", "remembers", ">=0.0"

        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            self.seen: collections.Counter[int] = collections.Counter()

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            self.seen[event.order_id] += 1

    return Noting


def writer(kind: str, root: Path, url: str, gate: Any) -> None:
    """One process: waits at the gate before and after each of its turns."""
    if kind == "ours":
        brand = Installation.open(root).brand("bench")
        with brand:
            execute("SELECT 1")
            for _ in range(PAIRS):
                gate.wait(120)
                for n in range(COMMITS):
                    with brand.transaction():
                        eventlog.append([NewEvent("order.paid", None, n, DATA)] * EVENTS, recorded_at=n)
                gate.wait(120)
        return
    raw = raw_postgres(url, "bench")
    for _ in range(PAIRS):
        gate.wait(120)
        for n in range(COMMITS):
            with raw.transaction(), raw.cursor() as cursor:
                cursor.executemany(INSERT, [("order.paid", None, n, n, 0, TEXT)] * EVENTS)
        gate.wait(120)


def random_writer(root: Path, number: int) -> None:
    """Transactions of random length and size; one in ten is rolled back. Order ids tell which were committed."""
    draw, brand = random.Random(number), Installation.open(root).brand("bench")
    with brand:
        for turn in range(RANDOM_COMMITS):
            kept = draw.random() > 0.1
            try:
                with brand.transaction():
                    for part in range(draw.randint(1, 3)):
                        order_id = (number * RANDOM_COMMITS + turn) * 10 + part
                        data = {**DATA, "order_id": order_id if kept else -1}
                        eventlog.append([NewEvent("order.paid", None, turn, data)], recorded_at=turn)
                        time.sleep(draw.random() * 0.004)
                    if not kept:
                        raise LookupError
            except LookupError:
                continue


def speed(engine: Engine, root: Path) -> float:
    """The median ratio of events a second."""
    with raw_postgres(engine.url, "bench") as raw:
        raw.execute(PLAIN)
    context = multiprocessing.get_context("spawn")
    gates = {kind: context.Barrier(WRITERS + 1) for kind in ("ours", "plain")}
    children = [
        context.Process(target=writer, args=(kind, root, engine.url, gate), daemon=True)
        for kind, gate in gates.items()
        for _ in range(WRITERS)
    ]
    for child in children:
        child.start()
    ratios = []
    for _ in range(PAIRS):
        taken = {}
        for kind, gate in gates.items():
            gate.wait(120)
            start = time.perf_counter()
            gate.wait(300)
            taken[kind] = time.perf_counter() - start
        ratios.append(taken["plain"] / taken["ours"])
        rates = {kind: WRITERS * COMMITS * EVENTS / seconds for kind, seconds in taken.items()}
        print(f"ours {rates['ours']:,.0f} events/s, plain {rates['plain']:,.0f}", file=sys.stderr)
    for child in children:
        child.join(30)
    return statistics.median(ratios)


def delivered(root: Path, writing: Path, classes: tuple[type[Plugin], ...]) -> tuple[int, int]:
    """How many committed events a plugin never met, and how many it met more than once."""
    brand = Installation.open(root, plugins=classes).brand("bench")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=random_writer, args=(writing, n), daemon=True) for n in range(WRITERS)]
    with brand:
        Delivery(brand).drain()
        for plugin in brand.plugins.values():
            plugin.seen.clear()  # type: ignore[attr-defined]
        (before,) = execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
        for process in writers:
            process.start()
        while any(process.is_alive() for process in writers):
            Delivery(brand).drain()
        for process in writers:
            process.join()
            if process.exitcode:
                raise SystemExit(f"a writer ended with {process.exitcode}")
        Delivery(brand).drain()
        texts = execute("SELECT data FROM event WHERE id > ?", (before,)).fetchall()
    committed = collections.Counter(int(text.split('"order_id":', 1)[1].split(",")[0]) for (text,) in texts)
    if len(committed) < RANDOM_COMMITS or -1 in committed or max(committed.values()) > 1:
        raise SystemExit("the writers did not write what they should")
    lost = doubled = 0
    for plugin in brand.plugins.values():
        seen = plugin.seen  # type: ignore[attr-defined]
        lost += sum(1 for order in committed if not seen[order])
        doubled += sum(count - 1 for count in seen.values() if count > 1)
        doubled += sum(1 for order in seen if order not in committed)
    return lost, doubled


def main() -> None:
    """Print the three rows."""
    classes = (noting(1), noting(2))
    with postgres() as engine, tempfile.TemporaryDirectory() as folder:
        if engine is None:
            raise SystemExit(SKIPPED)
        root = Path(folder) / "shop"
        open_brands(root, ["bench"], url=engine.url).close()
        report("13 event append, 8 clients / plain bigserial", speed(engine, root), at_least=0.8)
        brand_file = root / "brands" / "bench.toml"
        brand_file.write_text(brand_file.read_text() + "".join(f"[plugins.{cls.name}]\n" for cls in classes))
        Installation.open(root, plugins=classes).migrate()
        # The writers of this part need the brand without plugins that only this process has.
        plain = Path(folder) / "writers"
        (plain / "brands").mkdir(parents=True)
        (plain / "scrm.toml").write_text((root / "scrm.toml").read_text())
        (plain / "brands" / "bench.toml").write_text(brand_file.read_text().split("[plugins")[0])
        lost, doubled = delivered(root, plain, classes)
        report("13 events lost, 8 random writers", float(lost), at_most=0)
        report("13 events doubled, 8 random writers", float(doubled), at_most=0)


if __name__ == "__main__":
    main()
