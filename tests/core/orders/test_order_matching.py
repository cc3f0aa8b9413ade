"""Whose order it is: found when the order arrives, or when the buyer becomes known."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn

PHONE = IdentityIn.of("phone", "13800138000")
BUYER = IdentityIn.of("buyer", "b1", "shop")


def waiting():
    return execute("SELECT count(*) FROM orders WHERE contact_id IS NULL AND buyer IS NOT NULL").fetchone()[0]


def test_an_order_of_an_unknown_buyer_makes_no_contact_when_told_so(brand, order):
    with brand:
        result = brand.orders.upsert(order("A1"), create_contacts=False)
        assert (result.outcome, result.contact_id, waiting()) == ("created", None, 1)
        assert brand.contacts.page() == []


def test_a_waiting_order_is_matched_when_a_contact_gains_the_identity(brand, other, order):
    with other:
        other.orders.upsert(order("A1"), create_contacts=False)
    with brand:
        brand.orders.upsert_many([order("A1"), order("A2", day=4), order("A3", buyer="b2")], create_contacts=False)
        contact = brand.contacts.resolve((PHONE,), at=1, origin="form")
        assert waiting() == 3
        brand.contacts.add_identity(contact.contact_id, BUYER, origin="form")
        view = brand.contacts.get_by_id(contact.contact_id)
        assert (view.orders, view.money, view.cycle_days, waiting()) == (2, 2_000, 4, 1)
        assert brand.orders.by_number("shop", "A2").matched_by == "late:buyer"
        assert execute("SELECT buyer FROM orders WHERE number = 'A2'").fetchone() == (None,)
    with other:
        assert waiting() == 1


def test_a_waiting_order_is_matched_when_the_buyer_arrives_in_any_other_way(brand, order):
    with brand:
        brand.orders.upsert(order("A1"), create_contacts=False)
        contact = brand.contacts.resolve((PHONE, BUYER), at=1, origin="form")
        assert brand.orders.by_number("shop", "A1").contact_id == contact.contact_id


def test_a_known_buyer_gets_the_order_at_once_and_its_other_identities(brand, order):
    with brand:
        contact = brand.contacts.resolve((PHONE,), at=1, origin="form")
        result = brand.orders.upsert(order("A1", people=(BUYER, PHONE)), create_contacts=False)
        assert result.contact_id == contact.contact_id
        assert brand.orders.upsert(order("A2"), create_contacts=False).contact_id == contact.contact_id


def test_an_order_without_buyer_is_matched_by_a_later_telling(brand, order, log):
    with brand:
        assert brand.orders.upsert(order("A1", buyer=None)).contact_id is None
        assert [event.fact.contact_id for event in log("order.paid")] == [None]
        result = brand.orders.upsert(order("A1", buyer="b1"))
        assert result.outcome == "updated"
        assert brand.contacts.get_by_id(result.contact_id).orders == 1
        assert len(log("order.paid")) == 1


@pytest.mark.parametrize("value", ["50%", "a_b", 'quo"te', "back\\slash", "!mark"])
def test_identities_are_compared_whole_and_literally(brand, order, value):
    with brand:
        near = [
            order(f"N{n}", buyer=other) for n, other in enumerate(("500", "axb", "quote", "x" + value, value + "x"))
        ]
        brand.orders.upsert_many([*near, order("A1", buyer=value)], create_contacts=False)
        brand.contacts.resolve((IdentityIn.of("buyer", value, "shop"),), at=1, origin="form")
        assert waiting() == 5
        assert brand.orders.by_number("shop", "A1").contact_id is not None


def test_many_people_are_matched_in_one_go(brand, order):
    with brand:
        brand.orders.upsert_many([order(f"A{n}", buyer=f"b{n}") for n in range(40)], create_contacts=False)
        brand.contacts.resolve_many(
            [(IdentityIn.of("buyer", f"b{n}", "shop"),) for n in range(0, 40, 2)], at=[1] * 20, origin="form"
        )
        assert waiting() == 20


def test_a_sweep_finds_orders_that_two_processes_wrote_past_each_other(brand, order):
    with brand:
        brand.orders.upsert_many([order("A1"), order("A2", buyer="b2")], create_contacts=False)
        contact = brand.contacts.resolve((PHONE,), at=1, origin="form")
        # As another process would have left it: the identity is there and nobody was told.
        execute(
            "INSERT INTO identity (contact_id, kind, namespace, value, verified, origin, created_at) "
            "VALUES (?, 'buyer', 'shop', 'b1', 0, 'form', 1)",
            (contact.contact_id,),
        )
        assert brand.orders.match_waiting() == 1
        assert brand.orders.match_waiting() == 0
        assert brand.contacts.get_by_id(contact.contact_id).orders == 1


def test_a_suppressed_buyer_leaves_nothing_to_wait_with(brand, order):
    with brand:
        brand.contacts.suppressions.add([("buyer", "shop", "b1")], reason="erased", at=1)
        brand.orders.upsert(order("A1", people=(BUYER, PHONE)), create_contacts=False)
        assert waiting() == 0


def test_an_order_taken_again_after_its_buyer_was_erased_revives_nobody(brand, order):
    with brand:
        first = brand.orders.upsert(order("A1"))
        brand.privacy.erase(first.contact_id, actor="li")
        again = brand.orders.upsert(order("A1", status="completed"))
        assert again.outcome in ("updated", "unchanged")
        assert brand.contacts.find("buyer", "b1", "shop") is None
        assert waiting() == 0
