"""From a queued audience to the gateway: who is written to, who is not and why, and nobody twice."""

from __future__ import annotations

import pytest

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid

RUN = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder"}
EVERYBODY = "lead_at >= 2000-01-01"


def started(brand, code="r1", expression=EVERYBODY, **more):
    run = brand.outreach.open_run(code, **{**RUN, **more})
    brand.outreach.queue_segment(run.id, expression)
    brand.outreach.release(run.id, 10_000)
    return brand.outreach.start(run.id)


def test_everybody_who_agreed_gets_one_message_and_the_rest_keep_their_reason(acme, gateway, people):
    with acme:
        them = people(acme)
        them.many(3)
        them.add("+8613900000001", agrees=False)
        them.add("+861061234567")  # a fixed line
        run = started(acme)
        acme.outreach.drain()
        assert sorted(gateway.addresses) == [f"+8613800000{n:03d}" for n in range(3)]
        assert acme.outreach.counts(run.id) == {
            ("sent", ""): 3,
            ("blocked", "no_consent"): 1,
            ("blocked", "not_mobile"): 1,
        }
        assert acme.outreach.run("mailer", "r1").state == "done"


def test_a_consent_withdrawn_after_queuing_is_kept(acme, gateway, people):
    with acme:
        contact = people(acme).add("+8613800000000")
        run = started(acme)
        acme.consent.record(contact, "marketing_sms", granted=False, source="test")
        acme.outreach.drain()
        assert gateway.sent == []
        assert acme.outreach.counts(run.id) == {("blocked", "no_consent"): 1}


def test_an_opt_out_after_queuing_is_kept_and_withdraws_the_consent(acme, gateway, people):
    with acme:
        contact = people(acme).add("+8613800000000")
        run = started(acme)
        assert acme.outreach.opt_out("sms", "+8613800000000", via="reply", evidence="TD") is True
        assert acme.outreach.opt_out("sms", "+8613800000000", via="reply") is False
        acme.outreach.drain()
        assert gateway.sent == []
        assert acme.outreach.counts(run.id) == {("blocked", "do_not_contact"): 1}
        assert acme.consent.state(contact, "marketing_sms") is False
        assert acme.outreach.opt_in("sms", "+8613800000000", via="reply") is True
        assert acme.consent.state(contact, "marketing_sms") is True
        assert acme.outreach.suppressed("sms", "+8613800000000") == []


def test_a_notice_needs_no_consent_and_passes_an_opt_out_but_not_a_full_stop(acme, gateway, people):
    with acme:
        people(acme).add("+8613800000000", agrees=False)
        acme.outreach.opt_out("sms", "+8613800000000", via="reply")
        started(acme, "n1", kind="notice")
        acme.outreach.drain()
        assert gateway.addresses == ["+8613800000000"]
        acme.outreach.suppress("sms", "+8613800000000", reason="hard_bounce", scope="all")
        run = started(acme, "n2", kind="notice")
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        assert acme.outreach.counts(run.id) == {("blocked", "do_not_contact"): 1}


def test_queuing_again_adds_only_who_is_new(acme, gateway, people):
    with acme:
        them = people(acme)
        them.many(2)
        run = acme.outreach.open_run("r1", **RUN)
        assert acme.outreach.queue_segment(run.id, EVERYBODY).queued == 2
        them.add("+8613900000001")
        assert acme.outreach.queue_segment(run.id, EVERYBODY).queued == 3
        assert acme.outreach.queue_addresses(run.id, [("+8613900000001", None)]).queued == 3


def test_a_number_of_a_list_is_its_contacts_and_a_strangers_is_not_written_to(acme, gateway, people):
    with acme:
        people(acme).add("+8613800000000")
        run = acme.outreach.open_run("r1", **RUN)
        outcome = acme.outreach.queue_addresses(run.id, [("+8613800000000", None), ("+8613900000009", None)])
        assert (outcome.queued, outcome.blocked) == (1, {"no_consent": 1})


def test_one_person_with_two_numbers_gets_one_message(acme, gateway, people):
    with acme:
        them = people(acme)
        one, two = them.add("+8613800000000"), them.add("+8613800000001")
        run = started(acme)
        acme.contacts.merge(one, two, actor="test", reason="one person")
        acme.consent.record(one, "marketing_sms", granted=True, source="test")
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        assert acme.outreach.counts(run.id) == {("sent", ""): 1, ("blocked", "same_person"): 1}


