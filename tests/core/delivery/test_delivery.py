"""Events reach plugins exactly once; a bad event or plugin stops nobody else."""

from __future__ import annotations

import threading

import peewee as pw
import pytest

from scrm_core import eventlog
from scrm_core.api import BrandModel, OrderPaid, Plugin, TagAdded, hookimpl
from scrm_core.db import brand_db
from scrm_core.db.bulk import execute
from scrm_core.delivery import (
    RETRY_SECONDS,
    Delivery,
    Lease,
    discard,
    ensure_cursors,
    park_hung,
    parked_events,
    read_cursors,
    resume_plugin,
    retry_now,
)
from scrm_core.errors import Busy
from scrm_core.eventlog import NewEvent
from scrm_core.limits import LIMITS


class CounterSeen(BrandModel):
    """What a counting plugin wrote: one row per event and handler call."""

    id = pw.BigAutoField()
    plugin = pw.TextField()
    event_id = pw.BigIntegerField()

    class Meta:
        table_name = "counter_seen"


class Counting(Plugin):
    """Writes a row per order; what it does on top is set by a test."""

    behaviour = staticmethod(lambda plugin, event: None)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        CounterSeen.create(plugin=self.name, event_id=event.event_id)
        type(self).behaviour(self, event)


def counting(plugin_name: str, behaviour=lambda plugin, event: None) -> type[Plugin]:
    return type(
        "Counting_" + plugin_name.replace("-", "_"),
        (Counting,),
        {
            "name": plugin_name,
            "version": "1",
            "summary": "counts orders",
            "requires_core": ">=0.0",
            "behaviour": staticmethod(behaviour),
        },
    )


def orders(count: int, *, first: int = 0, backfill: bool = False) -> list[NewEvent]:
    return [
        NewEvent(
            "order.paid",
            None,
            1_000 + n,
            {"order_id": n, "source": "shop", "number": f"N{n}", "paid_minor": 100, "lines": [["sku", 1, 100, 0]]},
            backfill,
        )
        for n in range(first, first + count)
    ]


@pytest.fixture
def start(new_installation):
    """Start acme with the given plugin classes switched on, moonco without; returns acme."""

    def make(*classes: type[Plugin], history: bool = False):
        tables = "".join(f"[plugins.{c.name}]\n" + ("history = true\n" if history else "") for c in classes)
        brand = new_installation(plugins=classes, acme=tables + "\n[rfm]\ncount_zero_orders = false\n").brand("acme")
        for each in (brand, brand.installation.brand("moonco")):
            with each:
                CounterSeen.create_table()
        return brand

    return make


def append(brand, events: list[NewEvent]) -> None:
    with brand, brand.transaction():
        eventlog.append(events, recorded_at=brand.now())


def seen(brand, plugin: str) -> list[int]:
    with brand:
        rows = execute("SELECT event_id FROM counter_seen WHERE plugin = ? ORDER BY event_id", (plugin,))
        return [row[0] for row in rows.fetchall()]


def ids(brand) -> list[int]:
    with brand:
        return [row[0] for row in execute("SELECT id FROM event ORDER BY id").fetchall()]


def park_behind(brand, plugin: str, event_id: int) -> None:
    """As a move between engines parks what a plugin has not seen of the events before its place."""
    execute(
        "INSERT INTO parked (plugin, event_id, attempts, state, next_at, error, traceback, created_at, updated_at) "
        "VALUES (?, ?, 0, 'retry', 0, '', '', 0, 0)",
        (plugin, event_id),
    )


def test_every_enabled_plugin_sees_each_event_once_and_the_other_brand_none(start):
    brand = start(*(counting(f"count-{n}") for n in range(6)))
    append(brand, orders(603))
    moonco = brand.installation.brand("moonco")
    append(moonco, orders(5))
    with brand:
        Delivery(brand).drain()
        Delivery(brand).drain()
    with moonco:
        Delivery(moonco).drain()
        assert read_cursors() == []
        assert execute("SELECT count(*) FROM counter_seen").fetchone() == (0,)
    for n in range(6):
        assert seen(brand, f"count-{n}") == ids(brand)


