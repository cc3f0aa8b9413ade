"""``scrm move``: a brand on another engine is the same brand, down to who was told what."""

from __future__ import annotations

import tracemalloc

import pytest
from moving_scene import Mailer, seen

from scrm_core import moving
from scrm_core.db.bulk import execute
from scrm_core.errors import Busy, ConfigError, Conflict, NotFound
from scrm_core.limits import Limits
from scrm_core.moving import postgres_store, sqlite_store
from scrm_core.moving.postgres_store import PostgresStore
from scrm_core.moving.sqlite_store import SqliteStore


def moved_rows(before):
    """What the rows of a brand are after a move, from what they were."""
    after = {name: list(rows) for name, rows in before.items()}
    for cursor in after["plugin_cursor"]:
        cursor["lease_owner"], cursor["lease_until"] = "", 0
    return after


def test_every_row_arrives_and_the_other_brand_stays(scene):
    scene.fill()
    before = scene.everything(scene.here)
    beside = scene.everything(scene.here, "moonco")
    copied = moving.move(scene.installation, "acme", scene.there)
    after = scene.everything(scene.there)
    note = [row for row in after["audit"] if row["action"] == "brand.move"]
    assert len(note) == 1
    after["audit"].remove(note[0])
    assert after == moved_rows(before)
    assert {each.table: each.rows for each in copied.tables} == {name: len(rows) for name, rows in before.items()}
    assert scene.everything(scene.here, "moonco") == beside
    # The figures by hand: 8 leads, 1 merged away; 1 order with 1 refund; 1 of 3 coupons claimed.
    assert [len(after[name]) for name in ("contact", "contact_merge", "orders", "refund")] == [8, 1, 1, 1]
    assert [(row["stock_left"], row["issued"]) for row in after["coupon_threshold_batch"]] == [(2, 1)]


def test_rows_as_wide_as_pieces_of_files_are_moved_a_few_at_a_time(scene):
    brand = scene.installation.brand("acme")
    with brand:
        name = brand.sent_files.begin("wide.csv", "orders", b"x" * 400_000, actor="otto", more=True)
        for nth in range(1, 40):
            brand.sent_files.add(name, nth, b"x" * 400_000, actor="otto", last=False)
    tracemalloc.start()
    try:
        copied = moving.move(scene.installation, "acme", scene.there)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {each.table: each.rows for each in copied.tables}["import_file_part"] == 40
    assert peak < 12_000_000, "16 MB lie in the pieces, as 21 MB of text"


def test_it_goes_on_there_with_its_keys_people_limits_and_numbers(scene):
    key = scene.fill()
    moving.move(scene.installation, "acme", scene.there)
    brand = scene.open(scene.there).brand("acme")
    with brand:
        assert brand.keys.authenticate(key) is not None
        survivor = brand.contacts.find("phone", "+8613800000001")
        assert survivor == brand.contacts.find("phone", "+8613800000000")
        assert [(tag.group, tag.name) for tag in brand.tags.of(survivor.id)] == [("stage", "buyer")]
        last = execute("SELECT max(id) FROM contact").fetchone()[0]
        new = scene.lead(brand, 77)
        assert new == last + 1
        assert [(tag.group, tag.name) for tag in brand.tags.of(new)] == [("stage", "new")]  # the triggers work
        with pytest.raises(NotFound):
            brand.contacts.merge(new, survivor.id + 1, actor="test", reason="merged already")
        claims = brand.plugins["coupon-threshold"].coupons.claims
        assert claims.claim("TEN", new, key="mine").batch == "TEN"
        with pytest.raises(Conflict):
            claims.claim("TEN", new, key="again")
        brand.contacts.undo_merge(execute("SELECT id FROM contact_merge").fetchone()[0], actor="test")


def test_each_lead_reaches_a_plugin_once_before_or_after(scene):
    scene.fill()
    first = seen(scene.installation.brand("acme"))
    assert sorted(first.values()) == [1] * 5
    moving.move(scene.installation, "acme", scene.there)
    brand = scene.open(scene.there).brand("acme")
    with brand:
        scene.lead(brand, 50)
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 9
    assert seen(brand).keys() >= first.keys()


