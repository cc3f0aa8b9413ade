"""HTTP calls to gateways: pooled, never redirected, answers bounded in size and in time.

What a failed call leaves known decides what becomes of the message:

=====================================================  ============================
failure                                                outcome
=====================================================  ============================
refused, unknown host, no connection in time           retry: nothing left this host
time-out or break while writing or waiting             unknown: it may have gone
the answer breaks off, is too long or takes too long   unknown: it may have gone
not begun before the others had used up the time       retry: nothing left this host
=====================================================  ============================
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scrm_core.api import PluginError, SendResult

ANSWER_BYTES = 256 * 1024
"""The longest answer that is read: 200 numbers take about 50 kB."""

BEGIN_SECONDS = 20.0
"""Calls that have not begun after this are left for another time."""

END_SECONDS = 40.0
"""Calls that have not ended after this are given up; the framework allows 45 seconds."""

# Shorter than servers keep an idle connection: a call on one that the server is
# just closing would end as "unknown" although nothing was sent.
_IDLE_SECONDS = 5.0
_RETRY_SECONDS = 10
_USER_AGENT = "scrm-sms"


@dataclass(frozen=True, slots=True)
class Call:
    """A request: ``url`` with its query, encoded as it goes over the wire."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; ``retry_after`` is what the server asked for in seconds, or None."""

    status: int
    body: bytes
    retry_after: int | None = None

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become question marks."""
        return self.body.decode("utf-8", "replace")


class Calls:
    """The connections to one gateway; ``width`` calls go at the same time."""

    def __init__(self, *, connect_s: float, read_s: float, width: int) -> None:
        self._connect_s, self._read_s, self._width = connect_s, read_s, width
        self._lock = threading.Lock()
        self._client: Any = None

    def run(self, calls: Sequence[Call]) -> list[Answer | SendResult]:
        """Make the calls and return, in their order, the answers or what a failure means for the message."""
        client, results = self._open(), _Results(len(calls))
        begin_until = time.monotonic() + BEGIN_SECONDS
        end_until = time.monotonic() + END_SECONDS

        def work() -> None:
            while time.monotonic() < begin_until and (place := results.take()) is not None:
                results.put(place, self._one(client, calls[place]))

        # A server that sends a byte now and then defeats every time-out of a socket, so
        # the calls run beside this thread and are abandoned when the time is over.
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(self._width, len(calls)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end_until - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            self._abandon(client)
        return results.close()

    def _one(self, client: Any, call: Call) -> Answer | SendResult:
        import httpx

        body = bytearray()
        headers = {"Accept-Encoding": "identity", "User-Agent": _USER_AGENT, **call.headers}
        try:
            with client.stream(call.method, call.url, headers=headers, content=call.content or None) as response:
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > ANSWER_BYTES:
                        return SendResult.unknown(f"the answer is longer than {ANSWER_BYTES} bytes")
                return Answer(response.status_code, bytes(body), _seconds(response.headers.get("retry-after", "")))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            return SendResult.retry(_said(exc), code="no_connection", after_s=_RETRY_SECONDS)
        except httpx.TimeoutException as exc:
            return SendResult.unknown(_said(exc), code="timeout")
        except httpx.HTTPError as exc:
            return SendResult.unknown(_said(exc), code="broken_answer")

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            import httpx  # 100 ms, and only brands that send over HTTP need it
        except ImportError:
            raise PluginError("sending over HTTP needs httpx: pip install 'scrm[sms]'") from None
        # httpx notes every address at level INFO: with passwords, numbers and texts in it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.Client(
            timeout=httpx.Timeout(self._read_s, connect=self._connect_s),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=self._width, keepalive_expiry=_IDLE_SECONDS
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def _abandon(self, client: Any) -> None:
        """Close the connections of calls that do not end; the next call opens new ones."""
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()


class _Results:
    """What became of each call; calls that end after the close are not heard any more."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._begun = 0
        self._closed = False
        self._found: list[Answer | SendResult | None] = [None] * count

    def take(self) -> int | None:
        """The place of the next call to make, or None."""
        with self._lock:
            if self._closed or self._begun == len(self._found):
                return None
            self._begun += 1
            return self._begun - 1

    def put(self, place: int, result: Answer | SendResult) -> None:
        with self._lock:
            if not self._closed:
                self._found[place] = result

    def close(self) -> list[Answer | SendResult]:
        with self._lock:
            self._closed = True
            return [each if each is not None else self._missing(place) for place, each in enumerate(self._found)]

    def _missing(self, place: int) -> SendResult:
        if place < self._begun:
            return SendResult.unknown(f"no complete answer within {END_SECONDS:g} s", code="timeout")
        return SendResult.retry("the calls before it took too long", code="not_begun", after_s=1)


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]


def _seconds(text: str) -> int | None:
    return min(int(text), 3_600) if text.isascii() and text.isdigit() and len(text) < 6 else None
