"""Databases and queues of a test's own, on free ports in a temporary folder: they are stopped, cut off and emptied."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile

from grounds import PATIENCE, until
from ports import free_port


class Redis:
    """A Redis that keeps nothing: it comes back empty."""

    def __init__(self, hosts: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self._hosts = hosts
        self.folder = tempfile.mkdtemp(prefix="scrm-redis-")
        self.port = free_port()
        self.start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"redis://{host}:{self.port}/0"

    def start(self) -> None:
        import redis

        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", *self._hosts, "--save", "", "--appendonly", "no",
             "--protected-mode", "no", "--dir", self.folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def answers() -> bool:
            try:
                return bool(redis.Redis.from_url(self.url(), socket_timeout=5).ping())
            except redis.RedisError:
                return False

        until(answers, "Redis does not answer")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
