"""A shop that has visitors, writes to people and hears from them, day after day."""

from __future__ import annotations

from typing import ClassVar

from scrm_core.api import (
    LeadCaptured,
    LinkVisited,
    MessageBatch,
    OutMessage,
    Plugin,
    Rendered,
    Sender,
    SendResult,
    hookimpl,
)
from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn

PHONE_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
BOT_AGENT = "Googlebot/2.1"
DAY = 86_400_000


class Gateway:
    """Takes everything."""

    batch = 50

    def send(self, messages: list[OutMessage]) -> list[SendResult]:
        return [SendResult.accepted(f"ref-{message.uid}") for message in messages]


class Diary(Plugin):
    """Hears leads and visits, and sends."""

    name = "diary"
    version = "1"
    summary = "Test plugin that hears and sends"
    requires_core = ">=0.1.0.dev0"
    senders = {"gateway": Sender("sms", "Gateway", "gateway")}
    heard: ClassVar[list[tuple[str, str, int]]] = []
    broken_at: ClassVar[int] = 0
    """The visit that the handler cannot bear; 0 for none."""

    def gateway(self) -> Gateway:
        return Gateway()

    def render_messages(self, batch: MessageBatch) -> list[Rendered]:
        return [Rendered(f"hello {each.address}", params={"name": each.address}) for each in batch.recipients]

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        self.heard.append((self.brand.id, "lead", event.event_id))

    @hookimpl
    def on_visit(self, event: LinkVisited) -> None:
        if event.visit_id == self.broken_at:
            raise RuntimeError("not this one")
        self.heard.append((self.brand.id, "visit", event.visit_id))


class Shop:
    """One brand's days: 2 leads, 3 visitors who open the link 4 times each, 5 programs, a run to the 2 people.

    One of the two messages is delivered; of the other nothing is heard.
    """

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        with brand:
            brand.channels.create("poster", "Poster")
            self.link = brand.links.create("poster", "https://example.com/", owner="diary", campaign="spring")
        self.days = 0

    def day(self) -> None:
        self.days += 1
        now = self.brand.now()
        people = [self.person(f"+86138{self.days:04d}{n:04d}") for n in range(2)]
        for visitor in ("anna", "ben", f"once-{self.days}"):
            for hour in range(4):
                self.visit(visitor, now - hour * 60_000)
        for n in range(5):
            self.visit(f"bot-{self.days}-{n}", now - n, agent=BOT_AGENT)
        run = self.brand.outreach.open_run(
            f"run-{self.days}", owner="diary", channel="sms", kind="notice", sender="gateway"
        )
        self.brand.outreach.queue_addresses(run.id, [(phone, contact) for contact, phone in people])
        self.brand.outreach.release(run.id, 10_000)
        self.brand.outreach.start(run.id)
        self.brand.outreach.drain()
        for (uid,) in execute("SELECT uid FROM message WHERE run_id = ? ORDER BY id LIMIT 1", (run.id,)).fetchall():
            self.brand.outreach.receipt(uid, "delivered")

    def person(self, phone: str) -> tuple[int, str]:
        lead = LeadIn("form", (IdentityIn.of("phone", phone, ""),), self.brand.now(), reference=phone)
        return self.brand.contacts.capture_lead(lead).contact_id, phone

    def visit(self, visitor: str, at: int, agent: str = PHONE_AGENT) -> int:
        return self.brand.links.visit(self.link.code, at=at, visitor=visitor, agent=agent).visit_id
