"""A PostgreSQL server of the tests' own: on a free port, in a temporary folder, waiting for no disk."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from ports import free_port

PATIENCE = 60
_PREFIX = "scrm-pg-"



def postgres_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, or None where this machine has none that may be run."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def _sweep() -> None:
    """Take away what is left of servers whose session was killed."""
    for folder in Path(os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / "session").read_text())
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)


class Postgres:
    """A PostgreSQL server; it refuses to run as root, so root lends it the user ``postgres``."""

    def __init__(self, programs: Path, hosts: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self._programs = programs
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
        (self.folder / "session").write_text(str(os.getpid()))
        self._as: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        self.port = free_port()
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale")
        settings = {
            "listen_addresses": "'" + ",".join(hosts) + "'",
            "port": str(self.port),
            "unix_socket_directories": f"'{self.folder}'",
            "fsync": "off",  # no test pulls the machine's plug
            "shared_buffers": "32MB",
            "max_connections": "200",
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        with (self.data / "pg_hba.conf").open("a") as file:
            file.writelines(f"host all all {each}/24 trust\n" for each in hosts)
        self._databases = 0
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str, host: str = "127.0.0.1") -> str:
        return f"postgresql://postgres@{host}:{self.port}/{database}"

    def database(self, on: Path | None = None) -> str:
        """The name of a new, empty database, in a folder of the server's or in another one."""
        self._databases += 1
        name = f"faults_{self._databases}"
        where = ""
        if on is not None:
            self._ask(f"CREATE TABLESPACE {name} LOCATION '{on}'")
            where = f" TABLESPACE {name}"
        self._ask(f'CREATE DATABASE "{name}"{where}')
        return name

    def forget(self, name: str) -> None:
        """Drop a database and the place that was made for it."""
        self._ask(f'DROP DATABASE "{name}" WITH (FORCE)')
        self._ask(f"DROP TABLESPACE IF EXISTS {name}")

    def own(self, folder: Path) -> None:
        """Give a folder to the user that the server runs as."""
        if self._as:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _ask(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(sql)

    def start(self) -> None:
        """Begin to serve; whoever started it and is killed takes it along."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, "setpriv", "--pdeathsig", "QUIT", str(self._programs / "postgres"), "-D", str(self.data)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until, tick = time.monotonic() + PATIENCE, threading.Event()
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise OSError(f"PostgreSQL did not start: {(self.folder / 'log').read_text('utf-8', 'replace')[-500:]}")
            tick.wait(0.02)

    def _answers(self) -> bool:
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, mode: str = "fast") -> None:
        """``fast`` ends every session, ``immediate`` is a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", str(PATIENCE), "stop")
        self._process.wait(PATIENCE)

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self._programs / program), *arguments], cwd=self.folder, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE,
        )  # fmt: skip
