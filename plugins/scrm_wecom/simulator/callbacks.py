"""Callbacks: signed, encrypted, sent, tried again, kept with what was answered (wecom sections 2.3 and 15.4).

The platform waits five seconds, takes anything but 200 for a failure and tries
three times in all, with the same plaintext each time; ``Encrypt``, nonce and
signature are new. How long it waits between the tries is not documented:
here it does not wait.

Events wait in one queue and are sent in order by whoever calls
:meth:`Outbox.deliver`, one after the other, so a test knows when they have
arrived. On command they are held back, turned round, shuffled, doubled,
dropped, replayed byte for byte, or spoilt.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scrm_core.api import Conflict, Invalid, NotFound

from ..crypto import Crypt
from .accounts import CallbackTarget
from .events import sealed_xml

TRIES = 3
TIMEOUT_SECONDS = 5.0
ECHO_SECONDS = 1.0
KEPT = 2_000
ANSWER_BYTES = 64 * 1024
ANSWER_KEPT = 500

SPOILINGS = ("signature", "token", "receiver", "ciphertext", "xml", "entities", "stale", "future")
"""``signature``: one that fits nothing; ``token``: made with another token; ``receiver``: another corp's id inside;
``ciphertext``: cut off; ``xml``: the body is cut off; ``entities``: entities that grow a thousandfold;
``stale``: an hour old; ``future``: an hour too early."""

ORDERS = ("same", "reversed", "shuffled")


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: status 0 and ``error`` where there was no answer in time."""

    at: int
    status: int
    seconds: float
    answer: str
    error: str = ""


@dataclass(slots=True)
class Callback:
    """One event for one app. ``state``: waiting, delivered, failed (three tries) or dropped."""

    number: int
    corpid: str
    agentid: int
    target: CallbackTarget
    plain: str
    made_at: int
    name: str
    spoiling: str = ""
    state: str = "waiting"
    tries: list[Try] = field(default_factory=list)
    sent: tuple[str, bytes] | None = None

    def shown(self) -> dict[str, Any]:
        """The callback for the status page and the act door."""
        return {
            "number": self.number,
            "corpid": self.corpid,
            "agentid": self.agentid,
            "name": self.name,
            "spoiling": self.spoiling,
            "state": self.state,
            "plain": self.plain,
            "tries": [
                {"at": t.at, "status": t.status, "seconds": round(t.seconds, 3), "answer": t.answer, "error": t.error}
                for t in self.tries
            ],
        }


