"""A handler that ends the delivery's own transaction has failed, and costs no event of its plugin."""

from __future__ import annotations

import pytest

from scrm_core.api import Plugin, execute, hookimpl
from scrm_core.delivery import Delivery, parked_events
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000


class Meddler(Plugin):
    """Notes each lead, and at the second one says something about transactions itself."""

    name = "meddler"
    version = "1"
    summary = "ends what it has not begun"
    requires_core = ">=0.0"
    words = ""

    @hookimpl
    def on_lead(self, event):
        execute("INSERT INTO meta (key, value) VALUES (?, '')", (f"n-{event.event_id}",))
        if event.lead.endswith("k2"):
            execute(self.words)


@pytest.mark.parametrize("words", ["COMMIT", "rollback", " END", "BEGIN", "ROLLBACK; BEGIN"])
def test_a_handler_that_ends_its_transaction_is_parked_and_the_other_events_are_kept(new_installation, words):
    kind = type("Meddler", (Meddler,), {"words": words})
    brand = new_installation(plugins=[kind], acme="[plugins.meddler]\n").brand("acme")
    with brand:
        for n in (1, 2, 3):
            brand.contacts.capture_lead(LeadIn("form", (IdentityIn.of("phone", f"1380013800{n}"),), NOON, f"k{n}"))
        Delivery(brand).drain()
        (parked,) = parked_events()
        kept = execute("SELECT key FROM meta WHERE substr(key, 1, 2) = 'n-' ORDER BY key").fetchall()
        assert len(kept) == 2 and (f"n-{parked.event_id}",) not in kept
        assert "transaction" in parked.error
    with brand.installation.brand("moonco"):
        assert parked_events() == []
