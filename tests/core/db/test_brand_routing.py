"""A query goes to the entered brand's database, or nowhere."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrm_core.config import ProjectConfig
from scrm_core.db import brand_db, current_handle, in_brand, transactional
from scrm_core.db.bulk import execute, fetch_in, insert_model_rows, insert_returning, insert_rows
from scrm_core.db.faults import is_fault
from scrm_core.db.sqlite import SqliteEngine
from scrm_core.errors import Busy, CrossBrand, NoBrand
from scrm_core.models import CORE_MODELS, Contact, Meta, Segment


def put(key: str, value: str) -> None:
    Segment.create(name=key, expression=value, created_at=1, updated_at=1)


def keys() -> list[str]:
    return sorted(row.name for row in Segment.select())


@pytest.mark.parametrize("model", CORE_MODELS, ids=lambda m: m.__name__)
def test_no_model_can_be_read_or_written_outside_a_brand(model):
    with pytest.raises(NoBrand):
        list(model.select())
    with pytest.raises(NoBrand):
        model.delete().execute()
    with pytest.raises(NoBrand):
        model.select().count()


@given(
    action=st.sampled_from(
        [
            lambda: Meta.create(key="k", value="v"),
            lambda: Meta.update(value="x").execute(),
            lambda: Meta.get_or_none(Meta.key == "k"),
            lambda: brand_db.execute_sql("SELECT 1"),
            lambda: execute("SELECT 1"),
            lambda: insert_rows(Meta, ("key", "value"), [("k", "v")]),
            lambda: insert_model_rows(Meta, [{"key": "k", "value": "v"}]),
            lambda: fetch_in("SELECT key FROM meta WHERE key IN ({in})", ["k"]),
            lambda: brand_db.atomic().__enter__(),
            lambda: brand_db.connection(),
            lambda: transactional(lambda: 1)(),
        ]
    ),
    in_thread=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_query_runs_without_a_brand_not_even_in_a_thread_started_inside_one(tmp_path_factory, action, in_thread):
    if not in_thread:
        with pytest.raises(NoBrand):
            action()
        return
    caught: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as exc:
            caught.append(exc)

    engine = SqliteEngine(tmp_path_factory.mktemp("x"))
    engine.create("acme")
    with in_brand(engine.handle("acme")):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert [type(exc) for exc in caught] == [NoBrand]


def test_each_brand_sees_only_its_own_rows_under_interleaving_threads(installation):
    brands = [installation.brand("acme"), installation.brand("moonco")]
    rng = random.Random(7)
    plan = [(rng.choice(brands), f"k{i}") for i in range(240)]

    def write(step):
        target, key = step
        with target:
            with target.transaction():
                put(f"{target.id}-{key}", target.id)
            return all(found.startswith(target.id) for found in keys())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, plan))
    for target in brands:
        with target:
            assert keys() == sorted(f"{t.id}-{key}" for t, key in plan if t is target)


def test_touching_another_brand_inside_a_transaction_raises_and_nothing_is_written(brand, other):
    with brand, pytest.raises(CrossBrand), brand.transaction():
        put("mine", "1")
        with other:
            put("theirs", "1")
    with brand:
        assert keys() == []
    with other:
        assert keys() == []


def test_brands_nest_outside_transactions_and_leaving_returns_to_the_outer_one(brand, other):
    with brand:
        put("a", "1")
        with other:
            put("b", "1")
            assert current_handle().name == "moonco"
        assert current_handle().name == "acme"
        assert keys() == ["a"]


def test_a_failed_transaction_leaves_nothing_and_the_brand_usable(brand):
    with brand:
        with pytest.raises(ZeroDivisionError), brand.transaction():
            put("a", "1")
            raise ZeroDivisionError
        with brand.transaction():
            put("b", "1")
        assert keys() == ["b"]


def test_an_inner_transaction_rolls_back_alone(brand):
    with brand, brand.transaction():
        put("a", "1")
        with pytest.raises(ZeroDivisionError), brand.transaction():
            put("b", "1")
            raise ZeroDivisionError
        assert keys() == ["a"]


def test_a_deadlocked_function_is_run_again_with_fresh_reads(brand):
    attempts = []

    class Deadlock(Exception):
        sqlstate = "40P01"

    @transactional
    def flaky() -> int:
        attempts.append(1)
        put(f"try-{len(attempts)}", "1")
        if len(attempts) < 3:
            raise peewee.OperationalError("deadlock detected") from Deadlock()
        return len(attempts)

    with brand:
        assert flaky() == 3
        assert keys() == ["try-3"]


def test_a_hundred_brands_on_eight_threads_keep_few_files_open(tmp_path):
    engine = SqliteEngine(tmp_path, synchronous="NORMAL")
    names = [f"b{i}" for i in range(100)]
    for name in names:
        engine.create(name)
        with in_brand(engine.handle(name)):
            execute("CREATE TABLE note (text TEXT)")
    engine.close()
    ready = threading.Barrier(9)
    release = threading.Event()
    seen: dict[int, list[str]] = {}

    def visit(worker: int) -> None:
        mine = []
        for name in names:
            with in_brand(engine.handle(name)):
                execute("INSERT INTO note VALUES (?)", (f"{name}-{worker}",))
                mine += [row[0] for row in execute("SELECT text FROM note WHERE text = ?", (f"{name}-{worker}",))]
        seen[worker] = mine
        ready.wait(60)
        release.wait(60)
        engine.close()

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    files = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            files += str(tmp_path) in os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            continue
    release.set()
    for thread in threads:
        thread.join()
    assert files <= 400
    assert seen == {worker: [f"{name}-{worker}" for name in names] for worker in range(8)}


def files_open(folder):
    """Names of the databases below a folder that this process has open."""
    names = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if path.startswith(str(folder)) and path.endswith(".db"):
            names.add(os.path.basename(path)[:-3])
    return names


def test_one_thread_keeps_as_many_files_as_its_process_may_and_gives_back_what_another_needs(tmp_path):
    engine = SqliteEngine(tmp_path, keep=12)

    def visit(names):
        for name in names:
            engine.create(name)
            with in_brand(engine.handle(name)):
                execute("SELECT 1")

    visit("abcdefghijkl")
    assert files_open(tmp_path) == set("abcdefghijkl")
    visit("am")  # a was used last, b longest ago
    assert files_open(tmp_path) == set("acdefghijklm")
    with ThreadPoolExecutor(1) as other:
        other.submit(visit, "pqrst").result()
        assert files_open(tmp_path) == set("acdefghijklm") | set("st")  # nothing is left: it makes do with two
        visit("a")
        assert files_open(tmp_path) == set("ijklma") | set("st")  # half of twelve
        other.submit(visit, "uvwx").result()
        assert files_open(tmp_path) == set("ijklma") | set("stuvwx")
        other.submit(visit, "y").result()
        assert files_open(tmp_path) == set("ijklma") | set("tuvwxy")
        other.submit(engine.close).result()
    engine.close()
    assert files_open(tmp_path) == set()


def test_a_file_whose_rows_are_being_read_stays_open_while_others_are_opened(tmp_path):
    engine = SqliteEngine(tmp_path, keep=2)
    for name in "abcdefg":
        engine.create(name)
    with in_brand(engine.handle("a")):
        execute("CREATE TABLE note (text TEXT)")
        execute("INSERT INTO note VALUES ('x'), ('y'), ('z')")
    got = []
    with in_brand(engine.handle("a")):
        for (text,) in execute("SELECT text FROM note ORDER BY text"):
            got.append(text)
            for name in "bcdefg":
                with in_brand(engine.handle(name)):
                    execute("SELECT 1")
        assert files_open(tmp_path) == set("ag")
    assert got == ["x", "y", "z"]
    engine.close()


def test_threads_that_open_what_others_close_do_not_wait_for_each_other(tmp_path):
    engine = SqliteEngine(tmp_path, keep=2)
    for name in "abcd":
        engine.create(name)
    done = []

    def visit(names):
        for name in names * 150:
            with in_brand(engine.handle(name)):
                execute("SELECT 1")
        done.append(names)
        engine.close()

    threads = [threading.Thread(target=visit, args=(names,), daemon=True) for names in ("abcd", "dcba", "badc")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == ["abcd", "badc", "dcba"]


def test_a_missing_database_is_busy_not_an_empty_new_one(tmp_path):
    engine = SqliteEngine(tmp_path)
    with pytest.raises(Busy), in_brand(engine.handle("ghost")):
        execute("SELECT 1")
    assert not (tmp_path / "ghost.db").exists()


def test_bulk_writes_return_only_rows_really_inserted_and_keep_model_defaults(brand):
    with brand:
        rows = [("a", "x", 1, 1), ("b", "y", 1, 1)]
        columns = ("name", "expression", "created_at", "updated_at")
        first = insert_returning(Segment, columns, rows, returning=("name",), on_conflict="ON CONFLICT DO NOTHING")
        again = insert_returning(
            Segment, columns, [*rows, ("c", "z", 1, 1)], returning=("name",), on_conflict="ON CONFLICT DO NOTHING"
        )
        assert sorted(first) == [("a",), ("b",)]
        assert again == [("c",)]
        assert (
            insert_model_rows(Contact, [{"uid": f"u{i}", "created_at": i, "updated_at": i} for i in range(600)]) == 600
        )
        assert Contact.select().where(Contact.state == "active", Contact.money == 0).count() == 600
        assert len(fetch_in("SELECT uid FROM contact WHERE uid IN ({in})", [f"u{i}" for i in range(590, 700)])) == 10


def test_a_locked_database_is_busy_after_the_bounded_wait(tmp_path, monkeypatch):
    from scrm_core import limits
    from scrm_core.db import sqlite

    monkeypatch.setattr(sqlite, "LIMITS", limits.Limits(busy_ms=50))
    engine = SqliteEngine(tmp_path)
    engine.create("acme")
    handle = engine.handle("acme")
    with in_brand(handle):
        execute("CREATE TABLE note (text TEXT)")
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with in_brand(handle), brand_db.atomic():
            execute("INSERT INTO note VALUES ('held')")
            holding.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(30)
    try:
        with pytest.raises(Busy) as caught, in_brand(handle), brand_db.atomic():
            execute("INSERT INTO note VALUES ('late')")
        assert caught.value.status == 503
        with in_brand(handle):
            assert execute("SELECT count(*) FROM note").fetchone() == (0,)  # reads go on
    finally:
        release.set()
        thread.join()


def test_project_paths_of_sqlite_urls(tmp_path):
    assert ProjectConfig(root=tmp_path, database_url="sqlite:data").data_dir == tmp_path / "data"
    assert ProjectConfig(root=tmp_path, database_url=f"sqlite://{tmp_path}/else").data_dir == tmp_path / "else"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("words", ["the disk is full", "disk I/O error"])
def test_what_a_customer_wrote_is_no_fault_of_the_database(brand, other, words):
    """PostgreSQL's errors repeat the value that they are about."""
    with pytest.raises(peewee.DataError), other:
        execute("SELECT CAST(? AS text)::bigint", (words,))
    with brand:
        execute("INSERT INTO meta (key, value) VALUES (?, '')", (words,))
        with pytest.raises(peewee.IntegrityError) as told, brand.transaction():
            execute("INSERT INTO meta (key, value) VALUES (?, '')", (words,))
    assert not is_fault(told.value)