def test_facts_carry_typed_values(start):
    got: list[OrderPaid] = []
    brand = start(counting("typed", lambda plugin, event: got.append(event)))
    append(brand, orders(1))
    with brand:
        Delivery(brand).drain()
    (fact,) = got
    assert (fact.number, fact.paid_minor, fact.at, fact.backfill, fact.contact_id) == ("N0", 100, 1_000, False, None)
    assert fact.lines[0].sku == "sku" and fact.lines[0].gift is False
    with pytest.raises(AttributeError):
        fact.number = "other"


def test_a_later_version_s_extra_field_does_not_break_an_older_reader(start):
    got: list[OrderPaid] = []
    brand = start(counting("typed", lambda plugin, event: got.append(event)))
    (event,) = orders(1)
    event.data["field_of_the_future"] = 1
    tag = NewEvent("tag.added", None, 1, {"tag_id": 1, "group": "g", "tag": "t", "origin": "auto", "novel": 2})
    append(brand, [event, tag])
    with brand:
        Delivery(brand).drain()
        assert [e.fact and type(e.fact) for e in eventlog.read(eventlog.START, 10)] == [OrderPaid, TagAdded]
    assert [fact.number for fact in got] == ["N0"]


@pytest.mark.parametrize("raised", [ValueError("bad"), SystemExit(3), KeyboardInterrupt(), RecursionError("deep")])
def test_the_one_event_that_raises_is_parked_and_all_others_go_through(start, raised):
    def behaviour(plugin, event):
        if event.number == "N520":
            raise raised

    brand = start(counting("fussy", behaviour), counting("calm"))
    append(brand, orders(560))
    bad = ids(brand)[520]
    with brand:
        Delivery(brand).drain()
        (parked,) = parked_events()
        assert (parked.plugin, parked.event_id, parked.attempts, parked.state) == ("fussy", bad, 1, "retry")
        assert type(raised).__name__ in parked.error and "behaviour" in parked.traceback
    assert seen(brand, "fussy") == [i for i in ids(brand) if i != bad]
    assert seen(brand, "calm") == ids(brand)


def test_what_a_failing_handler_wrote_is_rolled_back_with_it(start):
    def behaviour(plugin, event):
        if event.number == "N1":
            with brand_db.atomic():
                CounterSeen.create(plugin="half", event_id=event.event_id)
            raise ValueError

    brand = start(counting("fussy", behaviour))
    append(brand, orders(3))
    with brand:
        Delivery(brand).drain()
    assert seen(brand, "half") == []


def test_a_parked_event_is_retried_when_due_and_its_effect_happens_once(start, clock):
    broken = [True]

    def behaviour(plugin, event):
        if broken[0] and event.number == "N2":
            raise ValueError("not yet")

    brand = start(counting("fussy", behaviour))
    append(brand, orders(4))
    with brand:
        delivery = Delivery(brand)
        delivery.drain()
        assert delivery.step().retried == 0
        clock.advance(seconds=RETRY_SECONDS[0])
        assert delivery.step().retried == 0  # tried and failed again
        assert parked_events()[0].attempts == 2
        broken[0] = False
        clock.advance(seconds=RETRY_SECONDS[0])
        assert delivery.step().retried == 0  # the pause has grown
        clock.advance(seconds=RETRY_SECONDS[1])
        assert delivery.step().retried == 1
        assert delivery.step().retried == 0
        assert parked_events() == []
    assert seen(brand, "fussy") == ids(brand)


