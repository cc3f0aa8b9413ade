"""Two brands on each database: what every test of the core stands on.

``engine`` runs a test once on SQLite and once on PostgreSQL. Databases are
migrated once per session: a test gets a copy of the SQLite files, or the
emptied PostgreSQL schemas, of a database that this session made for itself.
The tests of plugins, services, browsers and faults are marked ``wide`` on PostgreSQL: what
they ask goes through the same few functions of the core, whose own tests run on both.
With ``pytest -n 2`` each worker is such a session, with a database, nurseries
and temporary folders of its own.

SCRM_TEST_POSTGRES   URL of a PostgreSQL database whose user may create databases; without it the session
                     starts a server of its own where PostgreSQL is installed, with its files in memory
SCRM_TEST_REDIS      URL of a Redis database that tests may empty
SCRM_TEST_REQUIRE    ``all``: a missing service fails a test instead of skipping it
PYTEST_DEBUG_TEMPROOT  where temporary folders are, instead of in memory (/dev/shm)
SCRM_TEST_ARTEFACTS  a folder in which the tests of pages keep pictures of them; without it they keep none
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from databases import Kind, PostgresSchemas, SqliteFiles
from hypothesis import HealthCheck, settings
from needed import missing
from postgres_server import Postgres, postgres_programs
from processes import Child, Nurseries
from sharing import rank

from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.installation import Installation
from scrm_core.testing.app import BRANDS

MEMORY = Path("/dev/shm")
SECOND = tuple(Path(__file__).parent / room for room in ("plugins", "services", "e2e", "faults"))
DEFAULT_POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"

# How long an example takes, or to think of one, says how busy the machine is and nothing of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers get whole files, and the tests that share a browser or a demo together."""
    from sharing import Sharing

    return Sharing(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders are in memory where there is room: most tests wait for the disk longer than for anything else."""
    if not config.option.basetemp and room_in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def room_in_memory() -> bool:
    """Whether the file system in memory holds what the tests write, and starts the programs that they install."""
    try:
        room = os.statvfs(MEMORY)
    except OSError:
        return False
    free = room.f_bavail * room.f_frsize
    return free >= 4 << 30 and not room.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """The mark is there before ``-m`` chooses; what runs on PostgreSQL alone has no neighbour."""
    call = getattr(item, "callspec", None)
    second = call is not None and call.params.get("engine") == "postgresql" and call.indices.get("engine", 0) > 0
    if second and any(item.path.is_relative_to(room) for room in SECOND):
        item.add_marker(pytest.mark.wide)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first; files of one folder follow each other; all else is as it was shuffled.

    A folder's tests mostly use the same plugins, so PostgreSQL's tables stay from one to the next.
    Of a test marked ``cases_on_sqlite`` only the first case runs on PostgreSQL as well.
    """
    config.hook.pytest_deselected(items=[item for item in items if _case_of_sqlite(item)])
    folders = {folder: place for place, folder in enumerate(dict.fromkeys(item.path.parent for item in items))}
    items[:] = sorted(
        (item for item in items if not _case_of_sqlite(item)),
        key=lambda item: (rank(item.nodeid), folders[item.path.parent]),
    )


def _case_of_sqlite(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    if call is None or call.params.get("engine") != "postgresql" or item.get_closest_marker("cases_on_sqlite") is None:
        return False
    return any(place > 0 for name, place in call.indices.items() if name != "engine")


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str | None]:
    """URL of a database made for this session, or None where there is no server."""
    import psycopg

    url, own = os.environ.get("SCRM_TEST_POSTGRES", ""), None
    programs = None if url else postgres_programs()
    try:
        if programs:
            own = Postgres(programs)
            url = own.url("postgres")
        admin = psycopg.connect(url or DEFAULT_POSTGRES, autocommit=True, connect_timeout=5)
    except (OSError, LookupError, subprocess.SubprocessError, psycopg.OperationalError) as exc:
        sys.stderr.write(f"no PostgreSQL for the tests: {exc}\n")
        yield None
        return
    name = f"scrm_test_{secrets.token_hex(6)}"
    with admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        # No test pulls the server's plug: what its commits survive is PostgreSQL's own promise.
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        yield urlunsplit(urlsplit(url or DEFAULT_POSTGRES)._replace(path=f"/{name}"))
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    if own is not None:
        own.close()


@pytest.fixture
def postgres_url(_postgres_server: str | None) -> str:
    """URL of this session's PostgreSQL database; skips where there is none."""
    if _postgres_server is None:
        missing("PostgreSQL", "install it, or name one in SCRM_TEST_POSTGRES=postgresql://user:password@host/database")
    assert _postgres_server is not None
    return _postgres_server


@pytest.fixture
def empty_postgres_url(postgres_url: str, _postgres_schemas: PostgresSchemas) -> str:
    """The same database without any brand: what the tests before this one left is gone."""
    _postgres_schemas.empty()
    return postgres_url


@pytest.fixture
def redis_url() -> str:
    """URL of the Redis database of the tests; skips where there is none."""
    url = os.environ.get("SCRM_TEST_REDIS", "redis://127.0.0.1:6379/15")
    try:
        import redis

        redis.Redis.from_url(url, socket_connect_timeout=2).ping()
    except Exception as exc:
        missing("Redis", f"start one and name it in SCRM_TEST_REDIS=redis://host:6379/15 ({exc})")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The kind of database this run of the test uses."""
    kind: str = request.param
    if kind == "postgresql":
        request.getfixturevalue("postgres_url")
    return kind


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at 2026-01-01T00:00:00Z until it is moved."""
    return ManualClock()


def write_project(root: Path, database_url: str, brands: dict[str, str]) -> Path:
    """A project folder with one file per brand; returns it."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text(
        f'database_url = "{database_url}"\ndatabase_synchronous = "NORMAL"\n', encoding="utf-8"
    )
    for brand_id, text in brands.items():
        (root / "brands" / f"{brand_id}.toml").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the migrated, empty file of each brand."""
    root = write_project(tmp_path_factory.mktemp("template") / "shop", "sqlite:data", BRANDS)
    made = Installation.open(root)
    made.migrate()
    made.close()
    return root / "data"


@pytest.fixture(scope="session")
def _sqlite_files(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("kinds"), _sqlite_template)


@pytest.fixture(scope="session")
def _postgres_schemas(_postgres_server: str) -> Iterator[PostgresSchemas]:
    schemas = PostgresSchemas(_postgres_server)
    yield schemas
    schemas.close()


@pytest.fixture
def new_installation(
    engine: str, tmp_path: Path, clock: ManualClock, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Installation]]:
    """A function that makes the project of this test: ``new_installation(acme="[plugins.x]", plugins=(X,))``.

    Keyword arguments named after a brand are added to its file; ``plugins`` are
    plugin classes that need no installation. Call it once per test.
    """
    made: list[Installation] = []

    def make(*, plugins: tuple[type[Any], ...] = (), **more: str) -> Installation:
        brands = {brand: text + more.pop(brand, "") for brand, text in BRANDS.items()} | more
        kind = Kind.of(brands, plugins)
        url = "sqlite:data" if engine == "sqlite" else request.getfixturevalue("postgres_url")
        root = write_project(tmp_path / "shop", url, brands)
        if engine == "sqlite":
            files: SqliteFiles = request.getfixturevalue("_sqlite_files")
            files.copy(
                kind, root / "data", lambda folder: Installation.open(write_project(folder, url, brands), plugins=plugins)
            )
        else:
            schemas: PostgresSchemas = request.getfixturevalue("_postgres_schemas")
            schemas.prepare(kind, lambda: Installation.open(write_project(tmp_path / "plain", url, BRANDS)))
        engine_of_test = None if engine == "sqlite" else schemas.engine()
        installation = Installation.open(root, clock=clock, plugins=plugins, engine=engine_of_test)
        made.append(installation)
        if brands != BRANDS:
            # Opening a brand makes its plugins' tables; only a brand of a test's own has no database yet.
            for brand_id in brands if brands.keys() == BRANDS.keys() else installation.migrate():
                installation.brand(brand_id)
            if engine == "postgresql":
                request.getfixturevalue("_postgres_schemas").migrated(kind)
        return installation

    yield make
    for installation in made:
        installation.close()


