"""A plugin that sends, the gateway it sends by, and people to send to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scrm_core.api import (
    MessageBatch,
    MessageDraft,
    MessageReceived,
    MessageStatus,
    OutMessage,
    Plugin,
    Rendered,
    Sender,
    SendResult,
    Skipped,
    Veto,
    hookimpl,
)
from scrm_core.brands import Brand
from scrm_core.services.contacts import IdentityIn, LeadIn


class Recorder:
    """A gateway that keeps what it is given; ``answer`` decides what it says of a message."""

    def __init__(self) -> None:
        self.batch = 1
        self.sent: list[OutMessage] = []
        self.answer: Callable[[OutMessage], SendResult] = lambda message: SendResult.accepted(f"ref-{message.uid}")

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        results = []
        for message in messages:
            result = self.answer(message)
            self.sent.append(message)
            results.append(result)
        return results

    @property
    def addresses(self) -> list[str]:
        return [message.address for message in self.sent]


RECORDERS: dict[str, Recorder] = {}


class Mailer(Plugin):
    """Writes "hello NAME" and sends it by the recorder of its brand."""

    name = "mailer"
    version = "1"
    summary = "Test plugin that sends"
    requires_core = ">=0.1.0.dev0"
    senders = {"recorder": Sender("sms", "Recorder", "recorder")}
    statuses: list[tuple[str, str, str]] = []
    inbox: list[str] = []

    def recorder(self) -> Recorder:
        return RECORDERS.setdefault(self.brand.id, Recorder())

    def render_messages(self, batch: MessageBatch) -> list[Rendered | Skipped]:
        return [
            Skipped("not wanted") if each.address.endswith("9999") else Rendered(f"hello {each.person[:4]}", arm="A")
            for each in batch.recipients
        ]

    @hookimpl
    def check_message(self, draft: MessageDraft) -> None:
        if draft.address.endswith("6666"):
            raise Veto("sixes are not written to", code="sixes")

    @hookimpl
    def on_message_status(self, event: MessageStatus) -> None:
        self.statuses.append((event.run, event.status, event.reason))

    @hookimpl
    def on_message_in(self, event: MessageReceived) -> None:
        self.inbox.append(event.text)


class People:
    """Makes contacts with a phone, with or without consent to marketing SMS."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def add(self, phone: str, *, agrees: bool = True) -> int:
        contact = self.brand.contacts.capture_lead(
            LeadIn(
                source="test",
                reference=phone,
                identities=(IdentityIn.of("phone", phone, ""),),
                at=self.brand.now(),
                state="",
                fields={},
            )
        ).contact_id
        if agrees:
            self.brand.consent.record(contact, "marketing_sms", granted=True, source="test")
        return contact

    def many(self, count: int, *, agrees: bool = True) -> list[int]:
        return [self.add(f"+86138{number:08d}", agrees=agrees) for number in range(count)]
