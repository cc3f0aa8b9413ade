"""Nobody's wish to wait is forgotten when quiet hours change, and a night without workers is no outage."""

from __future__ import annotations

import pytest
from night_scene import HOME, NEW_YORK, at, friends, held, quiet, sent, start
from outreach_scene import RECORDERS, Recorder

from scrm_core.api import SendResult
from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute


def mixed(brand: Brand, people, clock: ManualClock, **more: object) -> None:
    """Six people abroad, where it is night, and six at home, where it is day; one abroad was put off already."""
    for number in range(6):
        people(brand).add(f"+1212555012{number}")
        people(brand).add(f"+861380000000{number}")
    start(brand, **more)
    for _ in range(20):
        brand.outreach.dispatch()
        if execute("SELECT held_by FROM outreach_run").fetchone()[0] is not None:
            return
        clock.advance(seconds=60)
    raise AssertionError("nobody abroad was put off")


def test_other_hours_do_not_hurry_a_run_beyond_its_pace(both, people, clock):
    clock.set(at("2026-03-02T12:00"))
    with both.brand("acme") as brand:
        mixed(brand, people, clock, pace=1)
        for _ in range(3):
            clock.advance(seconds=60)
            brand.outreach.drain()
        before = len(sent(brand))
    clock.advance(seconds=5)
    with quiet(both, "21:30-09:00") as brand:
        brand.outreach.drain()
        assert 0 < before == len(sent(brand)) < 6


def test_other_hours_do_not_take_back_what_a_gateway_asked_for(both, people, clock):
    clock.set(at("2026-03-02T12:00"))
    with both.brand("acme") as brand:
        mixed(brand, people, clock)
        RECORDERS.setdefault(brand.id, Recorder()).answer = lambda message: SendResult.retry("full", after_s=3_600)
        for _ in range(12):
            brand.outreach.dispatch()
        before = len(sent(brand))
    clock.advance(seconds=60)
    with quiet(both, "21:30-09:00") as brand:
        brand.outreach.drain()
        assert len(sent(brand)) == before > 0


@pytest.mark.parametrize("standing", [False, True])
@pytest.mark.parametrize("owner", ["mailer", "carrier"])
@pytest.mark.parametrize(("back", "goes"), [("2026-03-02T09:10", True), ("2026-03-02T11:10", False)])
def test_workers_that_were_away_for_the_night_expire_nothing(both, people, clock, standing, owner, back, goes):
    given = {"mailer": ("sms", "recorder"), "carrier": ("wecom", "carrier")}[owner]
    with both.brand("acme") as brand:
        people(brand).add(HOME)
        friends(brand, 1)
        start(brand, owner=owner, channel=given[0], sender=given[1], standing=standing)
        brand.outreach.drain()
        clock.set(at(back))
        for _ in range(2):
            brand.outreach.drain()
        told = execute("SELECT DISTINCT state, reason FROM message WHERE state <> 'blocked'").fetchall()
        assert told == [("sent", "")] if goes else told == [("expired", "misfire")]
        assert len(sent(brand)) == (1 if goes else 0)


def test_a_run_of_people_abroad_who_wait_by_a_plugin_s_wish_is_not_looked_through_all_night(both, people, clock):
    with both.brand("acme") as brand:
        run = brand.outreach.open_run("r1", owner="mailer", channel="sms", kind="marketing", sender="recorder")
        people(brand).add(NEW_YORK)
        brand.outreach.queue_segment(run.id, "lead_at >= 2000-01-01")
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        execute("UPDATE message SET not_before = ?", (at("2026-03-05T12:00"),))
        brand.outreach.drain()
        assert execute("SELECT next_at, held_by FROM outreach_run").fetchone() == (at("2026-03-02T09:00"), None)
        assert held(brand) is None and brand.outreach.run("mailer", "r1").state == "running"
