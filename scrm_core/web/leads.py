"""Views of leads (线索)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ScrmError
from ..intake.inputs import lead_of
from ..services.contacts import LeadResult
from .calls import Answer, Call, batch

SOURCE = "api"
"""The source of a lead that names none."""


def capture_lead(call: Call) -> Answer:
    result = call.brand.contacts.capture_lead(lead_of(call.body, source=SOURCE, now=call.brand.now()))
    return (201 if result.updated else 200), _shown(result)


def capture_leads(call: Call) -> Answer:
    now = call.brand.now()

    def run(rows: list[dict[str, Any]]) -> Sequence[dict[str, Any] | ScrmError]:
        results = call.brand.contacts.capture_leads([lead_of(row, source=SOURCE, now=now) for row in rows])
        return [result if isinstance(result, ScrmError) else _row(result) for result in results]

    return batch(call.body, run)


def _shown(result: LeadResult) -> dict[str, Any]:
    return {"lead": result.lead, "contact": result.uid, "new_lead": result.updated, "new_contact": result.created}


def _row(result: LeadResult) -> dict[str, Any]:
    return {"outcome": "created" if result.updated else "unchanged", "lead": result.lead, "contact": result.uid}
