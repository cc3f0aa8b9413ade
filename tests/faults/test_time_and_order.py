"""Clocks that jump and messages that come twice, late and in any order: the end is the same."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from grounds import Api, until
from ports import free_port
from storm import TOKEN, Gateway, tables
from test_bad_plugins import counting, events, seen
from test_half_done import HERALD

from scrm_core.api import Job, Plugin, hookimpl
from scrm_core.clock import ManualClock, SystemClock, to_instant
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery, parked_events
from scrm_core.jobs import due_jobs, run_job
from scrm_core.outreach.types import SendResult
from scrm_core.plugin import Sender
from scrm_core.services.contacts import IdentityIn, LeadIn

HOUR = 3_600_000


class Clockwork(Plugin):
    """Has hourly and daily work, hears leads, stumbles over some once, and sends."""

    name, version, summary, requires_core = "clockwork", "1", "does its work by the clock", ">=0.0"
    jobs = (Job("hourly", 3_600, "hourly"), Job("daily", 86_400, "daily"))
    senders = {"pigeon": Sender("sms", "Pigeon", "pigeon")}
    batch = 2
    done: list[tuple[str, str, int]] = []
    heard: list[tuple[str, str]] = []
    sent: list[tuple[str, str]] = []
    stumbled: set[tuple[str, str]] = set()

    def hourly(self):
        self.done.append((self.brand.id, "hourly", self.brand.now()))

    def daily(self):
        self.done.append((self.brand.id, "daily", self.brand.now()))

    @hookimpl
    def on_lead(self, event):
        key = self.brand.id, event.lead
        if event.lead.endswith("3") and key not in self.stumbled:
            self.stumbled.add(key)
            raise ValueError("not now")
        self.heard.append(key)

    def pigeon(self):
        return self

    def send(self, messages):
        self.sent.extend((self.brand.id, message.address) for message in messages)
        return [SendResult.accepted() for _ in messages]


FREE = '\n[outreach]\none_to_one_per_week = "none"\nquiet_hours = "21:00-09:00"\n[plugins.clockwork]\n'


@pytest.fixture
def new_clockwork(engine, postgres_name, tmp_path):
    """Both brands on a clock of the test's, with the plugin switched on."""
    from scrm_core.installation import Installation

    for each in (Clockwork.done, Clockwork.heard, Clockwork.sent, Clockwork.stumbled):
        each.clear()
    root = tmp_path / "shop"
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text(f'database_url = "{postgres_name}"\ndatabase_synchronous = "NORMAL"\n')
    for brand, zone in (("acme", "Asia/Shanghai"), ("moonco", "America/New_York")):
        region = "CN" if brand == "acme" else "US"
        (root / "brands" / f"{brand}.toml").write_text(
            f'[brand]\nid = "{brand}"\nname = "{brand}"\ntimezone = "{zone}"\ncurrency = "CNY"\n'
            f'phone_region = "{region}"\n[retention]\nevents_days = 0\n{FREE}'
        )
    clock = ManualClock(to_instant(datetime(2026, 3, 7, 12, tzinfo=UTC)))
    installation = Installation.open(root, clock=clock, plugins=(Clockwork,))
    installation.migrate()
    yield clock, installation
    installation.close()


