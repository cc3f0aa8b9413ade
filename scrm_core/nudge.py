"""Waking workers right after a commit: a datagram on this machine, Redis for others.

A nudge carries a brand id and nothing else. It may be lost: the worker looks at
every brand once a second anyway. It must cost the committing request
microseconds and never block it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import select
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import ProjectConfig

log = logging.getLogger("scrm.nudge")

_RESCAN_SECONDS = 1.0
_REMOTE_SECONDS = 0.1
_REMOTE_PAUSE_SECONDS = 5.0


def socket_dir(data_dir: Path) -> Path:
    """A private folder for this installation's sockets; short, because socket paths are limited."""
    digest = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"scrm-{os.getuid()}-{digest}"


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    stat = folder.lstat()
    if folder.is_symlink() or stat.st_uid != os.getuid() or stat.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user; remove it")
    return folder


class NudgeReceiver:
    """The worker's end: ``wait`` returns the brands that were nudged."""

    def __init__(self, data_dir: Path) -> None:
        self._path = _private(socket_dir(data_dir)) / f"{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))

    def wait(self, seconds: float) -> set[str]:
        """Brands nudged until now; waits up to ``seconds`` for the first."""
        with contextlib.suppress(InterruptedError):
            select.select([self._socket], [], [], seconds)
        brands = set()
        while True:
            try:
                brands.add(self._socket.recv(64).decode("ascii", "replace"))
            except (BlockingIOError, InterruptedError):
                return brands - {""}

    def wake(self) -> None:
        """End a running ``wait`` from a signal handler or another thread."""
        _send(self._socket, self._path, b"")

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other workers' sockets keep the folder
            self._path.parent.rmdir()


class NudgeSender:
    """The writer's end; call it with a brand id."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = socket_dir(data_dir)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._targets: list[Path] = []
        self._scanned = -_RESCAN_SECONDS

    def __call__(self, brand: str) -> None:
        now = time.monotonic()
        if now - self._scanned > _RESCAN_SECONDS:
            self._scanned = now
            self._targets = list(self._folder.glob("*.sock"))
        message = brand.encode("ascii")
        for target in self._targets:
            if _send(self._socket, target, message) in (errno.ECONNREFUSED, errno.ENOENT):
                # The socket of a worker that was killed: nobody will ever read it again.
                with contextlib.suppress(OSError):
                    target.unlink(missing_ok=True)
                self._scanned = -_RESCAN_SECONDS


class RemoteNudge:
    """Wakes workers of other machines through Redis, at most one message per brand and tenth of a second.

    Redis only speeds things up: while it is away nothing is sent and nothing
    fails, and the workers' sweep finds the events.
    """

    def __init__(self, wake: Callable[[str], object]) -> None:
        self._wake = wake
        self._sent: dict[str, float] = {}
        self._quiet_until = 0.0

    def __call__(self, brand: str) -> None:
        now = time.monotonic()
        if now < self._quiet_until or now - self._sent.get(brand, -1.0) < _REMOTE_SECONDS:
            return
        self._sent[brand] = now
        try:
            self._wake(brand)
        except Exception as exc:  # noqa: BLE001  whatever the client raises, the commit has happened
            self._quiet_until = time.monotonic() + _REMOTE_PAUSE_SECONDS
            log.warning("workers elsewhere were not woken: %s", exc)


def make_nudge(config: ProjectConfig) -> Callable[[str], None]:
    """What an installation calls with a brand's id after a commit that appended events."""
    local = NudgeSender(config.data_dir)
    if not config.queue_url:
        return local
    from .jobs import redis_wake

    remote = RemoteNudge(redis_wake(config))

    def both(brand: str) -> None:
        local(brand)
        remote(brand)

    return both


def _send(sender: socket.socket, target: Path, message: bytes) -> int:
    try:
        sender.sendto(message, str(target))
    except OSError as exc:
        # A full queue means the worker has plenty to wake up for already.
        return exc.errno or 0
    return 0
