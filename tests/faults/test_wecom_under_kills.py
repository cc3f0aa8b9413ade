"""kill -9 while WeCom is asked and told things: what the simulator saw is right, whatever died with its answer."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from grounds import PATIENCE, Grounds, Process, pause, until
from ports import free_port
from storm import patiently
from wecom_ground import OTHER, Corporations, wecom_ground

from scrm_core.brands import Brand
from scrm_core.clock import ManualClock, SystemClock
from scrm_core.delivery import Delivery
from scrm_wecom import sync

MOMENTS = 20_263
"""The seed of the moments."""

KILLS, STAFF, CUSTOMERS, SENDS = 20, 20, 600, 4
LATE = {
    "batch/get_by_user": 0.8, "mark_tag": 0.15, "add_corp_tag": 0.5, "add_msg_template": 0.6, "send_welcome_msg": 0.2,
    "groupchat/get": 0.2,
}  # fmt: skip


class Adding(threading.Thread):
    """People who add a member one after the other, until it is over; the member gives each a tag by hand."""

    def __init__(self, corporations: Corporations) -> None:
        super().__init__(daemon=True)
        self.corporations, self.over = corporations, threading.Event()
        self.added: list[str] = []
        self.elsewhere: list[str] = []
        self.failed: BaseException | None = None

    def run(self) -> None:
        act, number = self.corporations.act, 0
        try:
            while not self.over.wait(0.25):
                who = {"userid": f"staff{number % STAFF + 1:03}", "person": f"p{50_000 + number}"}
                told = act("add", **who)
                assert [each["state"] for each in told["sent"]] == ["delivered"], told
                self.added.append(told["external_userid"])
                act("tag", **who, add=["vip"])
                if number % 5 == 0:
                    self.elsewhere.append(act("add", OTHER, **who)["external_userid"])
                number += 1
        except BaseException as problem:
            self.failed = problem


class Processes:
    """Two workers, the sync and the job as commands; whoever ends is started again, killed or done."""

    STARTS = {
        "worker": ("worker",), "other worker": ("worker",), "sync": ("wecom", "sync", "acme"),
        "work": ("wecom", "work", "acme"),
    }  # fmt: skip

    def __init__(self, ground: Grounds) -> None:
        self.ground = ground
        self.running: dict[str, Process] = {}
        for name in self.STARTS:
            self.start(name)

    def start(self, name: str) -> None:
        if name == "sync" and _synced(self.ground):
            self.running.pop(name, None)
            return
        self.running[name] = self.ground.scrm(name.replace(" ", "-"), *self.STARTS[name])

    def kill(self, name: str) -> str:
        """Kill one, or a worker where the sync has come to its end; returns which."""
        for each in ("sync", "work"):
            if each in self.running and not self.running[each].running:
                self.start(each)
        killed = name if name in self.running else "worker"
        self.running[killed].kill()
        self.start(killed)
        return killed

    def end(self) -> None:
        """In order: the workers by SIGTERM, the commands when they are done."""
        for name in ("worker", "other worker"):
            assert self.running[name].stop() in (0, -15), self.running[name].said  # it may not have begun yet
        for name in ("sync", "work"):
            if name in self.running:
                assert self.running[name].popen.wait(2 * PATIENCE) in (0, 75), self.running[name].said


@contextmanager
def acme(ground: Grounds) -> Iterator[Brand]:
    with ground.brand as brand:
        yield brand


def _synced(ground: Grounds) -> bool:
    with acme(ground):
        view = sync.latest()
    return view is not None and view.state == "done"


def _tag(ground: Grounds, external: str, *, remove: bool = False) -> bool:
    """Give a customer the tag, or take it away; False where nobody knows them yet."""
    with acme(ground) as brand:
        contact = brand.contacts.find("external_userid", external)
        if contact is None:
            return False
        change = brand.tags.remove if remove else brand.tags.add
        change(contact.id, ("own", "drill"), origin="manual", actor="ann")
    return True


def _send(ground: Grounds, number: int) -> None:
    with acme(ground) as brand:
        sends = brand.plugins["wecom"].wecom.sends
        sends.open(f"may-{number}", {"text": f"text {number}"}, expression="orders = 0", kind="notice", actor="ann")
        sends.start(f"may-{number}")


def _prepare(ground: Grounds) -> None:
    for name in ("acme", "moonco"):
        with ground.installation.brand(name) as brand:
            brand.plugins["wecom"].wecom.greetings.put({"text": f"hello of {name}"}, actor="ann")
    with acme(ground) as brand:
        brand.tags.define("own", "drill", plan="offer a drill")
        brand.plugins["wecom"].wecom.full_sync.begin()


def _come_to_an_end(ground: Grounds) -> None:
    """Leases of the dead run out; what is left is done by the code of the workers, on a clock that goes ahead."""
    clock = ManualClock(SystemClock().now() + 61_000)
    later = ground.open(clock)
    for _ in range(60):
        left = 0
        for name in ("acme", "moonco"):
            with later.brand(name) as brand:
                brand.plugins["wecom"].work()
                left += Delivery(brand).drain().delivered
                brand.outreach.drain()
        left += ground.one("SELECT count(*) FROM wecom_task")
        left += ground.one("SELECT count(*) FROM message WHERE state IN ('queued', 'sending')")
        if not left and _synced(ground):
            return
        clock.advance(seconds=61)
    raise AssertionError(ground.rows("SELECT kind, ref, attempts, error FROM wecom_task"))


@pytest.mark.wide
def test_each_customer_is_greeted_tagged_and_written_to_at_most_once_whatever_is_killed_when(grounds):
    rng, port, web_port = random.Random(MOMENTS), free_port(), free_port()
    doors = [f"http://127.0.0.1:{web_port}/p/{brand}/wecom/callback" for brand in ("acme", "moonco")]
    ground = wecom_ground(grounds, f"http://127.0.0.1:{port}")
    corporations = Corporations(ground, port, doors, staff=STAFF, customers=CUSTOMERS)
    before = corporations.customers()
    (vip,) = [corporations.act("create_tag", group="hand", name="vip")["id"]]
    chats = [corporations.act("create_group", owner="staff001", name=f"chat {n}")["id"] for n in range(5)]
    _prepare(ground)
    web = ground.bare_web(web_port)
    for api, seconds in LATE.items():
        corporations.slow(api, seconds)
    # What is told to WeCom is a change of tags, for whoever has the customer then.
    adding, tagged = Adding(corporations), [each for each, pairs in before.items() if len(pairs) == 1][:30]
    adding.start()
    processes = Processes(ground)
    waiting, untagged, killed = list(tagged), [], []
    for number in range(KILLS):
        pause(rng.uniform(0.4, 1.4))
        killed.append(processes.kill(rng.choice(list(Processes.STARTS))))
        waiting = [each for each in waiting if not patiently(lambda each=each: _tag(ground, each))]
        fresh = adding.added[len(tagged) - 30 : len(tagged) - 30 + 3]
        tagged += fresh
        waiting += fresh
        if number % (KILLS // SENDS) == KILLS // SENDS - 1:
            patiently(lambda number=number: _send(ground, number))
        if number > KILLS // 2 and adding.added[number - KILLS // 2] not in [*untagged, *waiting]:
            untagged.append(adding.added[number - KILLS // 2])
            patiently(lambda: _tag(ground, untagged[-1], remove=True))
    adding.over.set()
    adding.join(PATIENCE)
    assert not adding.is_alive() and adding.failed is None, adding.failed
    for each in waiting:
        until(lambda each=each: patiently(lambda: _tag(ground, each)), "an add is not known")
    processes.end()
    corporations.even()
    _come_to_an_end(ground)
    assert web.stop() == 0
    print(f"killed: {killed}; {len(adding.added)} adds, {len(tagged)} tagged, {len(untagged)} untagged")
    _check(ground, corporations, adding, before, (set(tagged), set(untagged), vip), chats)


def _check(
    ground: Grounds, corporations: Corporations, adding: Adding, before: dict[str, Any],
    tags: tuple[set[str], set[str], str], chats: list[str],
) -> None:  # fmt: skip
    tagged, untagged, vip = tags
    # Welcomes: a code that is used a second time is answered with 41051, and is never used a third time.
    welcomes, adds = corporations.counts("send_welcome_msg"), len(adding.added)
    print(f"welcomes: {welcomes} of {adds}")
    assert set(welcomes) <= {0, 41050} and 0 < welcomes[0] <= sum(welcomes.values()) <= adds
    elsewhere = corporations.counts("send_welcome_msg", OTHER)
    assert set(elsewhere) <= {0, 41050} and sum(elsewhere.values()) <= len(adding.elsewhere)
    # Group sends: nobody is in two tasks of one.
    corporations.later(10)  # a task that was made in the last second is being handed out still
    sent = corporations.sent(SystemClock().now() // 1_000)
    print(f"sent: { {text: sum(people.values()) for text, people in sent.items()} }")
    assert sent and all(max(people.values()) == 1 for people in sent.values())
    states = ground.rows("SELECT state, reason, count(*) FROM message GROUP BY state, reason")
    print(f"messages: {states}")
    # Tags: as they are wanted, with those that the member gave by hand.
    after = corporations.customers()
    (drill,) = [
        key for group in corporations.state()["tag_groups"] for key, name in group["tags"].items() if name == "drill"
    ]
    for external, pairs in after.items():
        for staff, keys in pairs.items():
            wanted = set(before.get(external, {}).get(staff, {vip}))
            if external in tagged - untagged:
                wanted.add(drill)
            assert keys == wanted, (external, staff, external in tagged, external in untagged)
    # Relations and leads: what the corporation has, each once.
    relations = {(external, staff) for external, pairs in after.items() for staff in pairs}
    rows = ground.rows("SELECT external, staff FROM wecom_follow WHERE state = 'active'")
    assert sorted(rows) == sorted(relations)
    assert ground.one("SELECT count(*) FROM event WHERE type = 'lead.captured'") == len(relations)
    assert set(adding.added) <= {external for external, _ in relations}
    assert ground.one("SELECT count(*) FROM event WHERE type = 'lead.captured'") - adds == sum(map(len, before.values()))
    assert sorted(row[0] for row in ground.rows("SELECT code FROM chat_group")) == sorted(chats)
    leads = ground.rows("SELECT count(*) FROM event WHERE type = 'lead.captured'", brand="moonco")
    assert leads == [(len(adding.elsewhere),)]
    assert ground.one("SELECT count(*) FROM parked") == 0
