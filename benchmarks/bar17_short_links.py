"""Bar 17: short links followed through ``scrm run``, each visit recorded, beside a bare Flask redirect.

Both stand on the same server with as many workers. Ours looks the code up,
tells people from programs, writes the visit and its event and redirects; at the
end the visits in the database must be as many as the redirects that were given.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import http_load
from bar08_serve_intake import BRAND, CLIENTS, HELLO, PAIRS, SECONDS, WORKERS, free_port, scrm, served
from engines import SQLITE, Engine, postgres
from measure import report

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation

LINKS = 200
REDIRECT = HELLO.replace("from flask import Flask", "from flask import Flask, redirect").replace(
    'lambda: "hello"', 'lambda: redirect("https://shop.example/land", 302)'
)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"


def visits(codes: list[str]) -> Iterator[bytes]:
    """Requests of different visitors for one link after another."""
    for n, code in enumerate(itertools.cycle(codes)):
        yield (
            f"GET /l/{code} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {PHONE}\r\n"
            f"Cookie: scrm_visitor={n:032x}\r\nAccept: text/html\r\n\r\n"
        ).encode()


def main() -> None:
    """Serve a fresh project and the yardstick, load both in turns, compare what was recorded."""
    for synchronous in ("NORMAL", "FULL"):
        serve_and_measure(SQLITE, synchronous)
    with postgres() as engine:
        if engine is not None:
            serve_and_measure(engine, "FULL")


def serve_and_measure(engine: Engine, synchronous: str) -> None:
    """One row."""
    where = f"SQLite {synchronous}" if engine.sqlite else engine.name
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "brands").mkdir()
        (folder / "scrm.toml").write_text(f'database_url = "{engine.url}"\ndatabase_synchronous = "{synchronous}"\n')
        (folder / "brands" / "shop.toml").write_text(BRAND)
        (folder / "hello.py").write_text(REDIRECT)
        scrm(folder, "migrate")
        brand = Installation.open(folder).brand("shop")
        with brand:
            brand.channels.ensure("sms", "SMS", "sms")
            links = brand.links.create_many("sms", "https://shop.example/land?c={code}", LINKS)
        ours, bare = free_port(), free_port()
        run = [sys.executable, "-m", "scrm_core.cli", "run", "--port", str(ours), "--workers", str(WORKERS)]
        with (
            served(run, ours, folder),
            served([sys.executable, "hello.py", str(bare), str(WORKERS)], bare, folder),
        ):
            given = measure(ours, bare, [link.code for link in links], where)
        with brand:
            (recorded,) = execute("SELECT count(*) FROM visit").fetchone()
        if recorded != given:
            raise SystemExit(f"{given} redirects were given and {recorded} visits recorded")


def measure(ours: int, bare: int, codes: list[str], where: str) -> int:
    """Load both in turns and report; returns how many redirects ours gave."""
    mine, theirs = visits(codes), itertools.repeat(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    given = len(http_load.run(ours, mine, clients=CLIENTS, seconds=0.5, status=b"302").waits)
    http_load.run(bare, theirs, clients=CLIENTS, seconds=0.5, status=b"302")
    ratios = []
    for _ in range(PAIRS):
        taken = http_load.run(ours, mine, clients=CLIENTS, seconds=SECONDS, status=b"302")
        base = http_load.run(bare, theirs, clients=CLIENTS, seconds=SECONDS, status=b"302")
        if taken.refused or base.refused:
            raise RuntimeError(f"an answer was no redirect: {(taken.refused + base.refused)[0][:500]!r}")
        given += len(taken.waits)
        ratios.append(taken.rate / base.rate)
        print(f"short links {taken.rate:,.0f}/s, bare redirects {base.rate:,.0f}/s", file=sys.stderr)
    report(f"17 short links, {where}", statistics.median(ratios), at_least=0.5)
    return given


if __name__ == "__main__":
    main()
