"""A project of a test and its processes, which are started and ended one by one, with -9 too."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run_scene import PATIENCE, children_of, command, environment, gone, wait

from scrm_core.brands import Brand
from scrm_core.clock import Clock, SystemClock
from scrm_core.installation import Installation

# The one table of a plugin that writes down what it sees.
MIGRATION = '''
def up(migrator, db):
    kind = "INTEGER PRIMARY KEY" if db.param == "?" else "BIGSERIAL PRIMARY KEY"
    db.execute_sql("CREATE TABLE {name}_seen (id " + kind + ", event_id BIGINT NOT NULL)")
'''


class Process:
    """A process and all it started, in a group of its own; what it says is kept in a file."""

    def __init__(self, words: list[str], folder: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as said:
            self.popen = subprocess.Popen(
                words, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def family(self) -> dict[int, str]:
        """Every process below this one, with what it runs."""
        found: dict[int, str] = {}
        ring = {self.pid}
        while ring:
            ring = {pid for pid in children_of(ring) if pid not in found}
            found |= {pid: command(pid) for pid in ring}
        return found

    def kill(self) -> None:
        """End it and all it started with -9, and see them gone."""
        family = self.family()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(PATIENCE)
        assert gone(family)

    def stop(self) -> int:
        """SIGTERM to the process alone; its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE)


class Api:
    """Calls of one key to the brand's API at any of several addresses; the last one that answered is asked first."""

    def __init__(self, bases: list[str], key: str, brand: str = "acme") -> None:
        self.bases, self.key, self.brand = list(bases), key, brand

    def call(self, method: str, path: str, body: Any = None, once: str = "", seconds: float = 20) -> tuple[int, Any]:
        """(status, JSON) of one call; OSError when nobody answers."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if once:
            headers["Idempotency-Key"] = once
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.bases[0]}/api/v1/{self.brand}{path}"
        asked = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=seconds) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read() or b"{}") | {"retry-after": exc.headers["Retry-After"]}

    def settled(self, method: str, path: str, body: Any = None, once: str = "") -> tuple[int, Any]:
        """Ask until there is an answer that is no "try again": what every honest client does."""
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                status, answer = self.call(method, path, body, once)
            except (OSError, ValueError, http.client.HTTPException) as exc:
                status, answer = 0, repr(exc)
                self.bases.append(self.bases.pop(0))
            if status not in (0, 503, 507):
                assert status < 500, (method, path, status, answer)
                return status, answer
            assert status == 0 or int(answer["retry-after"]) > 0, answer
            assert time.monotonic() < deadline, f"{path}: {answer}"
            pause(0.05)


def pause(seconds: float) -> None:
    """Let others work for a moment."""
    selectors.DefaultSelector().select(seconds)


class Grounds:
    """A project folder whose brand acme has a key, and the processes that serve it."""

    def __init__(self, root: Path, plugins: dict[str, str]) -> None:
        self.root = root
        self.logs = root.parent / "logs"
        self.logs.mkdir(exist_ok=True)
        self._started: list[Process] = []
        self._opened: list[Installation] = []
        with (root / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "own"\n')
        for name, source in plugins.items():
            home = root / "own" / ("scrm_" + name.replace("-", "_"))
            home.mkdir(parents=True)
            (home / "__init__.py").write_text(source)
            if "migrations =" in source:
                (home / "migrations").mkdir()
                (home / "migrations" / "0001_seen.py").write_text(MIGRATION.format(name=name.replace("-", "_")))
        with (root / "brands" / "acme.toml").open("a") as file:
            file.write("".join(f"[plugins.{name}]\n" for name in plugins))
        self.installation = self.open()
        self.installation.migrate()

    def open(self, clock: Clock | None = None) -> Installation:
        """The installation as this process sees it, on the machine's clock or another."""
        opened = Installation.open(self.root, clock=clock or SystemClock())
        self._opened.append(opened)
        return opened

    @property
    def brand(self) -> Brand:
        return self.installation.brand("acme")

    def key(self) -> str:
        with self.brand as brand:
            return str(brand.keys.create("test", ("*",))[1])

    def rows(self, sql: str, *values: Any, brand: str = "acme") -> list[tuple[Any, ...]]:
        """What the database holds."""
        from scrm_core.db.bulk import execute

        with self.installation.brand(brand):
            return [tuple(row) for row in execute(sql, values).fetchall()]

    def one(self, sql: str, *values: Any) -> Any:
        return self.rows(sql, *values)[0][0]

    # Processes ---------------------------------------------------------------

    def scrm(self, name: str, *arguments: str, wrap: list[str] | None = None, folder: Path | None = None) -> Process:
        """``scrm ...`` as a process; what it says goes to the log ``name``."""
        return self.python(name, "scrm_core.cli", *arguments, wrap=wrap, folder=folder)

    def python(
        self, name: str, module: str, *arguments: str, wrap: list[str] | None = None, folder: Path | None = None
    ) -> Process:
        """A module as a process; ``wrap`` goes before the words of the command."""
        words = [*(wrap or []), sys.executable, "-m", module, *arguments]
        started = Process(words, folder or self.root, self.logs / name)
        self._started.append(started)
        return started

    def worker(self, name: str = "worker") -> Process:
        return self.scrm(name, "worker")

    def web(self, port: int, name: str = "web", *more: str) -> Process:
        """``scrm run --no-worker`` that answers."""
        started = self.scrm(name, "run", "--no-worker", "--workers", "1", "--port", str(port), *more)
        self.answering(f"http://127.0.0.1:{port}", started)
        return started

    def bare_web(self, port: int, name: str = "web") -> Process:
        """The web process without its supervisor: the test is the one that starts it again."""
        started = self.python(name, "scrm_core.serve", str(self.root), "127.0.0.1", str(port), "1")
        self.answering(f"http://127.0.0.1:{port}", started)
        return started

    def answering(self, base: str, process: Process, path: str = "/healthz") -> None:
        def answers() -> bool:
            assert process.running, process.said
            try:
                with urllib.request.urlopen(f"{base}{path}", timeout=5) as answer:
                    return bool(answer.status == 200)
            except (OSError, http.client.HTTPException):
                return False

        wait(answers, f"nobody answers at {base}")

    def keep(self, process: Process) -> None:
        """End this one too when the test is over."""
        self._started.append(process)

    def end(self) -> None:
        for each in self._started:
            each.kill()
        for opened in self._opened:
            opened.close()


def until(question: Callable[[], object], words: str, patience: float = 2 * PATIENCE) -> None:
    """Ask until the answer is true; on a busy machine that may take its time."""
    wait(question, words, patience=patience)


__all__ = ["PATIENCE", "Api", "Grounds", "Process", "pause", "until"]
