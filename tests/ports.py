"""Ports for servers that a test starts."""

from __future__ import annotations

import secrets
import socket

_FIRST, _MANY = 10_000, 20_000
"""Below those that the system hands out by itself (32,768 and above): it gives none of them to another test meanwhile."""


def free_port() -> int:
    """A port that nobody listens at; drawn, since tests beside this one ask too."""
    while True:
        port = _FIRST + secrets.randbelow(_MANY)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
