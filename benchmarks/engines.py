"""The databases that a bar is measured on: SQLite, and PostgreSQL where a server answers.

``SCRM_TEST_POSTGRES`` names the server, as for the tests. Each process of a bar
makes a database of its own there and drops it. The server's own settings stay:
what it acknowledges is on the disk.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

DEFAULT = "postgresql://postgres@127.0.0.1:5432/test"
SKIPPED = 77


@dataclass(frozen=True)
class Engine:
    """A database: its name in the table, and ``database_url`` of a project on it."""

    name: str
    url: str

    @property
    def sqlite(self) -> bool:
        return self.name == "SQLite"

    def copy(self, number: int) -> Engine:
        """A copy of the whole database on the same server; nobody may be connected to this one."""
        parts = urlsplit(self.url)
        name = f"{parts.path[1:]}_{number}"
        with _connect(urlunsplit(parts._replace(path="/postgres"))) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{parts.path[1:]}"')
        return Engine(self.name, urlunsplit(parts._replace(path=f"/{name}")))

    def raw(self, root: Path, brand: str) -> Any:
        """A plain connection to a brand of the project in ``root``, outside of transactions."""
        return raw_connection(root / "data" / f"{brand}.db") if self.sqlite else raw_postgres(self.url, brand)


SQLITE = Engine("SQLite", "sqlite:data")


def engines() -> Iterator[Engine]:
    """SQLite, then PostgreSQL; what was made on a server is gone afterwards."""
    yield SQLITE
    with postgres() as found:
        if found is not None:
            yield found


@contextmanager
def postgres() -> Iterator[Engine | None]:
    """A database of our own, or None (told on stderr) where there is no server."""
    import psycopg

    url = os.environ.get("SCRM_TEST_POSTGRES", DEFAULT)
    try:
        admin = _connect(url)
    except psycopg.OperationalError as error:
        print(f"no PostgreSQL: {error}", file=sys.stderr)
        yield None
        return
    name = f"scrm_bench_{secrets.token_hex(6)}"
    with admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield Engine("PostgreSQL", urlunsplit(urlsplit(url)._replace(path=f"/{name}")))
        finally:
            for (made,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}%",)):
                admin.execute(f'DROP DATABASE IF EXISTS "{made}" WITH (FORCE)')


def _connect(url: str) -> Any:
    import psycopg

    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def raw_connection(path: Path) -> sqlite3.Connection:
    """A plain connection with the settings that the framework uses itself."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def raw_postgres(url: str, brand: str) -> Any:
    """A plain connection to a brand's schema."""
    import psycopg

    return psycopg.connect(url, autocommit=True, options=f"-c search_path={brand}")
