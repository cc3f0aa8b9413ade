"""Nothing is sent twice: several workers, a worker killed between sending and recording, overlapping runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from outreach_scene import People

from scrm_core.clock import ManualClock, SystemClock
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation

# The gateway's file is the world outside: one line per message that was really sent.
PLUGIN = '''
import os, signal
from scrm_core.api import Plugin, Rendered, Sender, SendResult


class File:
    batch = 1

    def __init__(self, path):
        self.path = path

    def send(self, messages):
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for message in messages:
            os.write(handle, f"{message.address} {message.uid}\\n".encode())
        os.close(handle)
        if os.environ.get("KILL_AT") and len(open(self.path).readlines()) == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return [SendResult.accepted() for _ in messages]


class Post(Plugin):
    name = "post"
    version = "1"
    summary = "Sends into a file"
    requires_core = ">=0.1.0.dev0"
    senders = {"file": Sender("sms", "File", "make")}

    def make(self):
        return File(str(self.brand.installation.config.root / "sent.txt"))

    def render_messages(self, batch):
        return [Rendered("hello") for _ in batch.recipients]
'''

FREE = """
[outreach]
one_to_one_per_week = "none"
quiet_hours = "none"
[outreach.channels.sms]
per_7_days = {cap}
per_30_days = "none"
[plugins.post]
"""

SEND_ALL = """
def run(brand, worker):
    sent = 0
    while True:
        outcome = brand.outreach.dispatch()
        sent += outcome.accepted
        if not outcome.busy:
            (left,) = __import__("scrm_core.db.bulk", fromlist=["execute"]).execute(
                "SELECT count(*) FROM message WHERE state = 'queued'").fetchone()
            if not left:
                return sent
"""


@pytest.fixture
def posting(new_installation):
    """A function that makes an installation whose brands send into a file of its root, on the real clock."""
    made = []

    def make(cap: str) -> Installation:
        plain = new_installation()
        root = plain.config.root
        folder = root / "plugins" / "scrm_post"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(PLUGIN)
        with (root / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "plugins"\n')
        for brand in ("acme", "moonco"):
            with (root / "brands" / f"{brand}.toml").open("a") as file:
                file.write(FREE.format(cap=cap))
        installation = Installation.open(root, clock=SystemClock())
        made.append(installation)
        return installation

    yield make
    for installation in made:
        installation.close()


def lines(installation: Installation) -> list[str]:
    path = installation.config.root / "sent.txt"
    return path.read_text().splitlines() if path.exists() else []


def start(brand, code: str) -> int:
    run = brand.outreach.open_run(code, owner="post", channel="sms", kind="marketing", sender="file")
    brand.outreach.queue_segment(run.id, "lead_at >= 2000-01-01")
    brand.outreach.release(run.id, 10_000)
    return brand.outreach.start(run.id).id


def test_four_workers_send_each_message_once(posting, together):
    installation = posting('"none"')
    brand = installation.brand("acme")
    with brand:
        People(brand).many(120)
        start(brand, "r1")
    answers = together(installation, SEND_ALL, 4)
    sent = [line.split()[0] for line in lines(installation)]
    assert len(sent) == len(set(sent)) == sum(answers) == 120


def test_overlapping_runs_in_several_workers_keep_to_one_message_a_person(posting, together):
    installation = posting("1")
    brand = installation.brand("acme")
    with brand:
        People(brand).many(60)
        start(brand, "r1")
        start(brand, "r2")
        start(brand, "r3")
    together(installation, SEND_ALL, 4)
    per_person = Counter(line.split()[0] for line in lines(installation))
    assert len(per_person) == 60 and set(per_person.values()) == {1}
    with brand:
        rows = dict(execute("SELECT reason, count(*) FROM message WHERE state = 'blocked' GROUP BY reason").fetchall())
    assert rows == {"cap_7_days": 120}


FREED = """
from datetime import datetime
from zoneinfo import ZoneInfo
from scrm_core.clock import ManualClock

def run(brand, worker):
    brand.clock = ManualClock(datetime(2026, 3, 1, 23, 30, tzinfo=ZoneInfo("Asia/Shanghai")))
    return brand.outreach.drain().busy
"""


def test_workers_that_meet_shorter_quiet_hours_together_free_each_message_once(posting, together):
    installation = posting('"none"')
    path = installation.config.root / "brands" / "acme.toml"
    free = path.read_text()

    def now(text: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)

    now(free.replace('quiet_hours = "none"', 'quiet_hours = "21:00-09:00"'))
    with installation.brand("acme") as brand:
        brand.clock = ManualClock(datetime(2026, 3, 1, 23, tzinfo=ZoneInfo("Asia/Shanghai")))
        People(brand).many(60)
        for number in range(20):  # 0:00 in Tokyo: put off one by one
            People(brand).add(f"+8190123456{number:02d}")
        run = start(brand, "r1")
        brand.outreach.drain()
        assert brand.outreach.held_until(brand.outreach.run("post", "r1")) is not None and lines(installation) == []
    now(free)
    together(installation, FREED, 3)
    sent = [line.split()[0] for line in lines(installation)]
    with installation.brand("acme") as brand:
        left = brand.outreach.counts(run)
    assert len(sent) == len(set(sent)) == 80, left


KILLED = """
import sys
from pathlib import Path
from scrm_core.installation import Installation
brand = Installation.open(Path(sys.argv[1])).brand("acme")
with brand:
    brand.outreach.drain()
"""


def test_a_worker_killed_between_sending_and_recording_sends_nothing_again(posting, monkeypatch):
    installation = posting('"none"')
    brand = installation.brand("acme")
    with brand:
        People(brand).many(10)
        run_id = start(brand, "r1")
    monkeypatch.setenv("KILL_AT", "4")
    child = subprocess.run([sys.executable, "-c", KILLED, str(installation.config.root)], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    monkeypatch.delenv("KILL_AT")
    assert len(lines(installation)) == 4
    with brand:
        assert brand.outreach.counts(run_id)[("sending", "")] == 1
        brand.outreach.drain()
        # The one whose worker died is still under its lease.
        assert brand.outreach.counts(run_id)[("sending", "")] == 1
    later = Installation.open(Path(installation.config.root), clock=ManualClock(SystemClock().now() + 61_000))
    again = later.brand("acme")
    with again:
        again.outreach.drain()
        counts = again.outreach.counts(run_id)
        assert counts == {("sent", ""): 9, ("unknown", "interrupted"): 1}
        sent = [line.split() for line in lines(installation)]
        assert len({address for address, _ in sent}) == len(sent) == 10
        (lost,) = again.outreach.messages(run_id, state="unknown")
        # The gateway knew our id: its receipt says what nobody here could know.
        assert [lost.address, lost.uid] == sent[3]
        assert again.outreach.receipt(lost.uid, "delivered") is True
    later.close()
