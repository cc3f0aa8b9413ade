"""Bar 8: ``scrm run`` taking leads, beside a bare Flask hello on the same server with as many workers.

Ours is the real command with its worker: each request authenticates, checks,
writes lead, contact, identity, touch and event in one durable transaction. The
yardstick answers a constant from granian's WSGI server, one thread a worker.

Measured twice: with synchronous=NORMAL, where the work counts, and with FULL,
which installations use unless told otherwise and where every request waits for
the disk while the yardstick never does. Many short turns, because a machine
that does other things as well changes its speed within seconds.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import http_load
from engines import SQLITE, Engine, postgres
from measure import report, size

BRAND = '[brand]\nid = "shop"\nname = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
HELLO = """
import sys
from granian import Granian
from granian.constants import Interfaces

def load(target):
    from flask import Flask
    app = Flask("hello")
    app.add_url_rule("/", "hello", lambda: "hello")
    return app

if __name__ == "__main__":
    Granian("hello", port=int(sys.argv[1]), interface=Interfaces.WSGI, workers=int(sys.argv[2]), blocking_threads=1,
            log_enabled=False).serve(target_loader=load)
"""
CLIENTS = 64
SECONDS = size(1, 1)
PAIRS = size(15, 1)
WORKERS = 2


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def served(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """The command as a server, up before the block and stopped behind it."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} did not come up")
        time.sleep(1)  # every worker process, not only the first
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def scrm(folder: Path, *arguments: str) -> str:
    """Run a command of the project and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "scrm_core.cli", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def leads(key: str) -> Iterator[bytes]:
    """Requests with distinct leads."""
    for n in itertools.count():
        body = json.dumps({"source": "form", "key": f"k{n}", "phone": f"138{n:08d}", "name": "王小明"}).encode()
        head = (
            "POST /api/v1/shop/leads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def main() -> None:
    """Measure the bar without and with waiting for the disk at each commit, and on PostgreSQL, which waits."""
    for synchronous in ("NORMAL", "FULL"):
        serve_and_measure(SQLITE, synchronous)
    with postgres() as engine:
        if engine is not None:
            serve_and_measure(engine)


def serve_and_measure(engine: Engine, synchronous: str = "FULL") -> None:
    """Serve a fresh project and the yardstick, and load both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "brands").mkdir()
        (folder / "scrm.toml").write_text(f'database_url = "{engine.url}"\ndatabase_synchronous = "{synchronous}"\n')
        (folder / "brands" / "shop.toml").write_text(BRAND)
        (folder / "hello.py").write_text(HELLO)
        scrm(folder, "migrate")
        key = json.loads(scrm(folder, "key", "create", "shop", "--json"))["key"]
        ours, hello = free_port(), free_port()
        run = [sys.executable, "-m", "scrm_core.cli", "run", "--port", str(ours), "--workers", str(WORKERS)]
        bare = [sys.executable, "hello.py", str(hello), str(WORKERS)]
        with served(run, ours, folder), served(bare, hello, folder):
            measure(ours, hello, key, f"SQLite {synchronous}" if engine.sqlite else engine.name)


def measure(ours: int, hello: int, key: str, where: str) -> None:
    """Load both in turns and report."""
    requests, greeting = leads(key), itertools.repeat(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    http_load.run(ours, requests, clients=CLIENTS, seconds=0.5)
    http_load.run(hello, greeting, clients=CLIENTS, seconds=0.5)
    ratios, tails = [], []
    for _ in range(PAIRS):
        taken = http_load.run(ours, requests, clients=CLIENTS, seconds=SECONDS)
        base = http_load.run(hello, greeting, clients=CLIENTS, seconds=SECONDS)
        if taken.refused or base.refused:
            raise RuntimeError(f"an answer was not 2xx: {(taken.refused + base.refused)[0][:500]!r}")
        ratios.append(taken.rate / base.rate)
        tails.append(taken.percentile(0.99) / taken.percentile(0.5))
        print(f"leads {taken.rate:,.0f}/s, hello {base.rate:,.0f}/s", file=sys.stderr)
    report(f"8 serve intake, {where}", statistics.median(ratios), at_least=0.35)
    report(f"8 serve intake, p99 over p50, {where}", statistics.median(tails), at_most=8)


if __name__ == "__main__":
    main()
