"""What receipts lead to: numbers that get no more messages, plans that stop.

The classes of codes are data (``copywriting.carriers``); this is what is done
about each of them, for the messages of every plugin on the channel.
"""

from __future__ import annotations

from scrm_core.api import MessageStatus, MessageView, execute

from ..copywriting.carriers import HARD_AFTER, CarrierTable
from .book import CHANNEL, OWNER, Book
from .control import Control
from .interception import Interception
from .standing import plan_code_of
from .store import plan_of_run

STOPPING = ("content", "stop")


class Receipts:
    """Acts on the receipts of SMS."""

    def __init__(self, book: Book, interception: Interception, control: Control) -> None:
        self.brand = book.brand
        self.interception = interception
        self.control = control
        self.table = CarrierTable(book.settings["receipt_codes"])

    def take(self, event: MessageStatus) -> None:
        """One message came to its end: suppress its number or stop its plan when the code says so."""
        if event.channel != CHANNEL:
            return
        if event.kind == "test" and event.owner == OWNER:
            self.interception.on_status(event)
        if event.status in ("failed", "expired") and event.reason != "misfire":
            self._failed(event, self.brand.outreach.message(event.message))

    def _failed(self, event: MessageStatus, message: MessageView) -> None:
        kind = self.table.kind_of(event.code)
        if kind == "blacklist":
            self._suppress(message, "blacklist", "commercial", event.code)
        elif kind == "hard" or (kind == "soft" and self._soft_in_a_row(message.address) >= HARD_AFTER):
            self._suppress(message, "hard_bounce", "all", event.code)
        elif kind in STOPPING and event.owner == OWNER and event.kind != "test":
            self._stop(message, plan_code_of(event.run), kind, event.code)

    def _suppress(self, message: MessageView, reason: str, scope: str, code: str) -> None:
        if message.address:
            self.brand.outreach.suppress(
                CHANNEL, message.address, reason=reason, scope=scope, actor=OWNER, evidence=f"{code} {message.uid}"
            )

    def _soft_in_a_row(self, address: str) -> int:
        """How many of the latest messages to a number failed softly without one that arrived in between."""
        rows = execute(
            "SELECT m.state, m.code FROM message m JOIN outreach_run r ON r.id = m.run_id "
            "WHERE m.address = ? AND r.channel = ? AND m.sent_at IS NOT NULL "
            "AND m.state IN ('delivered', 'failed', 'expired') ORDER BY m.sent_at DESC, m.id DESC LIMIT ?",
            (address, CHANNEL, HARD_AFTER),
        ).fetchall()
        count = 0
        for state, code in rows:
            if state == "delivered" or self.table.kind_of(code) != "soft":
                break
            count += 1
        return count

    def _stop(self, message: MessageView, standing_of: str | None, kind: str, code: str) -> None:
        """The text was refused: whoever gets it next is refused too, so the plan waits for a person."""
        plan = plan_of_run(message.run_id)
        plan_code = standing_of if plan is None else plan.code
        if plan_code is None:
            return
        why = "the text was refused" if kind == "content" else "messages are refused, look at the text"
        self.control.halt(plan_code, why, {"code": code, "message": message.uid})
