"""Clients that draw out their requests, at a real server: they are cut, and hold up nobody."""

from __future__ import annotations

import socket

import pytest
from grounds import Api
from ports import free_port

# A server that finds this on its path waits two seconds for a head or a body, as others wait ten or twenty.
IMPATIENT = """
from scrm_core import limits

for name in ("header_ms", "body_ms"):
    object.__setattr__(limits.LIMITS, name, 2_000)
"""


def slow(port: int, words: str) -> socket.socket:
    """A client that says so much and no more."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(words.encode())
    return client


def answer(client: socket.socket) -> bytes:
    """All that a server says to a client until it hangs up."""
    with client:
        said = b""
        while part := client.recv(65_536):
            said += part
        return said


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_clients_that_draw_out_head_or_body_are_cut_and_hold_up_nobody(grounds, tmp_path):
    path, port = tmp_path / "path", free_port()
    path.mkdir()
    (path / "sitecustomize.py").write_text(IMPATIENT)
    there = grounds()
    base = f"http://127.0.0.1:{port}"
    web = there.scrm(
        "web", "run", "--no-worker", "--workers", "1", "--port", str(port), wrap=["env", f"PYTHONPATH={path}"]
    )
    there.answering(base, web)
    key = there.key()
    head = f"POST /api/v1/acme/leads HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
    body = f"{head}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n"
    heads, bodies = ([slow(port, words) for _ in range(60)] for words in (head, body + '{"source": '))
    api = Api([base], key)
    for number in range(5):
        lead = {"source": "form", "key": str(number), "phone": f"138{number:08d}"}
        assert api.call("POST", "/leads", lead, seconds=20)[0] == 201
    assert {answer(client).partition(b"\r\n")[0] for client in bodies} == {b"HTTP/1.1 408 Request Timeout"}
    assert {answer(client) for client in heads} == {b""}
    assert there.one("SELECT count(*) FROM contact") == 5
    assert web.running and web.stop() == 0
