"""What contacts' order columns say equals a plain model of the rules, whatever arrives in whatever order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core.db.bulk import execute

CALM = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
EXAMPLES = itertools.count()
"""Every example writes under numbers and buyers of its own."""

HOUR = 3_600_000
BASE = 1_767_225_600_000
PAID = ("paid", "part_shipped", "shipped", "completed")
STATUSES = ("unpaid", *PAID, "closed", "refunded")


def local_day(instant):
    """The Shanghai day of an instant, without the code under test."""
    moment = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(milliseconds=instant)
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).date().toordinal()


@dataclass
class Told:
    """An order as the model holds it."""

    status: str
    paid_at: int
    paid: int
    back: int = 0


def expected(orders):
    """Columns of a contact: orders, occasions, money, first and last instant and day, cycle."""
    counted = [o for o in orders if o.status in PAID and o.paid - o.back > 0]
    if not counted:
        return (0, 0, 0, None, None, None, None, None)
    days = sorted({local_day(o.paid_at) for o in counted})
    times = [o.paid_at for o in counted]
    cycle = None
    if len(days) > 1:
        gaps = [b - a for a, b in itertools.pairwise(days)]
        # Half a day rounds up; whole numbers, so that no float decides.
        cycle = (2 * sum(gaps) + len(gaps)) // (2 * len(gaps))
    return (
        len(counted), len(days), sum(o.paid - o.back for o in counted),
        min(times), max(times), days[0], days[-1], cycle,
    )  # fmt: skip


def columns(brand, buyer):
    contact = brand.contacts.find("buyer", buyer, "shop")
    if contact is None:
        return (0, 0, 0, None, None, None, None, None)
    return (
        contact.orders, contact.occasions, contact.money, contact.first_order_at, contact.last_order_at,
        contact.first_day, contact.last_day, contact.cycle_days,
    )  # fmt: skip


ORDERS = st.lists(
    st.tuples(
        st.integers(0, 4),  # which order
        st.integers(0, 1),  # which buyer
        st.sampled_from(STATUSES),
        st.integers(0, 400),  # hours
        st.sampled_from((0, 1, 50, 999)),
        st.lists(st.integers(1, 60), max_size=2),  # refunds asked for
    ),
    max_size=12,
)


@CALM
@given(steps=ORDERS)
def test_totals_equal_a_plain_model(brand, order, refund, steps):
    example = next(EXAMPLES)
    told, owner, waits = {}, {}, {}
    with brand:
        for turn, (which, who, status, hours, paid, refunds) in enumerate(steps):
            number, buyer = f"E{example}-{which}", f"e{example}-{who}"
            paid_at = BASE + hours * HOUR
            before = told.get(number)
            answer = brand.orders.upsert_many([
                order(number, buyer=buyer, status=status, paid_minor=paid, paid_at=paid_at)
            ])[0]  # fmt: skip
            if before is not None and paid < before.back:
                assert answer.code == "refund_exceeds_paid"
            else:
                when = before.paid_at if status == "unpaid" and before is not None else paid_at
                told[number] = Told(status, when, paid, before.back if before else 0)
                owner[number] = buyer
            if told[number].status != "unpaid":
                left = []
                for amount in waits.pop(number, []):
                    if told[number].back + amount <= told[number].paid:
                        told[number].back += amount
                    else:
                        left.append(amount)
                if left:
                    waits[number] = left
            for place, amount in enumerate(refunds):
                now = told[number]
                result = brand.orders.refund_many([refund(number, amount, number=f"R{turn}.{place}")])[0]
                if now.status == "unpaid":
                    waits.setdefault(number, []).append(amount)
                    assert result.outcome == "waiting"
                elif now.back + amount <= now.paid:
                    now.back += amount
                    assert result.total_minor == now.back
                else:
                    assert result.code == "refund_exceeds_paid"
        for who in (f"e{example}-0", f"e{example}-1"):
            mine = [o for number, o in told.items() if owner[number] == who]
            assert columns(brand, who) == expected(mine)
            contact = brand.contacts.find("buyer", who, "shop")
            if contact is not None:
                brand.orders.recompute([contact.id])
                assert columns(brand, who) == expected(mine)


@st.composite
def deliveries(draw):
    """Versions of two orders and their refunds, in an order of their own and in a shuffled one."""
    acts = []
    for which in range(2):
        versions = draw(st.integers(1, 3))
        paid = draw(st.integers(100, 500))
        statuses = draw(st.lists(st.sampled_from(STATUSES), min_size=versions, max_size=versions))
        # A payment does not unhappen: the versions that are unpaid are the early ones.
        statuses.sort(key=lambda status: status != "unpaid")
        for version, status in enumerate(statuses):
            acts.append(("order", which, version, status, paid, draw(st.integers(0, 200))))
        left = paid
        for number in range(draw(st.integers(0, 2))):
            amount = draw(st.integers(1, 49))
            if amount <= left:
                left -= amount
                acts.append(("refund", which, number, amount))
    return acts, draw(st.permutations(acts)), draw(st.integers(1, 3))


@CALM
@given(plan=deliveries())
def test_any_order_of_delivery_ends_in_the_same_totals(brand, order, refund, plan):
    ordered, shuffled, doubled = plan
    ends = []
    with brand:
        for acts in (ordered, shuffled, shuffled * doubled):
            example = next(EXAMPLES)
            for kind, which, *content in acts:
                number = f"P{example}-{which}"
                if kind == "order":
                    version, status, paid, hours = content
                    brand.orders.upsert(
                        order(
                            number,
                            buyer=f"p{example}",
                            status=status,
                            paid_minor=paid,
                            version=version,
                            paid_at=BASE + hours * HOUR,
                        )  # fmt: skip
                    )
                else:
                    brand.orders.refund(refund(number, content[1], number=f"R{content[0]}"))
            stored = execute(
                "SELECT status, paid_minor, refund_minor, valid, version FROM orders WHERE number LIKE ? ORDER BY number",
                (f"P{example}-%",),
            ).fetchall()
            ends.append((columns(brand, f"p{example}"), stored))
    assert ends[0] == ends[1] == ends[2]


def test_two_orders_of_one_day_are_one_occasion(brand, order):
    with brand:
        evening = BASE + 14 * HOUR  # 22:00 in Shanghai
        brand.orders.upsert_many([
            order("A1", paid_at=evening), order("A2", paid_at=evening + HOUR), order("A3", paid_at=evening + 2 * HOUR),
        ])  # fmt: skip
        contact = brand.contacts.find("buyer", "b1", "shop")
        assert (contact.orders, contact.occasions, contact.cycle_days) == (3, 2, 1)
        assert contact.last_day == date(2026, 1, 2).toordinal()


def test_a_thousand_orders_take_about_a_dozen_statements(brand, order, monkeypatch):
    def statements(count, offset):
        ran = []
        database = brand.handle.database
        with brand, monkeypatch.context() as patch:
            real_execute, real_many = database.execute_sql, database.executemany
            patch.setattr(
                database, "execute_sql", lambda sql, *a, **k: (ran.append(sql), real_execute(sql, *a, **k))[1]
            )
            patch.setattr(database, "executemany", lambda sql, rows: (ran.append(sql), real_many(sql, rows))[1])
            brand.orders.upsert_many([
                order(f"N{offset + n}", buyer=f"n{(offset + n) // 3}", day=n % 50) for n in range(count)
            ])  # fmt: skip
        return {sql.replace("(?, ", "").replace("?, ", "")[:40] for sql in ran}

    small = statements(100, 0)
    assert len(small) <= 24
    assert len(statements(1_000, 10_000)) <= len(small) + 2
