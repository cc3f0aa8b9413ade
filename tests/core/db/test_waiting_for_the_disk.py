"""A group's commit is on the disk before anybody is answered; others may write while it waits for the disk."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading

import pytest

from scrm_core.db import group_of, sqlite
from scrm_core.db.bulk import execute
from scrm_core.db.router import waiting_later
from scrm_core.errors import StorageFull
from scrm_core.installation import Installation

BRAND = '[brand]\nid = "{0}"\nname = "{0}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'


@pytest.fixture
def durable(tmp_path):
    """``durable(synchronous)``: two brands in files, with that durability."""

    def make(synchronous="FULL"):
        (tmp_path / "brands").mkdir()
        (tmp_path / "scrm.toml").write_text(
            f'database_url = "sqlite:data"\ndatabase_synchronous = "{synchronous}"\n', "utf-8"
        )
        for name in ("acme", "moonco"):
            (tmp_path / "brands" / f"{name}.toml").write_text(BRAND.format(name), "utf-8")
        installation = Installation.open(tmp_path)
        installation.migrate()
        return installation.brand("acme"), installation.brand("moonco")

    return make


@pytest.fixture
def disk(monkeypatch):
    """What was waited for: the file's name, and what ``look()`` said at that moment; ``disk.broken`` fails."""

    class Disk:
        broken = False

        def __init__(self):
            self.waits = []
            self.look = lambda: None

        def sync(self, fd):
            self.waits.append((os.path.basename(os.readlink(f"/proc/self/fd/{fd}")), self.look()))
            if self.broken:
                raise OSError(5, "Input/output error")
            os.fsync(fd)

    found = Disk()
    monkeypatch.setattr(sqlite, "_sync", found.sync)
    return found


def note(key):
    execute("INSERT INTO meta (key, value) VALUES (?, '1')", (key,))
    return key


def notes(brand):
    with brand:
        return [row[0] for row in execute("SELECT key FROM meta WHERE key LIKE 'g-_' ORDER BY key").fetchall()]


def test_an_answer_comes_after_the_disk_and_others_write_while_it_is_waited_for(durable, disk):
    brand, other = durable()
    path = brand.handle.database.database
    answered = []

    def look():
        """Whether the commit can be seen, somebody else could write, and whoever asked has been answered."""
        raw = sqlite3.connect(path, timeout=0, isolation_level=None)
        seen = [row[0] for row in raw.execute("SELECT key FROM meta WHERE key LIKE 'g-_'")]
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("ROLLBACK")
        raw.close()
        with open(f"{path}-lock") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return seen, list(answered)

    disk.look = look
    with brand:
        answered.append(brand.group(lambda: note("g-1")))
    assert disk.waits == [("acme.db-wal", (["g-1"], []))]
    assert answered == ["g-1"]
    assert notes(other) == []


def test_a_group_that_wrote_nothing_waits_too_since_it_may_tell_of_anothers_commit(durable, disk):
    brand, _ = durable()
    with brand:
        brand.group(lambda: execute("SELECT 1").fetchone())
    assert [name for name, _ in disk.waits] == ["acme.db-wal"]


def test_a_disk_that_fails_after_the_commit_is_told_and_nothing_is_done_twice(durable, disk):
    brand, _ = durable()
    runs = []

    def work():
        runs.append(1)
        return note("g-1")

    disk.broken = True
    with brand, pytest.raises(StorageFull):
        brand.group(work)
    disk.broken = False
    with brand:
        brand.group(lambda: note("g-2"))
    assert (len(runs), notes(brand)) == (1, ["g-1", "g-2"])


def test_other_transactions_and_single_statements_wait_in_their_commit_as_before(durable, disk):
    brand, _ = durable()
    with brand:
        brand.group(lambda: note("g-1"))
        disk.waits.clear()
        assert execute("PRAGMA synchronous").fetchone() == (2,)
        with pytest.raises(ZeroDivisionError):
            brand.group(lambda: 1 // 0)
        assert execute("PRAGMA synchronous").fetchone() == (2,)
        with brand.transaction():
            note("g-2")
    assert disk.waits == []


def test_where_the_last_commits_may_be_lost_nobody_waits_for_the_disk(durable, disk):
    brand, _ = durable("NORMAL")
    with brand:
        brand.group(lambda: note("g-1"))
        assert execute("PRAGMA synchronous").fetchone() == (1,)
    assert disk.waits == []


def test_a_file_that_was_closed_meanwhile_has_everything_and_its_log_is_not_missed(durable, disk):
    brand, other = durable()
    with waiting_later() as waits:
        with brand:
            brand.group(lambda: note("g-1"))
        brand.installation.close()  # the last connection takes the log into the file and removes it
        assert not os.path.exists(f"{brand.handle.database.database}-wal")
        for wait in waits:
            wait()
    assert [name for name, _ in disk.waits] == ["acme.db"]
    assert (notes(brand), notes(other)) == (["g-1"], [])


def test_who_waits_later_keeps_nobody_of_another_thread_from_the_disk(durable, disk, monkeypatch):
    brand, _ = durable()
    database, group = brand.handle.database, group_of(brand.handle)
    brief, enter, come, told = database.brief, group._enter, threading.Event(), []

    def other():
        with brand:
            told.append((brand.group(lambda: note("g-2")), len(disk.waits)))

    thread = threading.Thread(target=other)

    def entered(works):
        enter(works)
        if threading.current_thread() is thread:
            come.set()

    def begin():
        if not come.is_set():
            thread.start()
            assert come.wait(10)
        return brief()

    monkeypatch.setattr(group, "_enter", entered)
    monkeypatch.setattr(database, "brief", begin)
    with waiting_later() as waits, brand:
        assert brand.group(lambda: note("g-1")) == "g-1"
        thread.join()
        alone = len(disk.waits)
        brand.group(lambda: note("g-3"))
    assert told == [("g-2", 1)]
    assert (alone, len(disk.waits), len(waits)) == (1, 1, 1)
