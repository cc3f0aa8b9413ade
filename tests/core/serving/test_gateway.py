"""The gateway: requests reach the application whole, or as what is wrong with them."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest
from flask import Flask, jsonify, request

from scrm_core.gateway import Gateway
from scrm_core.limits import LIMITS


class Headers:
    def __init__(self, pairs):
        self.pairs = pairs

    def items(self):
        return self.pairs


class Scope:
    """A request as granian describes it."""

    proto = "http"
    http_version = "1.1"
    scheme = "http"
    server = "127.0.0.1:8000"
    client = "127.0.0.1:5000"

    def __init__(self, method="GET", path="/", query="", headers=(), **more):
        self.method, self.path, self.query_string = method, path, query
        self.headers = Headers(list(headers))
        vars(self).update(more)


class Protocol:
    """The other end: a body in chunks, where None never comes; notes the answer."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.answer = None
        self.read = 0

    async def _next(self):
        if not self.chunks:
            return None
        chunk = self.chunks.pop(0)
        if chunk is None:
            await asyncio.Event().wait()
        self.read += len(chunk)
        return chunk

    async def __call__(self):
        body = b""
        while (chunk := await self._next()) is not None:
            body += chunk
        return body

    async def __aiter__(self):
        while (chunk := await self._next()) is not None:
            yield chunk

    def response_bytes(self, status, headers, body):
        self.answer = (status, dict(headers), body)


def ask(app, scope, protocol, **options):
    asyncio.run(Gateway(app, **options).__rsgi__(scope, protocol))
    return protocol.answer


@pytest.fixture
def app():
    app = Flask("echo")
    app.config["MAX_CONTENT_LENGTH"] = LIMITS.body_bytes

    @app.route("/<path:rest>", methods=["GET", "POST"])
    def echo(rest):
        return jsonify(
            path=rest,
            arguments=dict(request.args),
            body=request.get_data().decode(),
            remote=request.remote_addr,
            host=request.host,
            cookies=dict(request.cookies),
            forwarded=request.headers.get("X-Forwarded-For"),
            thread=threading.current_thread().name,
        )

    return app


def test_a_request_arrives_as_it_was_sent(app):
    headers = [("host", "shop.example"), ("content-length", "5"), ("cookie", "a=1"), ("cookie", "b=2")]
    headers += [("x-forwarded-for", "1.2.3.4"), ("x_forwarded_for", "6.6.6.6")]
    scope = Scope("POST", "/a b/王/%41/é", "x=%31&y=2&z=王", headers)  # the path decoded, as granian gives it
    status, _, body = ask(app, scope, Protocol(b"he", b"llo"))
    seen = Flask("x").json.loads(body)
    assert status == 200
    assert seen["path"] == "a b/王/%41/é"
    assert seen["arguments"] == {"x": "1", "y": "2", "z": "王"}
    assert seen["body"] == "hello"
    assert (seen["remote"], seen["host"]) == ("127.0.0.1", "shop.example")
    assert seen["cookies"] == {"a": "1", "b": "2"}
    assert seen["forwarded"] == "1.2.3.4", "a header with an underscore cannot pass for another"


def test_a_body_that_does_not_come_is_answered_with_408(app):
    scope = Scope("POST", "/x", headers=[("content-length", "10")])
    assert ask(app, scope, Protocol(b"half", None), body_seconds=0.01)[0] == 408


def test_a_late_body_that_nobody_reads_is_no_error(app):
    @app.route("/ping", methods=["POST"])
    def ping():
        return "pong"

    scope = Scope("POST", "/ping", headers=[("content-length", "10")])
    assert ask(app, scope, Protocol(None), body_seconds=0.01)[:3:2] == (200, b"pong")


@pytest.mark.parametrize("length", [str(LIMITS.body_bytes + 1), "9" * 30])
def test_a_body_announced_as_too_large_is_refused_unread(app, length):
    protocol = Protocol(b"x" * 100)
    assert ask(app, Scope("POST", "/x", headers=[("content-length", length)]), protocol)[0] == 413
    assert protocol.read == 0


def test_a_body_of_unannounced_length_is_read_no_further_than_the_limit(app):
    chunk = b"x" * 65_536
    protocol = Protocol(*[chunk] * 40)
    assert ask(app, Scope("POST", "/x", headers=[("transfer-encoding", "chunked")]), protocol)[0] == 413
    assert protocol.read <= LIMITS.body_bytes + len(chunk)


def test_a_client_that_goes_away_is_answered_nothing(app):
    from granian.rsgi import ProtocolClosed

    class Gone(Protocol):
        async def __call__(self):
            raise ProtocolClosed

    assert ask(app, Scope("POST", "/x", headers=[("content-length", "3")]), Gone()) is None


def test_slow_clients_wait_while_others_are_answered(app):
    gateway = Gateway(app)
    slow = [Protocol(None) for _ in range(50)]
    quick = Protocol()

    async def both():
        scope = Scope("POST", "/slow", headers=[("content-length", "3")])
        waiting = [asyncio.create_task(gateway.__rsgi__(scope, protocol)) for protocol in slow]
        await asyncio.wait_for(gateway.__rsgi__(Scope(path="/quick"), quick), 10)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(both())
    assert quick.answer[0] == 200


@pytest.mark.parametrize(("threads", "name"), [(1, "MainThread"), (2, "request")])
def test_the_application_runs_where_it_should(app, threads, name):
    answer = ask(app, Scope(path="/x"), Protocol(), threads=threads)
    assert Flask("x").json.loads(answer[2])["thread"].startswith(name)


def test_an_application_that_fails_is_a_plain_500_and_its_iterable_is_closed():
    def fails(environ, start_response):
        raise RuntimeError("secret detail")

    status, _, body = ask(fails, Scope(), Protocol())
    assert status == 500
    assert b"secret" not in body

    class Chunks(io.BytesIO):
        pass

    chunks = Chunks(b"one\ntwo\n")

    def works(environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        return chunks

    assert ask(works, Scope(), Protocol())[2] == b"one\ntwo\n"
    assert chunks.closed
