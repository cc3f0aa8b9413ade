"""What may go wrong around a move or restore: the wrong file, a name that looks like ours, a death half-way, no room."""

from __future__ import annotations

import sqlite3

import pytest
from moving_scene import seen

from scrm_core import moving
from scrm_core.db.bulk import execute
from scrm_core.db.postgres import PostgresEngine
from scrm_core.db.sqlite import SqliteEngine
from scrm_core.errors import Conflict, StorageFull
from scrm_core.moving.postgres_store import PostgresStore
from scrm_core.moving.sqlite_store import SqliteStore

TABLE = '[brand]\nid = "{0}"\nname = "{0}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'


def contacts(scene, brand_id):
    return [row["uid"] for row in scene.everything(scene.here, brand_id)["contact"]]


def test_one_brands_backup_is_not_restored_into_another(scene):
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    with scene.installation.brand("moonco") as other:
        scene.lead(other, 1)
    before = scene.everything(scene.here, "moonco")
    with pytest.raises(Conflict, match="backup of brand 'acme'"):
        moving.restore(scene.installation, "moonco", file, replace=True)
    assert scene.everything(scene.here, "moonco") == before
    moving.restore(scene.installation, "acme", file, replace=True)
    # The mark is the file's, not the brand's.
    assert "backup_of" not in [row["key"] for row in scene.everything(scene.here)["meta"]]


def test_a_brand_whose_name_looks_like_a_copy_in_the_making_survives_its_neighbours_restore(scene):
    (scene.root / "brands" / "staging_acme.toml").write_text(TABLE.format("staging_acme"), "utf-8")
    scene.installation.migrate()
    with scene.installation.brand("staging_acme") as neighbour:
        scene.lead(neighbour, 1)
    before = contacts(scene, "staging_acme")
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    moving.restore(scene.installation, "acme", file, replace=True)
    assert contacts(scene, "staging_acme") == before
    assert len(before) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_restore_that_dies_while_it_takes_the_place_leaves_a_brand_there(scene, monkeypatch, moment):
    """Between old and new there is no moment at which a start would make an empty brand."""
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    with scene.installation.brand("acme") as brand:
        scene.lead(brand, 90)
    old = contacts(scene, "acme")
    engine = SqliteEngine if scene.engine == "sqlite" else PostgresEngine
    original = engine.set_aside

    class Died(BaseException):
        pass

    def dying(self, *args):
        if moment == "after":
            original(self, *args)
        raise Died

    monkeypatch.setattr(engine, "set_aside", dying)
    with pytest.raises(Died):
        moving.restore(scene.open(scene.here), "acme", file, replace=True)
    monkeypatch.undo()
    assert contacts(scene, "acme") == old
    again = scene.open(scene.here)
    moving.restore(again, "acme", file, replace=True)
    assert len(contacts(scene, "acme")) == 8
    brand = scene.open(scene.here).brand("acme")
    scene.deliver(brand)
    assert sorted(seen(brand).values()) == [1] * 8


def test_a_failure_while_the_place_is_taken_leaves_the_old_brand_writable(scene, monkeypatch):
    scene.fill()
    file = scene.root / "acme.db"
    moving.backup(scene.installation, "acme", file)
    engine = SqliteEngine if scene.engine == "sqlite" else PostgresEngine

    def failing(self, *args):
        raise OSError("no such luck")

    monkeypatch.setattr(engine, "set_aside", failing)
    with pytest.raises(OSError, match="no such luck"):
        moving.restore(scene.installation, "acme", file, replace=True)
    with scene.open(scene.here).brand("acme") as brand:
        scene.lead(brand, 91)
        assert execute("SELECT count(*) FROM contact").fetchone() == (9,)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contact SET created_at = 'yesterday' WHERE id = 1",
        "UPDATE contact SET name = 'a' || char(0) || 'b' WHERE id = 1",
        "UPDATE orders SET paid_minor = -5",
        "UPDATE identity SET contact_id = 999",
        "UPDATE contact SET uid = (SELECT uid FROM contact WHERE id = 2) WHERE id = 1",
    ],
    ids=["a word for a number", "a NUL", "a broken rule", "nobody's phone", "one name twice"],
)
def test_a_backup_that_somebody_changed_is_refused_with_a_reason_and_the_brand_stays(scene, change):
    scene.fill()
    before = scene.everything(scene.here)
    file = scene.root / "x.db"
    moving.backup(scene.installation, "acme", file)
    raw = sqlite3.connect(file)
    loosen(raw)
    raw.execute(change)
    raw.commit()
    raw.close()
    nul = "char(0)" in change and scene.engine == "sqlite"  # SQLite keeps a NUL; no service writes one
    if not nul:
        with pytest.raises(Conflict, match=r"\w+ (refuses|name)|rows of"):
            moving.restore(scene.installation, "acme", file, replace=True)
        assert scene.everything(scene.here) == before
    with scene.open(scene.here).brand("acme") as brand:
        scene.lead(brand, 90)


def loosen(raw):
    """Take types, rules and unique keys out of the file, as somebody may who wants to smuggle a row in."""
    raw.execute("PRAGMA foreign_keys = OFF")
    for table in ("contact", "identity", "orders"):
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f'DROP TRIGGER "{trigger}"')
        raw.execute(f"CREATE TABLE loose ({', '.join(columns)})")
        raw.execute(f"INSERT INTO loose SELECT * FROM {table}")
        raw.execute(f"DROP TABLE {table}")
        raw.execute(f"ALTER TABLE loose RENAME TO {table}")


def test_no_room_for_the_copy_is_told_as_such_and_the_brand_stays(scene, monkeypatch):
    scene.fill()
    before = scene.everything(scene.here)
    store = SqliteStore if scene.engine == "sqlite" else PostgresStore
    file = scene.root / "x.db"
    moving.backup(scene.installation, "acme", file)

    def full(self, table, columns, rows):
        if scene.engine == "sqlite":
            raise sqlite3.OperationalError("database or disk is full")
        import psycopg

        raise psycopg.errors.DiskFull("could not extend file")

    monkeypatch.setattr(store, "fill", full)
    with pytest.raises(StorageFull):
        moving.restore(scene.installation, "acme", file, replace=True)
    assert scene.everything(scene.here) == before
    with scene.installation.brand("acme") as brand:
        scene.lead(brand, 91)


def test_a_file_is_the_one_that_was_named_whatever_signs_its_name_has(scene):
    scene.fill()
    folder = scene.root / "50%41 #1?mode=rwc"
    folder.mkdir()
    before = contacts(scene, "acme")
    moving.backup(scene.installation, "acme", folder / "b%41.db")
    with scene.installation.brand("acme") as brand:
        scene.lead(brand, 90)
    moving.backup(scene.installation, "acme", folder / "bA.db")
    moving.restore(scene.installation, "acme", folder / "b%41.db", replace=True)
    assert contacts(scene, "acme") == before
    assert sorted(each.name for each in folder.iterdir()) == ["b%41.db", "bA.db"]
