"""Nothing goes that somebody waits for, and whatever comes late is counted once."""

from __future__ import annotations

import threading
from itertools import count

import pytest
from retention_scene import BOT_AGENT, DAY, Diary

from scrm_core.db.bulk import execute
from scrm_core.delivery import discard, pause_plugin, resume_plugin
from scrm_core.errors import ConfigError
from scrm_core.eventlog import NewEvent, append
from scrm_core.installation import Installation
from scrm_core.retention import events, messages, visits
from scrm_core.services.contacts import IdentityIn


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Several batches, so that what is found in an earlier one counts too."""
    for part in (events, messages, visits):
        monkeypatch.setattr(part, "BATCH", 7)


def rows(table):
    return execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_events_that_a_paused_plugin_has_not_had_stay_and_reach_it(shop, clock, deliver):
    brand = shop.brand
    with brand:
        shop.day()
        pause_plugin(brand, "diary", "on holiday")
        clock.advance(days=30)
        shop.day()
        clock.advance(days=30)
        done = brand.retention.run()
        assert (done.events, done.visits, done.held_by) == (0, 0, "diary")
        assert rows("event") == 30
        resume_plugin(brand, "diary")
    deliver(brand)
    assert len(Diary.heard) == 2 * 14
    with brand:
        done = brand.retention.run()
        # The newest event stays: it is the place that "now" means.
        assert (done.events, rows("event"), done.held_by) == (29, 1, "")
        # Of 34 rows: 3 visitors and the programs of two days, and the newest, whose id is given once.
        assert (done.visits, rows("visit")) == (25, 9)


def test_a_plugin_that_is_switched_off_keeps_its_place_in_the_log(shop, clock, deliver):
    with shop.brand:
        shop.day()
    deliver(shop.brand)
    path = shop.brand.config.path
    text = path.read_text("utf-8")
    path.write_text(text.replace("[plugins.diary]", ""), "utf-8")
    brand = shop.brand.installation.brand("acme")
    assert not brand.plugins
    with brand:
        clock.advance(days=1)
        append([NewEvent("partner.note", None, clock.now(), {})], recorded_at=clock.now())
        clock.advance(days=30)
        append([NewEvent("partner.note", None, clock.now(), {})], recorded_at=clock.now())
        done = brand.retention.run()
        assert done.held_by == "diary"
        assert execute("SELECT type FROM event ORDER BY id").fetchall() == [("partner.note",)] * 2


def test_a_parked_event_and_its_visit_stay_until_it_is_discarded(shop, clock, deliver):
    brand = shop.brand
    with brand:
        visits_of = [shop.visit("anna", clock.now()) for _ in range(3)]
        Diary.broken_at = visits_of[1]
    deliver(brand)
    with brand:
        clock.advance(days=30)
        shop.visit("zoe", clock.now())
    deliver(brand)
    with brand:
        brand.retention.run()
        (kept,) = execute("SELECT event_id FROM parked").fetchone()
        assert kept in [event_id for (event_id,) in execute("SELECT id FROM event ORDER BY id").fetchall()]
        assert rows("event") == 2
        assert execute("SELECT id FROM visit ORDER BY id LIMIT 3").fetchall() == [(each,) for each in visits_of]
        discard("diary", [kept])
        done = brand.retention.run()
        assert (done.events, done.visits, rows("visit")) == (1, 2, 2)


def test_a_visit_that_comes_late_joins_its_day_and_is_told_once(shop, clock, deliver):
    brand = shop.brand
    with brand:
        long_ago = clock.now()
        for visitor in ("anna", "anna", "ben"):
            shop.visit(visitor, long_ago)
        clock.advance(days=30)
        shop.visit("now", clock.now())
    deliver(brand)
    with brand:
        brand.retention.run()
        late = shop.visit("anna", long_ago + 60_000)
        shop.visit("bot", long_ago, agent=BOT_AGENT)
        shop.visit("now", clock.now())
        assert brand.retention.run().visits == 0  # its event waits
    deliver(brand)
    assert [visit_id for _, kind, visit_id in Diary.heard if kind == "visit"].count(late) == 1
    with brand:
        clock.advance(days=30)
        shop.visit("now", clock.now())
    deliver(brand)
    with brand:
        brand.retention.run()
        found = execute("SELECT visitor, bot, times, at FROM visit WHERE at < ? ORDER BY id", (long_ago + DAY,))
        assert found.fetchall() == [("anna", 0, 3, long_ago), ("ben", 0, 1, long_ago), ("bot", 1, 1, long_ago)]


def test_a_receipt_for_a_message_without_its_text_changes_what_became_of_it_once(shop, clock, deliver):
    brand = shop.brand
    with brand:
        shop.day()
        brand.outreach.give_up_silent()
        sent, waiting = execute("SELECT uid FROM message ORDER BY state").fetchall()
        clock.advance(days=30)
        assert brand.retention.run().messages == 1
        assert execute("SELECT body, params FROM message WHERE uid = ?", sent).fetchone() == (None, None)
        assert execute("SELECT body FROM message WHERE uid = ?", waiting).fetchone() != (None,)
        for _ in range(2):
            brand.outreach.receipt(sent[0], "delivered")
            brand.outreach.receipt(waiting[0], "delivered")
        assert brand.outreach.find("ref-" + sent[0], brand.outreach.message(sent[0]).address) == sent[0]
        told = execute("SELECT count(*) FROM event WHERE type = 'message.status'").fetchone()
        assert told == (2,)
        (run,) = brand.outreach.runs()
        assert brand.outreach.counts(run.id) == {("delivered", ""): 2}
        # The run still knows to whom it wrote.
        assert rows("message") == 2
        clock.advance(days=30)
        assert brand.retention.run().messages == 1


def test_a_merge_is_undone_as_if_it_had_never_been(shop, clock, deliver):
    brand = shop.brand
    with brand:
        one, two = (
            brand.contacts.resolve([IdentityIn.of("unionid", name)], at=clock.now(), origin="test").contact_id
            for name in ("one", "two")
        )
        for person in (one, two):
            for _ in range(2):
                shop.visit("shared tablet", clock.now())
            brand.links.attribute("shared tablet", person, clock.now())
        merge = brand.contacts.merge(one, two, actor="test", reason="test")
        clock.advance(days=30)
        shop.visit("now", clock.now())
    deliver(brand)
    with brand:
        assert brand.retention.run().visits == 0
        brand.contacts.undo_merge(merge, actor="test")
        times = "SELECT contact_id, sum(times) FROM visit WHERE contact_id IS NOT NULL GROUP BY 1 ORDER BY 1"
        assert execute(times).fetchall() == [(one, 2), (two, 2)]


def test_a_row_that_another_table_points_to_stays(shop, clock, deliver):
    brand = shop.brand
    with brand:
        _, second, _ = (shop.visit("anna", clock.now()) for _ in range(3))
        execute("CREATE TABLE souvenir (id INTEGER PRIMARY KEY, visit_id BIGINT REFERENCES visit (id))" if
                brand.handle.engine == "postgresql" else
                "CREATE TABLE souvenir (id INTEGER PRIMARY KEY, visit_id INTEGER REFERENCES visit (id))")  # fmt: skip
        execute("INSERT INTO souvenir (id, visit_id) VALUES (1, ?)", (second,))
        clock.advance(days=30)
        shop.visit("now", clock.now())
    deliver(brand)
    with brand:
        assert brand.retention.run().visits == 1
        assert execute("SELECT id, times FROM visit WHERE visitor = 'anna' ORDER BY id").fetchall() == [
            (second - 1, 2), (second, 1),
        ]  # fmt: skip


def test_a_run_that_is_stopped_between_batches_is_gone_on_with(shop, clock, deliver, monkeypatch):
    brand = shop.brand
    with brand:
        for _ in range(5):
            clock.advance(days=1)
            shop.day()
        clock.advance(days=30)
        shop.visit("now", clock.now())
    deliver(brand)
    with brand:
        whole = brand.retention.run(dry_run=True)
        found = [0, 0, 0]
        for tries in count(1):
            done = brand.retention.run(seconds=0)  # to the end of one batch
            found = [a + b for a, b in zip(found, (done.events, done.visits, done.messages), strict=True)]
            if done.done:
                break
        assert found == [whole.events, whole.visits, whole.messages]
        assert tries > 20


KILLED = """
import os, signal
from scrm_core.db.bulk import execute
from scrm_core.retention import events, messages, visits

