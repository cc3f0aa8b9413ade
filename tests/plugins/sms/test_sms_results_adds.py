"""Adds: which leads count for a plan, once, within the window, in whatever order they arrive."""

from __future__ import annotations

import pytest
from results_scene import Bench, Sms, Stage, configured

from scrm_core.clock import MS_PER_DAY
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_sms.results.adds import adds_since, clicks_since

BUYERS = "orders >= 1"


@pytest.fixture
def stage(new_installation):
    """Acme, inside its brand, with the plugin's results."""
    brand = new_installation(plugins=(Sms, Bench), acme=configured()).brand("acme")
    with brand:
        yield Stage(brand)


@pytest.fixture
def sent(stage):
    """A plan whose messages to three buyers have gone and were delivered."""
    stage.strangers(3)
    stage.upto("running", segment=BUYERS, at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    stage.receipts()
    stage.brand.clock.advance(hours=1)
    return stage


def methods(stage):
    return execute("SELECT c.id, a.method FROM sms_add a JOIN contact c ON c.id = a.contact_id ORDER BY a.id").fetchall()


def test_a_lead_with_the_recipients_link_counts_once_for_the_plan_and_its_message(sent):
    contact = sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)), reference="again")
    sent.deliver()
    assert methods(sent) == [(contact, "link")]
    row = sent.row()
    assert (row["added"], row["new"], row["delivered"], row["recall"]) == (1, 1, 3, 0.3333)


def test_a_recipient_who_comes_without_a_link_counts_and_another_persons_coming_does_not(sent):
    contact = sent.adds(sent.phone(1))
    sent.adds("+8613700000000")
    sent.deliver()
    assert methods(sent) == [(contact, "recipient")]


def test_whoever_comes_through_another_channel_or_link_did_not_come_through_the_plan(sent):
    sent.brand.channels.ensure("store")
    other = sent.brand.links.create("store", "https://example.com/")
    sent.adds(sent.phone(0), state="store")
    sent.adds(sent.phone(1), state=other.code)
    sent.deliver()
    assert methods(sent) == []
    contact = sent.adds(sent.phone(2), state="sms-may")
    sent.deliver()
    assert methods(sent) == [(contact, "recipient")]


def test_a_forwarded_link_counts_for_the_plan_it_belongs_to(sent):
    friend = sent.adds("+8613700000000", state=sent.link_of(sent.phone(0)))
    sent.deliver()
    assert methods(sent) == [(friend, "link")]
    assert sent.row()["new"] == 1


@pytest.mark.parametrize(("days", "counted"), [(-1, 0), (7, 1), (7.1, 0)])
def test_only_adds_within_the_window_after_the_send_count(sent, days, counted):
    sent_at = sent.messages()[0].at
    for state in ("", sent.link_of(sent.phone(0))):
        sent.adds(sent.phone(0), state=state, at=sent_at + int(days * MS_PER_DAY) - 1, reference=f"x{state}")
    sent.deliver()
    assert sent.row()["added"] == counted


def test_who_was_a_friend_before_is_added_and_not_new_even_when_that_is_learnt_later(sent):
    sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    sent.deliver()
    assert (sent.row()["added"], sent.row()["new"]) == (1, 1)
    sent.adds(sent.phone(0), at=sent.brand.now() - 90 * MS_PER_DAY, reference="an old friend")
    sent.deliver()
    assert (sent.row()["added"], sent.row()["new"]) == (1, 0)


def test_the_earliest_lead_counts_in_whatever_order_they_arrive(sent):
    late = sent.brand.now() + 2 * MS_PER_DAY
    sent.adds(sent.phone(0), at=late, reference="late")
    sent.deliver()
    sent.adds(sent.phone(0), at=late - MS_PER_DAY, state=sent.link_of(sent.phone(0)), reference="early")
    sent.deliver()
    assert execute("SELECT method, at FROM sms_add").fetchall() == [("link", late - MS_PER_DAY)]


