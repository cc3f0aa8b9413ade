"""Receipts in any order, replies, and what an erased person leaves behind."""

from __future__ import annotations

import itertools

import pytest
from outreach_scene import Mailer

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, NotFound

RUN = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder"}
EVERYBODY = "lead_at >= 2000-01-01"
PHONE = "+8613800000000"


def sent(brand, people, *, parts=1):
    contact = people(brand).add(PHONE)
    run = brand.outreach.open_run("r1", **RUN)
    brand.outreach.queue_body(run.id, PHONE, "hello", contact_id=contact, parts=parts)
    brand.outreach.release(run.id, 10_000)
    brand.outreach.start(run.id)
    brand.outreach.drain()
    (message,) = brand.outreach.messages(run.id)
    return message.uid


def test_a_receipt_told_twice_counts_once(acme, gateway, people, deliver, sending):
    with acme:
        uid = sent(acme, people)
        assert acme.outreach.receipt(uid, "delivered", code="DELIVRD") is True
        assert acme.outreach.receipt(uid, "delivered", code="DELIVRD") is False
    deliver(acme)
    assert Mailer.statuses == [("r1", "delivered", "")]


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "delivered", "sent"], 3))[::5])
def test_receipts_in_any_order_end_delivered(acme, gateway, people, order):
    with acme:
        uid = sent(acme, people)
        for state in order:
            acme.outreach.receipt(uid, state)
        if "delivered" in order:
            assert acme.outreach.message(uid).state == "delivered"


def test_a_failed_part_makes_the_message_failed_whatever_comes_first(acme, gateway, people):
    with acme:
        uid = sent(acme, people, parts=2)
        acme.outreach.receipt(uid, "delivered")
        acme.outreach.receipt(uid, "failed", code="UNDELIV")
        acme.outreach.receipt(uid, "delivered")
        assert (acme.outreach.message(uid).state, acme.outreach.message(uid).code) == ("failed", "UNDELIV")


def test_a_message_of_one_part_that_arrived_does_not_fail_afterwards(acme, gateway, people):
    with acme:
        uid = sent(acme, people)
        acme.outreach.receipt(uid, "delivered")
        assert acme.outreach.receipt(uid, "failed") is False


def test_a_receipt_may_come_before_the_call_that_sent_the_message_returns(acme, gateway, people):
    def receipt_first(message):
        with acme:
            acme.outreach.receipt(message.uid, "delivered")
        return SendResult.accepted("gw-1")

    with acme:
        gateway.answer = receipt_first
        uid = sent(acme, people)
        assert (acme.outreach.message(uid).state, acme.outreach.message(uid).ref) == ("delivered", "gw-1")
        assert acme.outreach.find("gw-1", PHONE) == uid
        assert acme.outreach.find("gw-1", "+8613900000000") is None


def test_a_gateway_that_says_something_else_has_that_kept_while_it_sends_and_not_behind_that(acme, gateway, people):
    kept = []

    def reworded(message):
        with acme:
            kept.append(acme.outreach.reword(message.uid, "what was said", {"more": "than was known"}))
        return SendResult.delivered()

    with acme:
        gateway.answer = reworded
        uid = sent(acme, people)
        kept.append(acme.outreach.reword(uid, "too late", {}))
        assert kept == [True, False]
        row = execute("SELECT body, params FROM message WHERE uid = ?", (uid,)).fetchone()
        assert tuple(row) == ("what was said", '{"more": "than was known"}')


def test_a_receipt_for_nobody_changes_nothing(acme, gateway, people):
    with acme:
        assert acme.outreach.receipt("nobody", "delivered") is False
        with pytest.raises(NotFound):
            acme.outreach.message("nobody")


def test_a_message_without_receipt_for_three_days_is_unknown_and_a_person_may_decide(acme, gateway, people, clock):
    with acme:
        uid = sent(acme, people)
        clock.advance(hours=71)
        assert acme.outreach.give_up_silent() == 0
        clock.advance(hours=2)
        assert acme.outreach.give_up_silent() == 1
        assert (acme.outreach.message(uid).state, acme.outreach.message(uid).reason) == ("unknown", "no_receipt")
        assert acme.outreach.settle_unknown(uid, "failed", actor="li").state == "failed"
        with pytest.raises(Conflict):
            acme.outreach.settle_unknown(uid, "delivered", actor="li")


def test_a_reply_is_told_to_plugins_once_and_names_what_it_answers(acme, gateway, people, deliver):
    with acme:
        uid = sent(acme, people)
        first = acme.outreach.received("sms", PHONE, "how much?", ref="mo-1", to="106900")
        again = acme.outreach.received("sms", PHONE, "how much?", ref="mo-1", to="106900")
        acme.outreach.received("sms", PHONE, "TD", ref="mo-2", handled="opt_out")
        assert (first.new, first.answers, again.new, again.id) == (True, uid, False, first.id)
        assert first.contact_id is not None
    deliver(acme)
    assert Mailer.inbox == ["how much?"]


def test_an_opt_out_is_lifted_by_the_recipient_alone(acme, gateway):
    with acme:
        acme.outreach.opt_out("sms", PHONE, via="reply", evidence="TD")
        acme.outreach.suppress("sms", PHONE, reason="complaint", actor="li")
        assert acme.outreach.suppressed("sms", PHONE) == ["opt_out", "complaint"]
        assert acme.outreach.lift("sms", PHONE, actor="li") == 1
        assert acme.outreach.suppressed("sms", PHONE) == ["opt_out"]


def test_an_erased_person_is_not_written_to_and_nothing_names_them(acme, gateway, people, deliver):
    with acme:
        uid = sent(acme, people)
        acme.outreach.received("sms", PHONE, "my name is Li", ref=f"{PHONE} 1")
        contact = acme.contacts.find("phone", PHONE)
        waiting = acme.outreach.open_run("r2", **RUN)
        acme.outreach.queue_segment(waiting.id, EVERYBODY)
        acme.outreach.opt_out("sms", PHONE, via="reply")
    deliver(acme)
    with acme:
        told = acme.privacy.export(contact.id)
        assert [each["body"] for each in told["messages"]] == ["hello", None]
        assert [each["text"] for each in told["messages_received"]] == ["my name is Li"]
        acme.privacy.erase(contact.id, actor="li")
        acme.outreach.release(waiting.id, 10_000)
        acme.outreach.start(waiting.id)
        acme.outreach.drain()
        assert len(gateway.sent) == 1
        assert acme.outreach.counts(waiting.id) == {("canceled", "erased"): 1}
        assert acme.outreach.message(uid).address == ""
        for table in ("message", "message_in", "do_not_contact", "event", "identity", "consent"):
            assert not [row for row in execute(f"SELECT * FROM {table}").fetchall() if "13800000000" in str(row)]
        again = acme.outreach.open_run("r3", **RUN)
        assert acme.outreach.queue_addresses(again.id, [(PHONE, None)]).blocked == {"do_not_contact": 1}


def test_what_a_number_wrote_before_it_was_anybodys_goes_with_the_person_and_stays_gone(acme, gateway, people, deliver):
    with acme:
        acme.outreach.received("sms", PHONE, "I am Li", ref="mo-7")
        contact = people(acme).add(PHONE)
    deliver(acme)
    with acme:
        acme.privacy.erase(contact, actor="li")
        again = acme.outreach.received("sms", PHONE, "I am Li", ref="mo-7")
        assert again.new is False
        for table in ("message_in", "event"):
            rows = execute(f"SELECT * FROM {table}").fetchall()
            assert not [row for row in rows if "I am Li" in str(row) or PHONE in str(row)]
