"""``scrm run``: the web on granian and a worker beside it, checked first, supervised after.

The web is a process of its own with one granian worker per core. On SQLite
each runs one request at a time: the database has one writer anyway, and threads
waiting for it only cost time. On PostgreSQL each has several threads. Bodies
are read before a request takes its turn (:mod:`scrm_core.gateway`).
"""

from __future__ import annotations

import errno
import gc
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import peewee

from .config import load_project
from .db.faults import passes, translate
from .errors import Busy, ConfigError, ScrmError
from .lifeline import end_with_parent
from .limits import LIMITS
from .supervisor import Child, Supervisor

if TYPE_CHECKING:
    from .installation import Installation

POSTGRES_THREADS = 4
DATABASE_PATIENCE = 60.0
"""Seconds for which ``scrm run`` waits for a database that is away when it starts, looking every second."""


class NotReady(ScrmError):
    """The installation cannot be served as it is; ``problems`` has one line per reason."""

    code = "not_ready"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Address:
    """Where the web listens; ``host`` is a numeric address."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for people: a wildcard is shown as loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def misdirecting(address: Address, base_url: str) -> str:
    """A warning when ``base_url`` names this machine but another port, where links would lead nowhere; else empty."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1") or port == address.port:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    wanted = f"{parts.scheme}://{host}:{address.port}{parts.path}"
    return f'links lead to port {port}, not {address.port}: write base_url = "{wanted}" into scrm.toml'


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve(host: str, port: int) -> Address:
    """The numeric address of a host name; raises NotReady when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise NotReady([f"--host {host}: not an address of this machine: {exc.strerror or exc}"]) from None
    return Address(str(found[0][4][0]), port)


def check_port(address: Address) -> None:
    """Raises NotReady with the remedy when nobody may listen at the address."""
    problem = _bind_problem(address)
    if problem is None:
        return
    if problem != errno.EADDRINUSE:
        raise NotReady([f"cannot listen at {address.url}: {os.strerror(problem)}"])
    free = next((p for p in range(address.port + 1, address.port + 50) if _free(address, p)), None)
    other = f"another port is free: scrm run --port {free} (make run PORT={free})" if free else "choose another --port"
    if _answers(address):
        reason = f"port {address.port} is in use: scrm is already served at {address.url}; stop it with Ctrl-C there"
    else:
        reason = f"port {address.port} is in use by another program; stop that one"
    raise NotReady([f"{reason}; {other}"])


def _bind_problem(address: Address) -> int | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without SO_REUSEPORT, which the server uses: a port that another server shares is not ours.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as exc:
            return exc.errno
    return None


def _free(address: Address, port: int) -> bool:
    return port < 65_536 and _bind_problem(replace(address, port=port)) is None


def _answers(address: Address) -> bool:
    """True when a server of this framework answers at the address."""
    where = urlsplit(address.url)
    connection = http.client.HTTPConnection(where.hostname or "", address.port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        # The whole answer: an API of others says "ok" too.
        return response.status == 200 and json.loads(response.read(200)) == {"status": "ok"}
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def prepare(
    installation: Installation, *, patience: float = 0.0, say: Callable[[str], None] = lambda line: None
) -> dict[str, list[str]]:
    """Check everything that is enabled and bring SQLite up to date; returns the migrations applied.

    A database that is away or locked is waited for, up to ``patience`` seconds:
    after an outage, and where all is started at once, it may come later than
    the web. ``say`` is told so once.

    Raises NotReady with one line per problem: a faulty brand file, an enabled
    plugin that is missing or broken, a route without permission, a database
    that cannot be opened. On SQLite pending migrations run here, because the
    files belong to this machine; on PostgreSQL other machines may be running
    on the same schemas, so `scrm migrate` is a step of its own.
    """
    ids = installation.brand_ids()
    if not ids:
        raise NotReady([f"{installation.config.brands_dir}: no brand; write one as brands/NAME.toml"])
    problems: list[str] = []
    for brand_id in ids:
        try:
            installation.brand(brand_id)
        except ConfigError as exc:
            problems.extend(exc.problems)
        except ScrmError as exc:
            problems.append(f"brand {brand_id!r}: {exc}")
    if not problems:
        from .web import create_app

        try:
            create_app(installation)
        except ScrmError as exc:
            problems.append(str(exc))
    if problems:
        raise NotReady(problems)
    until, told = time.monotonic() + patience, False
    while True:
        try:
            if installation.config.sqlite:
                return installation.migrate()
            pending = {brand_id: installation.pending(brand_id) for brand_id in ids}
            break
        except (ScrmError, peewee.DatabaseError) as exc:
            if not _passes(installation, exc) or time.monotonic() >= until:
                raise NotReady([f"the tables cannot be used: {exc}"]) from exc
            if not told:
                say(f"waiting for the database, up to {patience:.0f} s: {str(exc).splitlines()[0]}")
            told = True
            time.sleep(1)
    waiting = [f"brand {b!r}: {len(names)} migrations wait; run: scrm migrate" for b, names in pending.items() if names]
    if waiting:
        raise NotReady(waiting)
    return {}


def _passes(installation: Installation, exc: Exception) -> bool:
    """Whether a database may be there later without anybody's doing: it is locked, or its server is away."""
    if not installation.config.sqlite:
        return passes(exc)
    found = exc if isinstance(exc, Busy) else translate(exc)
    return isinstance(found, Busy) and found.code == "database_busy"


