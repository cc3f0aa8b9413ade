"""Faults on real processes: killed, cut off, starved, lied to. What ran on must be whole, and nothing happens twice."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

TESTS = Path(__file__).resolve().parents[1]
# What other rooms stand on: servers of projects, restored brands, WeChat's server.
sys.path[:0] = [str(TESTS / each) for each in ("e2e", "plugins/sms")]

from engines import Redis  # noqa: E402  they stand on the paths above
from grounds import Grounds  # noqa: E402
from postgres_server import Postgres, postgres_programs  # noqa: E402
from run_scene import project  # noqa: E402


@pytest.fixture
def seed() -> int:
    """What the random moments of a test come from: printed, and given again with SCRM_FAULT_SEED."""
    chosen = int(os.environ.get("SCRM_FAULT_SEED", "0")) or secrets.randbelow(1_000_000) + 1
    print(f"SCRM_FAULT_SEED={chosen}")
    return chosen


def missing(service: str, remedy: str) -> NoReturn:
    """Skip the test, or fail it where every service is required."""
    words = f"{service} is missing: {remedy}"
    if os.environ.get("SCRM_TEST_REQUIRE") == "all":
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres | None]:
    programs = postgres_programs()
    server = Postgres(programs) if programs else None
    yield server
    if server is not None:
        server.close()


@pytest.fixture
def postgres(_postgres: Postgres | None) -> Postgres:
    """A PostgreSQL of this room's own.

    Events are handed out below the oldest transaction of the whole server: on one
    that others use, what they do would decide how long a test takes.
    """
    if _postgres is None:
        missing("initdb", "install the PostgreSQL server's programs")
    assert _postgres is not None
    return _postgres


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis of the test's own."""
    if shutil.which("redis-server") is None:
        missing("redis-server", "install Redis")
    server = Redis()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database this run of the test uses; PostgreSQL is the room's own."""
    kind: str = request.param
    if kind == "postgresql":
        request.getfixturevalue("postgres")
    return kind


@pytest.fixture
def grounds(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Grounds]]:
    """A function that makes a project with both brands whose processes the test starts and ends.

    ``grounds(tables, plugins)``: TOML text added to acme's file, and the source of
    each plugin of the project's own folder by its name. ``url`` is another database, ``more`` text for scrm.toml.
    """
    made: list[Grounds] = []

    def make(tables: str = "", plugins: dict[str, str] | None = None, *, url: str = "", more: str = "") -> Grounds:
        if not url:
            server = request.getfixturevalue("postgres") if engine == "postgresql" else None
            url = server.url(server.database()) if server is not None else "sqlite:data"
        root = project(tmp_path / "shop", url, "acme", "moonco")
        with (root / "scrm.toml").open("a") as file:
            file.write('database_synchronous = "NORMAL"\n' + more)
        with (root / "brands" / "acme.toml").open("a") as file:
            file.write(tables)
        found = Grounds(root, plugins or {})
        made.append(found)
        return found

    yield make
    for each in made:
        each.end()
