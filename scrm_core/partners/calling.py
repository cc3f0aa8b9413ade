"""The call that carries a message to another installation: bounded in time and size, never redirected or led inside."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ..limits import LIMITS
from ..partner_config import Network
from . import addresses

PATH = "/partner-messages/"
# What a call cannot mend by being made again.
FOR_GOOD = frozenset((400, 409, 413, 422))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: ``error`` is empty when the message was taken, ``final`` says not to try again."""

    error: str = ""
    final: bool = False


def call(
    url: str,
    brand: str,
    key: str,
    headers: dict[str, str],
    body: bytes,
    *,
    networks: Iterable[Network] = (),
    lookup: addresses.Lookup = socket.getaddrinfo,
) -> Outcome:
    """POST a signed body to a partner's installation; only the status of the answer counts.

    It goes to a public address or into one of ``networks``, whatever the name leads to.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    seconds = LIMITS.partner_ms / 1000
    try:
        address = addresses.resolve(host, port, networks, lookup)
    except addresses.NotAllowed:
        return Outcome("its address is not public, and not in `partner_networks` of scrm.toml")
    except (OSError, ValueError) as exc:
        return Outcome(f"no answer: {type(exc).__name__}")
    connection = (_Tls if parts.scheme == "https" else _Plain)(host, parts.port, timeout=seconds)
    connection.address = address
    # A server that sends a byte now and then defeats the time-out of a socket.
    end = threading.Timer(seconds, _cut, (connection,))
    end.daemon = True
    end.start()
    try:
        given = {"Content-Type": "application/json", "User-Agent": "scrm", "Connection": "close", **headers}
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        connection.request("POST", f"{path}{PATH}{brand}/{key}", body, given)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        return Outcome(f"no answer: {type(exc).__name__}")
    finally:
        end.cancel()
        connection.close()
    if 200 <= status < 300:
        return Outcome()
    return Outcome(f"the partner answered {status}", status in FOR_GOOD)


class _Plain(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever its host's name leads to by now."""

    address = ""
    late = False

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        self._in_time()

    def _in_time(self) -> None:
        """Raise TimeoutError when time was up while there was no socket that could be cut."""
        if self.late:
            raise TimeoutError


class _Tls(_Plain):
    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        # The certificate must be the name's.
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
        self._in_time()


def _cut(connection: _Plain) -> None:
    connection.late = True
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
