"""The core's own reports, of figures worked out by hand, on both databases; another brand's people are in none of them."""

from __future__ import annotations

from datetime import datetime

import pytest

from scrm_core.api import IdentityIn, LeadIn, LineIn, NotFound, OrderIn, local_instant
from scrm_core.services.house_reports import ChannelRank, channels


def at(brand, text):
    return local_instant(datetime.fromisoformat(text), brand.zone)


def arrive(brand, nth, when, state=""):
    identity = IdentityIn.of("phone", f"+8613800138{nth:03}")
    brand.contacts.capture_lead(LeadIn(source="t", reference=str(nth), identities=(identity,), at=at(brand, when), state=state))


def buy(brand, nth, number, when, paid=1_000):
    line = LineIn(sku="A", title="", qty=1, paid_minor=paid, gift=False)
    brand.orders.upsert(OrderIn(source="t", number=number, status="completed", paid_at=at(brand, when), paid_minor=paid,
                                buyer=(IdentityIn.of("phone", f"+8613800138{nth:03}"),), lines=(line,), platform="t"))


@pytest.fixture
def told(brand, other, clock):
    clock.set(at(brand, "2026-03-15T12:00"))
    with brand:
        brand.channels.create("cards", "Cards 包裹卡", "package-card"), brand.channels.create("live")
        # Two come in January, three in February (one of them before midnight of the 31st in UTC), one in March.
        for nth, when, state in (
            (1, "2026-01-31T23:59", "cards"), (2, "2026-01-05T10:00", ""), (3, "2026-02-01T00:01", "cards"),
            (4, "2026-02-10T10:00", "cards"), (5, "2026-02-20T10:00", "cards"), (6, "2026-03-15T10:00", "live"),
        ):  # fmt: skip
            arrive(brand, nth, when, state)
        for nth, number, when in (
            (1, "A1", "2026-01-31T23:59"), (1, "A2", "2026-02-01T00:01"), (2, "B1", "2026-01-20T10:00"),
            (3, "C1", "2026-02-03T10:00"), (3, "C2", "2026-02-03T18:00"), (5, "E1", "2026-03-01T10:00"), (6, "F1", "2026-03-15T10:00"),
        ):  # fmt: skip
            buy(brand, nth, number, when)
    with other:
        arrive(other, 9, "2026-03-15T10:00")
        buy(other, 9, "Z1", "2026-03-15T10:00", 500_000)
    return brand


def rows(table, *names):
    return [tuple(row[name] for name in names) for row in table.rows]


def test_cohorts_of_buyers_are_shares_of_those_who_first_bought_in_the_month_and_unfinished_months_are_blank(told):
    with told:
        table = told.reports.run("buyer-cohorts")
    assert [column.name for column in table.columns] == ["month", "people", *(f"m{nth}" for nth in range(11))]
    assert rows(table, "month", "people", "m0", "m1", "m2")[-3:] == [
        ("2026-01", 2, 1.0, 0.5, None), ("2026-02", 1, 1.0, None, None), ("2026-03", 2, None, None, None),
    ]  # fmt: skip
    assert rows(table, "month", "people", "m0")[0] == ("2025-04", 0, None), "nobody's share is no figure"
    assert table.chart.kind == "heat"


def test_cohorts_of_contacts_begin_with_the_month_in_which_they_came(told):
    with told:
        table = told.reports.run("contact-cohorts")
    assert rows(table, "month", "people", "m0", "m1", "m2")[-3:] == [
        ("2026-01", 2, 1.0, 0.5, None), ("2026-02", 3, pytest.approx(1 / 3), None, None), ("2026-03", 1, None, None, None),
    ]  # fmt: skip


def test_channels_are_ranked_by_whom_they_brought_and_show_what_these_bought(told):
    with told:
        found = channels(told)
        table = told.reports.run("channels")
    # The period begins on 16 February, the one before on 19 January.
    assert [(each.code, each.contacts, each.before, each.orders, each.revenue) for each in found] == [
        ("cards", 1, 3, 1, 1_000), ("live", 1, 0, 1, 1_000),
    ]  # fmt: skip
    assert rows(table, "channel", "contacts")[0] == ("Cards 包裹卡", 1)


@pytest.mark.parametrize(
    ("usual", "week", "fallen"),
    [
        (63, 7, True), (63, 8, False),  # 21 expected: three deviations (13.7) below is 7.25
        (300, 50, True), (300, 51, False),  # 100 expected: 70 is three deviations below, half of it decides
        (41, 0, False), (42, 0, True),  # less than two a day is left to chance
    ],
)  # fmt: skip
def test_a_channel_has_fallen_when_chance_and_half_of_it_are_both_passed(usual, week, fallen):
    assert ChannelRank("c", "", "", 0, 0, 0, 0, week, usual).fallen is fallen


def test_weeks_for_the_alarm_are_whole_days_and_today_is_in_none(brand, clock):
    clock.set(at(brand, "2026-03-15T12:00"))
    with brand:
        brand.channels.create("cards")
        for nth, when in enumerate(("2026-03-15T00:00", "2026-03-14T23:59", "2026-03-08T00:00", "2026-03-07T23:59", "2026-02-15T00:00", "2026-02-14T23:59")):
            arrive(brand, nth, when, "cards")
        (only,) = channels(brand)
    assert (only.week, only.usual) == (2, 2)


def test_the_map_of_rfm_counts_each_buyer_once_by_both_scores(told):
    with told:
        table = told.reports.run("rfm-map")
        scored = told.rfm.customers(datetime(2026, 3, 15).date())
    cells = {(row["recency"], name): row[name] for row in table.rows for name in ("f1", "f2", "f3", "f4", "f5")}
    assert [row["recency"] for row in table.rows] == ["R5", "R4", "R3", "R2", "R1"]
    assert sum(cells.values()) == len(scored) == 5
    for each in scored:
        assert cells[f"R{each.scores.r}", f"f{each.scores.f}"] >= 1


def test_a_brand_without_people_has_every_report_and_no_figures(other):
    with other:
        for info in other.reports.list():
            table = other.reports.run(info.name)
            assert info.plugin == "core" and all(not row.get("people") for row in table.rows), info.name
        with pytest.raises(NotFound, match="it has: goals, channels, contributions, buyer-cohorts, contact-cohorts, rfm-map"):
            other.reports.run("nothing")
