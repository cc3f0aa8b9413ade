"""Real processes at the same moment: orders once, refunds never above what was paid, totals never lost."""

from __future__ import annotations

import threading

import psycopg
import pytest

from scrm_core.db.bulk import execute

SHOP = """
import random
from scrm_core.errors import ScrmError
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn, RefundIn

NOON, DAY = 1_767_268_800_000, 86_400_000


def order(number, buyer, paid=1_000, day=0, status="paid"):
    person = IdentityIn.of("buyer", buyer, "shop")
    return OrderIn("shop", number, status, NOON + day * DAY, paid, buyer=(person,))
"""

SAME_ORDERS = (
    SHOP
    + """
def run(brand, worker):
    orders = [order(f"A{n}", f"b{n % 20}", 10 + n, n % 7) for n in range(120)]
    random.Random(worker).shuffle(orders)
    answers = []
    for start in range(0, len(orders), 40):
        answers += brand.orders.upsert_many(orders[start : start + 40])
    return [answer.outcome for answer in answers]
"""
)


def test_four_processes_that_bring_the_same_orders_make_each_once(installation, brand, other, together, log):
    answers = together(installation, SAME_ORDERS, 4)
    outcomes = [outcome for answer in answers for outcome in answer]
    assert outcomes.count("created") == 120
    assert set(outcomes) == {"created", "unchanged"}
    with brand:
        assert sorted(event.fact.number for event in log("order.paid")) == sorted(f"A{n}" for n in range(120))
        assert execute("SELECT count(*) FROM contact").fetchone() == (20,)
        for which in range(20):
            mine = [n for n in range(120) if n % 20 == which]
            contact = brand.contacts.find("buyer", f"b{which}", "shop")
            days = {n % 7 for n in mine}
            assert (contact.orders, contact.occasions, contact.money) == (6, len(days), sum(10 + n for n in mine))
    with other:
        assert other.orders.page() == []


OF_ONE_BUYER = (
    SHOP
    + """
def run(brand, worker):
    for turn in range(15):
        brand.orders.upsert(order(f"A{worker}-{turn}", "b1", 1 + worker, worker * 15 + turn))
    return None
"""
)


def test_orders_of_one_buyer_from_many_processes_are_all_counted(installation, brand, together):
    together(installation, OF_ONE_BUYER, 4)
    with brand:
        contact = brand.contacts.find("buyer", "b1", "shop")
        assert (contact.orders, contact.occasions, contact.money) == (60, 60, 15 * (1 + 2 + 3 + 4))
        assert contact.last_day - contact.first_day == 59 and contact.cycle_days == 1


REFUNDS = (
    SHOP
    + """
def run(brand, worker):
    done = 0
    for turn in range(8):
        try:
            result = brand.orders.refund(RefundIn("shop", "A1", f"R{worker}-{turn}", 70, NOON + turn))
        except ScrmError as error:
            assert error.code == "refund_exceeds_paid", error
        else:
            assert result.outcome == "created"
            done += 1
    return done
"""
)


def test_refunds_of_many_processes_never_exceed_what_was_paid(installation, brand, together, order, log):
    with brand:
        brand.orders.upsert(order("A1", paid_minor=1_000))
    assert sum(together(installation, REFUNDS, 4)) == 14
    with brand:
        view = brand.orders.by_number("shop", "A1")
        assert (view.refund_minor, len(view.refunds)) == (980, 14)
        assert sorted(event.fact.total_minor for event in log("order.refunded")) == [70 * n for n in range(1, 15)]
        assert brand.contacts.find("buyer", "b1", "shop").money == 20


SAME_REFUND = (
    SHOP
    + """
def run(brand, worker):
    return brand.orders.refund(RefundIn("shop", "A1", "R1", 70, NOON)).outcome
"""
)


@pytest.mark.parametrize("known", [True, False])
def test_one_refund_from_many_processes_is_one(installation, brand, together, order, log, known):
    if known:
        with brand:
            brand.orders.upsert(order("A1"))
    outcomes = sorted(together(installation, SAME_REFUND, 4))
    assert outcomes == sorted(["created" if known else "waiting", *["unchanged"] * 3])
    with brand:
        brand.orders.upsert(order("A1"))
        assert brand.orders.by_number("shop", "A1").refund_minor == 70
        assert len(log("order.refunded")) == 1


