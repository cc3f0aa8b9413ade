"""Two installations, two ``scrm run``: partners reach each other, strangers and repetitions do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import selectors
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import run_scene
from run_scene import PATIENCE, Server, free_port, gone, project, scrm

SECRET = b"two installations share these by"
VARIABLE = "PAIR_SECRET"

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


class Shop:
    """A project of one brand that names the other shop's brand as its partner."""

    def __init__(self, folder: Path, brand: str, port: int, partner: str, partner_port: int) -> None:
        self.folder, self.brand, self.port = project(folder, "sqlite:data", brand), brand, port
        plugin = folder / "plugins" / "scrm_greeter"
        plugin.mkdir(parents=True)
        (plugin / "__init__.py").write_text(PLUGIN)
        with (folder / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "plugins"\n')
        with (folder / "brands" / f"{brand}.toml").open("a") as file:
            file.write(
                f'[partners.{partner}]\nurl = "http://127.0.0.1:{partner_port}"\nkey = "acme-star-1"\n'
                f'secret = "env:{VARIABLE}"\n[plugins.greeter]\n'
            )

    def lead(self, key: str) -> None:
        (self.folder / "leads.csv").write_text(f"phone,source,key\n13800138000,form,{key}\n")
        done = scrm(self.folder, "import", "leads", self.brand, "leads.csv")
        assert done.returncode == 0, done.stderr

    def ask(self, sql: str) -> list[tuple]:
        reading = sqlite3.connect(f"file:{self.folder}/data/{self.brand}.db?mode=ro", uri=True)
        try:
            return reading.execute(sql).fetchall()
        finally:
            reading.close()

    def heard(self) -> list[tuple[str, str]]:
        rows = self.ask("SELECT data FROM event WHERE type = 'partner.message' ORDER BY id")
        return [(told["kind"], told["body"]["lead"]) for (data,) in rows if (told := json.loads(data))]

    def wait(self, question, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        pause = selectors.DefaultSelector()
        while not question():
            assert time.monotonic() < deadline, words
            pause.select(0.05)


@pytest.fixture
def shops(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "whsec_" + base64.b64encode(SECRET).decode())
    assert VARIABLE in run_scene.environment()
    here, there = free_port(), free_port()
    return Shop(tmp_path / "a", "acme", here, "star", there), Shop(tmp_path / "b", "star", there, "acme", here)


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


def test_partners_on_two_servers_hear_each_other_once_also_after_one_was_down(shops, serve):
    acme, star = shops
    serve(acme)
    server = serve(star)

    acme.lead("first")
    acme.wait(lambda: acme.heard() == [("greeter.heard", "form:first")], "no answer came back")
    assert star.heard() == [("greeter.hello", "form:first")]

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    acme.lead("second")
    failed = "SELECT 1 FROM partner_out WHERE state = 'waiting' AND attempts > 0 AND error <> ''"
    acme.wait(lambda: acme.ask(failed), "the message was not tried while the other server was down")
    assert len(star.heard()) == 1
    serve(star)
    acme.wait(lambda: len(acme.heard()) == 2, "the message was not sent again")
    assert star.heard() == [("greeter.hello", "form:first"), ("greeter.hello", "form:second")]

    body = json.dumps({"type": "greeter.hello", "data": {"lead": "form:third"}}).encode()
    altered = body.replace(b"third", b"other")
    assert post(star, "msg_by_hand_1", altered, body)[0] == 401
    assert post(star, "msg_by_hand_1", body, body) == (200, b'{"status":"accepted"}')
    acme.wait(lambda: len(acme.heard()) == 3, "the message sent by hand was not answered")
    assert post(star, "msg_by_hand_1", body, body) == (200, b'{"status":"accepted"}')
    # Whatever the repetition may have set off is behind this next one, in order.
    acme.lead("fourth")
    acme.wait(lambda: ("greeter.heard", "form:fourth") in acme.heard(), "no answer came back")
    leads = ["form:first", "form:second", "form:third", "form:fourth"]
    assert star.heard() == [("greeter.hello", lead) for lead in leads]
    assert acme.heard() == [("greeter.heard", lead) for lead in leads]
