"""Bar 7: one intake POST in process, beside a hand-written Flask view that does one insert.

Ours authenticates the key, checks the row, resolves the contact, writes lead,
contact, identity and touch, and appends the event, all in one transaction. The
yardstick loads the same schema with marshmallow and inserts one row with
sqlite3. Both files use WAL and the same ``synchronous``. FULL is what an
installation uses unless told otherwise; with NORMAL the disk drops out of the
picture and only the work remains.
"""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import flask
from measure import paired, report, size

from scrm_core.installation import Installation
from scrm_core.intake.schemas import LeadSchema
from scrm_core.web import create_app

BRAND = '[brand]\nid = "shop"\nname = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
REQUESTS = size(1_500, 100)


def bodies(start: int, count: int) -> list[bytes]:
    """Distinct leads with mainland mobiles."""
    return [
        json.dumps({"source": "form", "key": f"k{n}", "phone": f"138{n:08d}", "name": "王小明"}).encode()
        for n in range(start, start + count)
    ]


def caller(app: Any, path: str, key: str = "") -> Callable[[bytes], None]:
    """A function that sends one POST straight into the WSGI application, as a server would."""

    def call(body: bytes) -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_AUTHORIZATION": f"Bearer {key}",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        statuses: list[str] = []
        answer = app(environ, lambda status, headers, error=None: statuses.append(status))
        text = b"".join(answer)
        if not statuses[0].startswith("201"):
            raise SystemExit(f"{path} answered {statuses[0]}: {text.decode()}")

    return call


def hand_written(path: Path, synchronous: str) -> Callable[[bytes], None]:
    """The yardstick: Flask, marshmallow and sqlite3, nothing else."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(
        "CREATE TABLE lead (id INTEGER PRIMARY KEY, source TEXT, key TEXT UNIQUE, phone TEXT, name TEXT)"
    )
    app = flask.Flask("yardstick")
    schema = LeadSchema(zone=ZoneInfo("Asia/Shanghai"))

    @app.post("/leads")
    def leads() -> Any:
        row = schema.load(flask.request.get_json())
        cursor = connection.execute(
            "INSERT INTO lead (source, key, phone, name) VALUES (?, ?, ?, ?)",
            (row["source"], row["key"], row["phone"], row["name"]),
        )
        return flask.jsonify(id=cursor.lastrowid), 201

    return caller(app, "/leads")


def ours(root: Path, synchronous: str) -> Callable[[bytes], None]:
    """A real installation with one brand."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text(f'database_synchronous = "{synchronous}"\n', "utf-8")
    (root / "brands" / "shop.toml").write_text(BRAND, "utf-8")
    installation = Installation.open(root)
    installation.migrate()
    with installation.brand("shop") as brand:
        key = brand.keys.create("bench", ["leads:write"])[1]
    return caller(create_app(installation), "/api/v1/shop/leads", key)


def measure(folder: Path, synchronous: str) -> float:
    """The ratio of times for one setting of ``synchronous``."""
    mine, theirs = ours(folder / "ours", synchronous), hand_written(folder / "yardstick.db", synchronous)
    numbers = iter(range(0, 100_000_000, REQUESTS))

    def run(call: Callable[[bytes], None]) -> Callable[[], None]:
        def work() -> None:
            for body in prepared.pop():
                call(body)

        return work

    for call in (mine, theirs):
        for body in bodies(99_000_000, 50):
            call(body)
    prepared = [bodies(next(numbers), REQUESTS) for _ in range(2 * 8)]
    return paired(run(mine), run(theirs)).time


def main() -> None:
    """Print one row per durability."""
    for synchronous in ("NORMAL", "FULL"):
        with tempfile.TemporaryDirectory() as folder:
            ratio = measure(Path(folder), synchronous)
        report(f"7 intake POST, synchronous={synchronous}", ratio, at_most=1.8)


if __name__ == "__main__":
    main()
