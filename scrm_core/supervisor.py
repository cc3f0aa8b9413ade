"""Keeps child processes running: starts, restarts with growing pauses, stops them all.

Signals: the first SIGTERM, SIGINT or SIGHUP asks every child to finish and
waits for the grace period; a second one ends everything at once. Children run
in process groups of their own, so that Ctrl-C reaches only the supervisor, and
end with it even when it is killed with -9 (:mod:`scrm_core.lifeline`).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .lifeline import PARENT
from .limits import LIMITS

PAUSES = (0.2, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before a child that ended is started again; the last one repeats."""

STEADY_SECONDS = 60.0
"""A child that lived this long begins again with the shortest pause."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class GaveUp(Exception):
    """A child ended before it ever worked; the message names it."""


@dataclass
class Child:
    """A process to keep running. ``vital``: ending before ``ready`` was set gives up the whole run."""

    name: str
    command: Sequence[str]
    vital: bool = False
    ready: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        self.process = subprocess.Popen(
            list(self.command), process_group=0, env={**os.environ, PARENT: str(os.getpid())}
        )
        self.started = time.monotonic()

    def signal(self, number: int) -> None:
        """Send a signal to the child alone; it stops its own children in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the child and everything in its group at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Runs children until it is told to stop. ``say`` takes lines for people."""

    def __init__(
        self, children: Sequence[Child], *, say: Callable[[str], None], grace: float = LIMITS.stop_ms / 1000
    ) -> None:
        self.children = children
        self.say = say
        self.grace = grace
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def run(self, tick: Callable[[], bool]) -> int:
        """Start every child and return the exit code once all are stopped.

        ``tick`` is called a few times a second until it returns True. The exit
        code is 0 after an orderly stop, 1 when a child had to be killed or
        never worked, and 128 + the signal's number after a second signal.
        """
        with self._listening():
            ticking = True
            try:
                for child in self.children:
                    child.start()
                while True:
                    number = self._wait(0.1 if ticking else 0.5)
                    if number is not None:
                        self.say(f"{signal.Signals(number).name}: stopping; once more stops at once")
                        return self._stop()
                    self._tend()
                    ticking = ticking and not tick()
            except GaveUp as exc:
                self.say(str(exc))
                self._stop()
                return 1
            finally:
                for child in self.children:
                    child.kill()

    def _tend(self) -> None:
        now = time.monotonic()
        for child in self.children:
            process = child.process
            if process is None:
                if now >= child.due:
                    child.start()
                continue
            code = process.poll()
            if code is None:
                continue
            if child.vital and not child.ready:
                raise GaveUp(f"{child.name} could not start (exit code {code})")
            child.kill()  # what its group may have left behind
            child.failures = 0 if now - child.started >= STEADY_SECONDS else child.failures + 1
            pause = PAUSES[min(child.failures, len(PAUSES) - 1)]
            child.process, child.due = None, now + pause
            self.say(f"{child.name} ended with exit code {code}; starting it again in {pause:g} s")

    def _stop(self) -> int:
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while any(child.process is not None and child.process.poll() is None for child in self.children):
            if time.monotonic() >= deadline:
                late = [c.name for c in self.children if c.process is not None and c.process.poll() is None]
                self.say(f"{' and '.join(late)} did not stop within {self.grace:g} s; ended")
                return 1
            number = self._wait(0.05)
            if number is not None:
                return 128 + number
        return 0

    def _wait(self, seconds: float) -> int | None:
        try:
            return self._signals.get(timeout=seconds)
        except queue.Empty:
            return None

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda n, _: self._signals.put(n))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
