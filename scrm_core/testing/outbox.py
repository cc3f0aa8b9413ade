"""The sender ``outbox``: it delivers every message into a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..outreach.types import OutMessage, SendResult
from ..plugin import Plugin, Sender


class _Captured:
    """A gateway that keeps what it is given. A test may put answers into ``answers``, one per message to come."""

    batch = 100

    def __init__(self) -> None:
        self.messages: list[OutMessage] = []
        self.answers: list[SendResult] = []

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        self.messages += messages
        return [self.answers.pop(0) if self.answers else SendResult.delivered() for _ in messages]


_kept: WeakKeyDictionary[Any, dict[str, _Captured]] = WeakKeyDictionary()


class Outbox(Plugin):
    """A plugin that every :class:`scrm_core.testing.App` switches on: name ``outbox`` as the sender of messages."""

    name = "outbox"
    version = "1.0"
    summary = "Keeps messages in a list, for tests"
    requires_core = ">=0.1.0.dev0"
    senders = {"outbox": Sender("sms", "messages kept for a test", "gateway")}

    def __init__(self, brand: Any, settings: dict[str, Any]) -> None:
        super().__init__(brand, settings)
        # Of the app and not of the instance: a brand whose file changes has new instances of its plugins.
        self.captured = _kept.setdefault(brand.installation, {}).setdefault(brand.id, _Captured())

    def gateway(self) -> _Captured:
        return self.captured
