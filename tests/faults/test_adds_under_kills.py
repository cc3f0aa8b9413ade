"""kill -9 of web and worker while people add by a live code: each add is one, tags once, and takes one place."""

from __future__ import annotations

import random
import threading
from datetime import date
from typing import Any

import pytest
from grounds import PATIENCE, Api, Grounds, Process, pause, until
from ports import free_port
from storm import patiently

from scrm_live_code.service import live_codes_of

MESSENGER = '''
from scrm_core.api import Plugin


class Messenger(Plugin):
    name, version, summary, requires_core = "messenger", "1", "makes contact ways", ">=0.0"
    extensions = {"live-code.contact-ways": ("ways",)}

    def ways(self):
        return self

    def make(self, state, users, remark):
        return "way-1", "https://messenger.example/way-1.png"

    def change(self, config_id, users):
        return None
'''


def published(grounds: Grounds) -> None:
    """A code with a contact way, whose adds count for their member of staff when they are told."""
    with grounds.brand as brand:
        here = live_codes_of(brand)
        brand.tags.define("source", "poster", plan="spring")
        for userid in ("ann", "ben"):
            here.staff.put(userid, daily_cap=1_000, actor="lin")
        here.codes.create("poster", title="Poster", tags=[("source", "poster")], actor="lin")
        for userid in ("ann", "ben"):
            here.codes.seat("poster", userid, actor="lin")
        here.codes.set_activity("poster", title="Gift", first_day=date(2020, 1, 1), last_day=date(2090, 1, 1), actor="lin")
        here.codes.publish("poster", actor="lin")
        here.ways.want("poster", actor="lin")
        assert here.ways.run() == 1


def lead(number: int) -> dict[str, Any]:
    return {
        "source": "shop", "key": f"add-{number}", "phone": f"137{number:08d}", "state": "poster",
        "fields": {"staff": ("ann", "ben")[number % 2]},
    }  # fmt: skip


class Sender(threading.Thread):
    """Tells every add twice, and goes on asking until it is told; until it is to end."""

    def __init__(self, api: Api) -> None:
        super().__init__(daemon=True)
        self.api, self.over, self.told = api, threading.Event(), 0
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                for _ in range(2):
                    assert self.api.settled("POST", "/leads", lead(self.told))[0] in (200, 201)
                self.told += 1
        except BaseException as problem:
            self.failed = problem


def at_work(ground: Grounds) -> Process:
    """A worker that has begun."""
    worker = ground.worker()
    mine = f"%:{worker.pid}"
    asked = "SELECT count(*) FROM plugin_cursor WHERE lease_owner LIKE ?"
    until(lambda: patiently(lambda: ground.one(asked, mine)), "the new worker has not begun")
    return worker


@pytest.mark.wide
def test_each_add_tags_once_and_takes_one_place_whatever_is_killed_when(grounds, seed):
    port, rng = free_port(), random.Random(seed)
    ground = grounds("[plugins.live-code]\n", {"messenger": MESSENGER})
    published(ground)
    web, sender = ground.bare_web(port), Sender(Api([f"http://127.0.0.1:{port}"], ground.key()))
    sender.start()
    worker, killed = at_work(ground), rng.sample(["web", "web", "worker", "worker", "worker"], 5)
    for victim in killed:
        pause(rng.uniform(0.0, 0.6))
        if victim == "web":
            web.kill()
            web = ground.bare_web(port)
        else:
            worker.kill()
            worker = at_work(ground)
    sender.over.set()
    sender.join(4 * PATIENCE)
    assert not sender.is_alive() and sender.failed is None
    adds = sender.told
    print(f"killed: {killed}; {adds} adds")
    until(lambda: patiently(lambda: ground.one("SELECT count(*) FROM live_code_add") >= adds), "an add was not counted")
    assert [worker.stop(), web.stop()] == [0, 0]

    rows = "SELECT count(*), count(DISTINCT contact_id), count(DISTINCT lead) FROM live_code_add"
    assert ground.rows(rows) == [(adds, adds, adds)]
    tagged = "SELECT count(*), count(DISTINCT contact_id) FROM event WHERE type = 'tag.added'"
    assert ground.rows(tagged) == [(adds, adds)]
    assert ground.one("SELECT count(*) FROM contact_tag") == adds
    places = "SELECT s.userid, sum(l.taken) FROM live_code_load l JOIN live_code_staff s ON s.id = l.staff_id GROUP BY 1"
    assert {userid: int(taken) for userid, taken in ground.rows(places)} == {"ann": (adds + 1) // 2, "ben": adds // 2}
    assert ground.one("SELECT count(*) FROM parked") == 0