@pytest.fixture
def postgres_name(engine, request):
    if engine == "sqlite":
        return "sqlite:data"
    server = request.getfixturevalue("postgres")
    return server.url(server.database())


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
def test_an_hour_forward_an_hour_back_and_both_changes_of_the_clocks_lose_and_double_nothing(new_clockwork):
    clock, installation = new_clockwork
    brands = [installation.brand(each) for each in ("acme", "moonco")]
    for brand in brands:
        with brand:
            run = brand.outreach.open_run("r", owner="clockwork", channel="sms", kind="notice", sender="pigeon")
            for n in range(80):
                brand.outreach.queue_body(run.id, f"+1212555{n:04d}" if brand.id == "moonco" else f"+86138{n:08d}", "hi")
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
    leads = 0
    # New York's clocks go forward on 2026-03-08 and back on 2026-11-01.
    for begin, jumps in (
        (datetime(2026, 3, 7, 12, tzinfo=UTC), {8: HOUR, 30: -HOUR, 60: HOUR, 90: -HOUR}),
        (datetime(2026, 10, 31, 12, tzinfo=UTC), {8: -HOUR, 30: HOUR, 60: -HOUR, 90: HOUR}),
    ):
        clock.set(to_instant(begin))
        for step in range(48 * 4):
            clock.advance(ms=HOUR // 4 + jumps.get(step, 0))
            leads += step % 16 == 0
            for brand in brands:
                with brand:
                    if step % 16 == 0:
                        identity = IdentityIn.of("openid", f"p{leads}", "shop")
                        brand.contacts.capture_lead(LeadIn("form", (identity,), brand.now(), str(leads)))
                    for due in due_jobs(brand):
                        run_job(brand, due)
                    Delivery(brand).drain()
                    brand.outreach.dispatch()
    for brand in brands:
        with brand:
            # Each slot ran once; a slot was passed by only where the clock had jumped over it.
            slots = execute("SELECT job, slot, state, attempts FROM job_run WHERE plugin = 'clockwork'").fetchall()
            assert {(state, attempts) for _, _, state, attempts in slots} == {("done", 1)}
            hours = Counter(job for job, _, _, _ in slots)
            ran = Counter(kind for name, kind, _ in Clockwork.done if name == brand.id)
            assert ran == hours
            assert 2 * 48 <= hours["hourly"] <= 2 * 50 and hours["daily"] == 2 * 3
            assert parked_events() == []
        assert Counter(lead for name, lead in Clockwork.heard if name == brand.id) == Counter(
            f"form:{number}" for number in range(1, leads + 1)
        )
        sent = [address for name, address in Clockwork.sent if name == brand.id]
        assert len(sent) == len(set(sent)) == 80


# The wall clock of a process that finds this on its path: the machine's, and what the file says beside it.
WALL_CLOCK = """
import time
from pathlib import Path

file, time_ns = Path({file!r}), time.time_ns
time.time_ns = lambda: time_ns() + int(file.read_text()) * 1_000_000
time.time = lambda: time.time_ns() / 1e9
"""


def test_running_processes_whose_clock_jumps_an_hour_and_back_hand_out_and_send_everything_once(grounds, tmp_path):
    shift, path = tmp_path / "shift", tmp_path / "path"
    path.mkdir()
    (path / "sitecustomize.py").write_text(WALL_CLOCK.format(file=str(shift)))
    wrap = ["env", f"PYTHONPATH={path}"]

    def jump(by: int) -> None:
        (tmp_path / "next").write_text(str(by))
        (tmp_path / "next").replace(shift)

    jump(0)
    gateway, port = Gateway(), free_port()
    base = f"http://127.0.0.1:{port}"
    try:
        there = grounds(tables(base, gateway.url), {"herald": HERALD, "calm": counting("calm")})
        web = there.scrm("web", "run", "--no-worker", "--workers", "1", "--port", str(port), wrap=wrap)
        worker = there.scrm("worker", "worker", wrap=wrap)
        there.answering(base, web)
        api = Api([base], there.key())
        for number, by in enumerate((0, HOUR, 0, -HOUR, 0), 1):
            jump(by)
            body = {"source": "form", "key": str(number), "phone": f"138{number:08d}"}
            assert api.call("POST", "/leads", body)[0] == 201
            clock = ManualClock(SystemClock().now() + by)
            with there.open(clock).brand("acme") as brand:
                run = brand.outreach.open_run(f"r{number}", owner="herald", channel="sms", kind="notice", sender="kannel")
                brand.outreach.queue_addresses(run.id, [(f"+86136{n:08d}", None) for n in range(3)])
                brand.outreach.release(run.id, 10_000)
                brand.outreach.start(run.id)
            until(lambda: len(seen(there, "calm")) == number, f"nothing is handed out at {by}")
            until(lambda: len(gateway.taken) == 3 * number, f"nothing is sent at {by}")
            told = there.one("SELECT max(recorded_at) FROM event WHERE type = 'lead.captured' AND data LIKE ?", f'%form:{number}%')
            assert abs(told - clock.now()) < HOUR // 2  # the processes do have that clock
        until(lambda: there.rows("SELECT DISTINCT state FROM message") == [("delivered",)], "receipts are not heard")
        assert seen(there, "calm") == events(there) and len(events(there)) == 5
        assert len({(to, text) for _, to, text in gateway.taken}) == len(gateway.taken) == 15
        assert there.rows("SELECT plugin, event_id, error FROM parked") == []
        assert there.one("SELECT count(*) FROM job_run WHERE attempts > 1") == 0
        assert worker.running and worker.stop() == 0
        assert web.running and web.stop() == 0
    finally:
        gateway.close()


SECRET = b"two installations share these by"
PARTNER = """
[partners.star]
url = "http://127.0.0.1:9"
key = "acme-star-1"
secret = "env:PAIR_SECRET"
"""


def signed(base: str, uid: str, body: bytes) -> urllib.request.Request:
    seconds = str(int(time.time()))
    mark = hmac.new(SECRET, f"{uid}.{seconds}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json", "webhook-id": uid, "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(mark).decode(),
    }  # fmt: skip
    return urllib.request.Request(f"{base}/partner-messages/acme/acme-star-1", body, headers)


def test_receipts_orders_refunds_and_partners_messages_in_any_order_and_twice_end_alike(grounds, seed, monkeypatch):
    monkeypatch.setenv("PAIR_SECRET", "whsec_" + base64.b64encode(SECRET).decode())
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    gateway = Gateway(reporting=False)
    try:
        there = grounds(tables(base, gateway.url) + PARTNER, {"herald": HERALD})
        with there.brand as brand:
            run = brand.outreach.open_run("may", owner="herald", channel="sms", kind="notice", sender="kannel")
            brand.outreach.queue_addresses(run.id, [(f"+86136{n:08d}", None) for n in range(20)])
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
            brand.outreach.drain()
        uids = sorted(uid for uid, _, _ in gateway.taken)
        assert len(uids) == 20
        there.web(port)
        api = Api([base], there.key())
        asked = []

        def report(uid: str, status: int) -> None:
            with urllib.request.urlopen(f"{base}/p/acme/sms/kannel/dlr/{TOKEN}?id={uid}&status={status}&reply=x", timeout=60) as answer:
                assert answer.status == 200

        def message(number: int) -> None:
            body = json.dumps({"type": "star.word", "data": {"number": number}}).encode()
            with urllib.request.urlopen(signed(base, f"msg_number_{number}", body), timeout=60) as answer:
                assert answer.status == 200

        for number, uid in enumerate(uids):
            # Accepted by the centre, kept there, and then delivered or not: told in any order.
            asked += [lambda uid=uid, s=s: report(uid, s) for s in (8, 4, 2 if number % 4 == 0 else 1)]
        for number in range(12):
            asked += [lambda n=number: message(n)]
            for hour in (1, 2, 3):  # the last telling holds
                order = {"source": "shop", "number": f"N{number}", "status": "paid", "buyer": f"b{number}",
                         "paid_at": "2026-01-05T00:00:00+08:00", "paid_minor": 1_000 * hour + number,
                         "updated_at": f"2026-01-05T0{hour}:00:00+08:00"}  # fmt: skip
                asked += [lambda body=order: api.settled("POST", "/orders", body)]
            for refund in (1, 2):
                body = {"source": "shop", "order_number": f"N{number}", "number": f"R{number}-{refund}",
                        "amount_minor": 10 * refund}  # fmt: skip
                asked += [lambda body=body: api.settled("POST", "/refunds", body)]
        asked *= 2
        random.Random(seed).shuffle(asked)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda call: call(), asked))

        states = dict(there.rows("SELECT uid, state FROM message"))
        assert states == {uid: "failed" if number % 4 == 0 else "delivered" for number, uid in enumerate(uids)}
        assert sorted(there.rows("SELECT number, paid_minor, refund_minor FROM orders")) == sorted(
            (f"N{number}", 3_000 + number, 30) for number in range(12)
        )
        assert there.one("SELECT count(*) FROM refund") == 24
        kinds = Counter(kind for (kind,) in there.rows("SELECT type FROM event"))
        assert kinds["partner.message"] == kinds["order.paid"] == 12
        assert kinds["order.refunded"] == 24 and kinds["message.status"] == 20, kinds
        told = sorted(json.loads(data)["body"]["number"] for (data,) in there.rows(
            "SELECT data FROM event WHERE type = 'partner.message'"
        ))  # fmt: skip
        assert told == list(range(12))
    finally:
        gateway.close()
