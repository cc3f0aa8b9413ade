"""What a handler locks is held until its writes are kept, and what it buffered is there when it is looked at."""

from __future__ import annotations

import pytest

from scrm_core.api import Plugin, buffered, execute, hookimpl
from scrm_core.delivery import Delivery, parked_events
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000


class Busybody(Plugin):
    """Does what a test says with each lead."""

    name = "busybody"
    version = "1"
    summary = "does what a test says"
    requires_core = ">=0.0"

    @hookimpl
    def on_lead(self, event):
        self.work(self.brand, event)


@pytest.fixture
def work(new_installation):
    """A function that has a plugin of acme do something with two leads, and tells what is kept in both brands."""

    def run(do):
        kind = type("Busybody", (Busybody,), {"work": staticmethod(do)})
        brand = new_installation(plugins=[kind], acme="[plugins.busybody]\n").brand("acme")
        with brand:
            for n in (1, 2):
                brand.contacts.capture_lead(LeadIn("form", (IdentityIn.of("phone", f"1380013800{n}"),), NOON, f"k{n}"))
            Delivery(brand).drain()
            assert parked_events() == []
        return [notes(brand), notes(brand.installation.brand("moonco"))]

    return run


def notes(brand):
    with brand:
        return [key for (key,) in execute("SELECT key FROM meta WHERE substr(key, 1, 2) = 'n-' ORDER BY key").fetchall()]


def write(rows):
    for row in rows:
        execute("INSERT INTO meta (key, value) VALUES (?, '')", (row,))


def note(key):
    assert buffered(write, key, key)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "locking",
    [
        "SELECT id FROM contact FOR SHARE",
        "SELECT id FROM contact ORDER BY id FOR NO KEY UPDATE",
        "SELECT id FROM contact FOR UPDATE",
        "select id from contact\nfor key share",
        "SELECT pg_advisory_xact_lock(hashtext('tea'))",
        "SELECT pg_advisory_xact_lock_shared(hashtext('tea'))",
    ],
)
def test_a_lock_that_a_handler_takes_first_is_held_while_it_goes_on(work, locking):
    held = []

    def do(brand, event):
        execute(locking)
        mine = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND ("
        mine += "locktype = 'advisory' OR mode = 'RowShareLock' AND relation = 'contact'::regclass)"
        held.append(execute(mine).fetchone()[0])

    work(do)
    assert held == [1, 1]


@pytest.mark.parametrize(
    "reading",
    [
        "SELECT count(*) FROM meta WHERE substr(key, 1, 2) = 'n-'",
        "\n    SELECT count(*)\n    FROM meta WHERE substr(key, 1, 2) = 'n-'",
        "WITH noted AS (SELECT key FROM meta WHERE substr(key, 1, 2) = 'n-') SELECT count(*) FROM noted",
        "-- how many\nselect count(*) from meta where substr(key, 1, 2) = 'n-'",
    ],
)
def test_a_handler_sees_what_it_buffered_however_it_asks(work, reading):
    counts = []

    def do(brand, event):
        note(f"n-{event.event_id}")
        counts.append(execute(reading).fetchone()[0])

    assert len(work(do)[0]) == 2
    assert counts == [1, 2]


def test_a_handler_changes_and_removes_what_it_buffered(work):
    def do(brand, event):
        note(f"n-{event.event_id}-a")
        note(f"n-{event.event_id}-b")
        assert execute("UPDATE meta SET value = 'x' WHERE key = ?", (f"n-{event.event_id}-a",)).rowcount == 1
        assert execute("DELETE FROM meta WHERE key = ?", (f"n-{event.event_id}-b",)).rowcount == 1

    acme, moonco = work(do)
    assert len(acme) == 2 and all(key.endswith("-a") for key in acme)
    assert moonco == []


@pytest.mark.parametrize("look", [True, False])
def test_a_part_that_is_undone_takes_what_was_buffered_in_it_and_nothing_else(work, look):
    def do(brand, event):
        note(f"n-{event.event_id}-before")
        with pytest.raises(ZeroDivisionError), brand.transaction():
            note(f"n-{event.event_id}-undone")
            with brand.transaction():
                note(f"n-{event.event_id}-inner")
            if look:
                notes(brand)
            raise ZeroDivisionError
        with brand.transaction():
            note(f"n-{event.event_id}-kept")
            with pytest.raises(ZeroDivisionError), brand.transaction():
                note(f"n-{event.event_id}-lost")
                raise ZeroDivisionError
        note(f"n-{event.event_id}-after")

    acme, moonco = work(do)
    assert [key.split("-")[2] for key in acme] == ["after", "before", "kept"] * 2
    assert moonco == []
