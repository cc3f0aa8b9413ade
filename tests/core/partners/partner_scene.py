"""Two brands that are partners, on one installation or as if on two, and a plugin that hears their messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from scrm_core.api import BrandModel, PartnerMessage, Plugin, hookimpl
from scrm_core.db.bulk import execute

SECRET = b"0123456789abcdef0123456789abcdef"
WRITTEN = "whsec_" + base64.b64encode(SECRET).decode()


class Heard(BrandModel):
    """One row per message and call of the handler."""

    class Meta:
        table_name = "hearing_heard"
        primary_key = False


class Hearing(Plugin):
    """Writes down every partner's message."""

    name, version, summary, requires_core = "hearing", "1", "hears partners", ">=0.0"

    @hookimpl
    def on_partner_message(self, event: PartnerMessage) -> None:
        execute(
            "INSERT INTO hearing_heard (partner, kind, id, body, at) VALUES (?, ?, ?, ?, ?)",
            (event.partner, event.kind, event.id, json.dumps(event.body, sort_keys=True), event.at),
        )


class Pair:
    """Brands acme and moonco; ``heard`` is what a brand's plugin heard."""

    def __init__(self, installation, deliver) -> None:
        self.installation, self._deliver = installation, deliver
        self.acme, self.moonco = installation.brand("acme"), installation.brand("moonco")
        for each in (self.acme, self.moonco):
            with each:
                execute("CREATE TABLE hearing_heard (partner TEXT, kind TEXT, id TEXT, body TEXT, at BIGINT)"
                        if each.handle.engine == "postgresql" else
                        "CREATE TABLE hearing_heard (partner TEXT, kind TEXT, id TEXT, body TEXT, at INTEGER)")  # fmt: skip

    def send(self, body: dict[str, Any], *, key: str, kind: str = "swap.offer", partner: str = "moonco") -> str:
        with self.acme:
            return self.acme.partners.send(partner, kind, body, key=key)

    def post(self) -> bool:
        with self.acme:
            return self.acme.partners.post()

    def heard(self, brand) -> list[tuple[str, str, dict[str, Any]]]:
        self._deliver(brand)
        with brand:
            rows = execute("SELECT partner, kind, body FROM hearing_heard ORDER BY at, id").fetchall()
        return [(partner, kind, json.loads(body)) for partner, kind, body in rows]

    def states(self) -> dict[tuple[str, str], int]:
        with self.acme:
            return self.acme.partners.counts()


@pytest.fixture
def pair(new_installation, deliver):
    """A function that makes the pair; texts are added to the brands' files."""

    def make(acme: str = "[partners.moonco]\n", moonco: str = "[partners.acme]\n") -> Pair:
        more = "[plugins.hearing]\n"
        return Pair(new_installation(plugins=(Hearing,), acme=acme + more, moonco=moonco + more), deliver)

    return make


@pytest.fixture
def remote_moonco(monkeypatch) -> str:
    """The table of moonco's file for a partner elsewhere, called star there and here."""
    monkeypatch.setenv("STAR_SECRET", WRITTEN)
    return '[partners.star]\nurl = "https://star.example"\nkey = "star-moonco-1"\nsecret = "env:STAR_SECRET"\n'


def signed(uid: str, at_ms: int, body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    """Headers as Standard Webhooks describes them, made without the product's code."""
    seconds = str(at_ms // 1_000)
    mark = hmac.new(secret, f"{uid}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": uid,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(mark).decode(),
        "Content-Type": "application/json",
    }
