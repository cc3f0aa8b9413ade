"""Bar 20: the console's overview of a brand with 100,000 contacts, beside an empty page that Flask renders.

The yardstick is a bare Flask view that renders an empty template. Ours finds out who asks and what they may see, and
shows what was worked out within the last minute. Both are measured twice: as a browser gets them from a server of one
process, and in this process, without what is no part of a page. What the working out costs, once a minute in each
process, is told in a row of its own: beside an empty render, and without a limit that means anything.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import flask
import http_load
from bar08_serve_intake import HELLO, free_port, served
from brand_scene import open_brands
from jinja2 import DictLoader
from measure import paired, report, size

from scrm_console import Console
from scrm_core.api import IdentityIn, LeadIn, LineIn, OrderIn
from scrm_core.web import create_app

CONTACTS, REQUESTS = size(100_000, 300), size(300, 20)
DAY_MS = 86_400_000
WORD = "correct horse battery"
PAGE = "/staff/console/b/shop/"
SECONDS, TURNS, CLIENTS = size(1.0, 0.5), size(9, 2), 4
EMPTY = HELLO.replace("import Flask", "import Flask, render_template").replace(
    'lambda: "hello")', 'lambda: render_template("empty.html"))\n    app.jinja_loader = DictLoader({"empty.html": ""})'
)
EMPTY = "from jinja2 import DictLoader\n" + EMPTY


def looker(app: Any, path: str, cookies: str = "") -> Callable[[], None]:
    """A function that asks for a page many times, straight from the WSGI application."""

    def ask() -> None:
        for _ in range(REQUESTS):
            statuses: list[str] = []
            environ = {
                "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
                "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
                "REMOTE_ADDR": "127.0.0.1",
                "HTTP_HOST": "127.0.0.1:8000", "HTTP_COOKIE": cookies, "HTTP_ACCEPT": "text/html",
                "wsgi.input": sys.stdin.buffer, "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
                "wsgi.version": (1, 0),
                "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
            }  # fmt: skip
            text = b"".join(app(environ, lambda status, headers, error=None, seen=statuses: seen.append(status)))
            if not statuses[0].startswith("200"):
                raise SystemExit(f"{path} answered {statuses[0]}: {text[:500]!r}")

    return ask


def people(brand: Any) -> None:
    """Contacts over the last year by three channels, an order for every fourth."""
    now = brand.now()
    with brand:
        for code in ("cards", "live", "sms"):
            brand.channels.create(code)
        for start in range(0, CONTACTS, 1_000):
            rows = range(start, min(start + 1_000, CONTACTS))
            brand.contacts.capture_leads([
                LeadIn(
                    source="bench", reference=str(n), identities=(IdentityIn.of("phone", f"+86138{n:08d}"),),
                    at=now - n % 365 * DAY_MS, state=("cards", "live", "sms")[n % 3],
                )
                for n in rows
            ])  # fmt: skip
            brand.orders.upsert_many([
                OrderIn(
                    source="bench", number=str(n), status="completed", paid_at=now - n % 365 * DAY_MS, paid_minor=9_900,
                    buyer=(IdentityIn.of("phone", f"+86138{n:08d}"),),
                    lines=(LineIn(sku="A", title="", qty=1, paid_minor=9_900, gift=False),), platform="tmall",
                )
                for n in rows if n % 4 == 0
            ])  # fmt: skip


def signed_in(app: Any) -> str:
    """The cookies of somebody who has signed in."""
    client = app.test_client()
    page = client.get("/staff/console/sign-in")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = client.post("/staff/console/sign-in", data={"csrf": csrf, "name": "mia", "password": WORD})
    if answer.status_code != 303:
        raise SystemExit(f"signing in answered {answer.status_code}")
    found: SimpleCookie = SimpleCookie()
    for header in (*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
        found.load(header)
    return "; ".join(f"{name}={morsel.value}" for name, morsel in found.items())


def from_servers(folder: Path, cookies: str) -> float:
    """How much longer ours takes than the yardstick, each asked by a few browsers at once; the middle of the turns."""
    ours, bare = free_port(), free_port()
    (folder / "empty.py").write_text(EMPTY)
    run = [sys.executable, "-m", "scrm_core.cli", "run", "--port", str(ours), "--workers", "1"]
    mine = itertools.repeat(
        f"GET {PAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nCookie: {cookies}\r\n\r\n".encode()
    )
    theirs = itertools.repeat(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    ratios = []
    with served(run, ours, folder), served([sys.executable, "empty.py", str(bare), "1"], bare, folder):
        for turn in range(TURNS + 1):
            page = http_load.run(ours, mine, clients=CLIENTS, seconds=SECONDS, status=b"200")
            base = http_load.run(bare, theirs, clients=CLIENTS, seconds=SECONDS, status=b"200")
            if page.refused or base.refused:
                raise SystemExit(f"an answer was no page: {(page.refused + base.refused)[0][:500]!r}")
            if turn:  # the first one only warms up
                ratios.append(base.rate / page.rate)
    return statistics.median(ratios)


def main() -> None:
    """Print the rows."""
    from scrm_console import kept

    with tempfile.TemporaryDirectory() as folder:
        installation = open_brands(Path(folder) / "shop", ["shop"], (Console,))
        installation.users.create("mia", WORD)
        installation.users.set_role("mia", "shop", "owner")
        people(installation.brand("shop"))
        app = create_app(installation)
        cookies = signed_in(app)
        bare = flask.Flask("yardstick")
        bare.jinja_loader = DictLoader({"empty.html": ""})  # type: ignore[assignment]
        bare.add_url_rule("/", "empty", lambda: flask.render_template("empty.html"))
        ours, empty = looker(app, PAGE, cookies), looker(bare, "/")
        ratio = from_servers(Path(folder) / "shop", cookies)
        report("20 the overview from the server / an empty Flask render", ratio, at_most=3)
        ours(), empty()
        pairs = paired(ours, empty)
        report("20 the overview in process / an empty Flask render", pairs.time, at_most=3)
        report("20 the overview, milliseconds", min(pairs.ours) / REQUESTS * 1_000, at_most=10)

        def anew() -> None:
            kept._shelves.clear()
            brand = installation.brand("shop")
            with brand:
                from scrm_console.overview import _figures

                _figures(brand)

        report("20 worked out once a minute, milliseconds", min(paired(anew, empty).ours) * 1_000, at_most=1_000)


if __name__ == "__main__":
    main()