def test_a_poison_event_is_held_after_its_attempts_and_can_be_retried_or_discarded_by_hand(start, clock):
    poison = [True]

    def behaviour(plugin, event):
        if poison[0] and event.number == "N0":
            raise ValueError("poison")

    brand = start(counting("fussy", behaviour))
    append(brand, orders(2))
    with brand:
        delivery = Delivery(brand)
        for _ in range(LIMITS.park_attempts + 3):
            delivery.drain()
            clock.advance(days=1)
        (parked,) = parked_events()
        assert (parked.state, parked.attempts) == ("held", LIMITS.park_attempts)
        poison[0] = False
        assert retry_now(brand, "fussy", [parked.event_id]) == 1
        delivery.drain()
        assert parked_events() == []
        park_behind(brand, "fussy", parked.event_id)
        assert discard("fussy", [parked.event_id]) == 1
        assert parked_events() == []
    assert seen(brand, "fussy") == ids(brand)


def test_failures_in_a_row_pause_the_plugin_and_resume_continues_from_its_cursor(start):
    broken = [True]

    def behaviour(plugin, event):
        if broken[0]:
            raise ValueError("all broken")

    brand = start(counting("broken", behaviour), counting("calm"))
    append(brand, orders(50))
    with brand:
        delivery = Delivery(brand)
        delivery.drain()
        states = {cursor.plugin: cursor for cursor in read_cursors()}
        assert states["broken"].state == "paused" and "all broken" in states["broken"].reason
        assert len(parked_events("broken")) == LIMITS.breaker_failures
        broken[0] = False
        delivery.drain()
        assert len(parked_events("broken")) == LIMITS.breaker_failures
        resume_plugin(brand, "broken")
        delivery.drain()
        retry_now(brand, "broken", [p.event_id for p in parked_events("broken")])
        delivery.drain()
    assert seen(brand, "broken") == ids(brand)
    assert seen(brand, "calm") == ids(brand)


def test_a_success_between_failures_keeps_the_breaker_closed(start):
    def behaviour(plugin, event):
        if event.order_id % 2:
            raise ValueError("odd")

    brand = start(counting("fussy", behaviour))
    append(brand, orders(30))
    with brand:
        Delivery(brand).drain()
        assert [cursor.state for cursor in read_cursors()] == ["active"]
        assert len(parked_events()) == 15


def test_writing_that_fails_only_when_flushed_is_traced_to_its_event(start):
    def flusher(rows):
        for row in rows:
            execute("INSERT INTO counter_seen (plugin, event_id) VALUES (?, ?)", ("late", row))
            if row == target[0]:
                raise ValueError("cannot be written")

    def behaviour(plugin, event):
        from scrm_core.db import buffered

        assert buffered(flusher, event.event_id, event.event_id)

    target = [0]
    brand = start(counting("buffering", behaviour))
    append(brand, orders(300))
    target[0] = ids(brand)[123]
    with brand:
        Delivery(brand).drain()
        assert [p.event_id for p in parked_events()] == [target[0]]
    assert seen(brand, "late") == [i for i in ids(brand) if i != target[0]]
    assert seen(brand, "buffering") == seen(brand, "late")


def test_a_handler_that_leaves_a_transaction_open_is_parked_and_the_next_event_is_sound(start):
    def behaviour(plugin, event):
        if event.number == "N1":
            brand_db.atomic().__enter__()
            CounterSeen.create(plugin="leak", event_id=event.event_id)

    brand = start(counting("leaky", behaviour))
    append(brand, orders(4))
    with brand:
        Delivery(brand).drain()
        assert [p.event_id for p in parked_events()] == [ids(brand)[1]]
        with brand.transaction():
            CounterSeen.create(plugin="after", event_id=1)
    assert seen(brand, "leak") == []
    assert seen(brand, "after") == [1]
    assert len(seen(brand, "leaky")) == 3


def test_backfilled_events_reach_only_hooks_that_asked_for_history(start):
    class Historian(Plugin):
        name = "historian"
        version = "1"
        summary = "asks for history"
        requires_core = ">=0.0"

        @hookimpl(backfill=True)
        def on_order(self, event: OrderPaid) -> None:
            CounterSeen.create(plugin=self.name, event_id=event.event_id)

    brand = start(counting("live"), Historian)
    append(brand, orders(3, backfill=True) + orders(2, first=3))
    with brand:
        Delivery(brand).drain()
    assert seen(brand, "historian") == ids(brand)
    assert seen(brand, "live") == ids(brand)[3:]


