"""The call that carries a message to another installation: bounded in time and size, never redirected."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..limits import LIMITS

PATH = "/partner-messages/"
# What a call cannot mend by being made again.
FOR_GOOD = frozenset((400, 409, 413, 422))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: ``error`` is empty when the message was taken, ``final`` says not to try again."""

    error: str = ""
    final: bool = False


def call(url: str, brand: str, key: str, headers: dict[str, str], body: bytes) -> Outcome:
    """POST a signed body to a partner's installation; only the status of the answer counts."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    seconds = LIMITS.partner_ms / 1000
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    # A server that sends a byte now and then defeats the time-out of a socket.
    end = threading.Timer(seconds, _cut, (connection,))
    end.daemon = True
    end.start()
    try:
        given = {"Content-Type": "application/json", "User-Agent": "scrm", "Connection": "close", **headers}
        connection.request("POST", f"{parts.path.rstrip('/')}{PATH}{brand}/{key}", body, given)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        return Outcome(f"no answer: {type(exc).__name__}")
    finally:
        end.cancel()
        connection.close()
    if 200 <= status < 300:
        return Outcome()
    return Outcome(f"the partner answered {status}", status in FOR_GOOD)


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
