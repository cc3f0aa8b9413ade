"""The call that hands messages over. What a failed call leaves known decides what becomes of the messages.

======================================================  ======================================
what happened                                           outcome
======================================================  ======================================
no connection                                           retry: nothing left this machine
429, 503                                                retry, after ``Retry-After``
400 to 499                                              refused, and the run is halted
200 or 202 with an answer for the message               accepted or refused, as it says
time-out, break, other status, an answer that is none   unknown: it may have been sent
======================================================  ======================================
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from scrm_core.api import OutMessage, SendResult

from .signature import headers

ANSWER_BYTES = 100_000
CONNECT_SECONDS = 5.0


class HttpGateway:
    """Hands messages to one address, a batch in one signed request."""

    batch = 100

    def __init__(self, url: str, key: bytes, *, seconds: float, now: Callable[[], int]) -> None:
        self._parts = urlsplit(url)
        self._key, self._seconds, self._now = key, seconds, now

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One result per message, in order; within ``seconds`` and the time to connect."""
        told = [{"id": each.uid, "to": each.address, "text": each.body} for each in messages]
        body = json.dumps({"messages": told}, ensure_ascii=False).encode()
        try:
            connection = self._connected()
        except OSError as exc:
            return [SendResult.retry(_said(exc), code="no_connection")] * len(messages)
        try:
            # From here on nobody knows how far a call came that breaks off.
            status, wait, answer = self._call(connection, messages[0].uid, body)
        except (OSError, ValueError, http.client.HTTPException) as exc:
            return [SendResult.unknown(_said(exc), code="no_answer")] * len(messages)
        finally:
            connection.close()
        if status in (429, 503):
            return [SendResult.retry(f"answered {status}", code=f"http_{status}", after_s=wait)] * len(messages)
        if 400 <= status < 500:
            return [SendResult.refused(f"http_{status}", "the request was refused", halt=True)] * len(messages)
        found = _results(answer) if status in (200, 202) else {}
        missing = SendResult.unknown(f"answered {status} without a result", code=f"http_{status}")
        return [found.get(each.uid, missing) for each in messages]

    def _connected(self) -> http.client.HTTPConnection:
        tls = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(self._seconds)
        return connection

    def _call(self, connection: http.client.HTTPConnection, message: str, body: bytes) -> tuple[int, int, bytes]:
        given = {"Content-Type": "application/json", **headers(self._key, message, self._now() // 1_000, body)}
        # A server that sends a byte now and then defeats the time-out of a socket.
        late = threading.Event()
        end = threading.Timer(self._seconds, _cut, (connection.sock, late))
        end.daemon = True
        end.start()
        try:
            connection.request("POST", self._parts.path or "/", body, given)
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES + 1)
        finally:
            end.cancel()
        if late.is_set():
            raise TimeoutError(f"no whole answer in {self._seconds:g} s")
        if len(text) > ANSWER_BYTES:
            raise ValueError(f"the answer is longer than {ANSWER_BYTES} bytes")
        wait = answer.headers.get("Retry-After", "")
        return answer.status, min(int(wait), 3_600) if wait.isascii() and wait.isdigit() else 30, text


def _results(answer: bytes) -> dict[str, SendResult]:
    """What the answer says, by message; nothing of an answer of another shape."""
    try:
        rows = json.loads(answer)["results"]
        return {str(row["id"]): _result(row) for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _result(row: dict[str, Any]) -> SendResult:
    if row["status"] == "accepted":
        return SendResult.accepted(str(row.get("ref", "")))
    if row["status"] == "refused":
        return SendResult.refused(str(row.get("code", ""))[:100], str(row.get("detail", ""))[:200])
    return SendResult.unknown("a result of another status than accepted or refused")


def _cut(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]