def test_a_merge_that_ends_just_before_the_claim_loses_nobody(acme, gateway, people):
    with acme:
        them = people(acme)
        one, two = them.add("+8613800000000"), them.add("+8613800000001")
        run = acme.outreach.open_run("r1", **RUN)
        acme.outreach.queue_addresses(run.id, [("+8613800000001", None)])
        acme.contacts.merge(one, two, actor="test", reason="one person")
        acme.consent.record(one, "marketing_sms", granted=True, source="test")
        # As the claim sees it when it read the message before the merge and the contact after it.
        execute("UPDATE message SET contact_id = ?", (two,))
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id)
        acme.outreach.drain()
        (message,) = acme.outreach.messages(run.id)
        assert (message.state, message.contact_id) == ("sent", one)


def test_guards_and_the_owner_keep_messages_back(acme, gateway, people):
    with acme:
        them = people(acme)
        them.add("+8613800006666")
        them.add("+8613800009999")
        run = started(acme)
        acme.outreach.drain()
        assert gateway.sent == []
        assert acme.outreach.counts(run.id) == {("blocked", "veto: sixes"): 1, ("blocked", "not wanted"): 1}


def test_only_the_released_share_goes(acme, gateway, people):
    with acme:
        people(acme).many(40)
        run = acme.outreach.open_run("r1", **RUN)
        acme.outreach.queue_segment(run.id, EVERYBODY)
        acme.outreach.start(run.id)
        acme.outreach.drain()
        assert gateway.sent == []
        acme.outreach.release_count(run.id, 5)
        acme.outreach.drain()
        assert 5 <= len(gateway.sent) < 40
        acme.outreach.release(run.id, 10_000)
        acme.outreach.drain()
        assert len(set(gateway.addresses)) == len(gateway.sent) == 40


def test_a_holdout_is_never_written_to(acme, gateway, people):
    with acme:
        people(acme).many(60)
        run = acme.outreach.open_run("r1", **RUN)
        outcome = acme.outreach.queue_segment(run.id, EVERYBODY, holdout=5_000)
        held = outcome.blocked["holdout"]
        assert 5 < held < 55
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id)
        acme.outreach.drain()
        assert len(gateway.sent) == outcome.queued == 60 - held


def test_a_pace_is_kept(acme, gateway, people, clock):
    with acme:
        people(acme).many(10)
        started(acme, pace=60)
        acme.outreach.drain()
        first = len(gateway.sent)
        assert first <= 2
        clock.advance(seconds=1)
        acme.outreach.drain()
        assert len(gateway.sent) == first + 1
        for _ in range(12):
            clock.advance(seconds=1)
            acme.outreach.drain()
        assert len(gateway.sent) == 10


def test_pause_resume_and_cancel(acme, gateway, people, clock):
    with acme:
        people(acme).many(4)
        run = started(acme)
        acme.outreach.dispatch()
        acme.outreach.pause(run.id, "lunch")
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        clock.advance(days=3)
        with pytest.raises(Conflict):
            acme.outreach.pause(run.id, "again")
        acme.outreach.resume(run.id)
        acme.outreach.dispatch()
        assert len(gateway.sent) == 2
        acme.outreach.cancel(run.id, "enough")
        acme.outreach.drain()
        assert len(gateway.sent) == 2
        assert acme.outreach.counts(run.id)[("canceled", "enough")] == 2


def test_a_run_that_nobody_worked_on_for_longer_than_its_grace_expires(acme, gateway, people, clock):
    with acme:
        people(acme).many(3)
        run = started(acme, grace_ms=3_600_000)
        acme.outreach.dispatch()
        clock.advance(hours=0.9)
        acme.outreach.dispatch()
        assert len(gateway.sent) == 2
        clock.advance(hours=1.1)
        outcome = acme.outreach.dispatch()
        assert (outcome.expired, len(gateway.sent)) == (1, 2)
        assert acme.outreach.run("mailer", "r1").state == "expired"
        assert acme.outreach.counts(run.id)[("expired", "misfire")] == 1


def test_a_run_started_for_later_waits(acme, gateway, people, clock):
    with acme:
        people(acme).many(1)
        run = acme.outreach.open_run("r1", **RUN)
        acme.outreach.queue_segment(run.id, EVERYBODY)
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id, acme.now() + 86_400_000)
        clock.advance(hours=23)
        acme.outreach.drain()
        assert gateway.sent == []
        clock.advance(hours=1)
        acme.outreach.drain()
        assert len(gateway.sent) == 1


def test_failures_above_the_limit_halt_the_run(acme, gateway, people):
    with acme:
        people(acme).many(50)
        gateway.answer = lambda message: SendResult.refused("BAD")
        run = started(acme, failure_limit=1_000, failure_minimum=5)
        acme.outreach.drain()
        assert len(gateway.sent) == 5
        after = acme.outreach.run("mailer", "r1")
        assert after.state == "paused" and "5 of 5" in after.reason
        gateway.answer = lambda message: SendResult.accepted()
        acme.outreach.resume(run.id)
        acme.outreach.drain()
        assert len(gateway.sent) == 50