def test_an_event_that_waits_for_a_mended_plugin_still_waits_there(scene, monkeypatch):
    scene.fill()
    brand = scene.installation.brand("acme")
    monkeypatch.setattr(Mailer, "broken", True)
    scene.deliver(brand)
    moving.move(scene.installation, "acme", scene.there)
    monkeypatch.setattr(Mailer, "broken", False)
    brand = scene.open(scene.there).brand("acme")
    scene.clock.advance(hours=24)
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 8


def test_there_and_back_is_the_same_brand(scene):
    scene.fill()
    before = moved_rows(scene.everything(scene.here))
    moving.move(scene.installation, "acme", scene.there)
    back = scene.open(scene.there)
    with pytest.raises(Conflict, match="--replace"):
        moving.move(back, "acme", scene.here)
    copied = moving.move(back, "acme", scene.here, replace=True)
    after = scene.everything(scene.here)
    after["audit"] = [row for row in after["audit"] if row["action"] != "brand.move"]
    assert after == before
    assert "aside" in copied.aside
    brand = scene.open(scene.here).brand("acme")
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 8


def test_whoever_still_writes_here_is_refused_and_reading_goes_on(scene):
    scene.fill()
    running = scene.installation.brand("acme")
    with running:
        people = execute("SELECT count(*) FROM contact").fetchone()
    moving.move(scene.installation, "acme", scene.there)
    with pytest.raises(Busy), running:
        scene.lead(running, 60)
    with pytest.raises(Busy), running:
        running.group(lambda: scene.lead(running, 61))
    with pytest.raises(Busy), running:
        running.outreach.stop("hands off", actor="test")
    with running:
        assert execute("SELECT count(*) FROM contact").fetchone() == people
    started_later = scene.open(scene.here)
    with pytest.raises(ConfigError, match="has moved to"):
        started_later.brand("acme")
    with started_later.brand("moonco") as other:
        scene.lead(other, 1)


def test_a_move_is_taken_back(scene):
    scene.fill()
    moving.move(scene.installation, "acme", scene.there)
    with pytest.raises(Conflict, match="has moved"):
        moving.move(scene.installation, "acme", scene.there, replace=True)
    moving.cancel(scene.installation, "acme")
    brand = scene.open(scene.here).brand("acme")
    with brand:
        scene.lead(brand, 60)
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 9
    with pytest.raises(Conflict, match="not moved away"):
        moving.cancel(scene.installation, "acme")


def test_a_copy_that_differs_is_not_kept(scene, monkeypatch):
    scene.fill()
    before = scene.everything(scene.here)
    store = PostgresStore if scene.engine == "sqlite" else SqliteStore
    original = store.fill

    def forgetful(self, table, columns, rows):
        kept = list(rows)
        original(self, table, columns, kept[:-1] if table == "identity" else kept)

    monkeypatch.setattr(store, "fill", forgetful)
    with pytest.raises(Conflict, match="table identity"):
        moving.move(scene.installation, "acme", scene.there)
    assert scene.everything(scene.here) == before
    with pytest.raises(NotFound):
        moving.backup(scene.open(scene.there), "acme", scene.root / "x.db")
    with scene.open(scene.here).brand("acme") as brand:
        scene.lead(brand, 60)


def test_a_move_that_is_killed_leaves_the_brand_here_and_runs_again(scene, together, monkeypatch):
    scene.fill()
    before = scene.everything(scene.here)
    source = KILLED.format(there=scene.there)
    for place in ("settle", "adopt", "seal"):
        with pytest.raises(AssertionError):
            together(scene.installation, source.replace("PLACE", place), 1)
        assert scene.everything(scene.here) == before
        brand = scene.installation.brand("acme")
        with brand, brand.transaction():
            execute("UPDATE meta SET value = value WHERE key = 'salt'")  # nobody holds it any more
    copied = moving.move(scene.installation, "acme", scene.there, replace=True)
    assert sum(each.rows for each in copied.tables) == sum(map(len, before.values()))


