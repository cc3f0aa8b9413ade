"""Plugins that misbehave in every way, in real workers and webs: the others and the core go on, and nothing is lost."""

from __future__ import annotations

import sys
import time

import pytest
from grounds import Api, Grounds, Process, until
from ports import free_port

from scrm_core.worker import EXIT_HUNG

SEEN = '''
import peewee as pw
from scrm_core.api import BrandModel, Job, Plugin, Sender, hookimpl


class Seen(BrandModel):
    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()

    class Meta:
        table_name = "{table}_seen"


class Counting(Plugin):
    name, version, summary, requires_core = "{name}", "1", "counts leads", ">=0.0"
    models = (Seen,)
    migrations = "migrations"

    @hookimpl
    def on_lead(self, event):
        {before}
        Seen.create(event_id=event.event_id)
{more}
'''


def counting(name: str, before: str = "pass", more: str = "") -> str:
    return SEEN.format(name=name, table=name.replace("-", "_"), before=before, more=more)


# ``scrm worker`` with limits of a test's.
LIMITED = """
import runpy, sys
from scrm_core import limits

for each in sys.argv[1:]:
    name, _, value = each.partition("=")
    object.__setattr__(limits.LIMITS, name, int(value))
sys.argv[1:] = ["worker"]
runpy.run_module("scrm_core.cli", run_name="__main__")
"""


def limited_worker(there: Grounds, **limits: int) -> Process:
    started = Process(
        [sys.executable, "-c", LIMITED, *(f"{name}={value}" for name, value in limits.items())],
        there.root,
        there.logs / "limited",
    )
    there.keep(started)
    return started


def leads(there: Grounds, count: int, first: int = 0) -> None:
    from scrm_core.services.contacts import IdentityIn, LeadIn

    with there.brand as brand:
        for number in range(first, first + count):
            identity = IdentityIn.of("openid", f"person-{number}", "shop")
            brand.contacts.capture_lead(LeadIn("form", (identity,), brand.now(), str(number)))


def seen(there: Grounds, name: str) -> list[int]:
    table = name.replace("-", "_")
    return sorted(number for (number,) in there.rows(f"SELECT event_id FROM {table}_seen"))


def events(there: Grounds) -> list[int]:
    return [number for (number,) in there.rows("SELECT id FROM event WHERE type = 'lead.captured' ORDER BY id")]


def test_fifty_plugins_of_which_some_misbehave_and_the_others_see_every_event_once(grounds):
    number = "int(event.lead.partition(':')[2])"
    bad = {
        "always": "raise ValueError('never works')",
        "sometimes": f"if {number} % 5 == 1: raise KeyError('now and then')",
        "exits": f"if {number} == 3: import sys; sys.exit(3)",
        "interrupts": f"if {number} == 4: raise KeyboardInterrupt",
        "endless": "f = lambda: f(); f()",
        "opens": f"if {number} == 5: self.brand.transaction().__enter__()",
        "threads": "import threading; threading.Thread(target=threading.Event().wait).start()",
        "poisoned": f"if {number} == 7: raise ValueError(event.lead)",
    }
    good = [f"good-{n}" for n in range(42)]
    there = grounds(plugins={**{name: counting(name, line) for name, line in bad.items()}, **{n: counting(n) for n in good}})
    assert len(there.brand.plugins) == 50
    leads(there, 12)
    wanted = events(there)
    worker = there.worker()
    until(lambda: worker.running and all(seen(there, name) == wanted for name in good), "the good ones do not get all")

    def parked(name: str) -> int:
        return there.one("SELECT count(*) FROM parked WHERE plugin = ?", name)

    until(lambda: there.one("SELECT count(*) FROM plugin_cursor WHERE state = 'paused'") == 2, "nobody is paused")
    paused = {name for (name,) in there.rows("SELECT plugin FROM plugin_cursor WHERE state = 'paused'")}
    assert paused == {"always", "endless"}
    for name, times in {"sometimes": 3, "exits": 1, "interrupts": 1, "opens": 1, "poisoned": 1, "threads": 0}.items():
        # The last event is parked after the others are committed, in a transaction of its own.
        until(lambda: len(seen(there, name)) + parked(name) == 12, f"{name} has not come to the end")
        assert (len(seen(there, name)), parked(name)) == (12 - times, times), name
    assert seen(there, "always") == seen(there, "endless") == []
    began = time.monotonic()
    assert worker.stop() == 0
    # The twelve threads that nobody ends hold up nobody.
    assert time.monotonic() - began < 15
    # Another worker does nothing of it again.
    leads(there, 1, first=100)
    worker = there.worker("second")
    until(lambda: all(len(seen(there, name)) == 13 for name in good), "the second worker does not work")
    assert all(seen(there, name) == events(there) for name in good)
    assert worker.stop() == 0


