"""Faults that outreach had: each test failed before its fault was mended."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.outreach import claiming
from scrm_core.outreach.hours import opens_at
from scrm_core.services.contacts import IdentityIn, LeadIn

RUN = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder"}
EVERYBODY = "lead_at >= 2000-01-01"
ONE, TWO, THREE = "+8613800000001", "+8613800000002", "+8613800000003"
HOUR = 3_600_000


def started(brand, code="r1", parties=None, **more):
    run = brand.outreach.open_run(code, **{**RUN, **more})
    if parties is None:
        brand.outreach.queue_segment(run.id, EVERYBODY)
    else:
        brand.outreach.queue_addresses(run.id, parties)
    brand.outreach.release(run.id, 10_000)
    return brand.outreach.start(run.id)


def test_a_message_to_a_number_whose_person_is_erased_later_stops_nobody_elses(acme, gateway, people):
    with acme:
        run = started(acme, kind="notice", parties=[(ONE, None), (TWO, None)])
        contact = people(acme).add(ONE, agrees=False)
        acme.privacy.erase(contact, actor="li")
        acme.outreach.drain()
        assert gateway.addresses == [TWO]
        counts = acme.outreach.counts(run.id)
        assert counts.pop(("sent", "")) == 1
        assert [state for state, _ in counts] in (["canceled"], ["blocked"])
        assert acme.outreach.run("mailer", "r1").state == "done"


def test_a_message_that_was_not_sent_while_its_person_was_erased_does_not_come_back(acme, gateway, people, clock):
    with acme:
        contact = people(acme).add(ONE)
        run = started(acme)
        people(acme).add(TWO)
        acme.outreach.queue_segment(run.id, EVERYBODY)

        def answer(message):
            if message.address == ONE:
                acme.privacy.erase(contact, actor="li")
                return SendResult.retry("busy", after_s=1)
            return SendResult.accepted("ref")

        gateway.answer = answer
        for _ in range(4):
            acme.outreach.drain()
            clock.advance(seconds=2)
        assert sorted(gateway.addresses) == [ONE, TWO]
        assert acme.outreach.counts(run.id) == {("sent", ""): 1, ("canceled", "erased"): 1}
        assert acme.outreach.run("mailer", "r1").state == "done"


def test_the_emergency_switch_is_felt_by_the_runs_of_the_same_round(acme, gateway, people):
    with acme:
        people(acme).add(ONE)
        for code in ("r1", "r2", "r3"):
            started(acme, code)

        def answer(message):
            acme.outreach.stop("wrong price", actor="li")
            return SendResult.accepted("ref")

        gateway.answer = answer
        acme.outreach.drain()
        assert gateway.addresses == [ONE]


def test_a_merge_undone_between_queue_and_send_leaves_everybody_their_own_consent(acme, gateway, people):
    with acme:
        them = people(acme)
        one, two = them.add(ONE), them.add(TWO, agrees=False)
        merge = acme.contacts.merge(one, two, actor="test", reason="one person")
        acme.consent.record(one, "marketing_sms", granted=True, source="test")
        run = started(acme, parties=[(TWO, None)])
        acme.contacts.undo_merge(merge, actor="test")
        assert acme.consent.state(one, "marketing_sms") and not acme.consent.state(two, "marketing_sms")
        acme.outreach.drain()
        assert gateway.sent == []
        assert acme.outreach.counts(run.id) == {("blocked", "no_consent"): 1}


def test_a_second_number_gets_nothing_after_the_first_expired_at_the_carrier(acme, gateway, people):
    with acme:
        contact = people(acme).add(ONE)
        acme.contacts.capture_lead(
            LeadIn(
                source="test",
                reference="both",
                identities=(IdentityIn.of("phone", ONE, ""), IdentityIn.of("phone", TWO, "")),
                at=acme.now(),
                state="",
                fields={},
            )
        )
        assert acme.contacts.find("phone", TWO).id == contact
        run = started(acme, parties=[(ONE, None)])
        acme.outreach.dispatch()
        acme.outreach.receipt(gateway.sent[0].uid, "expired", code="EXPIRED")
        acme.outreach.queue_addresses(run.id, [(TWO, None)])
        acme.outreach.drain()
        assert gateway.addresses == [ONE]
        assert acme.outreach.counts(run.id) == {("expired", ""): 1, ("blocked", "same_person"): 1}


def test_who_is_held_out_gets_nothing_under_a_second_number_either(acme, gateway, people):
    with acme:
        them = people(acme)
        one, two = them.add(ONE), them.add(TWO)
        run = acme.outreach.open_run("r1", **RUN)
        acme.outreach.queue_addresses(run.id, [(ONE, None)], holdout=10_000)
        acme.outreach.queue_addresses(run.id, [(TWO, None)])
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id)
        acme.contacts.merge(one, two, actor="test", reason="one person")
        acme.consent.record(one, "marketing_sms", granted=True, source="test")
        acme.outreach.drain()
        assert gateway.sent == []
        assert acme.outreach.counts(run.id) == {("blocked", "holdout"): 2}


def test_queuing_again_counts_people_without_a_number_once(acme, gateway, people):
    with acme:
        people(acme).add(ONE)
        acme.contacts.capture_lead(
            LeadIn(
                source="test",
                reference="no number",
                identities=(IdentityIn.of("external_userid", "wm1", "corp"),),
                at=acme.now(),
                state="",
                fields={},
            )
        )
        run = acme.outreach.open_run("r1", **RUN)
        first = acme.outreach.queue_segment(run.id, EVERYBODY)
        assert (first.queued, first.blocked) == (1, {"no_address": 1})
        assert acme.outreach.queue_segment(run.id, EVERYBODY) == first


@pytest.mark.parametrize("quiet", [(20 * 60, 10 * 60), (18 * 60, 12 * 60), (12 * 60, 11 * 60)])
def test_a_country_whose_zones_are_never_open_together_still_has_its_hour(quiet):
    zones = tuple(ZoneInfo(name) for name in ("America/New_York", "Pacific/Guam", "America/St_Johns", "Asia/Kolkata"))
    now = 1_760_000_000_000
    opening = opens_at(now, quiet, zones)
    # Waiting for that instant is the end of waiting.
    assert opens_at(opening, quiet, zones) == opening
    assert now <= opening <= now + 2 * 24 * HOUR


@pytest.mark.parametrize("skew", [-8 * HOUR, 8 * HOUR])
def test_an_opt_out_withdraws_the_consent_whatever_the_gateways_clock_says(acme, people, skew):
    with acme:
        contact = people(acme).add(ONE)
        acme.outreach.opt_out("sms", ONE, via="sms_reply", at=acme.now() + skew)
        assert acme.consent.state(contact, "marketing_sms") is False


def test_a_re_subscription_from_the_future_does_not_outlive_the_next_withdrawal(acme, people, clock):
    with acme:
        contact = people(acme).add(ONE, agrees=False)
        acme.outreach.opt_in("sms", ONE, via="sms_reply", at=acme.now() + 8 * HOUR)
        assert acme.consent.state(contact, "marketing_sms") is True
        clock.advance(seconds=1)
        acme.consent.record(contact, "marketing_sms", granted=False, source="service desk")
        assert acme.consent.state(contact, "marketing_sms") is False


def test_a_receipt_cannot_tell_of_the_future(acme, gateway, people, clock):
    with acme:
        people(acme).add(ONE)
        started(acme)
        acme.outreach.drain()
        uid = gateway.sent[0].uid
        acme.outreach.receipt(uid, "delivered", at=acme.now() + 8 * HOUR)
        assert acme.outreach.message(uid).final_at == acme.now()


def test_messages_without_receipt_are_given_up_page_by_page(acme, gateway, people, clock, monkeypatch):
    monkeypatch.setattr(claiming, "SILENT", 2)
    with acme:
        people(acme).many(5)
        run = started(acme)
        acme.outreach.drain()
        clock.advance(hours=73)
        before = execute("SELECT count(*) FROM event WHERE type = 'message.status'").fetchone()[0]
        assert acme.outreach.give_up_silent() == 5
        assert acme.outreach.counts(run.id) == {("unknown", "no_receipt"): 5}
        assert execute("SELECT count(*) FROM event WHERE type = 'message.status'").fetchone()[0] == before + 5
        assert acme.outreach.give_up_silent() == 0
