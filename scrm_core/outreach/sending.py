"""One round of sending: claim, hand over to the gateway outside any transaction, settle each answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..db import leaving_none_open
from ..db.bulk import execute
from ..errors import ScrmError
from . import claiming, receipts
from .types import DispatchOutcome, Gateway, OutMessage, SendResult

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.outreach")

MAX_BATCH = 1_000


# Looked at all the time by every worker: reading costs no lock, and an idle brand is only read.
_LOST = "SELECT 1 FROM message WHERE state = 'sending' AND lease_until < ? LIMIT 1"
_RUNNING = (
    "SELECT id, sender, channel, standing FROM outreach_run WHERE state = 'running' AND start_at <= ? ORDER BY id"
)


def dispatch(brand: Brand, answering: str | None = None) -> DispatchOutcome:
    """One claim and one call for every run whose time has come, and what lost sends are given up.

    With ``answering`` only some of the runs: the standing ones of this channel, or with an empty text all that are
    not standing, and the lost sends of every run.
    """
    now = brand.now()
    lost = 0 if answering or execute(_LOST, (now,)).fetchone() is None else claiming.give_up_lost(brand)
    running = [
        (run_id, sender, channel)
        for run_id, sender, channel, standing in execute(_RUNNING, (now,)).fetchall()
        if answering is None or (channel if standing else "") == answering
    ]
    if not running or brand.outreach.stopped():
        return DispatchOutcome(unknown=lost)
    totals = dict.fromkeys(("accepted", "refused", "unknown", "retried", "blocked", "expired"), 0)
    totals["unknown"] = lost
    busy = False
    for run_id, sender, channel in running:
        try:
            gateway = brand.outreach.gateway(sender, channel)
        except ScrmError as exc:
            claiming.halt(brand, run_id, f"halted: {exc}")
            continue
        claim = claiming.claim(brand, run_id, max(1, min(gateway.batch, MAX_BATCH)))
        totals["blocked"] += claim.blocked
        totals["expired"] += claim.expired
        busy = busy or claim.busy
        if claim.messages:
            results = hand_over(gateway, claim.messages)
            receipts.settle(brand, run_id, zip(claim.messages, results, strict=True))
            for result in results:
                totals[_COUNTED_AS[result.outcome]] += 1
    return DispatchOutcome(**totals, busy=busy)


_COUNTED_AS = {
    "accepted": "accepted",
    "delivered": "accepted",
    "refused": "refused",
    "retry": "retried",
    "unknown": "unknown",
}


def hand_over(gateway: Gateway, messages: Sequence[OutMessage]) -> list[SendResult]:
    """What the gateway says of each message; a gateway that fails says nothing that can be known."""
    try:
        with leaving_none_open():
            results = list(gateway.send(messages))
    except BaseException as exc:  # SystemExit too: no plugin ends the worker
        log.exception("a gateway failed")
        return [SendResult.unknown(f"{type(exc).__name__}: {exc}"[:200])] * len(messages)
    if len(results) != len(messages) or not all(isinstance(each, SendResult) for each in results):
        log.error("a gateway gave %s answers for %s messages", len(results), len(messages))
        return [SendResult.unknown("the gateway's answer does not fit")] * len(messages)
    return results