def run(
    root: Path,
    address: Address,
    *,
    workers: int,
    with_worker: bool,
    say: Callable[[str], None],
    ready: Callable[[], None],
) -> int:
    """Serve the project in ``root`` until told to stop; returns the exit code.

    ``ready`` is called once the web answers. Call :func:`prepare` and
    :func:`check_port` first.
    """
    python = [sys.executable, "-m"]
    web = Child(
        "the web server",
        [*python, "scrm_core.serve", str(root), address.host, str(address.port), str(workers)],
        vital=True,
    )
    children = [web]
    if with_worker:
        children.append(Child("the worker", [*python, "scrm_core.cli", "--project", str(root), "worker"]))

    def tick() -> bool:
        if not _answers(address):
            return False
        web.ready = True
        ready()
        return True

    return Supervisor(children, say=say).run(tick)


def load_app(address: Address, root: str) -> Any:
    """The application of a granian worker process."""
    end_with_parent(os.getppid())
    from . import logs
    from .gateway import Gateway
    from .installation import Installation
    from .nudge import make_nudge
    from .web import create_app
    from .web.visitspool import VisitSpool

    logs.configure()
    config = load_project(Path(root))
    if urlsplit(config.base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        # Nobody else can follow such an address, so it may as well name the port that was asked for.
        config = replace(config, base_url=address.url)
    installation = Installation(config)
    installation.nudge = make_nudge(installation.config)
    spool = VisitSpool(installation)
    spool.start()
    app = create_app(installation, spool=spool)
    gc.freeze()  # what is loaded stays: the collector need not look through it again and again
    return Gateway(app, threads=1 if config.sqlite else POSTGRES_THREADS)


def serve_web(root: str, host: str, port: int, workers: int) -> None:
    """Run granian in this process until SIGTERM; does not return normally before."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from . import gateway, logs, web  # noqa: F401  imported before the workers are forked: they share its memory

    logs.configure()
    Granian(
        root,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=LIMITS.header_ms),
        respawn_failed_workers=True,
        workers_kill_timeout=LIMITS.stop_ms // 2_000,
        log_level=LogLevels.warning,
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}},
    ).serve(target_loader=partial(load_app, Address(host, port)))


def main() -> None:
    """The web process: ``python -m scrm_core.serve ROOT HOST PORT WORKERS``."""
    end_with_parent()
    # Until granian takes over, a signal ends this process as it would any other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    root, host, port, workers = sys.argv[1:]
    serve_web(root, host, int(port), int(workers))


if __name__ == "__main__":
    main()
