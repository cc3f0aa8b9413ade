"""Real worker processes: killed, hung and stopped, and still every effect exactly once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scrm_core import eventlog
from scrm_core.db.bulk import execute
from scrm_core.delivery import parked_events, read_cursors
from scrm_core.eventlog import NewEvent
from scrm_core.jobs import Queue, make_huey
from scrm_core.nudge import NudgeReceiver, NudgeSender, socket_dir
from scrm_core.worker import EXIT_HUNG, take_hung_notes

PLUGIN = '''
import peewee as pw
from scrm_core.api import BrandModel, Job, OrderPaid, Plugin, hookimpl

class Seen(BrandModel):
    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()
    class Meta:
        table_name = "{table}"

class Count(Plugin):
    name = "{name}"
    version = "1"
    summary = "counts orders"
    requires_core = ">=0.0"
    models = (Seen,)
    migrations = "migrations"

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        Seen.create(event_id=event.event_id)
        {body}

    jobs = (Job("hourly", 3_600, "hourly"),)

    def hourly(self) -> None:
        {job}
'''

MIGRATION = '''
def up(migrator, db):
    kind = "INTEGER PRIMARY KEY" if db.param == "?" else "BIGSERIAL PRIMARY KEY"
    db.execute_sql("CREATE TABLE {table} (id " + kind + ", event_id BIGINT NOT NULL)")
'''

WORKER = """
import signal, sys, threading
from pathlib import Path
from scrm_core import limits, worker
from scrm_core.installation import Installation

if len(sys.argv) > 2:
    object.__setattr__(limits.LIMITS, "handler_ms", int(sys.argv[2]))
    object.__setattr__(limits.LIMITS, "job_ms", int(sys.argv[2]))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("ready", flush=True)
sys.exit(worker.run(Installation.open(Path(sys.argv[1])), stop, jobs=len(sys.argv) > 3))
"""


def write_plugin(folder: Path, name: str, body: str = "pass", job: str = "pass") -> None:
    table = name.replace("-", "_") + "_seen"
    home = folder / ("scrm_" + name.replace("-", "_"))
    (home / "migrations").mkdir(parents=True)
    (home / "__init__.py").write_text(PLUGIN.format(name=name, table=table, body=body, job=job))
    (home / "migrations" / "0001_seen.py").write_text(MIGRATION.format(table=table))


@pytest.fixture
def folder_brand(new_installation):
    """Acme with plugins from the project's plugin folder: ``make({name: extra line of the handler})``."""

    def make(plugins: dict[str, str], job: str = "pass"):
        installation = new_installation(acme="".join(f"[plugins.{name}]\nenabled = false\n" for name in plugins))
        root = installation.config.root
        for name, body in plugins.items():
            write_plugin(root / "own", name, body, job)
        toml = root / "scrm.toml"
        toml.write_text(toml.read_text() + 'plugins_dir = "own"\n')
        path = root / "brands" / "acme.toml"
        path.write_text(path.read_text().replace("enabled = false\n", ""))
        from scrm_core.installation import Installation

        fresh = Installation.open(root, clock=installation.clock)
        fresh.migrate()
        return fresh.brand("acme")

    return make


@pytest.fixture
def spawn():
    running: list[subprocess.Popen[str]] = []

    def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def append(brand, count: int, first: int = 0) -> None:
    with brand, brand.transaction():
        eventlog.append(
            [
                NewEvent("order.paid", None, n, {"order_id": n, "source": "s", "number": str(n), "paid_minor": 1})
                for n in range(first, first + count)
            ],
            recorded_at=brand.now(),
        )


def counted(brand, name: str) -> int:
    with brand:
        (count,) = execute(f"SELECT count(*) FROM {name.replace('-', '_')}_seen").fetchone()
    return int(count)


def until(condition, process=None, seconds: float = 60.0) -> None:
    """Poll a condition about another process; fail when it does not come true."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the awaited state did not come" + (process.communicate()[1] if process else ""))
        pause.wait(0.02)


@pytest.mark.parametrize("kills", [3, pytest.param(8, marks=pytest.mark.soak)])
def test_six_counting_plugins_see_each_order_once_although_the_worker_is_killed_at_random(folder_brand, spawn, kills):
    names = [f"count-{n}" for n in range(6)]
    brand = folder_brand(dict.fromkeys(names, "pass"))
    rng = random.Random(11)
    total = 0
    for _ in range(kills):
        append(brand, 150, total)
        total += 150
        process = spawn(brand.installation.config.root)
        target = rng.randrange(1, 6 * total)
        until(lambda: sum(counted(brand, n) for n in names) >= min(target, 6 * total), process)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    process = spawn(brand.installation.config.root)
    until(lambda: all(counted(brand, n) >= total for n in names), process)
    process.terminate()
    assert process.wait(30) == 0
    for name in names:
        with brand:
            table = name.replace("-", "_") + "_seen"
            rows = execute(f"SELECT event_id, count(*) FROM {table} GROUP BY event_id").fetchall()
            events = [row[0] for row in execute("SELECT id FROM event").fetchall()]
        assert sorted(rows) == [(event, 1) for event in sorted(events)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_hung_handler_ends_its_worker_and_its_event_is_parked_while_others_go_on(folder_brand, spawn):
    hang = "import threading; event.number == '2' and threading.Event().wait()"
    brand = folder_brand({"hangs": hang, "calm": "pass"})
    append(brand, 5)
    root = brand.installation.config.root
    process = spawn(root, "400")
    assert process.wait(60) == EXIT_HUNG
    process = spawn(root)
    until(lambda: counted(brand, "hangs") == 4 and counted(brand, "calm") == 5, process)
    process.terminate()
    assert process.wait(30) == 0
    with brand:
        (parked,) = parked_events("hangs")
        assert "did not return" in parked.error
        assert {c.state for c in read_cursors()} == {"active"}
    assert take_hung_notes(brand.installation.config.data_dir) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_job_that_does_not_end_ends_its_worker_and_counts_as_an_attempt(folder_brand, spawn):
    brand = folder_brand({"slow": "pass"}, job="import threading; threading.Event().wait()")
    queue = Queue(brand.installation, make_huey(brand.installation.config), lambda brand_id: None)
    queue.enqueue_due()
    process = spawn(brand.installation.config.root, "400", "jobs")
    assert process.wait(60) == EXIT_HUNG
    with brand:
        rows = execute("SELECT state, attempts FROM job_run WHERE plugin = 'slow'").fetchall()
    assert rows == [("running", 1)]


def test_a_committed_event_wakes_the_worker_through_its_socket(tmp_path):
    receiver = NudgeReceiver(tmp_path)
    try:
        sender = NudgeSender(tmp_path)
        sender("acme")
        sender("acme")
        assert receiver.wait(5) == {"acme"}
        assert receiver.wait(0) == set()
    finally:
        receiver.close()
    sender("acme")  # nobody listens any more: no error, and nothing is left behind
    assert not socket_dir(tmp_path).exists()
