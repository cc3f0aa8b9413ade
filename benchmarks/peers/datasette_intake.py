"""Posting leads to ``scrm run``, beside datasette's write API, one row and a hundred rows a request.

::

    python benchmarks/peers/datasette_intake.py [--small]

Both are one web process on one SQLite file in WAL mode that waits for the disk at
each commit, and are loaded in turns by the same clients. Ours authenticates,
checks the phone number, resolves the contact, writes lead, contact, identity,
touch and event; datasette inserts one row into a table with a unique key.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from venvs import python_of

import http_load  # isort: skip
from bar08_serve_intake import BRAND, free_port, scrm, served  # isort: skip
from measure import size  # isort: skip

DATASETTE = "datasette==1.0a41"  # the write API came with 1.0
SECRET = "only-for-this-run"
CLIENTS = 16
SECONDS = size(2, 1)
PAIRS = size(7, 1)
BATCH = 100
TABLE = "CREATE TABLE lead (id INTEGER PRIMARY KEY, source TEXT, key TEXT UNIQUE, phone TEXT, name TEXT)"


def lead(number: int) -> dict[str, str]:
    """A new lead."""
    return {"source": "form", "key": f"k{number}", "phone": f"138{number:08d}", "name": "王小明"}


def posts(path: str, token: str, bodies: Iterator[object]) -> Iterator[bytes]:
    """Requests with these bodies."""
    for value in bodies:
        body = json.dumps(value).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


Turn = Callable[[], http_load.Load]


def side_by_side(what: str, rows: int, ours: Turn, theirs: Turn) -> None:
    """Load both in turns and print rows a second of each, and the median of the ratios."""
    ratios, rates = [], ([], [])
    for _ in range(PAIRS):
        mine, other = ours(), theirs()
        for load in (mine, other):
            if load.refused:
                raise SystemExit(f"{what}: an answer was not 2xx: {load.refused[0][:300]!r}")
        ratios.append(mine.rate / other.rate)
        rates[0].append(mine.rate * rows)
        rates[1].append(other.rate * rows)
    row = {
        "peer": f"datasette, {what}",
        "ours_per_s": round(statistics.median(rates[0])),
        "theirs_per_s": round(statistics.median(rates[1])),
        "ratio": round(statistics.median(ratios), 2),
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    """Serve both and load them."""
    python = python_of("datasette", DATASETTE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "brands").mkdir()
        (folder / "scrm.toml").write_text('database_synchronous = "FULL"\n')
        (folder / "brands" / "shop.toml").write_text(BRAND)
        scrm(folder, "migrate")
        key = json.loads(scrm(folder, "key", "create", "shop", "--json"))["key"]
        with sqlite3.connect(folder / "intake.db") as made:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute(TABLE)
        made.close()
        token = token_of(python, folder)
        ours, theirs = free_port(), free_port()
        run = [sys.executable, "-m", "scrm_core.cli", "run", "--port", str(ours), "--workers", "1"]
        datasette = [python, "-m", "datasette", "intake.db", "-p", str(theirs), "--root", "--secret", SECRET]
        numbers = itertools.count()
        singles = ({"row": lead(n)} for n in numbers), (lead(n) for n in numbers)
        batches = (({"rows": [lead(next(numbers)) for _ in range(BATCH)]} for _ in numbers) for _ in range(2))
        with served(run, ours, folder), served(datasette, theirs, folder):
            insert = "/intake/lead/-/insert"
            mine, other = posts("/api/v1/shop/leads", key, singles[1]), posts(insert, token, singles[0])
            load(ours, mine, 0.3), load(theirs, other, 0.3)
            side_by_side("one row a request", 1, lambda: load(ours, mine), lambda: load(theirs, other))
            mine = posts("/api/v1/shop/leads:batch", key, next(batches))
            other = posts(insert, token, next(batches))
            side_by_side("100 rows a request", BATCH, lambda: load(ours, mine), lambda: load(theirs, other))


def load(port: int, requests: Iterator[bytes], seconds: float = SECONDS) -> http_load.Load:
    """A turn."""
    return http_load.run(port, requests, clients=CLIENTS, seconds=seconds)


def token_of(python: str, folder: Path) -> str:
    """A token of datasette's root user."""
    create = [python, "-m", "datasette", "create-token", "root", "--secret", SECRET]
    return subprocess.run(create, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