ORDERS_AND_REFUNDS = (
    SHOP
    + """
def run(brand, worker):
    for start in range(0, 60, 10):
        numbers = range(start, start + 10)
        if worker % 2:
            answers = brand.orders.refund_many([RefundIn("shop", f"A{n}", "R1", 5, NOON) for n in numbers])
        else:
            answers = brand.orders.upsert_many([order(f"A{n}", f"b{n % 3}", 100) for n in numbers])
        assert not any(isinstance(answer, ScrmError) for answer in answers), answers
    return None
"""
)


def test_refunds_that_race_with_their_orders_are_all_applied(installation, brand, together, log):
    together(installation, ORDERS_AND_REFUNDS, 4)
    with brand:
        assert execute("SELECT count(*) FROM refund WHERE order_id IS NULL").fetchone() == (0,)
        assert execute("SELECT count(*), sum(refund_minor) FROM orders").fetchone() == (60, 300)
        assert len(log("order.refunded")) == len(log("order.paid")) == 60
        assert sum(brand.contacts.find("buyer", f"b{n}", "shop").money for n in range(3)) == 60 * 95


VERSIONS = (
    SHOP
    + """
def run(brand, worker):
    states = ["unpaid", "paid", "shipped", "completed"]
    for turn in random.Random(worker).sample(range(4), 4):
        for n in range(6):
            brand.orders.upsert(order(f"A{n}", "b1", 50, status=states[turn])._replace(version=turn))
    return None
"""
)


def test_versions_that_arrive_at_once_end_in_the_newest(installation, brand, together, log):
    together(installation, VERSIONS, 4)
    with brand:
        views = brand.orders.page()
        assert [(view.status, view.version, view.valid) for view in views] == [("completed", 3, True)] * 6
        assert len(log("order.paid")) == 6
        assert brand.contacts.find("buyer", "b1", "shop").money == 300


# Two transactions of PostgreSQL held open past each other: what luck alone would seldom show. SQLite has one writer.


def beside(installation, work):
    """Start ``work(brand)`` in a thread; returns it once it waits for a lock or is done."""
    failures = []

    def run():
        brand = installation.brand("acme")
        try:
            with brand:
                work(brand)
        except BaseException as exc:
            failures.append(exc)
            raise

    thread = threading.Thread(target=run)
    thread.failures = failures
    thread.start()
    with psycopg.connect(installation.config.database_url, autocommit=True) as watch:
        while thread.is_alive():
            waits = watch.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            if waits != (0,):
                break
    return thread


def finish(thread):
    thread.join(30)
    assert not thread.is_alive() and not thread.failures


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_order_waits_for_a_refund_that_is_being_written(installation, brand, order, refund):
    with brand:
        with brand.transaction():
            assert brand.orders.refund(refund("A1", 300)).outcome == "waiting"
            thread = beside(installation, lambda own: own.orders.upsert(order("A1")))
        finish(thread)
        assert brand.orders.by_number("shop", "A1").refund_minor == 300


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_refund_waits_for_an_order_that_is_being_written(installation, brand, order, refund):
    with brand:
        with brand.transaction():
            brand.orders.upsert(order("A1"))
            thread = beside(installation, lambda own: own.orders.refund(refund("A1", 300)))
        finish(thread)
        assert brand.orders.by_number("shop", "A1").refund_minor == 300


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_totals_count_an_order_that_was_being_written(installation, brand, order):
    with brand:
        brand.orders.upsert(order("A0", paid_minor=1))
        with brand.transaction():
            brand.orders.upsert(order("A1", paid_minor=20))
            thread = beside(installation, lambda own: own.orders.upsert(order("A2", paid_minor=300)))
        finish(thread)
        contact = brand.contacts.find("buyer", "b1", "shop")
        assert (contact.orders, contact.money) == (3, 321)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_order_that_is_being_written_is_not_written_twice(installation, brand, order, log):
    with brand:
        with brand.transaction():
            brand.orders.upsert(order("A1", status="unpaid"))
            thread = beside(installation, lambda own: own.orders.upsert(order("A1")))
        finish(thread)
        assert [view.status for view in brand.orders.page()] == ["paid"]
        assert len(log("order.paid")) == 1
