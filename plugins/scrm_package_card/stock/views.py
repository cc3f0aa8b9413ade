"""Batches and suggestions as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import Batch
    from .forecast import Suggestion


def batch_view(batch: Batch) -> dict[str, Any]:
    """A batch: its link as a path, its first day as an ISO date, money in minor units."""
    return {
        "code": batch.code,
        "campaign": batch.campaign,
        "name": batch.name,
        "kind": batch.kind,
        "arm": batch.arm,
        "channel": batch.channel,
        "unique": batch.unique,
        "printed": batch.printed,
        "received": batch.received,
        "shipped": batch.shipped,
        "adjusted": batch.adjusted,
        "left": batch.left,
        "unit_cost_minor": batch.unit_cost_minor,
        "cost_minor": batch.cost_minor,
        "path": f"/l/{batch.link}" if batch.link else None,
        "received_from": _day(batch.received_day) if batch.received_day is not None else None,
    }


def suggestion_view(suggestion: Suggestion) -> dict[str, Any]:
    """A suggested quantity with each forecast's arithmetic."""
    forecasts = [
        {**asdict(f), "first_day": _day(f.first_day), "last_day": _day(f.last_day)} for f in suggestion.forecasts
    ]
    return {**asdict(suggestion), "forecasts": forecasts}


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