@pytest.mark.wide
def test_a_thread_of_a_plugin_in_the_web_does_not_keep_the_server_from_stopping(grounds):
    more = (
        "\n    @hookimpl\n    def check_lead(self, draft):\n"
        "        import threading\n        threading.Thread(target=threading.Event().wait).start()\n"
    )
    there = grounds(plugins={"threads": counting("threads", more=more)})
    port = free_port()
    web = there.web(port)
    api = Api([f"http://127.0.0.1:{port}"], there.key())
    assert api.call("POST", "/leads", {"source": "form", "key": "1", "phone": "13800138000"})[0] == 201
    assert web.stop() == 0


def test_a_plugin_that_leaks_memory_has_its_worker_recycled_and_no_event_is_lost(grounds):
    # A thread that nobody ends as well: a worker that waited for it would never be recycled.
    leak = "import threading; threading.Thread(target=threading.Event().wait).start(); LEAK.append(b'x' * 30_000_000)"
    there = grounds(plugins={"leaky": "LEAK = []\n" + counting("leaky", leak), "calm": counting("calm")})
    leads(there, 4)
    worker = limited_worker(there, worker_memory_mb=150)
    assert worker.popen.wait(60) == 71
    assert seen(there, "leaky") == seen(there, "calm") == events(there)
    leads(there, 1, first=10)
    worker = limited_worker(there)
    until(lambda: seen(there, "leaky") == seen(there, "calm") == events(there), "the next one does not go on")
    assert worker.stop() == 0


def test_a_plugin_that_hangs_costs_a_worker_and_its_own_event_and_the_others_see_every_event_once(grounds):
    hangs = "if event.lead.endswith(':2'): import threading; threading.Event().wait()"
    there = grounds(plugins={"hangs": counting("hangs", hangs), "calm": counting("calm")})
    leads(there, 5)
    assert limited_worker(there, handler_ms=1_000).popen.wait(60) == EXIT_HUNG
    worker = there.worker()
    until(lambda: len(seen(there, "hangs")) == 4 and seen(there, "calm") == events(there), "the next one does not go on")
    ((event, error),) = there.rows("SELECT event_id, error FROM parked WHERE plugin = 'hangs'")
    assert {event, *seen(there, "hangs")} == set(events(there)) and "did not return" in error
    assert {state for (state,) in there.rows("SELECT state FROM plugin_cursor")} == {"active"}
    assert worker.running and worker.stop() == 0


JOB = (
    "    jobs = (Job('hourly', 3_600, 'hourly'),)\n\n    def hourly(self):\n"
    "        self.brand.transaction().__enter__()\n        Seen.create(event_id=-1)\n"
)


def test_a_job_that_leaves_its_transaction_open_fails_and_locks_nobody_out(grounds):
    there = grounds(plugins={"forgets": counting("forgets", more=JOB), "calm": counting("calm")})
    from scrm_core.jobs import Queue, make_huey

    Queue(there.installation, make_huey(there.installation.config), lambda brand_id: None).enqueue_due()
    worker = there.worker()
    row = "SELECT state, error FROM job_run WHERE plugin = 'forgets'"
    until(lambda: there.rows(row) and there.rows(row)[0][0] == "failed", "the job did not fail")
    assert "transaction" in there.rows(row)[0][1]
    leads(there, 3)
    until(lambda: seen(there, "calm") == seen(there, "forgets") == events(there), "nothing is handed out")
    assert worker.stop() == 0


SENDER = """
    senders = {"odd": Sender("sms", "Odd", "odd")}
    batch = 1

    def odd(self):
        return self

    def send(self, messages):
        from scrm_core.api import SendResult

        %s
        return [SendResult.accepted() for _ in messages]

    def render_messages(self, batch):
        from scrm_core.api import Rendered

        return [Rendered("hello") for _ in batch.recipients]
"""

FREE = """
[outreach]
one_to_one_per_week = "none"
quiet_hours = "none"
"""


@pytest.mark.parametrize(
    "line",
    [
        "if messages[0].address.endswith('1'): raise SystemExit(2)",
        "if messages[0].address.endswith('1'): self.brand.transaction().__enter__(); Seen.create(event_id=-1)",
    ],
    ids=["exits", "leaves a transaction open"],
)
def test_a_gateway_that_misbehaves_costs_its_own_message_and_no_other(grounds, line):
    there = grounds(FREE, {"post": counting("post", more=SENDER % line)})
    with there.brand as brand:
        run = brand.outreach.open_run("r", owner="post", channel="sms", kind="notice", sender="odd")
        brand.outreach.queue_addresses(run.id, [(f"+86138{number:08d}", None) for number in range(4)])
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
    worker = there.worker()
    states = "SELECT state, count(*) FROM message GROUP BY state ORDER BY state"
    until(lambda: there.rows(states) == [("sent", 3), ("unknown", 1)], "the others are not sent")
    ((odd,),) = there.rows("SELECT address FROM message WHERE state = 'unknown'")
    assert odd.endswith("1")
    leads(there, 2)
    until(lambda: seen(there, "post") == events(there), "nothing is handed out")
    assert worker.stop() == 0
