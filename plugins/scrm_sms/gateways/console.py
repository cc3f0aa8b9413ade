"""The gateway of development: writes what would be sent to the log, and says it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from logging import Logger

from scrm_core.api import OutMessage, SendResult

from .numbers import masked
from .outcomes import visible


class Console:
    """One line of the log per message, the number masked."""

    batch = 100

    def __init__(self, log: Logger) -> None:
        self._log = log

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """Every message is delivered at once."""
        for each in messages:
            self._log.info("SMS to %s: %s", masked(each.address), visible(each.body, 1_000))
        return [SendResult.delivered(f"console-{each.uid}") for each in messages]
