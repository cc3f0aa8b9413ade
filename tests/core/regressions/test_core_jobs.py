"""What the core promises to do by itself is among its periodic jobs."""

from __future__ import annotations

import threading

import pytest

from scrm_core.db.bulk import execute
from scrm_core.jobs import due_jobs, run_job
from scrm_core.limits import LIMITS
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.idempotency import run_once
from scrm_core.services.orders import OrderIn

NOON = 1_767_268_800_000
BUYER = IdentityIn("buyer", "b1", "shop")


def run_core_jobs(brand) -> None:
    for due in due_jobs(brand):
        if due.plugin == "core":
            assert run_job(brand, due)


def test_old_answers_to_idempotency_keys_are_forgotten(brand, clock):
    with brand:
        run_once(brand, "key", "old", "digest", lambda: (200, "{}"))
        clock.advance(days=LIMITS.idempotency_days + 1)
        run_once(brand, "key", "new", "digest", lambda: (200, "{}"))
        run_core_jobs(brand)
        assert execute("SELECT key FROM idempotency").fetchall() == [("new",)]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_order_and_its_buyer_written_at_one_moment_find_each_other(brand):
    order = OrderIn(source="shop", number="1", status="paid", paid_at=NOON, paid_minor=1_000, buyer=(BUYER,))

    def arrive() -> None:
        with brand:
            brand.contacts.resolve([BUYER], at=NOON, origin="shop")

    with brand:
        with brand.transaction():
            brand.orders.upsert(order, create_contacts=False)
            thread = threading.Thread(target=arrive)
            thread.start()
            thread.join(30)
        assert brand.orders.by_number("shop", "1").contact_id is None
        run_core_jobs(brand)
        assert brand.orders.by_number("shop", "1").contact_id is not None
