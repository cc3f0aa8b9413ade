"""What outreach hands around: runs, messages to send, what a gateway answered, receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

KINDS = ("marketing", "brand", "notice", "test")
"""What a message is for. Marketing and brand messages are commercial unless ``[outreach] opt_in`` says otherwise."""

FINAL = ("delivered", "failed", "expired")
"""States that a receipt cannot move back from."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run (群发批次): messages of one owner that are released, paced, paused and ended together.

    ``state``: draft (messages are being queued), running (also while ``start_at``
    lies ahead), paused, done, canceled or expired. ``released`` is the share that
    may go, in hundredths of a percent (10,000 is all). ``pace`` is messages a
    minute, None for as fast as the gateway takes them. ``failure_limit`` is the
    share of failures, in hundredths of a percent, that pauses the run once
    ``failure_minimum`` messages failed; None for never. ``grace_ms`` is how long
    nobody may have worked on a running run before what is left of it expires. A
    ``standing`` run takes single messages as they come and is never done.
    ``held_until`` is what :meth:`Outreach.held_until` reads. Instants are epoch milliseconds.
    """

    id: int
    owner: str
    code: str
    channel: str
    kind: str
    sender: str
    state: str
    reason: str
    start_at: int
    grace_ms: int
    pace: int | None
    released: int
    failure_limit: int | None
    failure_minimum: int
    standing: bool
    created_at: int
    finished_at: int | None
    held_until: int | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One message of a batch that is about to be sent: whose it is and where it goes.

    ``uid`` is the message's own unguessable id; ``person`` the contact's uid, or
    empty for an address that is no contact's.
    """

    message_id: int
    uid: str
    contact_id: int | None
    person: str
    address: str


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages that their owner is asked to write, just before they are sent."""

    run: RunView
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A written message: the final text as the recipient sees it and as it is billed.

    ``parts`` is how many parts it is sent in. ``template`` and ``params`` are for
    gateways that take the number of an approved template instead of a text.
    ``arm`` is the experiment's arm, ``link_id`` the recipient's own short link.
    """

    body: str
    parts: int = 1
    arm: str = ""
    link_id: int | None = None
    template: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The owner does not want this message sent any more; ``reason`` is kept with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutMessage:
    """A message on its way to a gateway. ``uid`` is our id: hand it over as the reference where there is one."""

    uid: str
    channel: str
    kind: str
    address: str
    body: str
    parts: int
    template: str
    params: Mapping[str, str]
    attempt: int


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one message, as far as the call tells; use the class methods."""

    outcome: str
    ref: str = ""
    code: str = ""
    detail: str = ""
    after_s: int = 0
    halt: bool = False

    @classmethod
    def accepted(cls, ref: str = "") -> SendResult:
        """The gateway took it; ``ref`` is its own id. The receipt comes later."""
        return cls("accepted", ref=ref)

    @classmethod
    def delivered(cls, ref: str = "") -> SendResult:
        """It arrived, and no receipt will follow."""
        return cls("delivered", ref=ref)

    @classmethod
    def refused(cls, code: str, detail: str = "", *, halt: bool = False) -> SendResult:
        """It was certainly not sent and never will be.

        ``halt`` pauses the run: the reason is the account's or the text's, so
        that every further message would be refused too.
        """
        return cls("refused", code=code, detail=detail, halt=halt)

    @classmethod
    def retry(cls, detail: str, *, code: str = "", after_s: int = 5) -> SendResult:
        """It was certainly NOT sent (connection refused, "busy"); try again after some seconds."""
        return cls("retry", code=code, detail=detail, after_s=after_s)

    @classmethod
    def unknown(cls, detail: str, *, code: str = "") -> SendResult:
        """Nobody can say whether it was sent (time-out, broken answer). It is never sent again by itself."""
        return cls("unknown", code=code, detail=detail)


class Gateway(Protocol):
    """A way to send, made by a plugin's method that a :class:`scrm_core.api.Sender` names.

    ``batch`` is the most messages that one call takes; a batch is one request,
    since a crash makes all of it unknown. ``send`` must end within 45 seconds and
    answers one result per message, in order. An exception counts as unknown for
    the whole call. It runs outside any transaction, in a thread of the worker.
    """

    batch: int

    def send(self, messages: Sequence[OutMessage]) -> Sequence[SendResult]: ...


@dataclass(frozen=True, slots=True)
class QueueOutcome:
    """What queuing did: messages queued, and those kept back, by reason."""

    queued: int
    blocked: dict[str, int]


@dataclass(frozen=True, slots=True)
class DispatchOutcome:
    """What one round of sending did. ``busy``: there is more to do right now."""

    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    retried: int = 0
    blocked: int = 0
    expired: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as it is kept. ``at`` is when it was claimed for sending, None before."""

    id: int
    uid: str
    run_id: int
    contact_id: int | None
    address: str
    state: str
    reason: str
    code: str
    arm: str
    body: str
    parts: int
    link_id: int | None
    ref: str
    at: int | None
    final_at: int | None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An entry of the do-not-contact list (勿扰名单); ``scope`` commercial or all."""

    id: int
    channel: str
    address: str
    scope: str
    reason: str
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that came in. ``new`` is False when the same one was told before.

    ``answers`` is the uid of the last message sent to that address, or empty.
    """

    id: int
    new: bool
    contact_id: int | None
    answers: str
