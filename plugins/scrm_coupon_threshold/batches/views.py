"""Batches as JSON: the definition that creates one again, and how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scrm_core.api import iso

from .codes import CODES

if TYPE_CHECKING:
    from .service import Batch


def definition_view(batch: Batch, zone: ZoneInfo) -> dict[str, Any]:
    """The definition of a batch, as ``create`` takes it; times in the brand's zone."""
    validity: dict[str, Any] = {"kind": batch.validity}
    if batch.valid_days is not None:
        validity["days"] = batch.valid_days
    else:
        validity |= {"from": iso(batch.valid_from, zone), "to": iso(batch.valid_to, zone)}
    view: dict[str, Any] = {
        "code": batch.code,
        "title": batch.title,
        "terms": batch.terms,
        "rule": batch.rule,
        "scope": batch.scope,
        "stacking": {
            "step": batch.step,
            "group": batch.stack_group,
            "exclusive": bool(batch.exclusive),
            "basis": batch.basis,
            "payer": batch.payer,
        },
        "channels": batch.channels,
        "stores": batch.stores,
        "gate": batch.gate,
        "validity": validity,
        "claim_from": iso(batch.claim_from, zone),
        "claim_to": iso(batch.claim_to, zone),
        "stock": None if batch.codes else batch.stock_total,
        "codes": list(CODES)[batch.codes],
        "limits": {
            "per_person": batch.per_person,
            "per_person_day": batch.per_person_day,
            "per_day": batch.per_day,
            "per_device": batch.per_device,
            "per_network_day": batch.per_network_day,
        },
        "brakes": {
            "per_minute": batch.per_minute,
            "speed_bp": batch.speed_bp,
            "from_minor": batch.speed_from_minor,
        },
        "budget_minor": batch.budget_minor,
        "promise": bool(batch.promise),
        "promise_minor": batch.promise_minor if batch.promise else None,
        "returns": {"policy": batch.return_policy, "extend_days": batch.extend_days},
    }
    return view


def batch_view(batch: Batch, zone: ZoneInfo) -> dict[str, Any]:
    """A batch: its definition, state, stock and budget."""
    budget = batch.budget_minor
    return {
        **definition_view(batch, zone),
        "state": batch.state,
        "pause_reason": batch.pause_reason,
        "issued": batch.issued,
        "stock_total": batch.stock_total,
        "stock_left": batch.stock_left,
        "budget_used_minor": batch.budget_used_minor,
        "budget_left_minor": None if budget is None else budget - batch.budget_used_minor,
        "created_at": iso(batch.created_at, zone),
        "opened_at": iso(batch.opened_at, zone),
        "closed_at": iso(batch.closed_at, zone),
    }
