"""Group commit: many threads' short writes in one transaction, each with an answer and a fate of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import peewee
import pytest

from scrm_core.brands import current_brand
from scrm_core.db import group
from scrm_core.db.bulk import execute
from scrm_core.db.router import brand_db
from scrm_core.errors import Busy, Conflict, StorageFull
from scrm_core.eventlog import NewEvent, append


def note(key):
    execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, current_brand().id))
    return key


def kept(brand):
    with brand:
        return sorted(row[0] for row in execute("SELECT key FROM meta WHERE key LIKE 'g-_'").fetchall())


@pytest.fixture
def hold(monkeypatch):
    """A leader that waits inside its transaction until it is let go, so that the others gather behind it."""
    inside, go = threading.Event(), threading.Event()

    def first():
        note("g-0")
        inside.set()
        assert go.wait(20)
        return "led"

    return first, inside, go


def gathered(brand, count):
    group = brand.handle.group
    while len(group._waiting) < count:
        threading.Event().wait(0.001)


def commits(brand, monkeypatch):
    """How often a transaction of the brand ended, counted where it commits."""
    counted = []
    original = brand.handle.database.commit

    def commit(*args, **kwargs):
        counted.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(brand.handle.database, "commit", commit)
    return counted


def enter(brand, work):
    with brand:
        return brand.group(work)


def test_what_waits_behind_a_writer_is_committed_together(brand, other, hold, monkeypatch):
    first, inside, go = hold
    counted = commits(brand, monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        rest = [pool.submit(enter, brand, lambda n=n: note(f"g-{n}")) for n in range(1, 6)]
        gathered(brand, 5)
        go.set()
        assert led.result(20) == "led"
        assert [each.result(20) for each in rest] == [f"g-{n}" for n in range(1, 6)]
    assert len(counted) == 2
    assert kept(brand) == [f"g-{n}" for n in range(6)]
    assert kept(other) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_comes_while_the_leader_waits_for_another_writer_is_taken_along(brand, monkeypatch):
    inside, go = threading.Event(), threading.Event()

    def write():
        with brand, brand.transaction():
            note("g-0")
            inside.set()
            assert go.wait(20)

    counted = commits(brand, monkeypatch)
    with ThreadPoolExecutor(8) as pool, brand:
        writer = pool.submit(write)
        assert inside.wait(20)
        brand.handle.group = None
        asked = [pool.submit(enter, brand, lambda n=n: note(f"g-{n}")) for n in range(1, 6)]
        while brand.handle.group is None:
            threading.Event().wait(0.001)
        # One of the five leads, and is still waiting for the writer when the last one comes.
        gathered(brand, 5)
        go.set()
        writer.result(20)
        assert [each.result(20) for each in asked] == [f"g-{n}" for n in range(1, 6)]
    assert len(counted) == 2
    assert kept(brand) == [f"g-{n}" for n in range(6)]


def test_who_is_refused_loses_only_its_own_writes(brand, hold):
    first, inside, go = hold

    def refused():
        note("g-9")
        raise Conflict("sold out", code="sold_out")

    with ThreadPoolExecutor(4) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        bad = pool.submit(enter, brand, refused)
        good = pool.submit(enter, brand, lambda: note("g-1"))
        gathered(brand, 2)
        go.set()
        led.result(20)
        assert good.result(20) == "g-1"
        with pytest.raises(Conflict) as told:
            bad.result(20)
    assert told.value.code == "sold_out"
    assert kept(brand) == ["g-0", "g-1"]


def test_an_event_that_the_database_refuses_costs_its_own_work_alone(brand, hold):
    first, inside, go = hold

    def tell(key, at):
        note(key)
        append([NewEvent("visit", None, at, {})], recorded_at=1)
        return key

    with brand:
        execute("CREATE UNIQUE INDEX event_of_the_test ON event (at) WHERE at = 7")
    try:
        with ThreadPoolExecutor(8) as pool:
            led = pool.submit(enter, brand, first)
            assert inside.wait(20)
            rest = []
            for number, at in enumerate((7, 7, 8), 1):
                rest.append(pool.submit(enter, brand, partial(tell, f"g-{number}", at)))
                gathered(brand, number)
            go.set()
            assert led.result(20) == "led"
            with pytest.raises(peewee.IntegrityError):
                rest[1].result(20)
            assert (rest[0].result(20), rest[2].result(20)) == ("g-1", "g-3")
        assert kept(brand) == ["g-0", "g-1", "g-3"]
        with brand:
            assert execute("SELECT at FROM event ORDER BY at").fetchall() == [(7,), (8,)]
    finally:
        with brand:
            execute("DROP INDEX event_of_the_test")


def test_a_fault_of_the_database_makes_each_run_again_alone(brand, hold):
    first, inside, go = hold
    runs: list[str] = []

    def full():
        runs.append("full")
        note("g-8")
        raise StorageFull("the disk is full")

    def other_work():
        runs.append("other")
        return note("g-1")

    with ThreadPoolExecutor(4) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        bad = pool.submit(enter, brand, full)
        gathered(brand, 1)
        good = pool.submit(enter, brand, other_work)
        gathered(brand, 2)
        go.set()
        led.result(20)
        assert good.result(20) == "g-1"
        with pytest.raises(StorageFull):
            bad.result(20)
    assert kept(brand) == ["g-0", "g-1"]
    assert runs.count("full") == 2


def test_an_exception_that_would_end_a_process_reaches_who_caused_it_and_nobody_else(brand, hold):
    first, inside, go = hold

    def leave():
        raise SystemExit(3)

    with ThreadPoolExecutor(4) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        bad = pool.submit(enter, brand, leave)
        good = pool.submit(enter, brand, lambda: note("g-1"))
        gathered(brand, 2)
        go.set()
        led.result(20)
        assert good.result(20) == "g-1"
        with pytest.raises(SystemExit):
            bad.result(20)
    assert kept(brand) == ["g-0", "g-1"]


def test_inside_a_transaction_it_joins_it(brand):
    with brand:
        with pytest.raises(Conflict), brand_db.atomic():
            brand.group(lambda: note("g-1"))
            raise Conflict("no")
    assert kept(brand) == []


def test_groups_of_two_brands_do_not_meet(brand, other, hold):
    first, inside, go = hold
    with ThreadPoolExecutor(4) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        assert pool.submit(enter, other, lambda: note("g-7")).result(20) == "g-7"
        go.set()
        led.result(20)
    assert (kept(brand), kept(other)) == (["g-0"], ["g-7"])


def note_all(keys):
    """Every key in one statement; "g-x" is refused."""
    good = [key for key in keys if key != "g-x"]
    if good:
        marks = ", ".join(["(?, ?)"] * len(good))
        execute(f"INSERT INTO meta (key, value) VALUES {marks}", [part for key in good for part in (key, "all")])
    return [Conflict("no", code="refused") if key == "g-x" else f"{key}!" for key in keys]


def test_what_one_function_does_for_all_is_asked_of_it_once(brand, hold):
    first, inside, go = hold
    calls: list[int] = []

    def many(keys):
        calls.append(len(keys))
        return note_all(keys)

    def take(key):
        with brand:
            return brand.group_many(many, key)

    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        asked = [pool.submit(take, key) for key in ("g-1", "g-x", "g-2", "g-3")]
        gathered(brand, 4)
        go.set()
        led.result(20)
        assert [asked[n].result(20) for n in (0, 2, 3)] == ["g-1!", "g-2!", "g-3!"]
        with pytest.raises(Conflict):
            asked[1].result(20)
    assert calls == [4]
    assert kept(brand) == ["g-0", "g-1", "g-2", "g-3"]


def test_where_doing_all_at_once_fails_each_is_done_by_itself(brand, hold):
    first, inside, go = hold
    with brand:
        note("g-2")

    def take(key):
        with brand:
            return brand.group_many(note_all, key)

    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        asked = [pool.submit(take, key) for key in ("g-1", "g-2", "g-3")]
        gathered(brand, 3)
        go.set()
        led.result(20)
        assert (asked[0].result(20), asked[2].result(20)) == ("g-1!", "g-3!")
        with pytest.raises(peewee.IntegrityError):
            asked[1].result(20)
    assert kept(brand) == ["g-0", "g-1", "g-2", "g-3"]


def test_alone_and_inside_a_transaction_one_item_is_many(brand):
    with brand:
        assert brand.group_many(note_all, "g-1") == "g-1!"
        with pytest.raises(Conflict):
            brand.group_many(note_all, "g-x")
        with brand.transaction():
            assert brand.group_many(note_all, "g-2") == "g-2!"
    assert kept(brand) == ["g-1", "g-2"]


def test_a_commit_of_unknown_outcome_is_done_by_nobody_again(brand, hold, monkeypatch):
    first, inside, go = hold
    runs: list[int] = []
    database = brand.handle.database
    original = database.commit

    def lost(*args, **kwargs):
        monkeypatch.setattr(database, "commit", original)
        original(*args, **kwargs)
        raise peewee.OperationalError("server closed the connection unexpectedly")

    def work(n):
        runs.append(n)
        return note(f"g-{n}")

    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        rest = [pool.submit(enter, brand, lambda n=n: work(n)) for n in (1, 2)]
        gathered(brand, 2)
        monkeypatch.setattr(database, "commit", lost)
        go.set()
        with pytest.raises(Busy):
            led.result(20)
        assert [each.result(20) for each in rest] == ["g-1", "g-2"]
    assert runs == [1, 2]
    assert kept(brand) == ["g-0", "g-1", "g-2"]


def test_what_ends_a_process_after_the_commit_makes_nobody_write_again(brand, hold, monkeypatch):
    first, inside, go = hold
    runs: list[int] = []
    database = brand.handle.database
    original = database.commit

    def ends(*args, **kwargs):
        original(*args, **kwargs)
        if runs:
            monkeypatch.setattr(database, "commit", original)
            raise SystemExit(3)

    def work(n):
        runs.append(n)
        return note(f"g-{n}")

    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        second = pool.submit(enter, brand, lambda: work(1))
        gathered(brand, 1)
        third = pool.submit(enter, brand, lambda: work(2))
        gathered(brand, 2)
        monkeypatch.setattr(database, "commit", ends)
        go.set()
        led.result(20)
        with pytest.raises(SystemExit):
            second.result(20)
        with pytest.raises(Busy, match="whether"):
            third.result(20)
    assert runs == [1, 2]
    assert kept(brand) == ["g-0", "g-1", "g-2"]
    assert enter(brand, lambda: note("g-3")) == "g-3"


@pytest.mark.parametrize("chosen", [False, True], ids=["waiting", "chosen to lead"])
def test_who_is_torn_away_while_it_waits_holds_up_nobody(brand, hold, monkeypatch, chosen):
    first, inside, go = hold
    runs: list[int] = []
    torn = threading.Event()

    def work(n):
        runs.append(n)
        return note(f"g-{n}")

    class Turn:
        """A turn whose wait a signal breaks off: at once, or in the moment in which the turn has come."""

        def __init__(self, lock):
            self.lock = lock

        def acquire(self):
            if chosen:
                self.lock.acquire()
            else:
                torn.wait(20)
            raise KeyboardInterrupt

        def release(self):
            self.lock.release()

    make = group._Work

    def torn_away():
        def made(*args):
            found = make(*args)
            found.turn = Turn(found.turn)
            return found

        monkeypatch.setattr(group, "_Work", made)
        try:
            return enter(brand, lambda: work(1))
        finally:
            torn.set()

    with ThreadPoolExecutor(8) as pool:
        led = pool.submit(enter, brand, first)
        assert inside.wait(20)
        away = pool.submit(torn_away)
        gathered(brand, 1)
        monkeypatch.setattr(group, "_Work", make)
        rest = pool.submit(enter, brand, lambda: work(2))
        gathered(brand, 2)
        if not chosen:
            torn.set()
            with pytest.raises(KeyboardInterrupt):
                away.result(20)
        go.set()
        led.result(20)
        with pytest.raises(KeyboardInterrupt):
            away.result(20)
        assert rest.result(20) == "g-2"
        assert pool.submit(enter, brand, lambda: work(3)).result(20) == "g-3"
    assert runs == [2, 3]
    assert kept(brand) == ["g-0", "g-2", "g-3"]


ROWS = """
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from scrm_core.db.bulk import execute