def test_a_gateway_that_says_stop_halts_the_run_at_once(acme, gateway, people):
    with acme:
        people(acme).many(5)
        gateway.answer = lambda message: SendResult.refused("SIGN", "signature not approved", halt=True)
        started(acme)
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        assert "SIGN" in acme.outreach.run("mailer", "r1").reason


def test_a_busy_gateway_is_asked_again_and_nobody_is_lost(acme, gateway, people, clock):
    with acme:
        people(acme).many(3)
        gateway.answer = lambda message: SendResult.retry("busy", after_s=10)
        run = started(acme)
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        gateway.sent.clear()
        gateway.answer = lambda message: SendResult.accepted()
        acme.outreach.drain()
        assert gateway.sent == []
        clock.advance(seconds=10)
        acme.outreach.drain()
        assert len(set(gateway.addresses)) == len(gateway.sent) == 3
        assert acme.outreach.counts(run.id) == {("sent", ""): 3}


def test_a_gateway_that_is_away_for_hours_fails_nobody_and_pauses_the_run_in_the_end(acme, gateway, people, clock):
    with acme:
        people(acme).many(2)
        gateway.answer = lambda message: SendResult.retry("connection refused", after_s=5)
        run = started(acme)
        begin = acme.now()
        while acme.outreach.run("mailer", "r1").state == "running":
            acme.outreach.drain()
            clock.advance(seconds=5)
        assert acme.now() - begin > 3_600_000
        assert acme.outreach.counts(run.id) == {("queued", ""): 2}
        assert "connection refused" in acme.outreach.run("mailer", "r1").reason
        gateway.answer = lambda message: SendResult.accepted()
        acme.outreach.resume(run.id)
        clock.advance(seconds=60)
        acme.outreach.drain()
        assert acme.outreach.counts(run.id) == {("sent", ""): 2}


def test_an_answer_that_nobody_can_read_is_unknown_and_never_sent_again(acme, gateway, people, clock, deliver):
    def broken(message):
        raise TimeoutError("no answer")

    with acme:
        people(acme).many(1)
        gateway.answer = broken
        run = started(acme)
        acme.outreach.drain()
        clock.advance(hours=1)
        acme.outreach.drain()
        assert [reason for state, reason in acme.outreach.counts(run.id) if state == "unknown"] == [
            "TimeoutError: no answer"
        ]
        (message,) = acme.outreach.messages(run.id)
        assert acme.outreach.receipt(message.uid, "delivered") is True
        assert acme.outreach.message(message.uid).state == "delivered"


def test_the_emergency_switch_stops_everything_of_the_brand(acme, gateway, people):
    with acme:
        people(acme).many(2)
        started(acme)
        acme.outreach.stop("wrong price in the copy", actor="li")
        acme.outreach.drain()
        assert gateway.sent == []
        assert "wrong price" in acme.outreach.stopped()
        assert acme.outreach.go_on(actor="li") is True
        acme.outreach.drain()
        assert len(gateway.sent) == 2


def test_single_messages_of_a_standing_run_go_as_they_come(acme, gateway, people, clock):
    with acme:
        them = people(acme)
        one, two = them.add("+8613800000000"), them.add("+8613800000001")
        run = acme.outreach.open_run("rescue", **RUN, standing=True)
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id)
        acme.outreach.queue_body(run.id, "+8613800000000", "come back", contact_id=one)
        assert acme.outreach.queue_body(run.id, "+8613800000000", "come back", contact_id=one) is None
        acme.outreach.drain()
        clock.advance(days=2)
        acme.outreach.drain()
        assert acme.outreach.run("mailer", "rescue").state == "running"
        acme.outreach.queue_body(run.id, "+8613800000001", "come back", contact_id=two)
        acme.outreach.drain()
        assert [message.body for message in gateway.sent] == ["come back", "come back"]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("change", "field"),
    [({"sender": "pigeon"}, "sender"), ({"channel": "smoke"}, "channel"), ({"kind": "spam"}, "kind"), ({"pace": 0}, "pace")],
)
def test_a_run_that_cannot_be_is_refused(acme, gateway, change, field):
    with acme, pytest.raises(Invalid) as refusal:
        acme.outreach.open_run("r1", **{**RUN, **change})
    assert refusal.value.field == field


def test_another_brand_sees_no_run_and_no_message(acme, gateway, people, sending):
    with acme:
        people(acme).many(1)
        started(acme)
    other = sending.brand("moonco")
    with other:
        assert other.outreach.drain().accepted == 0
        with pytest.raises(Exception, match="no run"):
            other.outreach.run("mailer", "r1")