def test_a_plugin_switched_on_later_starts_at_now_unless_it_asks_for_history(new_installation):
    late, historic = counting("late"), counting("historic")
    installation = new_installation(plugins=(late, historic), acme="\n[rfm]\n")
    brand = installation.brand("acme")
    with brand:
        CounterSeen.create_table()
    append(brand, orders(3))
    path = brand.config.path
    path.write_text(path.read_text() + "[plugins.late]\n[plugins.historic]\nhistory = true\n")
    brand = installation.brand("acme")
    append(brand, orders(2, first=3))
    with brand:
        Delivery(brand).drain()
    assert seen(brand, "late") == ids(brand)[3:]
    assert seen(brand, "historic") == ids(brand)


def test_two_workers_on_the_same_batch_commit_it_once(start):
    brand = start(counting("calm"))
    append(brand, orders(20))
    with brand:
        first, second = Delivery(brand), Delivery(brand)
        # The second worker delivers everything while the first is inside its handlers.
        original = eventlog.read_batch
        calls = []

        def read_then_be_overtaken(*args):
            events = original(*args)
            if not calls:
                calls.append(1)
                second.drain()
            return events

        eventlog.read_batch = read_then_be_overtaken
        try:
            first.drain()
        finally:
            eventlog.read_batch = original
        assert parked_events() == []
    assert seen(brand, "calm") == ids(brand)


def test_a_lease_keeps_a_second_worker_off_until_it_runs_out(start, clock):
    brand = start(counting("calm"))
    with brand:
        one, two = Lease(brand, "one"), Lease(brand, "two")
        assert one.plugins() == {"calm"}
        assert two.plugins() == frozenset()
        clock.advance(seconds=61)
        assert Lease(brand, "three").plugins() == {"calm"}
        clock.advance(hours=-1)
        assert Lease(brand, "four").plugins() == {"calm"}  # a lease from the future holds nobody off


def test_an_event_parked_beforehand_because_its_handler_hung_is_passed_by(start):
    brand = start(counting("calm"))
    append(brand, orders(5))
    hung = ids(brand)[2]
    with brand:
        park_hung(brand, "calm", hung, 30)
        Delivery(brand).drain()
        (parked,) = parked_events()
        assert parked.event_id == hung and "30 s" in parked.error
    assert seen(brand, "calm") == [i for i in ids(brand) if i != hung]


def test_an_event_that_another_worker_handled_after_its_handler_hung_is_not_handed_out_again(start, clock):
    brand = start(counting("calm"))
    append(brand, orders(3))
    with brand:
        Delivery(brand).drain()  # whoever took over at once, before the note of the ended process is read
        park_hung(brand, "calm", ids(brand)[1], 30)
        clock.advance(seconds=RETRY_SECONDS[0])
        Delivery(brand).drain()
        assert parked_events() == [] and read_cursors()[0].failures == 0
    assert seen(brand, "calm") == ids(brand)


@pytest.mark.parametrize("writes", [True, False])
def test_an_event_that_is_parked_while_another_worker_handles_it_is_handled_once(start, clock, writes):
    handled: list[int] = []

    def on_order(self, event):
        if not handled:

            def park() -> None:
                with brand:
                    park_hung(brand, "late", event.event_id, 30)

            thread = threading.Thread(target=park)
            thread.start()
            thread.join()
        handled.append(event.event_id)
        if writes:
            CounterSeen.create(plugin="late", event_id=event.event_id)

    kind = type("Late", (counting("late"),), {"name": "late", "on_order": hookimpl(on_order)})
    brand = start(kind)
    append(brand, orders(1))
    with brand:
        Delivery(brand).drain()
        assert seen(brand, "late") == []
        clock.advance(seconds=RETRY_SECONDS[0])
        Delivery(brand).drain()
        assert parked_events() == []
    assert len(handled) == 2  # the first time was undone
    assert seen(brand, "late") == ids(brand) * writes


