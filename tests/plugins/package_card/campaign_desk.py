"""A campaign at the console: who stands at its page, and how it is made there."""

from __future__ import annotations

import base64
from typing import Any

from staff_desk import Desk

LIST, CAMPAIGN = "b/acme/x/package-card/campaigns", "b/acme/x/package-card/campaign"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class CampaignDesk(Desk):
    """Somebody at the page of one campaign."""

    page = CAMPAIGN


def made(browser: Any, name: str = "otto", **more: Any) -> CampaignDesk:
    person = browser(name)
    person.get(LIST)
    answer = person.post(LIST, act="create", code="MAY", name="五月卡", source="shop", **more)
    assert (answer.status_code, answer.location) == (303, f"/staff/console/{CAMPAIGN}?id=MAY&done=create")
    return CampaignDesk(person)