class Outbox:
    """Every callback of a simulator. ``now`` gives epoch milliseconds; ``seed`` repeats nonces and shuffles."""

    def __init__(
        self, now: Callable[[], int], *, seed: int = 1, timeout: float = TIMEOUT_SECONDS, echo: float = ECHO_SECONDS
    ) -> None:
        self._now = now
        self.timeout = timeout
        self.echo = echo
        self._random = random.Random(seed)  # repeatable on purpose: nothing here is a secret
        self._waiting: deque[Callback] = deque()
        self.kept: deque[Callback] = deque(maxlen=KEPT)
        self._held = False
        self._spoil: deque[str] = deque()
        self._drop = 0
        self._made = 0
        self._lock = threading.RLock()
        self._delivering = threading.Lock()

    # What is sent --------------------------------------------------------------

    def push(self, corpid: str, agentid: int, target: CallbackTarget, plain: str, name: str) -> Callback:
        """Queue an event for an app."""
        with self._lock:
            self._made += 1
            callback = Callback(self._made, corpid, agentid, target, plain, self._now(), name)
            self.kept.append(callback)
            if self._drop:
                self._drop -= 1
                callback.state = "dropped"
                return callback
            callback.spoiling = self._spoil.popleft() if self._spoil else ""
            self._waiting.append(callback)
            return callback

    def deliver(self) -> list[Callback]:
        """Send what waits, in order, unless it is held; returns what was sent. The caller waits for the receiver.

        Events that come about meanwhile are sent too, by whoever is sending already.
        """
        sent: list[Callback] = []
        while self._delivering.acquire(blocking=False):
            try:
                while (callback := self._take()) is not None:
                    self._send(callback)
                    sent.append(callback)
            finally:
                self._delivering.release()
            # Whoever queued an event meanwhile found the lock taken and left it to us.
            if self._held or not self._waiting:
                break
        return sent

    def waiting(self) -> int:
        """How many events wait."""
        with self._lock:
            return len(self._waiting)

    def found(self, number: int) -> Callback:
        """An event by its number, of the last ones; raises NotFound."""
        with self._lock:
            for callback in self.kept:
                if callback.number == number:
                    return callback
        raise NotFound(f"no callback has the number {number}; the last {KEPT} are kept")

    # On command ----------------------------------------------------------------

    def hold(self) -> None:
        """Keep events back from now on."""
        with self._lock:
            self._held = True

    def release(self, *, order: str = "same", copies: int = 1) -> list[Callback]:
        """Send what was held: in the same order, ``reversed`` or ``shuffled``, each ``copies`` times.

        Raises Invalid for an unknown order or a number of copies outside 1 to 10.
        """
        if order not in ORDERS or not 1 <= copies <= 10:
            raise Invalid(f"order is one of {', '.join(ORDERS)}, copies 1 to 10", field="order")
        with self._lock:
            held = list(self._waiting)
            if order == "reversed":
                held.reverse()
            elif order == "shuffled":
                self._random.shuffle(held)
            self._waiting.clear()
            for callback in held:
                self._waiting.append(callback)
                self._waiting.extend(self._copy(callback) for _ in range(copies - 1))
            self._held = False
        return self.deliver()

    def drop(self, count: int) -> None:
        """Lose the next ``count`` events: they are kept here and never sent."""
        _counted(count)
        with self._lock:
            self._drop = count

    def spoil(self, how: str, count: int = 1) -> None:
        """Spoil the next ``count`` events in one of the ways of :data:`SPOILINGS`. Raises Invalid for another."""
        if how not in SPOILINGS:
            raise Invalid(f"no spoiling is called {how!r}; there are {', '.join(SPOILINGS)}", field="how")
        _counted(count)
        with self._lock:
            self._spoil.extend([how] * count)

    def resend(self, number: int) -> Callback:
        """Send an event again as the platform's own retry would: the same plaintext, newly encrypted."""
        copy = self._copy(self.found(number))
        self._send(copy)
        return copy

    def replay(self, number: int) -> Callback:
        """Send the very bytes of an earlier request again, signature and time too, as somebody who listened could.

        Raises NotFound for an unknown number, Conflict for an event that was never sent.
        """
        old = self.found(number)
        if old.sent is None:
            raise Conflict(f"callback {number} was never sent")
        copy = self._copy(old)
        copy.name = f"replay of {number}: {old.name}"
        copy.sent = old.sent
        copy.tries.append(self._post(*old.sent))
        copy.state = "delivered" if copy.tries[-1].status == 200 else "failed"
        return copy

    def check_url(self, corpid: str, target: CallbackTarget) -> tuple[bool, str]:
        """Ask an address for the echo as the console does on saving (wecom section 2.2); (right, what was said)."""
        message = str(self._random.randrange(10**18, 10**19))
        crypt = Crypt(target.token, target.aes_key, corpid)
        encrypted = crypt.encrypt(message.encode())
        url = self._signed(target.url, crypt, encrypted, self._now() // 1_000)
        found = self._request("GET", f"{url}&echostr={quote(encrypted, safe='')}", b"", self.echo)
        if found.error:
            return False, found.error
        if found.status != 200 or found.answer != message:
            return False, f"status {found.status}, answer {found.answer[:100]!r} instead of {message!r}"
        return True, message

    def request_of(self, callback: Callback) -> tuple[str, bytes]:
        """The address and body of a request for an event, newly sealed; also for a receiver without a network."""
        target, spoiling = callback.target, callback.spoiling
        receiver = "wwsomebodyelse" if spoiling == "receiver" else callback.corpid
        token = "anotherToken" if spoiling == "token" else target.token
        crypt = Crypt(token, target.aes_key, receiver)
        plain = _BOMB if spoiling == "entities" else callback.plain
        encrypted = crypt.encrypt(plain.encode())
        if spoiling == "ciphertext":
            encrypted = encrypted[: len(encrypted) // 8 * 4]
        shift = {"stale": -3_600, "future": 3_600}.get(spoiling, 0)
        url = self._signed(target.url, crypt, encrypted, self._now() // 1_000 + shift, forged=spoiling == "signature")
        body = sealed_xml(callback.corpid, callback.agentid, encrypted)
        return url, (body[: len(body) // 2] if spoiling == "xml" else body).encode()

    # How it is sent --------------------------------------------------------------

    def _take(self) -> Callback | None:
        with self._lock:
            return None if self._held or not self._waiting else self._waiting.popleft()

    def _send(self, callback: Callback) -> None:
        for _ in range(TRIES):
            callback.sent = self.request_of(callback)
            callback.tries.append(self._post(*callback.sent))
            if callback.tries[-1].status == 200:
                callback.state = "delivered"
                return
        callback.state = "failed"

    def _post(self, url: str, body: bytes) -> Try:
        return self._request("POST", url, body, self.timeout)

    def _request(self, method: str, url: str, body: bytes, timeout: float) -> Try:
        at, begun = self._now(), time.monotonic()
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(parts.hostname or "", parts.port, timeout=timeout)
        status, answer, error = 0, b"", ""
        try:
            headers = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"}
            connection.request(method, f"{parts.path or '/'}?{parts.query}", body or None, headers)
            response = connection.getresponse()
            answer, status = response.read(ANSWER_BYTES), response.status
        except (OSError, http.client.HTTPException) as exc:
            error = f"{type(exc).__name__}: {exc}"[:200]
        finally:
            connection.close()
        seconds = time.monotonic() - begun
        # A byte now and then defeats the time-out of a socket, and the platform would have gone.
        if seconds > timeout and not error:
            status, error = 0, f"answered after {seconds:.1f} s, the platform waits {timeout:g} s"
        return Try(at, status, seconds, answer[:ANSWER_KEPT].decode("utf-8", "replace"), error)

    def _signed(self, url: str, crypt: Crypt, encrypted: str, at: int, *, forged: bool = False) -> str:
        timestamp, nonce = str(at), str(self._random.randrange(10**8, 10**10))
        signature = "0" * 40 if forged else crypt.signature(timestamp, nonce, encrypted)
        query = urlencode({"msg_signature": signature, "timestamp": timestamp, "nonce": nonce})
        return f"{url}{'&' if urlsplit(url).query else '?'}{query}"

    def _copy(self, old: Callback) -> Callback:
        with self._lock:
            self._made += 1
            copy = Callback(self._made, old.corpid, old.agentid, old.target, old.plain, self._now(), old.name)
            self.kept.append(copy)
            return copy


def _counted(count: int) -> None:
    if not 0 <= count <= KEPT:
        raise Invalid(f"count is 0 to {KEPT}", field="count")


_LEVELS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
_BOMB = f'<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY e0 "0123456789">{_LEVELS}]><xml><Event>&e9;</Event></xml>'
"""An event whose entities would grow to ten gigabytes."""