def test_a_plugin_that_only_computes_takes_no_lock_and_its_cursor_still_moves(start, engine):
    depths = []

    class Computing(Plugin):
        name = "computing"
        version = "1"
        summary = "computes"
        requires_core = ">=0.0"

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            CounterSeen.select().count()
            if engine == "sqlite":
                depths.append(brand_db.connection().in_transaction)

    brand = start(Computing)
    append(brand, orders(3))
    with brand:
        Delivery(brand).drain()
        assert read_cursors()[0].position.event_id == ids(brand)[-1]
    assert not any(depths)


def test_a_handler_reads_what_it_wrote_through_services_before(start):
    counts = []

    def flusher(rows):
        for row in rows:
            execute("INSERT INTO counter_seen (plugin, event_id) VALUES ('buffered', ?)", (row,))

    def behaviour(plugin, event):
        from scrm_core.db import buffered

        buffered(flusher, event.event_id, event.event_id)
        counts.append(CounterSeen.select().where(CounterSeen.plugin == "buffered").count())

    brand = start(counting("reader", behaviour))
    append(brand, orders(3))
    with brand:
        Delivery(brand).drain()
    assert counts == [1, 2, 3]


def test_ensuring_cursors_twice_keeps_them(start):
    brand = start(counting("calm"))
    append(brand, orders(3))
    with brand:
        Delivery(brand).drain()
        before = read_cursors()
        ensure_cursors(brand)
        assert read_cursors() == before


def test_a_computing_plugin_that_fails_in_the_middle_of_a_batch_parks_that_event_and_sees_all_others(start):
    calls: list[int] = []

    class Computing(Plugin):
        name = "computing"
        version = "1"
        summary = "computes"
        requires_core = ">=0.0"

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            if event.number == "N3":
                raise ValueError("bad")
            calls.append(event.event_id)

    brand = start(Computing)
    append(brand, orders(8))
    bad = ids(brand)[3]
    with brand:
        Delivery(brand).drain()
        assert [p.event_id for p in parked_events()] == [bad]
    assert set(calls) == set(ids(brand)) - {bad}


def test_what_is_kept_of_a_failure_shows_no_phone(start):
    def behaviour(plugin, event):
        raise ValueError("cannot call 13812345678")

    brand = start(counting("leaky", behaviour))
    append(brand, orders(1))
    with brand:
        Delivery(brand).drain()
        (parked,) = parked_events()
    assert "13812345678" not in parked.error + parked.traceback
    assert "138****5678" in parked.error


def test_a_plugin_that_meets_a_busy_database_holds_up_no_other_plugins_retries(start, clock):
    broken = [ValueError("not yet")]

    def stuck(plugin, event):
        raise broken[0]

    def once(plugin, event):
        if not tries:
            tries.append(event.event_id)
            raise ValueError

    tries: list[int] = []
    brand = start(counting("a-stuck", stuck), counting("calm", once))
    append(brand, orders(1))
    with brand:
        Delivery(brand).drain()
        assert {parked.plugin for parked in parked_events()} == {"a-stuck", "calm"}
        broken[0] = Busy("somebody else's database is away")
        clock.advance(seconds=RETRY_SECONDS[0])
        step = Delivery(brand).step()
        assert step.retried == 1 and [error.split(":")[0] for error in step.errors] == ["a-stuck"]
        assert [(parked.plugin, parked.attempts) for parked in parked_events()] == [("a-stuck", 1)]
    assert seen(brand, "calm") == ids(brand)


def test_a_parked_event_of_the_past_is_not_handed_to_a_plugin_that_wants_no_history(start, clock):
    brand = start(counting("present"))
    append(brand, orders(1, backfill=True))
    with brand:
        Delivery(brand).drain()
        park_behind(brand, "present", ids(brand)[0])
        clock.advance(seconds=RETRY_SECONDS[0])
        assert Delivery(brand).drain().retried == 0
        assert parked_events() == []
    assert seen(brand, "present") == []
