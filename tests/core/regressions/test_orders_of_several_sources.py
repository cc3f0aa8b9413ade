"""Orders of several sources in one call, whose buyers turn out to be one person."""

from __future__ import annotations

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn

NOON = 1_767_268_800_000
ONE, TWO = IdentityIn.of("phone", "13800138001"), IdentityIn.of("phone", "13800138002")


def told(source: str, *buyer: IdentityIn) -> OrderIn:
    return OrderIn(source=source, number="1", status="paid", paid_at=NOON, paid_minor=1_000, buyer=buyer)


def test_an_order_follows_the_merge_that_another_order_of_the_call_causes(brand):
    with brand:
        older, younger = (brand.contacts.resolve([who], at=NOON, origin="shop") for who in (ONE, TWO))
        brand.orders.upsert_many([told("first", TWO), told("second", ONE, TWO)])
        assert execute("SELECT DISTINCT contact_id FROM orders").fetchall() == [(older.contact_id,)]
        view = brand.contacts.get_by_id(younger.contact_id)
        assert (view.id, view.orders, view.money) == (older.contact_id, 2, 2_000)