def test_a_transaction_in_which_another_was_left_open_is_undone_as_a_whole(brand, other):
    def note(key):
        execute("INSERT INTO meta (key, value) VALUES (?, '')", (key,))

    def notes():
        return [key for (key,) in execute("SELECT key FROM meta WHERE key LIKE 'n-_' ORDER BY key").fetchall()]

    with brand:
        with pytest.raises(RuntimeError, match="left open"), brand.transaction():
            note("n-1")
            held = brand.transaction()
            held.__enter__()
            note("n-2")
        assert notes() == []
        with brand.transaction():
            note("n-3")
            with pytest.raises(RuntimeError, match="left open"), brand.transaction():
                note("n-4")
                brand.transaction().__enter__()
            with pytest.raises(ZeroDivisionError), brand.transaction():
                note("n-5")
                brand.transaction().__enter__()
                raise ZeroDivisionError
            note("n-6")
        assert notes() == ["n-3", "n-6"]
        with pytest.raises(RuntimeError, match="left open"):
            brand.group(lambda: (note("n-7"), brand.transaction().__enter__()))
        with brand.transaction():
            note("n-8")
            held.__exit__(GeneratorExit, GeneratorExit(), None)  # collected late: its transaction is over
            note("n-9")
        assert notes() == ["n-3", "n-6", "n-8", "n-9"]
    with other:
        assert notes() == []


def test_a_thread_that_closes_its_connections_leaves_those_of_others_alone(brand, other):
    """Also the connection in the middle of another thread's transaction."""

    def elsewhere() -> None:
        with other:
            keys()
        other.installation.close()

    with brand, brand_db.atomic():
        put("a", "x")
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        put("b", "y")
    with brand:
        assert keys() == ["a", "b"]