@pytest.fixture
def installation(new_installation: Callable[..., Installation]) -> Installation:
    """Two brands without plugins: acme (Shanghai, CNY) and moonco (New York, USD)."""
    return new_installation()


@pytest.fixture
def brand(installation: Installation) -> Brand:
    """Brand acme; enter it with ``with brand:``."""
    return installation.brand("acme")


@pytest.fixture
def other(installation: Installation) -> Brand:
    """Brand moonco, the one that must not see anything of acme."""
    return installation.brand("moonco")


_LOG_IS_READABLE = (
    "SELECT coalesce(max(event.xid), '0'::xid8) < pg_snapshot_xmin(pg_current_snapshot()) FROM event"
)


@pytest.fixture
def deliver() -> Callable[[Brand], None]:
    """A function that hands every event of a brand to its plugins, also what they append themselves.

    PostgreSQL shows the log only below the oldest transaction that runs anywhere
    on the server, so on a shared server the end of the log has to be waited for.
    """

    def run(brand: Brand) -> None:
        with brand:
            while True:
                while brand.handle.engine == "postgresql" and not execute(_LOG_IS_READABLE).fetchone()[0]:
                    execute("SELECT pg_sleep(0.02)")
                if Delivery(brand).drain().delivered == 0:
                    return

    return run


@pytest.fixture
def doctor_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """``scrm doctor`` imports no plugin: a second of CPU, shown by the tests of plugins that are broken or end theirs."""
    monkeypatch.setattr("scrm_core.doctor.import_problems", lambda root, names: dict.fromkeys(names, ""))


@pytest.fixture(scope="session")
def _nurseries() -> Iterator[Nurseries]:
    nurseries = Nurseries(3)
    yield nurseries
    nurseries.close()


@pytest.fixture
def forked(_nurseries: Nurseries) -> Iterator[Callable[[Installation, str], Child]]:
    """A function that starts a real process which is ready for ``go`` inside brand acme; see :func:`together`."""
    children: list[Child] = []

    def start(installation: Installation, source: str) -> Child:
        children.append(_nurseries.start(installation.config.root, "acme", len(children), source))
        children[-1].await_ready()
        return children[-1]

    yield start
    for child in children:
        child.end()


@pytest.fixture
def together(_nurseries: Nurseries) -> Iterator[Callable[..., list[Any]]]:
    """A function that runs code in several real processes at the same moment.

    ``together(installation, source, 4)`` starts four processes; ``source``
    defines ``run(brand, worker)``, called inside the brand once all are ready.
    Returns what each one returned, as JSON values.
    """
    children: list[Child] = []

    def run(installation: Installation, source: str, count: int, *, brand: str = "acme") -> list[Any]:
        root = installation.config.root
        started = [_nurseries.start(root, brand, worker, source) for worker in range(count)]
        children.extend(started)
        for child in started:
            child.await_ready()
        for child in started:
            child.go()
        return [child.answer() for child in started]

    yield run
    for child in children:
        child.end()
