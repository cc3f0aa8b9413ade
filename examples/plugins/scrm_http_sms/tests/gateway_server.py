"""A gateway on the loopback: it keeps what it is sent and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeGateway:
    """Answers 200 and "accepted" unless ``answer`` says otherwise.

    ``fault``: silent (it answers nothing), closing (it hangs up instead), dripping (a byte now and then, for seconds).
    """

    def __init__(self):
        self.requests = []  # (headers, body)
        self.answer = None  # a status and a body
        self.fault = ""
        self._released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), body))
                if outer.fault:
                    self.close_connection = True
                    outer.misbehave(self.wfile)
                    return
                status, text = outer.answer or (200, outer.accepted(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/messages"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def misbehave(self, wire):
        if self.fault == "silent":
            self._released.wait(20)
        elif self.fault == "dripping":
            with contextlib.suppress(OSError):
                wire.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
                for _ in range(150):
                    if not self._released.wait(0.02):
                        wire.write(b"x")

    @staticmethod
    def accepted(body):
        results = [{"id": each["id"], "status": "accepted", "ref": f"G{n}"} for n, each in told(body)]
        return json.dumps({"results": results}).encode()

    def close(self):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def told(body):
    return enumerate(json.loads(body)["messages"], 1)


def nobody_listens():
    """An address at which nothing answers: its port was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/messages"
