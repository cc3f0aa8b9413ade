"""Refunds: once each, never above what was paid, and patient with orders that come later."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid


def money(brand):
    contact = brand.contacts.find("buyer", "b1", "shop")
    return contact.orders, contact.money


def test_a_refund_lowers_the_order_and_its_buyer(brand, other, order, refund, log):
    with brand:
        placed = brand.orders.upsert(order("A1"))
        result = brand.orders.refund(refund("A1", 300, reason="尺码不对"))
        assert (result.outcome, result.order_id, result.contact_id, result.total_minor) == (
            "created", placed.order_id, placed.contact_id, 300,
        )  # fmt: skip
        view = brand.orders.get(placed.uid)
        assert (view.paid_minor, view.refund_minor, view.valid) == (1_000, 300, True)
        assert [(r.number, r.amount_minor, r.reason) for r in view.refunds] == [("R1", 300, "尺码不对")]
        assert money(brand) == (1, 700)
        (event,) = log("order.refunded")
        fact = event.fact
        assert (fact.order_id, fact.number, fact.refund, fact.contact_id) == (
            placed.order_id, "A1", "R1", placed.contact_id,
        )  # fmt: skip
        assert (fact.amount_minor, fact.total_minor, fact.full) == (300, 300, False)
    with other:
        assert other.orders.refund(refund("A1", 300)).outcome == "waiting"


def test_a_refund_counts_once(brand, order, refund, log):
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund(refund("A1", 300))
        again = brand.orders.refund_many([refund("A1", 300), refund("A1", 300)])
        assert [(answer.outcome, answer.total_minor) for answer in again] == [("unchanged", 300)] * 2
        assert money(brand) == (1, 700) and len(log("order.refunded")) == 1


def test_a_refund_twice_in_one_call_counts_once(brand, order, refund):
    with brand:
        brand.orders.upsert(order("A1"))
        answers = brand.orders.refund_many([refund("A1", 300), refund("A1", 300)])
        assert [answer.outcome for answer in answers] == ["created", "unchanged"]
        assert money(brand) == (1, 700)


def test_one_number_for_two_orders_is_two_refunds(brand, order, refund):
    with brand:
        brand.orders.upsert_many([order("A1"), order("A2")])
        answers = brand.orders.refund_many([refund("A1", 300), refund("A2", 300)])
        assert [answer.outcome for answer in answers] == ["created", "created"]
        assert money(brand) == (2, 1_400)


def test_a_known_refund_with_another_amount_is_a_conflict(brand, order, refund):
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund(refund("A1", 300))
        with pytest.raises(Conflict, match="300"):
            brand.orders.refund(refund("A1", 301))
        assert money(brand) == (1, 700)


def test_a_full_refund_makes_no_order(brand, order, refund, log):
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund_many([refund("A1", 400), refund("A1", 600, number="R2")])
        assert money(brand) == (0, 0)
        assert [(e.fact.total_minor, e.fact.full) for e in log("order.refunded")] == [(400, False), (1_000, True)]


def test_a_full_refund_is_no_zero_order(new_installation, order, refund):
    brand = new_installation(acme="\n[rfm]\ncount_zero_orders = true\n").brand("acme")
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund(refund("A1", 1_000))
        assert money(brand) == (0, 0)


def test_more_than_is_left_is_refused_and_the_rest_goes_in(brand, order, refund, log):
    with brand:
        brand.orders.upsert(order("A1"))
        answers = brand.orders.refund_many([
            refund("A1", 700), refund("A1", 301, number="R2"), refund("A1", 300, number="R3"),
        ])  # fmt: skip
        assert isinstance(answers[1], Conflict) and answers[1].code == "refund_exceeds_paid"
        assert [answers[0].total_minor, answers[2].total_minor] == [700, 1_000]
        assert len(log("order.refunded")) == 2


def test_the_database_itself_refuses_more_than_was_paid(brand, order):
    with brand:
        brand.orders.upsert(order("A1"))
        with pytest.raises(Exception, match="(?i)check"):
            execute("UPDATE orders SET refund_minor = paid_minor + 1")


def test_an_order_cannot_become_cheaper_than_its_refunds(brand, order, refund):
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund(refund("A1", 300))
        bad, good = brand.orders.upsert_many([order("A1", paid_minor=299), order("A2")])
        assert isinstance(bad, Conflict) and good.outcome == "created"
        assert brand.orders.by_number("shop", "A1").paid_minor == 1_000
        assert brand.orders.upsert(order("A1", paid_minor=300)).outcome == "updated"
        assert not brand.orders.by_number("shop", "A1").valid


def test_a_refund_before_its_order_waits_for_it(brand, order, refund, log):
    with brand:
        assert brand.orders.refund(refund("A1", 300)).outcome == "waiting"
        assert brand.orders.refund(refund("A1", 300)).outcome == "unchanged"
        assert log("order.refunded") == []
        placed = brand.orders.upsert(order("A1"))
        assert brand.orders.get(placed.uid).refund_minor == 300
        assert money(brand) == (1, 700)
        assert [event.fact.contact_id for event in log("order.refunded")] == [placed.contact_id]
        kinds = [event.type for event in log("order.paid") + log("order.refunded")]
        assert kinds == ["order.paid", "order.refunded"]
        assert brand.orders.refund(refund("A1", 300)).outcome == "unchanged"


def test_a_refund_before_the_payment_waits_for_it(brand, order, refund):
    with brand:
        brand.orders.upsert(order("A1", status="unpaid", paid_minor=0))
        assert brand.orders.refund(refund("A1", 300)).outcome == "waiting"
        brand.orders.upsert(order("A1"))
        assert money(brand) == (1, 700)


def test_waiting_refunds_are_applied_by_time_as_far_as_the_money_goes(brand, order, refund):
    with brand:
        brand.orders.refund_many([
            refund("A1", 500, number="late", day=3),
            refund("A1", 700, number="early", day=1),
            refund("A1", 300, number="middle", day=2),
        ])  # fmt: skip
        brand.orders.upsert(order("A1"))
        applied = brand.orders.by_number("shop", "A1").refunds
        assert [r.number for r in applied] == ["early", "middle"]
        brand.orders.upsert(order("A1", paid_minor=1_500))
        assert brand.orders.by_number("shop", "A1").refund_minor == 1_500


def test_a_refund_of_another_source_is_not_this_orders(brand, order, refund):
    with brand:
        brand.orders.refund(refund("A1", 300, source="mall"))
        brand.orders.upsert(order("A1"))
        assert money(brand) == (1, 1_000)


def test_a_backfilled_refund_marks_its_event(brand, order, refund, log):
    with brand:
        brand.orders.upsert(order("A1"))
        brand.orders.refund(refund("A1", 300), backfill=True)
        assert [event.fact.backfill for event in log("order.refunded")] == [True]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"amount": 0}, "amount_minor"),
        ({"amount": -5}, "amount_minor"),
        ({"amount": 2.5}, "amount_minor"),
        ({"number": ""}, "number"),
        ({"order_number": " "}, "order_number"),
        ({"source": ""}, "source"),
        ({"reason": "\x00"}, "reason"),
    ],
)
def test_a_bad_refund_is_answered_by_its_field_and_the_others_go_in(brand, order, refund, content, field):
    with brand:
        brand.orders.upsert(order("A2"))
        bad, good = brand.orders.refund_many([refund(**content), refund("A2", 100)])
        assert isinstance(bad, Invalid) and bad.field == field
        assert good.outcome == "created"
