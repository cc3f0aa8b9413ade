"""An event parked because its handler hung, and retries under a clock that jumps."""

from __future__ import annotations

import pytest

from scrm_core import eventlog
from scrm_core.api import Plugin, hookimpl
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery, park_hung
from scrm_core.errors import Busy
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000


class Notes(Plugin):
    """Writes each lead down, and raises what a test wants for one of them."""

    name = "notes"
    version = "1"
    summary = "writes leads down"
    requires_core = ">=0.0"
    seen: list[str] = []
    fails: dict[str, Exception] = {}

    @hookimpl
    def on_lead(self, event) -> None:
        if event.lead in Notes.fails:
            raise Notes.fails.pop(event.lead)
        self.brand.tags.add(event.contact_id, self.brand.tags.define("noted", event.lead, kind="system"))
        Notes.seen.append(event.lead)


@pytest.fixture
def acme(new_installation):
    Notes.seen, Notes.fails = [], {}
    return new_installation(plugins=(Notes,), acme="[plugins.notes]\n").brand("acme")


def leads(brand, *references: str) -> None:
    for reference in references:
        who = IdentityIn.of("phone", "13800138001")
        brand.contacts.capture_lead(LeadIn("shop", (who,), NOON, reference))


def test_an_event_parked_ahead_of_the_cursor_is_handled_once(acme, clock, deliver):
    with acme:
        leads(acme, "a", "b")
        first = min(event.position.event_id for event in eventlog.tail(10) if event.type == "lead.captured")
        park_hung(acme, "notes", first, 30)
        clock.advance(seconds=60)
        Notes.fails = {"shop:b": Busy("the database is away")}  # the batch of both waits, the retry is due
        Delivery(acme).drain(patience=0.1)
    deliver(acme)
    with acme:
        clock.advance(seconds=60)
        Delivery(acme).drain()
    assert sorted(Notes.seen) == ["shop:a", "shop:b"]


def test_a_retry_planned_before_the_clock_went_back_is_not_put_off_for_years(acme, clock, deliver):
    clock.advance(days=3_650)
    with acme:
        leads(acme, "a")
    Notes.fails = {"shop:a": ValueError("not yet")}
    deliver(acme)
    clock.advance(days=-3_650)
    with acme:
        assert execute("SELECT count(*) FROM parked").fetchone() == (1,)
        Delivery(acme).drain()
        assert execute("SELECT count(*) FROM parked").fetchone() == (0,)
    assert Notes.seen == ["shop:a"]
