"""A fault of the database is told from an error that merely speaks like one."""

from __future__ import annotations

import psycopg
import pytest

from scrm_core.api import Plugin, hookimpl
from scrm_core.db.bulk import execute
from scrm_core.errors import Busy
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000
PHONE = IdentityIn.of("phone", "13800138001")


class Grumble(Plugin):
    """Fails over the name of a lead's source."""

    name = "grumble"
    version = "1"
    summary = "fails with the customer's own words"
    requires_core = ">=0.0"

    @hookimpl
    def on_lead(self, event) -> None:
        raise ValueError(f"no such source: {event.source}")


@pytest.mark.parametrize("words", ["disk is full", "Disk I/O error"])
def test_words_of_a_customer_do_not_keep_an_event_from_being_parked(new_installation, deliver, words):
    brand = new_installation(plugins=(Grumble,), acme="[plugins.grumble]\n").brand("acme")
    with brand:
        brand.contacts.capture_lead(LeadIn(words, (PHONE,), NOON, "a"))
    deliver(brand)
    with brand:
        ((error,),) = execute("SELECT error FROM parked").fetchall()
        assert words in error


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_row_locked_for_too_long_is_a_busy_database(installation, brand):
    with brand:
        contact = brand.contacts.resolve([PHONE], at=NOON, origin="shop")
        execute("SET lock_timeout = 200")
        try:
            with psycopg.connect(installation.config.database_url) as somebody:
                somebody.execute("SELECT 1 FROM acme.contact FOR UPDATE")
                with pytest.raises(Busy), brand:
                    brand.contacts.rename(contact.contact_id, "Ada")
        finally:
            execute("RESET lock_timeout")
