"""Two installations, two ``scrm run``: partners reach each other, strangers and repetitions do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import time
import urllib.error
import urllib.request

import pytest
from ports import free_port
from run_scene import PATIENCE, Server, Shop, gone, wait

SECRET = b"two installations share these by"

# Greets the partner about every lead, and answers every greeting.
PLUGIN = """
from scrm_core.api import Plugin, hookimpl

class Greeter(Plugin):
    name, version, summary, requires_core = "greeter", "1", "greets partners", ">=0.0"

    @hookimpl
    def on_lead(self, event):
        for partner in self.brand.partners.names():
            self.brand.partners.send(partner, "greeter.hello", {"lead": event.lead}, key=f"hello-{event.event_id}")

    @hookimpl
    def on_partner_message(self, event):
        if event.kind == "greeter.hello":
            self.brand.partners.send(event.partner, "greeter.heard", event.body, key=f"heard-{event.id}")
"""


def heard(shop: Shop) -> list[tuple[str, str]]:
    rows = shop.ask("SELECT data FROM event WHERE type = 'partner.message' ORDER BY id")
    return [(told["kind"], told["body"]["lead"]) for (data,) in rows if (told := json.loads(data))]


@pytest.fixture
def shops(tmp_path, monkeypatch):
    monkeypatch.setenv("PAIR_SECRET", "whsec_" + base64.b64encode(SECRET).decode())
    here, there = free_port(), free_port()
    for name in ("a", "b"):
        plugin = tmp_path / name / "plugins" / "scrm_greeter"
        plugin.mkdir(parents=True)
        (plugin / "__init__.py").write_text(PLUGIN)
    greeter = "[plugins.greeter]\n"
    return (
        Shop(tmp_path / "a", "acme", here, "star", there, greeter),
        Shop(tmp_path / "b", "star", there, "acme", here, greeter),
    )


@pytest.fixture
def serve():
    started: list[Server] = []

    def start(shop: Shop) -> Server:
        server = Server(shop.folder, shop.port)
        started.append(server)
        server.wait_for("Serving ")
        return server

    yield start
    for server in started:
        family = server.family()
        server.process.kill()
        server.process.wait()
        assert gone(family)


def post(shop: Shop, uid: str, body: bytes, signed: bytes) -> tuple[int, bytes]:
    """POST a body to a shop under a signature made for ``signed``."""
    seconds = str(int(time.time()))
    mark = hmac.new(SECRET, f"{uid}.{seconds}.".encode() + signed, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": uid,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(mark).decode(),
    }
    url = f"http://127.0.0.1:{shop.port}/partner-messages/{shop.brand}/acme-star-1"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


@pytest.mark.wide
def test_partners_on_two_servers_hear_each_other_once_also_after_one_was_down(shops, serve):
    acme, star = shops
    serve(acme)
    server = serve(star)

    acme.lead("13800138000", "first")
    wait(lambda: heard(acme) == [("greeter.heard", "form:first")], "no answer came back")
    assert heard(star) == [("greeter.hello", "form:first")]

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    acme.lead("13800138000", "second")
    failed = "SELECT 1 FROM partner_out WHERE state = 'waiting' AND attempts > 0 AND error <> ''"
    wait(lambda: acme.ask(failed), "the message was not tried while the other server was down")
    assert len(heard(star)) == 1
    serve(star)
    wait(lambda: len(heard(acme)) == 2, "the message was not sent again")
    assert heard(star) == [("greeter.hello", "form:first"), ("greeter.hello", "form:second")]

    body = json.dumps({"type": "greeter.hello", "data": {"lead": "form:third"}}).encode()
    altered = body.replace(b"third", b"other")
    assert post(star, "msg_by_hand_1", altered, body)[0] == 401
    assert post(star, "msg_by_hand_1", body, body) == (200, b'{"status":"accepted"}')
    wait(lambda: len(heard(acme)) == 3, "the message sent by hand was not answered")
    assert post(star, "msg_by_hand_1", body, body) == (200, b'{"status":"accepted"}')
    # Whatever the repetition may have set off is behind this next one, in order.
    acme.lead("13800138000", "fourth")
    wait(lambda: ("greeter.heard", "form:fourth") in heard(acme), "no answer came back")
    leads = ["form:first", "form:second", "form:third", "form:fourth"]
    assert heard(star) == [("greeter.hello", lead) for lead in leads]
    assert heard(acme) == [("greeter.heard", lead) for lead in leads]
