"""BEGIN and SAVEPOINT travel with the statement behind them: whatever goes wrong there costs what it cost before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import peewee
import psycopg
import pytest

from scrm_core.db.bulk import execute, fetch_in
from scrm_core.db.postgres import BrandPostgres
from scrm_core.db.router import brand_db, transactional
from scrm_core.errors import Busy, ScrmError
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000
pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
# Parsed well, fails when it runs; and one that cannot be parsed.
FAILS, BROKEN = "SELECT 1 / length(value) FROM meta WHERE key IN ({in})", "SELEC key FROM meta WHERE key IN ({in})"


@pytest.fixture(params=[False, True], ids=["plain", "pooler"])
def acme(request, installation, clock) -> Iterator:
    """Brand acme, reached directly and as through a transaction pooler."""
    pooled = Installation(replace(installation.config, transaction_pooler=request.param), clock=clock)
    try:
        yield pooled.brand("acme")
    finally:
        pooled.close()


def note(key, value="x"):
    execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
    return key


def kept(brand):
    with brand:
        return sorted(row[0] for row in execute("SELECT key FROM meta WHERE key LIKE ?", ("g-%",)).fetchall())


def lead(n, at=NOON):
    return LeadIn("form", (IdentityIn.of("phone", f"138{n:08d}"),), at, reference=f"k{n}", name="王小明")


def stored(brand):
    """What the tables hold of leads: each of it once per lead, or nothing."""
    with brand:
        return [
            execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("contact", "identity", "touch", "event")
        ]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(("sql", "value"), [(FAILS, "g-0"), (BROKEN, "g-0"), (BROKEN, "g-王")])
def test_what_fails_first_in_a_savepoint_costs_that_savepoint_alone(acme, sql, value, times):
    with acme:
        note("g-0", "")
        for turn in range(times):  # a statement that was seen before travels with what waits
            with brand_db.atomic():
                note(f"g-1{turn}")
                with pytest.raises(peewee.DatabaseError), brand_db.atomic(), brand_db.atomic():
                    fetch_in(sql, [value])
                with pytest.raises(peewee.DatabaseError), brand_db.atomic():
                    note(f"g-2{turn}")
                    with brand_db.atomic():
                        note(f"g-3{turn}")
                    with brand_db.atomic():
                        fetch_in(sql, [value])
                with brand_db.atomic(), brand_db.atomic():
                    assert fetch_in("SELECT key FROM meta WHERE key IN ({in})", [f"g-1{turn}"]) == [(f"g-1{turn}",)]
                with brand_db.atomic():
                    note(f"g-4{turn}")
    assert kept(acme) == sorted(["g-0", *(f"g-{n}{turn}" for n in (1, 4) for turn in range(times))])


def test_savepoints_in_which_nothing_happens_leave_those_around_them_as_they_were(acme):
    with acme:
        with brand_db.atomic():
            with brand_db.atomic(), brand_db.atomic():
                pass
            note("g-1")
            with pytest.raises(KeyError), brand_db.atomic():
                note("g-2")
                with brand_db.atomic():
                    pass
                with pytest.raises(ValueError), brand_db.atomic():
                    raise ValueError
                raise KeyError
            with brand_db.atomic():
                note("g-3")
            with pytest.raises(ValueError), brand_db.atomic():
                raise ValueError
        with brand_db.atomic():
            pass
    assert kept(acme) == ["g-1", "g-3"]


def test_a_transaction_in_which_a_failure_was_passed_over_is_not_told_as_kept(acme):
    with acme, pytest.raises(peewee.InternalError, match="undone"), brand_db.atomic():
        note("g-1")
        with pytest.raises(peewee.IntegrityError):
            note("g-1")
    assert kept(acme) == []
    with acme:
        note("g-2")
    assert kept(acme) == ["g-2"]


def test_who_passes_over_a_failure_in_a_group_costs_nobody_else(acme):
    def many(keys):
        for key in keys:
            if key == "g-x":
                try:
                    execute("SELECT 1 / 0")
                except peewee.DatabaseError:
                    continue
            note(key)
        return keys

    with acme:
        answers = acme.group_each(many, ["g-1", "g-x", "g-2"])
    assert [answers[0], answers[2]] == ["g-1", "g-2"]
    assert isinstance(answers[1], Exception)
    assert kept(acme) == ["g-1", "g-2"]


def test_an_event_that_the_database_refuses_takes_its_lead_along_and_no_other(acme):
    with acme:
        execute("CREATE UNIQUE INDEX event_of_the_test ON event (at) WHERE at = 7")
    try:
        with acme:
            many = acme.contacts.capture_leads
            answers = acme.group_each(many, [lead(1), lead(2, at=7), lead(3, at=7), lead(4)])
        refused = [place for place, answer in enumerate(answers) if isinstance(answer, Exception)]
        assert refused == [2]
        assert stored(acme) == [3, 3, 3, 3]
        with acme:
            found = execute("SELECT key FROM touch ORDER BY key").fetchall()
        assert found == [("lead:form:k1",), ("lead:form:k2",), ("lead:form:k4",)]
    finally:
        with acme:
            execute("DROP INDEX event_of_the_test")


@pytest.mark.parametrize("size", [1, 3])
def test_a_connection_ended_at_any_statement_leaves_all_or_nothing_of_a_lot(acme, postgres_url, monkeypatch, size):
    left = [0]

    def ends_at_last(database, call, *args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            pid = database._state.conn.info.backend_pid
            with psycopg.connect(postgres_url, autocommit=True) as admin:
                assert admin.execute("SELECT pg_terminate_backend(%s, 20000)", (pid,)).fetchone() == (True,)
        return call(database, *args, **kwargs)

    for name in ("cursor", "commit"):
        original = getattr(BrandPostgres, name)
        monkeypatch.setattr(
            BrandPostgres, name, lambda self, *args, call=original, **kw: ends_at_last(self, call, *args, **kw)
        )
    answered = ended = 0
    for place in range(1, 40):
        leads = [lead(100 * place + n) for n in range(size)]
        left[0] = 0
        with acme:
            execute("SELECT 1")  # connected
            left[0] = place
            answers = acme.group_each(acme.contacts.capture_leads, leads)
            over, left[0] = left[0] > 0, 0
        wrong = [answer for answer in answers if isinstance(answer, Exception)]
        assert all(isinstance(answer, Busy) for answer in wrong), wrong
        answered += size - len(wrong)
        ended += len(wrong)
        assert stored(acme) == [answered] * 4, place
        if over:
            break
    else:
        raise AssertionError("a lot has no end of statements")
    assert ended >= size and answered >= size


def test_works_that_wait_for_each_others_rows_are_run_again_whole(acme):
    both = threading.Barrier(2, timeout=20)
    with acme:
        for key in ("g-1", "g-2"):
            note(key)
    met = []

    def take(first, second):
        @transactional
        def work():
            with brand_db.atomic():
                fetch_in("SELECT key FROM meta WHERE key IN ({in}) FOR UPDATE", [first])
            if len(met) < 2:
                met.append(first)
                both.wait()
            with brand_db.atomic():
                fetch_in("SELECT key FROM meta WHERE key IN ({in}) FOR UPDATE", [second])
            note(f"{first}-{second}")

        with acme:
            work()

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(take, "g-1", "g-2"), pool.submit(take, "g-2", "g-1")]
        assert [each.result(30) for each in done] == [None, None]
    assert kept(acme) == ["g-1", "g-1-g-2", "g-2", "g-2-g-1"]


def test_a_group_that_cannot_be_alone_is_told_so_and_has_done_nothing(acme, postgres_url, monkeypatch):
    with psycopg.connect(postgres_url) as holder, acme:
        holder.execute("SELECT pg_advisory_xact_lock(hashtext('scrm group'), hashtext(%s))", (acme.handle.schema,))
        execute("SELECT 1")
        brand_db.execute_sql("SET lock_timeout = 200")
        try:
            answers = acme.group_each(lambda keys: [note(key) for key in keys], ["g-1", "g-2"])
        finally:
            brand_db.execute_sql("RESET lock_timeout")
        # Together they were too late; alone nobody needs the lock.
        assert [isinstance(answer, ScrmError) or answer for answer in answers] == ["g-1", "g-2"]
    assert kept(acme) == ["g-1", "g-2"]