def run(brand, worker):
    def take(n):
        with brand:
            key = f"row-{(n * 7 + worker) % 4}"
            def work():
                execute("UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = ?", (key,))
            brand.group(work)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(100)))
    return brand.handle.engine
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_groups_of_several_processes_never_wait_for_each_others_rows(installation, brand, together):
    with brand:
        for n in range(4):
            execute("INSERT INTO meta (key, value) VALUES (?, '0')", (f"row-{n}",))
        (before,) = execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    together(installation, ROWS, 2)
    with brand:
        rows = execute("SELECT value FROM meta WHERE key LIKE 'row-_'").fetchall()
        assert sum(int(value) for (value,) in rows) == 200
        (after,) = execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert after == before


COUNT = """
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from scrm_core.db.bulk import execute

def run(brand, worker):
    def take(n):
        with brand:
            def work():
                changed = execute(
                    "UPDATE meta SET value = CAST(CAST(value AS BIGINT) - 1 AS TEXT) "
                    "WHERE key = 'stock' AND CAST(value AS BIGINT) > 0"
                ).rowcount
                if changed:
                    execute("INSERT INTO meta (key, value) VALUES (?, '')", (f"taken-{worker}-{n}",))
                return changed
            return brand.group(work)
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(take, range(40)))
"""


def test_processes_with_many_threads_never_take_more_than_there_is(installation, brand, together):
    with brand:
        execute("INSERT INTO meta (key, value) VALUES ('stock', '100')")
    assert sum(together(installation, COUNT, 3)) == 100
    with brand:
        assert execute("SELECT value FROM meta WHERE key = 'stock'").fetchone() == ("0",)
        assert execute("SELECT count(*) FROM meta WHERE key >= 'taken-' AND key < 'taken.'").fetchone() == (100,)