KILLED = """
import os, signal
from scrm_core import moving
from scrm_core.moving import sqlite_store, postgres_store
from scrm_core.db import sqlite, postgres

def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

def run(brand, worker):
    for owner in (sqlite_store.SqliteStore, postgres_store.PostgresStore, sqlite.SqliteEngine, postgres.PostgresEngine):
        if hasattr(owner, "PLACE"):
            setattr(owner, "PLACE", die)
    moving.move(brand.installation, "acme", "{there}")
"""


def test_a_writer_that_does_not_end_is_not_waited_for_for_ever(scene, monkeypatch):
    scene.fill()
    brand = scene.installation.brand("acme")
    for store in (sqlite_store, postgres_store):
        monkeypatch.setattr(store, "LIMITS", Limits(busy_ms=50))
    with brand, brand.transaction():
        scene.lead(brand, 60)
        with pytest.raises(Busy, match="stop `scrm run`"):
            moving.move(scene.installation, "acme", scene.there)


def test_a_plugin_that_is_switched_off_keeps_its_tables_and_one_that_is_gone_is_named(scene):
    scene.fill()
    path = scene.root / "brands" / "acme.toml"
    path.write_text(path.read_text("utf-8").replace("[plugins.coupon-threshold]\n", ""), "utf-8")
    installation = scene.open(scene.here)
    brand = installation.brand("acme")
    with brand:
        execute("CREATE TABLE migration_gone_away (id INTEGER PRIMARY KEY, name TEXT)")
    with pytest.raises(Exception, match="'gone-away', which is not installed"):
        moving.move(installation, "acme", scene.there)
    with brand:
        execute("DROP TABLE migration_gone_away")
    moving.move(installation, "acme", scene.there)
    assert [row["issued"] for row in scene.everything(scene.there)["coupon_threshold_batch"]] == [1]


def test_an_address_that_is_none_is_refused_without_showing_it_and_so_is_the_present_one(scene):
    for url in ("mysql://x/y", "sqlite:", "env:NOT_SET_ANYWHERE", "postgresql:///nohost"):
        with pytest.raises(ConfigError) as refused:
            moving.move(scene.installation, "acme", url)
        assert "x/y" not in str(refused.value)
    with pytest.raises(Conflict, match="already"):
        moving.move(scene.installation, "acme", scene.here)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # on SQLite ids are in the order of commits
def test_late_events_of_postgresql_are_handed_out_once_on_sqlite(scene):
    """Two transactions overlap: the one that began first commits last, with the smaller ids."""
    scene.fill()
    brand = scene.installation.brand("acme")
    scene.deliver(brand)
    import psycopg

    slow = psycopg.connect(scene.here)
    slow.execute("SET search_path TO acme")
    copying = "INSERT INTO event (type, contact_id, at, recorded_at, backfill, data) SELECT type, contact_id, at, "
    copying += "recorded_at, backfill, data FROM event WHERE type = 'lead.captured' ORDER BY id LIMIT 1 RETURNING id"
    quick = psycopg.connect(scene.here)
    quick.execute("SET search_path TO acme")
    quick.execute("SELECT pg_current_xact_id()")  # an older transaction, which writes its event last
    (small,) = slow.execute(copying).fetchone()
    (large,) = quick.execute(copying).fetchone()
    quick.commit()
    scene.deliver(brand)
    slow_seen = seen(brand)
    slow.commit()
    slow.close(), quick.close()
    assert small < large
    assert large in slow_seen
    assert small not in slow_seen
    moving.move(scene.installation, "acme", scene.there)
    there = scene.open(scene.there).brand("acme")
    scene.deliver(there)
    assert seen(there)[small] == seen(there)[large] == 1
    assert set(seen(there).values()) == {1}
