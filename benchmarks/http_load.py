"""A load generator that costs little itself: one thread, keep-alive connections, prepared requests."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """What a run gave: seconds it took, seconds of each request, answers of another status than expected."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.waits) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which ``share`` of the requests were answered."""
        return sorted(self.waits)[min(len(self.waits) - 1, int(len(self.waits) * share))]


@dataclass
class _Client:
    sock: socket.socket
    sent: float = 0.0
    got: bytearray = field(default_factory=bytearray)

    def answer(self) -> bytes | None:
        """The whole answer once it is there."""
        head, end, body = bytes(self.got).partition(b"\r\n\r\n")
        if not end:
            return None
        if b"transfer-encoding: chunked" in head.lower():
            return bytes(self.got) if body.endswith(b"0\r\n\r\n") else None
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        return bytes(self.got) if len(body) >= length else None


def run(
    port: int, requests: Iterator[bytes], *, clients: int, seconds: float, status: bytes = b"2"
) -> Load:
    """Send requests over ``clients`` connections for some seconds, each waiting for its answer before the next.

    An answer whose status does not begin with ``status`` counts as refused.
    """
    load = Load()
    selector = selectors.DefaultSelector()
    begin = time.perf_counter()
    for _ in range(clients):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(sock)
        selector.register(sock, selectors.EVENT_READ, client)
        client.sent = time.perf_counter()
        sock.sendall(next(requests))
    waiting = clients
    while waiting:
        for key, _ in selector.select():
            client = key.data
            data = client.sock.recv(65_536)
            if not data:
                raise ConnectionError("the server closed a connection")
            client.got += data
            answer = client.answer()
            if answer is None:
                continue
            now = time.perf_counter()
            load.waits.append(now - client.sent)
            if not answer.startswith(b"HTTP/1.1 " + status):
                load.refused.append(answer)
            client.got.clear()
            if now - begin < seconds:
                client.sent = now
                client.sock.sendall(next(requests))
            else:
                selector.unregister(client.sock)
                client.sock.close()
                waiting -= 1
    load.seconds = time.perf_counter() - begin
    return load
