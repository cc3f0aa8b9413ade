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
    return _answered(call.brand.contacts.capture_lead(lead_of(call.body, source=SOURCE, now=call.brand.now())))


def capture_each(calls: Sequence[Call]) -> list[Answer | Exception]:
    """Leads that came together; those of one source at once, because a contact's origin is its lead's source."""
    brand, answers = calls[0].brand, {}
    leads = [lead_of(call.body, source=SOURCE, now=brand.now()) for call in calls]
    for source in dict.fromkeys(lead.source for lead in leads):
        places = [place for place, lead in enumerate(leads) if lead.source == source]
        answers.update(zip(places, brand.contacts.capture_leads([leads[place] for place in places]), strict=True))
    found = (answers[place] for place in range(len(calls)))
    return [answer if isinstance(answer, ScrmError) else _answered(answer) for answer in found]


def capture_leads(call: Call) -> Answer:
    now = call.brand.now()

    def run(rows: list[dict[str, Any]]) -> Sequence[dict[str, Any] | ScrmError]:
        results = call.brand.contacts.capture_leads([lead_of(row, source=SOURCE, now=now) for row in rows])
        return [result if isinstance(result, ScrmError) else _row(result) for result in results]

    return batch(call.body, run)


def _answered(result: LeadResult) -> Answer:
    shown = {"lead": result.lead, "contact": result.uid, "new_lead": result.updated, "new_contact": result.created}
    return (201 if result.updated else 200), shown


def _row(result: LeadResult) -> dict[str, Any]:
    return {"outcome": "created" if result.updated else "unchanged", "lead": result.lead, "contact": result.uid}
