"""A server on the loopback that answers what a test tells it: WeCom's shapes, and whatever else may come back."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = dict[str, Any] | bytes | Callable[["Asked"], Any]


class Asked:
    """A request as it came."""

    def __init__(self, method: str, target: str, body: bytes) -> None:
        parts = urlsplit(target)
        self.method, self.api = method, parts.path.removeprefix("/cgi-bin/")
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.raw = body
        self.body = json.loads(body) if body.startswith((b"{", b"[")) else None

    @property
    def token(self) -> str:
        return self.query.get("access_token", "")


class WecomServer:
    """Tokens are t1, t2, ...; ``answers`` are those of each API, one a call, the last for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.tokens = 0
        self.dead: set[str] = set()
        self.lifetime = 7_200
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = Asked(self.command, self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                answer = outer.answer(asked)
                if answer is None:  # not a word
                    self.close_connection = True
                    return
                data = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Any:
        with self._lock:
            self.asked.append(asked)
            waiting = self.answers.get(asked.api, [])
            given = (waiting.pop(0) if len(waiting) > 1 else waiting[0]) if waiting else None
            if asked.api == "gettoken" and given is None:
                self.tokens += 1
                return {"errcode": 0, "access_token": f"t{self.tokens}", "expires_in": self.lifetime}
            if asked.api != "gettoken" and asked.token in self.dead:
                return {"errcode": 42001, "errmsg": "access_token expired, hint: [1], from ip: 10.1.2.3"}
        if callable(given):
            return given(asked)
        return {"errcode": 0, "errmsg": "ok"} if given is None and not waiting else given

    def calls(self, api: str = "") -> list[str]:
        """The APIs that were asked, in order; of one when named."""
        return [each.api for each in self.asked if api in ("", each.api)]
