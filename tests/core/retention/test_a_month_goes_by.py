"""Forty days in seconds: what is old becomes small, every figure stays, the other brand has its own days."""

from __future__ import annotations

from collections import Counter

import pytest
from retention_scene import Diary

from scrm_core.clock import day_of
from scrm_core.db.bulk import execute
from scrm_core.jobs import due_jobs, run_job

DAYS = 40
# A day by hand: 2 leads, 12 visits of people, 5 of programs (told to nobody), 2 messages of which 1 is delivered.
EVENTS = {"lead.captured": 2, "link.visited": 12, "message.status": 1}


def retention_job(brand):
    for due in due_jobs(brand):
        if (due.plugin, due.job) == ("core", "retention"):
            assert run_job(brand, due)


def figures(shop):
    """What reports are made of: visits, who they were, when first, messages by what became of them."""
    days = Counter()
    for visitor, at, times in execute("SELECT visitor, at, times FROM visit WHERE bot = 0").fetchall():
        days[visitor, day_of(at, shop.brand.zone)] += times
    return (
        days,
        execute(
            "SELECT bot, sum(times), count(DISTINCT CASE WHEN bot = 0 THEN visitor END), min(at) FROM visit "
            "WHERE link_id = ? GROUP BY bot ORDER BY bot",
            (shop.link.id,),
        ).fetchall(),
        execute(
            "SELECT r.code, m.state, m.reason, m.arm, count(*), sum(m.parts), min(m.sent_at), max(m.final_at) "
            "FROM message m JOIN outreach_run r ON r.id = m.run_id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"
        ).fetchall(),
    )


def logged(brand):
    """Events by brand-local day and type: those in the log, and those that are only counted."""
    found = Counter()
    for at, kind in execute("SELECT at, type FROM event").fetchall():
        found[day_of(at, brand.zone), kind] += 1
    for day, kind, count in brand.retention.counts():
        found[day, kind] += count
    return found


@pytest.fixture
def month(shops, clock, deliver):
    """Both shops after forty days, without retention so far."""
    for _ in range(DAYS):
        clock.advance(days=1)
        for shop in shops:
            with shop.brand:
                shop.day()
    for shop in shops:
        deliver(shop.brand)
    return shops


def test_figures_are_equal_and_tables_small_after_a_month(month):
    for shop in month:
        brand = shop.brand
        with brand:
            before, events = figures(shop), logged(brand)
            assert {kind: sum(n for (_, k), n in events.items() if k == kind) for kind in EVENTS} == {
                kind: n * DAYS for kind, n in EVENTS.items()
            }
            retention_job(brand)
            assert figures(shop) == before
            assert logged(brand) == events
            # The last 7 days of 15 events, today's too; and nothing of the days before.
            assert execute("SELECT count(*) FROM event").fetchone() == (8 * sum(EVENTS.values()),)
            # 4 days as they came; before, a row for each of 3 visitors and one for the programs.
            assert execute("SELECT count(*) FROM visit").fetchone() == (4 * 17 + (DAYS - 4) * 4,)
            assert execute("SELECT count(*), sum(times) FROM visit WHERE times > 1").fetchone() == (
                (DAYS - 4) * 4, (DAYS - 4) * 17,
            )  # fmt: skip
            # Texts of 11 days, and those of older messages of which nobody knows what became.
            texts = execute("SELECT state, count(*) FROM message WHERE body IS NOT NULL GROUP BY state").fetchall()
            assert dict(texts) == {"delivered": 11, "sent": DAYS}
            assert execute("SELECT count(*) FROM message WHERE body IS NULL").fetchone() == (DAYS - 11,)
            assert execute("SELECT count(*) FROM message").fetchone() == (2 * DAYS,)


def test_a_dry_run_says_what_a_run_does_and_a_second_run_finds_nothing(month):
    shop, other = month
    with shop.brand as brand:
        before = figures(shop), logged(brand), execute("SELECT count(*) FROM visit").fetchone()
        told = brand.retention.run(dry_run=True)
        assert (figures(shop), logged(brand), execute("SELECT count(*) FROM visit").fetchone()) == before
        assert brand.retention.run() == told
        assert (told.events, told.visits, told.messages) == ((DAYS - 8) * 15, (DAYS - 4) * 13, DAYS - 11)
        again = brand.retention.run()
        assert (again.events, again.visits, again.messages, again.done) == (0, 0, 0, True)
    with other.brand:
        assert execute("SELECT count(*) FROM event").fetchone() == (DAYS * 15,)
        assert execute("SELECT count(*) FROM visit").fetchone() == (DAYS * 17,)


def test_tables_stop_growing_when_it_runs_every_day(shop, clock, deliver):
    sizes = []
    for _ in range(15):
        clock.advance(days=1)
        with shop.brand as brand:
            shop.day()
        deliver(brand)
        with brand:
            retention_job(brand)
            sizes.append(execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM job_run)").fetchone())
    assert len(set(sizes[10:])) == 1
    with brand:
        told = brand.retention.counts()
    assert Counter(kind for _, kind, count in told for _ in range(count)) == {k: n * 7 for k, n in EVENTS.items()}
    assert len([1 for _, kind, _ in Diary.heard if kind == "visit"]) == 15 * 12
