"""No network for handlers of events: whoever opens a connection in one is told so."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


class NetworkInHandler(AssertionError):
    """A handler of events opened a connection: it would hold up its brand. Queue a job or a message instead."""


@contextmanager
def no_network(engine: str) -> Iterator[list[str]]:
    """Refuse connections and look-ups; yields where they were to go. PostgreSQL's driver has opened its own before."""
    opened: list[str] = []

    def refuse(_: Any, address: Any, *__: Any) -> Any:
        opened.append(str(address))
        raise NetworkInHandler(f"a handler of events may not call the network ({address})")

    found = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if engine != "sqlite":  # the driver looks its server up with it, too, when its pool opens another connection
            return found(host, port, *more, **named)
        return refuse(None, (host, port))  # without a network nobody gets further

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
        mock.patch.object(socket, "getaddrinfo", look_up),
    ):
        yield opened
