"""A process's turn at a file (排队): an advisory lock that is waited for without asking again and again.

The system wakes whoever waits for a lock in the moment in which it is free, but
knows no deadline. So a thread of its own waits there, and whoever asked waits
for that thread, as long as they like.
"""

from __future__ import annotations

import os
import threading

from ..errors import Busy

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy handler is all there is.
    fcntl = None  # type: ignore[assignment]

IDLE_SECONDS = 1.0
"""How long the waiting thread stays when nobody needs it."""


class FileTurns:
    """This process's turns at one file; one thread at a time asks for them."""

    possible = fcntl is not None
    """False where the system has no such locks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._asked, self._told = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._fd: int | None = None
        self._wanted = self._settled = False
        self._error: OSError | None = None

    def take(self, seconds: float) -> int:
        """Wait for the turn; returns the open file that has it until :meth:`give`. Raises Busy when it takes longer.

        A process that is killed gives its turn back.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait(fd, seconds)
        except BaseException:
            os.close(fd)
            raise
        return fd

    @staticmethod
    def give(fd: int) -> None:
        """Give the turn back."""
        # Closing is not enough: a child process that was forked meanwhile has the same file open.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)

    def _wait(self, fd: int, seconds: float) -> int:
        with self._mutex:
            self._wanted = True
            if self._fd is None:
                self._fd = fd
                self._asked.release()
            else:
                os.close(fd)  # the wait that somebody gave up goes on: its turn will do
            if self._thread is None or not self._thread.is_alive():  # after a fork it is not
                self._thread = threading.Thread(target=self._work, name="file-turns", daemon=True)
                self._thread.start()
        told = False
        try:
            told = self._told.acquire(timeout=seconds)
        except BaseException:  # a signal's handler raised: nobody is left to use the turn
            with self._mutex:
                found, _ = self._collect(told)
            if found is not None:
                self.give(found)
            raise
        with self._mutex:
            found, error = self._collect(told)
        if found is None:
            raise Busy("the database is busy; try again", code="database_busy")
        if error is not None:
            os.close(found)
            raise error
        return found

    def _collect(self, told: bool) -> tuple[int | None, OSError | None]:
        """What came of a wait that is over, by now: the open file and what went wrong, or nothing."""
        self._wanted = False
        if not self._settled:
            return None, None
        if not told:  # in the last moment
            self._told.acquire()
        found, error = self._fd, self._error
        self._fd, self._error, self._settled = None, None, False
        return found, error

    def _work(self) -> None:
        while self._asked.acquire(timeout=IDLE_SECONDS) or self._asked_by_now():
            fd, error = self._fd, None
            assert fd is not None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as exc:
                error = exc
            with self._mutex:
                if self._wanted:
                    self._error, self._settled = error, True
                    self._told.release()
                else:  # whoever asked has given up
                    self.give(fd)
                    self._fd = None

    def _asked_by_now(self) -> bool:
        """Whether somebody asked while the thread was about to end; otherwise it is to end."""
        with self._mutex:
            if self._asked.acquire(blocking=False):
                return True
            self._thread = None
            return False