def run(brand, worker):
    for part in (events, messages, visits):
        part.BATCH = 7
    batches = 0
    def killed(original):
        def wrapper(*args, **kwargs):
            nonlocal batches
            answer = original(*args, **kwargs)
            batches += 1
            if batches == LAST:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer
        return wrapper
    # What is written after the last of these is lost with the process: they die before their commits.
    for part, name in ((events, "update_rows"), (visits, "update_rows"), (messages, "move")):
        setattr(part, name, killed(getattr(part, name)))
    brand.retention.run()
"""


def without_the_plugin(brand):
    """Other processes know no plugin of a test: they get the brand with its plugin switched off, which keeps its place."""
    path = brand.config.path
    path.write_text(path.read_text("utf-8").replace("[plugins.diary]", ""), "utf-8")


def test_a_run_that_is_killed_anywhere_loses_and_doubles_nothing(shop, clock, deliver, together):
    brand = shop.brand
    with brand:
        start = clock.now()
        for _ in range(4):
            clock.advance(days=1)
            shop.day()
        clock.set(start + 300 * DAY)
    deliver(brand)
    without_the_plugin(brand)
    with brand:
        whole = 4 * 15
        for at in (2, 3, 12, 6):
            # Children have the machine's clock, which is past all of it.
            with pytest.raises(AssertionError, match="exit code -9"):
                together(brand.installation, KILLED.replace("LAST", str(at)), 1)
            assert rows("event") + sum(n for _, _, n in brand.retention.counts()) == whole
            assert execute("SELECT sum(times) FROM visit").fetchone() == (4 * 17,)
        brand.retention.run()
        assert (rows("event"), sum(n for _, _, n in brand.retention.counts())) == (1, whole - 1)
        assert execute("SELECT sum(times), count(*) FROM visit").fetchone() == (4 * 17, 4 * 4 + 1)


def test_four_processes_at_once_count_each_row_once(shop, clock, deliver, together):
    brand = shop.brand
    with brand:
        for _ in range(4):
            clock.advance(days=1)
            shop.day()
    deliver(brand)
    without_the_plugin(brand)
    source = KILLED.replace("LAST", "-1").replace("brand.retention.run()", "return brand.retention.run().events")
    found = together(brand.installation, source, 4)
    with brand:
        assert sum(found) == 59
        assert sum(n for _, _, n in brand.retention.counts()) == 59
        assert execute("SELECT sum(times), count(*) FROM visit").fetchone() == (4 * 17, 4 * 4 + 1)


def test_a_plugin_hears_everything_while_old_events_go(shop, clock, deliver):
    """Delivery in one thread, retention in another: every event is heard once and none that waits is removed."""
    brand = shop.brand
    with brand:
        for _ in range(6):
            clock.advance(days=1)
            shop.day()
    clock.advance(days=30)
    heard = threading.Event()
    faults = []

    def compact():
        try:
            while not heard.is_set():
                with brand:
                    brand.retention.run()
        except Exception as exc:
            faults.append(exc)

    thread = threading.Thread(target=compact)
    thread.start()
    try:
        deliver(brand)
    finally:
        heard.set()
        thread.join(30)
    assert faults == []
    assert len(Diary.heard) == len(set(Diary.heard)) == 6 * 14
    with brand:
        brand.retention.run()
        assert rows("event") == 1


def test_zero_keeps_everything_for_ever(new_installation, clock, deliver):
    forever = "\n[retention]\nevents_days = 0\nvisits_days = 0\nmessages_days = 0\n"
    with new_installation(acme=forever).brand("acme") as brand:
        append([NewEvent("partner.note", None, 1, {})] * 3, recorded_at=1)
        clock.advance(days=10_000)
        assert brand.retention.run().events == 0
        assert rows("event") == 3


def test_visits_are_kept_as_long_as_they_may_be_put_down_to_somebody(new_installation):
    installation: Installation = new_installation()
    path = installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text("utf-8") + "[retention]\nvisits_days = 30\n", "utf-8")
    with pytest.raises(ConfigError, match=r"visits_days: found 30; must be 0 \(never\) or more than .* \(30\)"):
        Installation.open(installation.config.root).brand("acme")
