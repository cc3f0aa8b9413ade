"""``scrm backup`` and ``scrm restore``: yesterday's brand comes back, and does not send yesterday's messages again."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from moving_scene import Mailer, seen

from scrm_core import moving
from scrm_core.db.bulk import execute
from scrm_core.errors import Busy, Conflict, NotFound

RUN = {"owner": "mailer", "channel": "sms", "kind": "notice", "sender": "recorder"}


def started(brand):
    """A run with a message to everybody, of which three are sent."""
    run = brand.outreach.open_run("r1", **RUN)
    brand.outreach.queue_segment(run.id, "lead_at >= 2000-01-01")
    brand.outreach.release(run.id, 10_000)
    brand.outreach.start(run.id)
    for _ in range(3):
        brand.outreach.dispatch()
    return run


def test_a_backup_is_one_file_that_holds_every_row_while_others_write(scene):
    scene.fill()
    before = scene.everything(scene.here)
    beside = scene.everything(scene.here, "moonco")
    brand = scene.installation.brand("acme")
    stop, written = threading.Event(), []

    def write():
        while not stop.is_set():
            with brand:
                written.append(scene.lead(brand, 1_000 + len(written)))

    file = scene.root / "kept" / "acme.db"
    moving.backup(scene.installation, "acme", file)
    writer = threading.Thread(target=write)
    writer.start()
    second = moving.backup(scene.installation, "acme", scene.root / "kept" / "busy.db")
    stop.set()
    writer.join()
    assert sorted(path.name for path in file.parent.iterdir()) == ["acme.db", "busy.db"]
    kept = scene.everything("sqlite:kept")
    for cursor in [*kept["plugin_cursor"], *before["plugin_cursor"]]:
        cursor["lease_owner"], cursor["lease_until"] = "", 0
    kept["meta"].remove({"key": "backup_of", "value": "acme"})
    assert kept == before
    assert written
    raw = sqlite3.connect(scene.root / "kept" / "busy.db")
    leads, contacts = (raw.execute(sql).fetchone()[0] for sql in (
        "SELECT count(*) FROM event WHERE type = 'lead.captured'", "SELECT count(*) FROM contact"
    ))  # fmt: skip
    raw.close()
    assert leads == contacts  # one moment: never the person without the event
    assert {each.table: each.rows for each in second.tables}["contact"] == contacts
    assert scene.everything(scene.here, "moonco") == beside


def test_yesterdays_backup_restored_sends_nothing_until_a_person_says_so(scene):
    scene.fill()
    brand = scene.installation.brand("acme")
    with brand:
        started(brand)
    assert len(Mailer.sent) == 3
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    with brand:
        brand.outreach.drain()
    everybody = list(Mailer.sent)
    assert len(everybody) == 7  # eight leads, one of them merged
    with pytest.raises(Conflict, match="--replace"):
        moving.restore(scene.installation, "acme", file)
    copied = moving.restore(scene.installation, "acme", file, replace=True)
    assert copied.aside
    brand = scene.open(scene.here).brand("acme")
    scene.clock.advance(hours=1)
    with brand:
        brand.outreach.drain()
        assert brand.outreach.stopped() == "restored from acme.db (command line)"
        counts = brand.outreach.counts(brand.outreach.run("mailer", "r1").id)
    assert Mailer.sent == everybody
    assert counts[("queued", "")] == 4  # what would go, and went already
    with brand:
        brand.outreach.cancel(brand.outreach.run("mailer", "r1").id, "sent before the restore")
        brand.outreach.go_on(actor="test")
        brand.outreach.drain()
    assert Mailer.sent == everybody


def test_a_restored_brand_goes_on_where_the_backup_stood(scene):
    key = scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    brand = scene.installation.brand("acme")
    with brand:
        scene.lead(brand, 90)
    scene.deliver(brand)
    moving.restore(scene.installation, "acme", file, replace=True)
    brand = scene.open(scene.here).brand("acme")
    scene.deliver(brand)
    with brand:
        assert brand.keys.authenticate(key) is not None
        assert execute("SELECT count(*) FROM contact").fetchone() == (8,)
        scene.lead(brand, 92)
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 9


def test_a_process_that_runs_on_writes_into_the_restored_brand_or_nowhere(scene):
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    running = scene.installation.brand("acme")
    with running:
        scene.lead(running, 90)
    moving.restore(scene.open(scene.here), "acme", file, replace=True)
    if scene.engine == "sqlite":  # the file that it has open was set aside; after a start it finds the new one
        with pytest.raises(Busy), running:
            scene.lead(running, 91)
    else:  # a schema is found by its name
        with running:
            scene.lead(running, 91)
    with scene.open(scene.here).brand("acme"):
        there = execute("SELECT value FROM identity WHERE value IN ('+8613800000090', '+8613800000091')").fetchall()
    assert there == ([] if scene.engine == "sqlite" else [("+8613800000091",)])


def test_a_backup_of_one_engine_is_restored_on_the_other(scene):
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    before = scene.everything(scene.here)
    there = scene.open(scene.there)
    moving.restore(there, "acme", file)
    after = scene.everything(scene.there)
    for table in ("contact", "identity", "orders", "order_line", "event", "coupon_threshold_coupon", "contact_tag"):
        assert after[table] == before[table]
    brand = scene.open(scene.there).brand("acme")
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 8


def test_a_backup_of_an_older_version_is_migrated(scene):
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    raw = sqlite3.connect(file)
    for table in ("partner_out", "partner_in"):
        raw.execute(f"DROP TABLE {table}")
    raw.execute("DELETE FROM migration_core WHERE name LIKE '0005%'")
    raw.commit()
    raw.close()
    moving.restore(scene.installation, "acme", file, replace=True)
    with scene.open(scene.here).brand("acme"):
        assert execute("SELECT count(*) FROM partner_out").fetchone() == (0,)


def test_what_is_no_backup_is_refused_and_the_brand_stays(scene):
    scene.fill()
    before = scene.everything(scene.here)
    file = scene.root / "x.db"
    moving.backup(scene.installation, "acme", file)
    sound = file.read_bytes()
    raw = sqlite3.connect(scene.root / "other.db")
    raw.execute("CREATE TABLE a (b)")
    raw.close()
    for wrong in (b"a,b,c\n" * 1_000, sound[: len(sound) // 2], (scene.root / "other.db").read_bytes(), b""):
        file.write_bytes(wrong)
        with pytest.raises(Conflict, match=r"x\.db|no brand"):
            moving.restore(scene.installation, "acme", file, replace=True)
    assert scene.everything(scene.here) == before
    with scene.open(scene.here).brand("acme") as brand:
        scene.lead(brand, 90)


def test_no_file_is_overwritten_and_none_is_invented(scene):
    file = scene.root / "x.db"
    file.write_text("mine")
    with pytest.raises(Conflict, match="never overwrites"):
        moving.backup(scene.installation, "acme", file)
    assert file.read_text() == "mine"
    with pytest.raises(NotFound):
        moving.restore(scene.installation, "acme", scene.root / "y.db")
    for brand in ("nobody", "../acme", ""):
        with pytest.raises(NotFound):
            moving.backup(scene.installation, brand, scene.root / "z.db")
    assert not (scene.root / "z.db").exists()
