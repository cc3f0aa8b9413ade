"""With a transaction pooler only a transaction knows the brand's schema: delivery reads inside one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scrm_core.api import Plugin, hookimpl
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000


class Looks(Plugin):
    """Reads before it writes."""

    name = "looks"
    version = "1"
    summary = "reads first"
    requires_core = ">=0.0"

    @hookimpl
    def on_lead(self, event) -> None:
        if self.brand.tags.find("seen", "lead") is None:
            self.brand.tags.define("seen", "lead", kind="system")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_handler_that_reads_first_finds_its_brand(new_installation, clock):
    plain = new_installation(acme="[plugins.looks]\n", plugins=(Looks,))
    pooled = Installation(replace(plain.config, transaction_pooler=True), clock=clock, plugins=(Looks,))
    try:
        acme = pooled.brand("acme")
        with acme:
            acme.contacts.capture_lead(LeadIn("shop", (IdentityIn.of("phone", "13800138001"),), NOON, "a"))
            Delivery(acme).drain()
            assert execute("SELECT error FROM parked").fetchall() == []
            assert acme.tags.find("seen", "lead") is not None
        with pooled.brand("moonco") as other:
            assert other.tags.find("seen", "lead") is None
    finally:
        pooled.close()
