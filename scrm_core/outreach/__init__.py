"""What is sent to people (触达): runs of messages, one policy, the claim before each send, receipts.

Whatever channel a plugin brings, its messages go through here, so that consent,
do-not-contact, caps and quiet hours hold for all of them together and nothing
is sent twice: a message is claimed in a transaction before the gateway is
called, and what nobody can know afterwards is ``unknown``, never sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Invalid, PluginError
from ..limits import LIMITS
from ..services import audit
from . import claiming, hours, inbound, judging, queueing, receipts, runs, sending
from .types import DispatchOutcome, Gateway, Inbound, MessageView, QueueOutcome, RunView, Suppressed

if TYPE_CHECKING:
    from ..brands import Brand
    from ..plugin import Sender

STOPPED = "outreach_stopped"
"""The key in ``meta`` of the emergency switch; its value says why it is on."""


class Outreach:
    """A brand's messages; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._gateways: dict[str, Gateway] = {}

    # Senders -----------------------------------------------------------------

    def senders(self) -> dict[str, Sender]:
        """Every way to send that the brand's plugins offer, by name; of two of one name the first plugin's."""
        found: dict[str, Sender] = {}
        for plugin in self.brand.plugins.values():
            for name, sender in plugin.senders.items():
                found.setdefault(name, sender)
        return found

    def sender(self, name: str, channel: str) -> Sender:
        """The sender of this name for a channel; raises Invalid naming those there are."""
        senders = self.senders()
        if name not in senders or senders[name].channel != channel:
            known = [each for each, sender in senders.items() if sender.channel == channel]
            raise Invalid(
                f"no sender {name!r} for channel {channel!r}; there are {', '.join(known) or 'none'}", field="sender"
            )
        return senders[name]

    def gateway(self, name: str, channel: str) -> Gateway:
        """The gateway behind a sender, made once per state of the brand's configuration."""
        if name not in self._gateways:
            sender = self.sender(name, channel)
            owner = next(p for p in self.brand.plugins.values() if p.senders.get(name) is sender)
            try:
                gateway: Gateway = getattr(owner, sender.gateway)()
            except Exception as exc:
                raise PluginError(
                    f"plugin {owner.name!r}: sender {name!r} cannot be made: {type(exc).__name__}: {exc}",
                    plugin=owner.name,
                ) from exc
            self._gateways[name] = gateway
        return self._gateways[name]

    # Runs --------------------------------------------------------------------

    def open_run(
        self,
        code: str,
        *,
        owner: str,
        channel: str,
        kind: str,
        sender: str,
        start_at: int | None = None,
        grace_ms: int = runs.GRACE_MS,
        pace: int | None = None,
        failure_limit: int | None = None,
        failure_minimum: int = runs.FAILURE_MINIMUM,
        standing: bool = False,
    ) -> RunView:
        """Open a draft run of a plugin (``owner``); the same definition again returns it.

        See :class:`RunView` for the values. Raises Invalid for an unknown
        channel, kind or sender, and Conflict when the code has another definition.
        """
        return runs.open_run(
            self.brand,
            code,
            owner=owner,
            channel=channel,
            kind=kind,
            sender=sender,
            start_at=start_at,
            grace_ms=grace_ms,
            pace=pace,
            failure_limit=failure_limit,
            failure_minimum=failure_minimum,
            standing=standing,
        )

    def run(self, owner: str, code: str) -> RunView:
        """The run of an owner; raises NotFound."""
        return runs.get_run(owner, code)

    def runs_of(self, owner: str, codes: Iterable[str]) -> dict[str, RunView]:
        """The runs of an owner by their codes, in few statements however many they are; unknown codes are missing."""
        return runs.runs_of(owner, codes)

    def queue_segment(self, run_id: int, expression: str, *, holdout: int = 0) -> QueueOutcome:
        """Queue a message for every contact of a segment; returns what the run then holds.

        ``holdout`` keeps a share (hundredths of a percent) back by lot, never
        to be written to, for comparison. One message per person and address,
        however often it is called.
        """
        queueing.queue_segment(self.brand, self._open(run_id), expression, holdout)
        return queueing.queued_of(run_id)

    def queue_addresses(
        self, run_id: int, parties: Iterable[tuple[str, int | None]], *, holdout: int = 0
    ) -> QueueOutcome:
        """Queue a message for each (address, contact's id or None); an address that is somebody's is theirs."""
        queueing.queue_addresses(self.brand, self._open(run_id), parties, holdout)
        return queueing.queued_of(run_id)

    def queue_body(
        self,
        run_id: int,
        address: str,
        body: str,
        *,
        contact_id: int | None = None,
        parts: int = 1,
        template: str = "",
        params: Mapping[str, str] | None = None,
        arm: str = "",
        link_id: int | None = None,
        not_before: int | None = None,
        expires_at: int | None = None,
    ) -> int | None:
        """Queue one message whose text is ready; returns its id, or None when the run has one for the address."""
        return queueing.queue_body(
            self.brand,
            self._open(run_id),
            address,
            body,
            contact_id=contact_id,
            parts=parts,
            template=template,
            params=params or {},
            arm=arm,
            link_id=link_id,
            not_before=not_before,
            expires_at=expires_at,
        )

    def _open(self, run_id: int) -> RunView:
        run = runs.run_by_id(run_id)
        if run.state in ("done", "canceled", "expired"):
            raise Invalid(f"run {run.code!r} is {run.state}: nothing can be queued", field="run")
        return run

    def preview_segment(self, channel: str, kind: str, expression: str) -> QueueOutcome:
        """What sending to the segment now would do, caps included; writes nothing."""
        return queueing.preview_segment(self.brand, channel, kind, expression)

    def preview_addresses(
        self, channel: str, kind: str, parties: Iterable[tuple[str, int | None]]
    ) -> QueueOutcome:
        """What sending to the addresses now would do, caps included; writes nothing."""
        return queueing.preview_addresses(self.brand, channel, kind, parties)

    def opens_at(self, channel: str, kind: str, *, at: int | None = None) -> int:
        """The instant from which something of this kind may go on a channel: ``at`` (default now), or later.

        For what goes to nobody in particular, such as a post to a feed, in the brand's own zone: messages need
        not ask, each waits for the morning where its recipient is. Raises Invalid for an unknown channel.
        """
        if channel not in judging.ADDRESS_KINDS:
            raise Invalid(f"unknown channel {channel!r}", field="channel")
        quiet = judging.Judge(self.brand, channel, kind).quiet
        return hours.opens_at(self.brand.now() if at is None else at, quiet, (self.brand.zone,))

    def release(self, run_id: int, share: int) -> RunView:
        """Let a share (hundredths of a percent, drawn by lot) of the run go; it never shrinks."""
        return runs.release(run_id, share)

    def release_count(self, run_id: int, count: int) -> RunView:
        """Release the smallest share that holds ``count`` messages still queued."""
        return runs.release_count(run_id, count)

    def start(self, run_id: int, at: int | None = None) -> RunView:
        """Start a draft at an instant (default now); raises Conflict (``run_state``) for another state."""
        return runs.start(self.brand, run_id, at)

    def pause(self, run_id: int, reason: str) -> RunView:
        """Pause a running run; raises Conflict (``run_state``) for another state."""
        return runs.pause(run_id, reason)

    def resume(self, run_id: int) -> RunView:
        """Let a paused run go on; raises Conflict (``run_state``) for another state."""
        return runs.resume(self.brand, run_id)

    def cancel(self, run_id: int, reason: str) -> RunView:
        """End a run; what still waits is never sent. Raises Conflict (``run_state``) when it has ended."""
        return runs.cancel(self.brand, run_id, reason)

    def held_until(self, run: RunView) -> int | None:
        """The instant until which quiet hours hold messages of a running run, the first that may go then; None: none.

        Others of it may go meanwhile, to people for whom it is day.
        """
        held = run.state == "running" and run.held_until is not None and run.held_until > self.brand.now()
        return run.held_until if held else None

    def runs(self, *, before: int | None = None, limit: int = LIMITS.page_rows) -> list[RunView]:
        """Runs of all owners, newest first; ``before`` is the id of the last one of the page before."""
        return runs.page(before=before, limit=limit)

    def counts(self, run_id: int) -> dict[tuple[str, str], int]:
        """Messages of a run by (state, reason)."""
        return runs.counts_of([run_id]).get(run_id, {})

    def counts_of(self, run_ids: Iterable[int]) -> dict[int, dict[tuple[str, str], int]]:
        """The same of several runs, in few statements however many they are; runs without messages are missing."""
        return runs.counts_of(run_ids)

    # Messages ----------------------------------------------------------------

    def messages(
        self, run_id: int, *, state: str | None = None, after: int = 0, limit: int = 200
    ) -> list[MessageView]:
        """Messages of a run with ids above ``after``, ascending, at most ``limit``."""
        return receipts.messages(run_id, state=state, after=after, limit=limit)

    def of_contact(self, contact_id: int, limit: int = LIMITS.page_rows) -> list[tuple[MessageView, RunView]]:
        """Messages to one contact with the run of each, newest first; those that were kept back have their reason."""
        return receipts.of_contact(contact_id, limit)

    def message(self, uid: str) -> MessageView:
        """The message with this uid; raises NotFound."""
        return receipts.message(uid)

    def find(self, ref: str, address: str) -> str | None:
        """The uid of the message to ``address`` that the gateway knows as ``ref``, or None."""
        return receipts.find(ref, address)

    def reword(self, uid: str, body: str, params: Mapping[str, str]) -> bool:
        """Keep what a gateway says instead of what was claimed; call it before the message is handed over.

        False when nobody is sending it any more, or its text was erased meanwhile.
        """
        return receipts.reword(self.brand, uid, body, params)

    def receipt(
        self, uid: str, state: str, *, code: str = "", reason: str = "", ref: str = "", at: int | None = None
    ) -> bool:
        """Record a receipt: sent, delivered, failed or expired; True when it changed the message.

        Receipts may come twice, late, in any order or before the call that sent
        the message returns; states move forward only.
        """
        return receipts.receipt(self.brand, uid, state, code=code, reason=reason, ref=ref, at=at)

    def settle_unknown(self, uid: str, state: str, *, actor: str) -> MessageView:
        """A person decides that an unknown message was delivered, or failed."""
        return receipts.settle_unknown(self.brand, uid, state, actor=actor)

    # People ------------------------------------------------------------------

    def received(
        self,
        channel: str,
        address: str,
        text: str,
        *,
        ref: str,
        at: int | None = None,
        to: str = "",
        handled: str = "",
    ) -> Inbound:
        """Keep a message that came in, once per (channel, ``ref``).

        Plugins are told of it (``on_message_in``) unless ``handled`` names what
        it was taken for, such as "opt_out".
        """
        return inbound.received(
            self.brand, channel, address, text, ref=ref, at=at, to=to, handled=handled
        )

    def forget_received(self, channel: str, before: int) -> int:
        """Take the text out of a channel's messages that came in before an instant; returns how many.

        That they came, and from whom, stays; the event that told of one goes with ``events_days``. Use it outside
        transactions.
        """
        return inbound.forget(self.brand, channel, before)

    def opt_out(
        self, channel: str, address: str, *, via: str, evidence: str = "", at: int | None = None
    ) -> bool:
        """No commercial message to this address from now on; False when it was so already."""
        return inbound.opt_out(self.brand, channel, address, via=via, evidence=evidence, at=at)

    def opt_in(
        self,
        channel: str,
        address: str,
        *,
        via: str,
        evidence: str = "",
        text_version: str = "",
        at: int | None = None,
    ) -> bool:
        """The person asks for messages again, by an act of their own; False when nothing changed."""
        return inbound.opt_in(
            self.brand, channel, address, via=via, evidence=evidence, text_version=text_version, at=at
        )

    def suppress(
        self,
        channel: str,
        address: str,
        *,
        reason: str,
        scope: str = "commercial",
        actor: str = "",
        evidence: str = "",
    ) -> bool:
        """Do not write to an address (``channel`` empty: on no channel); False when this reason stood already."""
        return inbound.suppress(
            self.brand, channel, address, reason=reason, scope=scope, actor=actor, evidence=evidence
        )

    def lift(self, channel: str, address: str, *, actor: str) -> int:
        """Lift what stands against an address, except an opt-out; returns how many reasons."""
        return inbound.lift(self.brand, channel, address, actor=actor)

    def suppressions(self, *, after: int = 0, limit: int = LIMITS.page_rows) -> list[Suppressed]:
        """The do-not-contact list, oldest first."""
        return inbound.suppressions(after=after, limit=limit)

    def suppressed(self, channel: str, address: str) -> list[str]:
        """The reasons that stand against an address."""
        return inbound.suppressed(channel, address)

    # Sending -----------------------------------------------------------------

    def dispatch(self, answering: str | None = None) -> DispatchOutcome:
        """One claim and one gateway call for every run whose time has come: what the worker does all the time.

        ``answering`` names a channel: of its standing runs alone, whose people wait; empty: of all other runs.
        """
        return sending.dispatch(self.brand, answering)

    def drain(self) -> DispatchOutcome:
        """Dispatch until nothing is due now; returns the last round."""
        while (outcome := self.dispatch()).busy:
            pass
        return outcome

    def give_up_silent(self) -> int:
        """Messages that wait for their receipt for too long become unknown; a job of the core. Returns how many."""
        return claiming.give_up_silent(self.brand, LIMITS.receipt_hours * 3_600_000)

    def stopped(self) -> str:
        """Why nothing of this brand is sent at present, or an empty text."""
        row = execute("SELECT value FROM meta WHERE key = ?", (STOPPED,)).fetchone()
        return "" if row is None else str(row[0])

    @transactional
    def stop(self, reason: str, *, actor: str) -> None:
        """The emergency switch: nothing of this brand is sent until :meth:`go_on`."""
        text = f"{reason or 'stopped'} ({actor})"
        execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (STOPPED, text),
        )
        audit.record(self.brand, actor, "outreach.stop", detail={"reason": reason})

    @transactional
    def go_on(self, *, actor: str) -> bool:
        """Release the emergency switch; False when it was not on. Runs that waited too long expire."""
        stood = bool(execute("DELETE FROM meta WHERE key = ?", (STOPPED,)).rowcount)
        if stood:
            audit.record(self.brand, actor, "outreach.go_on")
        return stood
