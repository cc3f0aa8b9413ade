"""Retention changes no figure of a plan, whatever has become small."""

from __future__ import annotations

import pytest
from results_scene import Bench, Sms, Stage, configured

from scrm_core.db.bulk import execute

ORDERED = "orders >= 1"


@pytest.fixture
def stage(new_installation):
    """Acme, inside its brand, with the plugin's results."""
    more = configured().replace("[plugins.bench]", "price_milli = 4500\nmode_minimum = 3\narm_minimum = 2\n[plugins.bench]")
    brand = new_installation(plugins=(Sms, Bench), acme=more).brand("acme")
    with brand:
        yield Stage(brand)


def test_a_report_is_the_same_two_years_later(stage):
    phones = stage.strangers(6)
    stage.upto("running", segment=ORDERED, at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    for message in stage.gateway.of("marketing")[:-1]:
        stage.brand.outreach.receipt(message.uid, "delivered")
    for _ in range(3):
        for phone in phones[:2]:
            stage.open(stage.link_of(phone))
            stage.open(stage.link_of(phone), agent="curl/8.0")
        stage.brand.clock.advance(hours=1)
    stage.adds(phones[0], state=stage.link_of(phones[0]))
    stage.orders("A1", phones[0], 3_000, days=2)
    stage.deliver()
    stage.brand.clock.advance(days=730)
    stage.brand.outreach.give_up_silent()
    stage.deliver()
    before = stage.row()
    assert (before["opens"], before["bots"], before["clicked"], before["added"]) == (6, 6, 2, 1)
    assert before["delivered"] == 5
    done = stage.brand.retention.run()
    # Of the 12 visits each link keeps one of its person and one of the programs; the newest row stays as well.
    assert done.visits == 7
    assert done.messages == 5 + 2  # those to the numbers that test the interception too
    assert done.events > 10
    assert stage.row() == before
    assert execute("SELECT count(*) FROM event").fetchone() == (1,)
    assert execute("SELECT count(*) FROM message WHERE state = 'unknown' AND body IS NOT NULL").fetchone() == (1,)
