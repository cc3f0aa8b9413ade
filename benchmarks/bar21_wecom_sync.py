"""Bar 21, the plugin wecom's own: a full sync of a hundred thousand customers, in flat memory.

The simulator is a process of its own, and each sync is another one with a new
brand, which tells the most memory that it ever held. Nothing in it may grow with
the customers: the bound is that of bar 2. Linux only (``VmHWM``).

The second row is the time of a page late in the sync beside one early in it: a
query that reads what the sync has written so far would show there. The third is
beside raw executemany of every row that the sync left behind, into a file with the
same tables and indexes, as many a commit as a page has.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import BRAND
from measure import report, size

from scrm_core.installation import Installation
from scrm_wecom import WecomPlugin
from scrm_wecom.simulator import Simulator, demo_corps, serve

FEW = size(10_000, 1_000)
MANY = size(100_000, 3_000)
STAFF = 10
STATUS = Path("/proc/self/status")
SKIPPED = 77


def simulate(customers: int) -> None:
    """Serve a corporation until somebody closes the input; prints its address, id and secret."""
    (corp,) = demo_corps(staff=STAFF, customers=customers)
    with serve(Simulator([corp])) as server:
        print(json.dumps([server.url, corp.corpid, corp.apps[0].secret]), flush=True)
        sys.stdin.read()


@contextmanager
def corporation(customers: int) -> Iterator[list[str]]:
    """A simulator in a process of its own."""
    command = [sys.executable, __file__, "--simulate", str(customers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


def sync(root: Path, api: str, corp: str, secret: str) -> None:
    """Sync into a new brand; prints the peak of this process's memory, the customers and the seconds of each page."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text('database_url = "sqlite:data"\ndatabase_synchronous = "NORMAL"\n')
    table = f'[plugins.wecom]\ncorp_id = "{corp}"\nsecret = "{secret}"\napi = "{api}"\n'
    (root / "brands" / "acme.toml").write_text(BRAND.format(id="acme") + table)
    installation = Installation.open(root, plugins=(WecomPlugin,))
    installation.migrate()
    pages: list[float] = []
    with installation.brand("acme") as brand:
        full = brand.plugins["wecom"].wecom.full_sync
        full.begin()
        # Processor time: what the simulator takes for a page is not ours.
        view = full.run(3_600, lambda _: pages.append(time.process_time()))
    assert view is not None and view.state == "done", view
    peak = next(line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps([int(peak), view.relations, pages]))


def synced(root: Path, customers: int) -> tuple[int, int, list[float]]:
    """Peak memory in kilobytes, relations, and the processor's seconds of each page."""
    with corporation(customers) as (api, corp, secret):
        command = [sys.executable, __file__, "--sync", str(root), api, corp, secret]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    peak, relations, ends = json.loads(done.stdout)
    return peak, relations, [after - before for before, after in pairwise(ends)]


def by_hand(made: Path, copy: Path, pages: int) -> float:
    """The processor's seconds of writing what a sync left behind with raw SQLite, in so many commits."""
    source, target = sqlite3.connect(made), sqlite3.connect(copy, isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("PRAGMA synchronous = NORMAL")
    target.execute("PRAGMA foreign_keys = 0")
    tables = {}
    for kind, name, sql in source.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall():
        if kind in ("table", "index") and not name.startswith("sqlite_"):
            target.execute(sql)
        if kind == "table" and not name.startswith("sqlite_"):
            rows = source.execute(f'SELECT * FROM "{name}"').fetchall()
            if len(rows) >= pages:
                tables[f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})'] = rows
    start = time.process_time()
    for page in range(pages):
        target.execute("BEGIN IMMEDIATE")
        for insert, rows in tables.items():
            target.executemany(insert, rows[len(rows) * page // pages : len(rows) * (page + 1) // pages])
        target.execute("COMMIT")
    took = time.process_time() - start
    source.close()
    target.close()
    return took


def main() -> None:
    """All rows."""
    if not STATUS.exists():
        print("no /proc/self/status here: the peak of a process cannot be told", file=sys.stderr)
        raise SystemExit(SKIPPED)
    with TemporaryDirectory() as folder:
        few, _, _ = synced(Path(folder) / "few", FEW)
        many, relations, pages = synced(Path(folder) / "many", MANY)
        raw = by_hand(Path(folder) / "many" / "data" / "acme.db", Path(folder) / "raw.db", len(pages))
    assert relations >= MANY
    print(f"{few} kB, {many} kB; {relations} relations in {sum(pages):.1f} s, by hand {raw:.1f} s", file=sys.stderr)
    report("21 peak memory of a full sync, 100k customers / 10k", many / few, at_most=1.15)
    part = len(pages) // 10
    early, late = statistics.median(pages[1 : part + 1]), statistics.median(pages[-part - 2 : -2])
    report("21 a page of the full sync, the last tenth / the first", late / early, at_most=1.5)
    report("21 full sync / raw executemany of the rows it leaves", raw / sum(pages), at_least=0.2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--simulate"]:
        simulate(int(sys.argv[2]))
    elif sys.argv[1:2] == ["--sync"]:
        sync(Path(sys.argv[2]), *sys.argv[3:])
    else:
        main()
