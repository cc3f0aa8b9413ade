"""Waking the worker right after a commit: one datagram to the workers of this machine.

A nudge carries a brand id and nothing else. It may be lost: the worker looks at
every brand once a second anyway. It must cost the committing request
microseconds and never block it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import select
import socket
import tempfile
import time
from pathlib import Path

_RESCAN_SECONDS = 1.0


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


def _send(sender: socket.socket, target: Path, message: bytes) -> int:
    try:
        sender.sendto(message, str(target))
    except OSError as exc:
        # A full queue means the worker has plenty to wake up for already.
        return exc.errno or 0
    return 0
