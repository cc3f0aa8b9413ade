"""Between granian and the WSGI application: requests are handed over whole, or not at all.

A WSGI server that reads the body in the thread that runs the application can be
stopped by a few clients that send slowly. Here the body is read by the event
loop, which waits for any number of clients, until it is whole, too large or
late; only then does the application run. A late body is answered with 408 by
the application itself, in its own shape.

Requests that the application can answer together go to it in lots
(:mod:`scrm_core.lots`).

With ``threads=1`` the application runs on the loop's own thread: one request at
a time per process, without a hop between threads. That fits SQLite, where one
writer at a time is all there is. With more, requests run in a pool of threads.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from granian.rsgi import ProtocolClosed, ProtocolError
from werkzeug.exceptions import RequestTimeout

from .limits import LIMITS
from .lots import Lots

log = logging.getLogger("scrm.web")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PLAIN_500 = (500, [("content-type", "text/plain; charset=utf-8")], b"something went wrong here\n")


class _Late(io.RawIOBase):
    """The body of a request that did not arrive in time: reading it answers 408."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise RequestTimeout


class Gateway:
    """An RSGI application that runs a WSGI application on whole requests."""

    def __init__(self, app: WsgiApp, *, threads: int = 1, body_seconds: float = LIMITS.body_ms / 1000) -> None:
        self._app = app
        self._body_seconds = body_seconds
        self._pool = ThreadPoolExecutor(threads, "request") if threads > 1 else None
        self._lots = Lots(app, self._pool) if hasattr(app, "answer_many") else None  # type: ignore[arg-type]
        self._base = {
            "SCRIPT_NAME": "",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multithread": threads > 1,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            protocol.close(None)
            return
        environ = self._environ(scope)
        try:
            if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
                await self._read_body(environ, protocol)
            else:
                environ["wsgi.input"] = io.BytesIO()
        except (ProtocolClosed, ProtocolError):
            return  # the client went away: there is nobody to answer
        answer = await self._lots.answer(environ) if self._lots is not None else None
        if answer is not None:
            pass
        elif self._pool is None:
            answer = self._run(environ)
        else:
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._run, environ)
        protocol.response_bytes(*answer)

    async def _read_body(self, environ: dict[str, Any], protocol: Any) -> None:
        """Put the whole body into the environment, or what tells the application that there is none."""
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdigit() and int(length) > LIMITS.body_bytes:
            environ["wsgi.input"] = io.BytesIO()  # refused by its announced length, unread
            return
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await protocol() if length else await _cut_off(protocol)
        except TimeoutError:
            environ["wsgi.input"] = _Late()
            environ["HTTP_CONNECTION"] = "close"
            return
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)

    def _environ(self, scope: Any) -> dict[str, Any]:
        """The request as PEP 3333 has it: texts are bytes read as Latin-1. The server has decoded the path already."""
        path, query = scope.path, scope.query_string
        if not path.isascii():
            path = path.encode().decode("latin-1")
        if not query.isascii():  # sent as it is, against the rules
            query = query.encode().decode("latin-1")
        client, _, port = scope.client.rpartition(":")
        server, _, server_port = scope.server.rpartition(":")
        environ = {
            **self._base,
            "REQUEST_METHOD": scope.method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
            "SERVER_NAME": server.strip("[]"),
            "SERVER_PORT": server_port,
            "REMOTE_ADDR": client.strip("[]"),
            "REMOTE_PORT": port,
            "wsgi.url_scheme": scope.scheme,
        }
        for name, value in scope.headers.items():
            key = _environ_key(name)
            if key is None:
                continue
            if key in environ:
                value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
            environ[key] = value
        return environ

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            head[:] = [int(status[:3]), headers]

        try:
            chunks = self._app(environ, start_response)
            try:
                body = b"".join(chunks)
            finally:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
        except Exception:
            # The application answers its own errors; this is one that it could not.
            log.exception("the application failed outside its error handlers")
            return _PLAIN_500
        return head[0], head[1], body


async def _cut_off(protocol: Any) -> bytes:
    """A body of unannounced length, at most one byte longer than is allowed."""
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > LIMITS.body_bytes:
            break
    return bytes(body[: LIMITS.body_bytes + 1])


@lru_cache(1_024)
def _environ_key(name: str) -> str | None:
    """The environment's name of a header; None for one that could pass for another (``X_Real-IP``)."""
    if "_" in name:
        return None
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
