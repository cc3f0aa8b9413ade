"""Several real processes at one moment, without paying for each one's imports.

A nursery is a process that has imported the product and done nothing else: it
opened no database and started no thread. Asked for a child it forks itself.
Children of several nurseries run side by side, because every Python process
orders its sets in a way of its own: processes that agreed on it would hide
writers that take the same rows in another order.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

_NURSERY = """
import importlib, importlib.metadata, json, os, pkgutil, signal, socket, struct, sys, threading, traceback
from pathlib import Path

import scrm_core.api, scrm_core.delivery, scrm_core.jobs, scrm_core.services, scrm_core.web
from scrm_core.installation import Installation

for found in pkgutil.iter_modules(scrm_core.services.__path__):
    importlib.import_module(f"scrm_core.services.{found.name}")
# A plugin takes longer to import than most children live.
for entry in importlib.metadata.entry_points(group="scrm.plugins"):
    package = entry.load().__module__.partition(".")[0]
    for found in pkgutil.walk_packages(sys.modules[package].__path__, f"{package}."):
        if ".migrations" not in found.name:
            importlib.import_module(found.name)
try:
    import psycopg
except ImportError:
    psycopg = None  # without the extra only SQLite is tested
assert threading.active_count() == 1


def work(channel):
    lines = channel.makefile("rw", encoding="utf-8", newline="\\n")
    job = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    names = {"Installation": Installation, "Path": Path, "json": json, "sys": sys}
    exec(job["source"], names)
    brand = Installation.open(Path(job["root"])).brand(job["brand"])
    with brand:
        brand.now()
    print("ready", file=lines, flush=True)
    if lines.readline() == "go\\n":
        with brand:
            answer = names["run"](brand, job["worker"])
        print(json.dumps(answer), file=lines, flush=True)


control = socket.socket(fileno=int(sys.argv[1]))
while True:
    request, given, _, _ = socket.recv_fds(control, 8, 2)
    if not request:
        break
    (pid,) = struct.unpack("q", request)
    if pid:
        answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    elif (answer := os.fork()) == 0:
        code = 1
        try:
            control.close()
            os.dup2(given[1], 2)
            work(socket.socket(fileno=given[0]))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    for descriptor in given:
        os.close(descriptor)
    control.send(struct.pack("q", answer))
"""


class Child:
    """A forked process: it says ``ready``, waits for ``go`` and answers with one line of JSON."""

    def __init__(self, nursery: Nursery, job: dict[str, Any]) -> None:
        self._nursery = nursery
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._channel, there = socket.socketpair()
        with there:
            self.pid = nursery.request(0, [there.fileno(), self._errors.fileno()])
        self._channel.settimeout(120)
        self._lines = self._channel.makefile("rw", encoding="utf-8", newline="\n")
        self._running = True
        self._say(json.dumps(job))

    def await_ready(self) -> None:
        assert self._lines.readline() == "ready\n", self._failure()

    def go(self) -> None:
        self._say("go")

    def answers_within(self, seconds: float) -> bool:
        return bool(select.select([self._channel], [], [], seconds)[0])

    def answer(self) -> Any:
        line = self._lines.readline()
        self._running = False
        code = self._nursery.request(self.pid, [])
        assert line and code == 0, f"exit code {code}: {self._failure()}"
        return json.loads(line)

    def ended(self) -> int:
        """Wait for its end, however that comes; returns its exit code."""
        self._running = False
        return self._nursery.request(self.pid, [])

    def end(self) -> None:
        """Kill it if it still runs, and let go of what belongs to it."""
        if self._running:
            self._running = False
            os.kill(self.pid, signal.SIGKILL)
            self._nursery.request(self.pid, [])
        self._lines.close()
        self._channel.close()
        self._errors.close()

    def _say(self, line: str) -> None:
        self._lines.write(line + "\n")
        self._lines.flush()

    def _failure(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")


class Nursery:
    """The process that children are forked from."""

    def __init__(self) -> None:
        self._control, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _NURSERY, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def request(self, pid: int, descriptors: list[int]) -> int:
        """Fork (``pid`` 0; returns the child's id), or wait for a child (returns its exit code)."""
        socket.send_fds(self._control, [pid.to_bytes(8, sys.byteorder)], descriptors)
        answer = self._control.recv(8)
        assert len(answer) == 8, "the nursery of the children has ended"
        return int.from_bytes(answer, sys.byteorder, signed=True)

    def close(self) -> None:
        self._control.close()
        self._process.wait(30)


class Nurseries:
    """Starts children in turn from a few nurseries, which are made when they are first needed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._made: list[Nursery] = []

    def start(self, root: Path, brand: str, worker: int, source: str) -> Child:
        """A child that runs ``run(brand, worker)`` of ``source`` inside a brand of the project in ``root``."""
        while len(self._made) < self._count:
            self._made.append(Nursery())
        job = {
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "root": str(root),
            "brand": brand,
            "worker": worker,
            "source": source,
        }
        return Child(self._made[worker % self._count], job)

    def close(self) -> None:
        for nursery in self._made:
            nursery.close()
