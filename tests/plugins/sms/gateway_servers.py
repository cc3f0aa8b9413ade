"""A local HTTP server that plays a gateway's part, and what the tests of gateways share."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scrm_core.api import OutMessage

HANG, CLOSE, MIDWAY, DRIP = "hang", "close", "midway", "drip"
"""Ways to fail: no answer, close at once, break off in the body, a byte now and then."""


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    """How the server answers: (status, body), a way to fail, or a function of the request that says which."""

    answer: Any = (200, "")
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)


class LocalServer:
    """A server on a free port of loopback; close it at the end."""

    def __init__(self) -> None:
        self.script = Script()
        self.over = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def do_GET(self) -> None:
                server._serve(self)

            do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                return

        class Http(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

        self._http = Http(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def requests(self) -> list[Request]:
        return self.script.requests

    def answers(self, answer: Any, **headers: str) -> None:
        self.script = Script(answer, {name.replace("_", "-"): value for name, value in headers.items()})

    def answers_json(self, value: Any, status: int = 200) -> None:
        self.answers((status, json.dumps(value)))

    def _serve(self, handler: Any) -> None:
        script = self.script
        length = int(handler.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, handler.rfile.read(length))
        script.requests.append(request)
        answer = script.answer(request) if callable(script.answer) else script.answer
        if answer == HANG:
            self.over.wait(60)
        elif answer == MIDWAY:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Code\":")
            handler.wfile.flush()
        elif answer == DRIP:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
            while not self.over.wait(0.2):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        elif answer != CLOSE:
            self._write(handler, script, *answer)
            return
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _write(handler: Any, script: Script, status: int, body: str | bytes) -> None:
        content = body if isinstance(body, bytes) else body.encode()
        handler.send_response(status)
        for name, value in script.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()


def message(number: int = 0, **more: Any) -> OutMessage:
    """A message as the outreach service hands it to a gateway."""
    values: dict[str, Any] = {
        "uid": f"{number:032x}",
        "channel": "sms",
        "kind": "marketing",
        "address": f"+86138{number:08d}",
        "body": "【示例旗舰店】亲爱的会员，您有一张30元券3天后到期 https://s.example.cn/aB3dE 拒收请回复R",
        "parts": 1,
        "template": "SMS_71390007",
        "params": {"name": "会员", "link": "aB3dE"},
        "attempt": 1,
    }
    return OutMessage(**{**values, **more})


KANNEL = {"username": "scrm", "password": "se cret&1", "callback_token": "token-of-sixteen-or-more"}
ALIYUN = {"access_key_id": "testId", "access_key_secret": "testSecret", "callback_token": "aliyun-callback-token"}
TENCENT = {
    "secret_id": "AKIDexample",
    "secret_key": "Gu5t9xGARNpq86cd98joQYCN3",
    "sdk_app_id": "1400006666",
    "callback_token": "tencent-callback-token",
}
TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "12345", "from_number": "+15005550006"}

Answering = Callable[[Request], Any]