def test_the_last_plan_that_wrote_is_the_one_a_person_came_through(sent):
    sent.upto("running", "JUNE", segment=BUYERS)
    sent.brand.outreach.drain()
    sent.brand.clock.advance(hours=1)
    sent.adds(sent.phone(0))
    sent.deliver()
    assert (sent.row("MAY")["added"], sent.row("JUNE")["added"]) == (0, 1)


def test_a_message_that_failed_brings_nobody(stage):
    stage.strangers(1)
    stage.upto("running", segment=BUYERS, at="2026-01-01T10:00")
    stage.brand.clock.advance(hours=3)
    stage.brand.outreach.drain()
    stage.receipts("failed", code="UNDELIV")
    stage.adds(stage.phone(0))
    stage.deliver()
    assert stage.row()["added"] == 0


def test_two_contacts_that_turn_out_to_be_one_person_are_one_add(sent):
    one = sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    two = sent.brand.contacts.capture_lead(
        LeadIn(
            source="wecom",
            reference="wx",
            identities=(IdentityIn.of("external_userid", "wm1", ""),),
            at=sent.brand.now(),
            state=sent.link_of(sent.phone(0)),
        )
    ).contact_id
    sent.deliver()
    assert sent.row()["added"] == 2
    sent.brand.contacts.merge(one, two, actor="anna", reason="same person")
    assert sent.row()["added"] == 1
    sent.brand.privacy.erase(one, actor="anna")
    assert sent.row()["added"] == 0


def test_the_canarys_alarm_asks_how_many_came_and_clicked_since(sent):
    before = sent.brand.now()
    assert (adds_since(sent.brand, "MAY", 0), clicks_since(sent.brand, "MAY", 0)) == (0, 0)
    sent.open(sent.link_of(sent.phone(0)), agent="Googlebot/2.1")
    assert clicks_since(sent.brand, "MAY", 0) == 0
    sent.open(sent.link_of(sent.phone(0)))
    sent.open(sent.link_of(sent.phone(0)))
    sent.open(sent.link_of(sent.phone(1)))
    sent.adds(sent.phone(0), state=sent.link_of(sent.phone(0)))
    sent.deliver()
    assert (adds_since(sent.brand, "MAY", before), clicks_since(sent.brand, "MAY", before)) == (1, 2)
    after = sent.brand.now() + 1
    assert (adds_since(sent.brand, "MAY", after), clicks_since(sent.brand, "MAY", after)) == (0, 0)


RACE = """
def run(brand, worker):
    from scrm_core.db.bulk import execute
    from scrm_core.facts import LeadCaptured
    contact, code, sent_at = execute(
        "SELECT m.contact_id, l.code, m.sent_at FROM message m JOIN link l ON l.id = m.link_id ORDER BY m.id LIMIT 1"
    ).fetchone()
    event = LeadCaptured(event_id=worker, at=sent_at + 1_000 + worker, backfill=False, contact_id=contact,
                         lead=f"wecom:{worker}", source="wecom", state=code, link=code)
    return brand.plugins["sms"].results.take_lead(event)
"""


def test_leads_of_one_person_at_the_same_moment_are_one_add_with_the_earliest_instant(new_installation, together):
    installation = new_installation(acme=configured().split("[plugins.bench]")[0])
    with installation.brand("acme") as brand:
        stage = Stage(brand)
        stage.strangers(1)
        stage.upto("test", segment=BUYERS, sender="console")
        stage.plans.interception.start("MAY", actor="ann")
        brand.outreach.drain()
        stage.deliver()
        stage.upto("running", since="approval", at="2026-01-01T10:00")
        brand.clock.advance(hours=3)
        brand.outreach.drain()
    together(installation, RACE, 4)
    with installation.brand("acme"):
        (sent_at,) = execute("SELECT sent_at FROM message WHERE link_id IS NOT NULL").fetchone()
        assert execute("SELECT at, method FROM sms_add").fetchall() == [(sent_at + 1_000, "link")]
