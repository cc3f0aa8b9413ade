"""WeCom waits five seconds for the answer to a callback and one for its check, whatever its own API does meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from grounds import Grounds, until
from ports import free_port
from storm import patiently
from wecom_ground import CORP, OTHER, wecom_ground

from scrm_wecom.crypto import Crypt

ADDS, AT_ONCE, CHECKS, SPOILT = 200, 8, 20, 7
CALLBACK_SECONDS, ECHO_SECONDS = 5.0, 1.0
"""WeCom's own: behind them it drops the connection and tries again."""


class SilentServer:
    """Gives a token, takes every other connection, reads what comes, and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.held: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        self.socket.settimeout(0.2)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self.socket.accept()
                threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.settimeout(30)
            heard = connection.recv(65_536)
            if heard.startswith(b"GET /cgi-bin/gettoken"):
                told = json.dumps({"errcode": 0, "access_token": "t1", "expires_in": 7_200}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(told)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + told)
                connection.close()
                return
        self.held.append(connection)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for each in [self.socket, *self.held]:
            each.close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    made = SilentServer()
    yield made
    made.close()


class WeCom:
    """Sends what WeCom sends to a brand, with its patience and no second try."""

    def __init__(self, port: int, number: int) -> None:
        self.port, self.brand = port, ("acme", "moonco")[number - 1]
        self.corp = (CORP, OTHER)[number - 1]
        self.crypt = Crypt(f"demoToken{number:04}", f"demoEncodingAESKey{number:025d}", self.corp)

    def add(self, number: int) -> tuple[int, bytes]:
        """An add with a welcome code; status and body of the answer, status 0 for none in time."""
        fields = {
            "ToUserName": self.corp, "FromUserName": "sys", "CreateTime": int(time.time()), "MsgType": "event",
            "Event": "change_external_contact", "ChangeType": "add_external_contact",
            "UserID": f"staff{number % 5}", "ExternalUserID": f"wm{number:030}", "WelcomeCode": f"code{number}",
        }  # fmt: skip
        plain = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
        encrypted = self.crypt.encrypt(f"<xml>{plain}</xml>".encode())
        return self._ask("POST", encrypted, {}, f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>", CALLBACK_SECONDS)

    def check(self, number: int) -> tuple[int, bytes]:
        echo = self.crypt.encrypt(f"echo {number}".encode())
        return self._ask("GET", echo, {"echostr": echo}, None, ECHO_SECONDS)

    def spoilt(self) -> int:
        return self._ask("POST", "x", {}, "<xml><Encrypt>y</Encrypt></xml>", CALLBACK_SECONDS)[0]

    def _ask(self, method: str, encrypted: str, more: dict[str, str], body: str | None, seconds: float) -> tuple[int, bytes]:
        stamp = str(int(time.time()))
        query = {"msg_signature": self.crypt.signature(stamp, "n", encrypted), "timestamp": stamp, "nonce": "n", **more}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        begun = time.monotonic()
        try:
            connection.request(method, f"/p/{self.brand}/wecom/callback?{urlencode(query)}", body)
            answer = connection.getresponse()
            told = answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()
        return told if time.monotonic() - begun < seconds else (0, b"")


def _kept(ground: Grounds, brand: str = "acme") -> int:
    return int(ground.rows("SELECT count(*) FROM wecom_callback", brand=brand)[0][0])


@pytest.mark.wide
def test_callbacks_and_the_check_are_answered_in_wecom_s_time_while_its_api_says_nothing(grounds, silent):
    port = free_port()
    ground = wecom_ground(grounds, silent.url)
    for name in ("acme", "moonco"):
        with ground.installation.brand(name) as brand:
            brand.plugins["wecom"].wecom.greetings.put({"text": "hello"}, actor="ann")
    server = ground.scrm("run", "run", "--workers", "1", "--port", str(port))  # with a worker of its own
    ground.answering(f"http://127.0.0.1:{port}", server)
    ground.worker()
    acme, moonco = WeCom(port, 1), WeCom(port, 2)
    assert acme.add(9_000)[0] == moonco.add(9_001)[0] == 200
    until(lambda: len(silent.held) >= 2, "no worker asks WeCom")  # and hangs there: each call waits for ten seconds
    with ThreadPoolExecutor(AT_ONCE) as wecom:
        adds, checks = [], []
        for number in range(ADDS):
            adds.append(wecom.submit((acme, moonco)[number % 4 == 3].add, number))
            if number % (ADDS // CHECKS) == 0:
                checks.append(wecom.submit(acme.check, len(checks)))
    assert [each.result() for each in adds] == [(200, b"success")] * ADDS
    assert [each.result() for each in checks] == [(200, f"echo {number}".encode()) for number in range(CHECKS)]
    assert len(silent.held) >= 2 and server.running
    assert (patiently(lambda: _kept(ground)), patiently(lambda: _kept(ground, "moonco"))) == (151, 51)
    # What is refused meanwhile is counted by a process that ends in order, the last second's too.
    assert [moonco.spoilt() for _ in range(SPOILT)] == [403] * SPOILT
    server.stop()
    refused = "SELECT kind, count FROM wecom_refusal"
    assert ground.rows(refused, brand="moonco") == [("signature", SPOILT)]
    assert ground.rows(refused) == []
