"""Views of outreach (触达): runs, the do-not-contact list, the emergency switch."""

from __future__ import annotations

from typing import Any

from marshmallow import validate

from ..clock import iso
from ..intake.fields import Text
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..outreach.judging import normal_address, shown_address
from ..outreach.types import RunView, Suppressed
from .calls import Answer, Call
from .pages import page_of


class SuppressionInputSchema(IntakeSchema):
    """An address not to write to; ``channel`` empty means on no channel."""

    channel = Text(max_length=LIMITS.name, load_default="")
    address = Text(max_length=LIMITS.name, blank=False, required=True)
    reason = Text(max_length=LIMITS.name, blank=False, required=True)
    scope = Text(max_length=LIMITS.name, load_default="commercial", validate=validate.OneOf(["commercial", "all"]))


class SuppressedAddressInputSchema(IntakeSchema):
    """An address to write to again."""

    channel = Text(max_length=LIMITS.name, load_default="")
    address = Text(max_length=LIMITS.name, blank=False, required=True)


class StopInputSchema(IntakeSchema):
    """Why nothing of the brand is to be sent."""

    reason = Text(max_length=LIMITS.name, blank=False, required=True)


def list_runs(call: Call) -> Answer:
    rows = call.brand.outreach.runs(before=call.after, limit=call.limit)
    return 200, page_of(rows, call.limit, lambda run: run.id, lambda run: _run(call, run))


def list_suppressions(call: Call) -> Answer:
    rows = call.brand.outreach.suppressions(after=call.after or 0, limit=call.limit)
    return 200, page_of(rows, call.limit, lambda each: each.id, lambda each: _suppressed(call, each))


def suppress(call: Call) -> Answer:
    body = call.body
    added = call.brand.outreach.suppress(
        body["channel"],
        _address(call),
        reason=body["reason"],
        scope=body["scope"],
        actor=call.key.actor,
    )
    return 200, {"changed": 1 if added else 0}


def lift(call: Call) -> Answer:
    lifted = call.brand.outreach.lift(call.body["channel"], _address(call), actor=call.key.actor)
    return 200, {"changed": lifted}


def stop(call: Call) -> Answer:
    call.brand.outreach.stop(call.body["reason"], actor=call.key.actor)
    return 200, {"stopped": call.brand.outreach.stopped()}


def go_on(call: Call) -> Answer:
    call.brand.outreach.go_on(actor=call.key.actor)
    return 200, {"stopped": ""}


def _address(call: Call) -> str:
    return normal_address(call.body["channel"], call.body["address"], call.brand.config.phone_region)


def _run(call: Call, run: RunView) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for (state, _), count in call.brand.outreach.counts(run.id).items():
        counts[state] = counts.get(state, 0) + count
    return {
        "owner": run.owner,
        "code": run.code,
        "channel": run.channel,
        "kind": run.kind,
        "sender": run.sender,
        "state": run.state,
        "reason": run.reason,
        "start_at": iso(run.start_at, call.brand.zone),
        "held_until": iso(call.brand.outreach.held_until(run), call.brand.zone),
        "released": run.released,
        "messages": counts,
    }


def _suppressed(call: Call, each: Suppressed) -> dict[str, Any]:
    return {
        "channel": each.channel,
        "address": shown_address(each.channel, each.address),
        "scope": each.scope,
        "reason": each.reason,
        "since": iso(each.at, call.brand.zone),
    }
