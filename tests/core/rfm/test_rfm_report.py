"""RFM of a brand from its orders, against hand-made customers and the published repeat figures."""

import csv
from datetime import date
from pathlib import Path

import pytest

from scrm_core.db.bulk import insert_rows
from scrm_core.errors import Invalid
from scrm_core.models import Contact, Order
from scrm_core.rfm import Scores

REAL = Path(__file__).resolve().parents[3] / "examples" / "cdnow_sample_orders.csv"


def people(count: int) -> dict[int, int]:
    """Contacts by a number of their own, 1 to ``count``."""
    return {
        number: Contact.create(uid=f"u{number}", name=str(number), created_at=1, updated_at=1).id
        for number in range(1, count + 1)
    }


def write_orders(rows) -> None:
    """Rows of (contact id, day, paid, refund, valid)."""
    columns = (
        "uid", "source", "number", "platform", "contact_id", "matched_by", "status", "day", "paid_at",
        "paid_minor", "refund_minor", "items", "valid", "digest", "created_at", "updated_at",
    )  # fmt: skip
    insert_rows(
        Order,
        columns,
        [
            (f"o{i}", "t", str(i), "", contact, "", "completed", day, 1, paid, refund, 1, valid, "", 1, 1)
            for i, (contact, day, paid, refund, valid) in enumerate(rows)
        ],
    )


SNAPSHOT = date(2026, 1, 1)
END = SNAPSHOT.toordinal()


def test_the_worked_examples_come_out_of_orders(brand, other):
    days = [365, 180, 90, 40, 40, 40, 25, 10, 10, 3]
    occasions = [1, 1, 1, 1, 1, 1, 2, 2, 3, 8]
    with brand:
        ids = people(10)
        rows = []
        for number, (last, count) in enumerate(zip(days, occasions, strict=True), 1):
            # Two orders on the last day are one occasion; earlier ones lie a day apart.
            rows.append((ids[number], END - last, 50 * number, 0, 1))
            rows += [(ids[number], END - last - back, 100, 100 - 50, 1) for back in range(count)]
        write_orders(rows)
        seen = brand.rfm.customers(SNAPSHOT, window_days=400)
        report = brand.rfm.report(SNAPSHOT, window_days=400)
    assert [c.r_days for c in seen] == days
    assert [c.frequency for c in seen] == occasions
    assert [c.money for c in seen] == [50 * n + 50 * f for n, f in zip(range(1, 11), occasions, strict=True)]
    assert [c.scores.r for c in seen] == [1, 1, 2, 2, 2, 2, 4, 4, 4, 5]
    assert [c.scores.f for c in seen] == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]
    assert [c.scores.m for c in seen] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert (report.customers, report.repeats, report.without_repeat) == (10, 11, 6)
    assert report.money == sum(c.money for c in seen)
    assert report.score_counts["f"] == (6, 0, 0, 2, 2)
    assert sum(report.segment_counts.values()) == 10
    with other:
        assert other.rfm.report(SNAPSHOT).customers == 0


def test_orders_that_do_not_count_make_nobody_a_customer(brand):
    with brand:
        ids = people(5)
        write_orders(
            [
                (ids[1], END, 100, 0, 1),
                (ids[2], END + 1, 100, 0, 1),  # tomorrow
                (ids[3], END, 100, 100, 0),  # refunded
                (ids[4], END - 365, 100, 0, 1),  # outside the window, by one day
                (ids[5], END - 364, 100, 0, 1),
                (None, END, 100, 0, 1),  # nobody known
            ]
        )
        assert [c.contact_id for c in brand.rfm.customers(SNAPSHOT)] == [ids[1], ids[5]]
        assert [c.contact_id for c in brand.rfm.customers(SNAPSHOT, window_days=None)] == [ids[1], ids[4], ids[5]]


def test_fixed_thresholds_score_frequency_by_what_the_brand_agreed(brand):
    with brand:
        ids = people(2)
        write_orders([(ids[1], END - n, 100, 0, 1) for n in range(4)] + [(ids[2], END, 100, 0, 1)])
        first, second = brand.rfm.customers(SNAPSHOT, frequency_bounds=[2, 3, 4, 6])
        report = brand.rfm.report(SNAPSHOT, frequency_bounds=[2, 3, 4, 6])
    assert (first.scores.f, second.scores.f) == (4, 1)
    assert report.f_scale.bounds == (2, 3, 4, 6)
    assert first.scores == Scores(1, 4, 3)
    assert (first.segment, second.segment) == ("重要保持客户", "一般挽留客户")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "wrong", [{"window_days": 0}, {"against": "mode"}, {"frequency_bounds": [1]}, {"frequency_bounds": [4, 3, 2, 1]}]
)
def test_what_cannot_be_scored_is_refused(brand, wrong):
    with brand:
        ids = people(1)
        write_orders([(ids[1], END, 100, 0, 1)])
        with pytest.raises(Invalid):
            brand.rfm.report(SNAPSHOT, **wrong)


@pytest.mark.parametrize(("count_zero", "figures"), [(True, (2_357, 2_457, 1_411)), (False, (2_349, 2_457, 1_403))])
def test_the_published_repeat_figures_come_out_of_the_real_orders(brand, count_zero, figures):
    with REAL.open(encoding="utf-8", newline="") as file:
        real = list(csv.DictReader(file))
    with brand:
        numbers = sorted({row["customer_id"] for row in real})
        insert_rows(
            Contact,
            ("uid", "name", "state", "origin", "created_at", "updated_at"),
            [(number, number, "active", "", 1, 1) for number in numbers],
        )
        ids = {contact.name: contact.id for contact in Contact.select()}
        rows = []
        for row in real:
            paid = int(row["amount_cents"])
            day = date.fromisoformat(row["date"]).toordinal()
            rows.append((ids[row["customer_id"]], day, paid, 0, int(paid > 0 or count_zero)))
        write_orders(rows)
        report = brand.rfm.report(date(1997, 9, 30))
        customers = brand.rfm.customers(date(1997, 9, 30))
    assert (report.customers, report.repeats, report.without_repeat) == figures
    by_frequency: dict[int, set[int]] = {}
    for customer in customers:
        by_frequency.setdefault(customer.frequency, set()).add(customer.scores.f)
    assert all(len(scores) == 1 for scores in by_frequency.values())
    assert by_frequency[1] == {1}
