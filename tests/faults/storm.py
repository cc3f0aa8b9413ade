"""Everything a brand does at once, by clients that ask until they are answered, and what must be true in the end.

What is expected is counted from what was asked for, never read back: each
answered write is there once, no effect came twice, nobody got a message twice,
limits held and ledgers add up, whatever was killed or cut off meanwhile.
"""

from __future__ import annotations

import csv
import http.server
import queue
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from grounds import PATIENCE, Api, Grounds, Process, pause, until

from scrm_core.cli.codes import TRY_AGAIN
from scrm_core.clock import ManualClock, SystemClock
from scrm_core.errors import Busy
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_coupon_threshold.service import coupons_of

TOKEN = "token-of-sixteen-or-more"
STOCK = 5
SHARERS = 8
"""People who want one of the ``STOCK`` coupons of a batch, each of them twice."""

RECIPIENTS = 30
SENT_AT_ONCE = 5

TABLES = """
[outreach]
one_to_one_per_week = "none"
quiet_hours = "none"
[outreach.channels.sms]
per_7_days = "none"
per_30_days = "none"
[plugins.points]
earn_points = 1
earn_per_minor = 100
[plugins.coupon-threshold]
[plugins.sms]
sender = "kannel"
signature = "示例旗舰店"
callback_url = "{web}"
[plugins.sms.kannel]
url = "{gateway}/cgi-bin/sendsms"
username = "scrm"
password = "se cret"
callback_token = "{token}"
at_once = {at_once}
"""

# Writes down each event it is told of: a second time would be a second row.
WITNESS = '''
from scrm_core.api import BrandModel, Plugin, hookimpl
import peewee as pw


class {cls}Seen(BrandModel):
    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()

    class Meta:
        table_name = "{name}_seen"


class {cls}(Plugin):
    name, version, summary, requires_core = "{name}", "1", "writes down what it is told", ">=0.0"
    models = ({cls}Seen,)
    migrations = "migrations"

    def render_messages(self, batch):
        from scrm_core.api import Rendered

        return [
            Rendered(f"【示例旗舰店】{{batch.run.code}} to {{each.address}} 拒收请回复R") for each in batch.recipients
        ]

    @hookimpl
    def on_lead(self, event):
        {cls}Seen.create(event_id=event.event_id)

    @hookimpl
    def on_order(self, event):
        {cls}Seen.create(event_id=event.event_id)

    @hookimpl
    def on_contact_merged(self, event):
        {cls}Seen.create(event_id=event.event_id)
'''

WITNESSES = ("herald", "witness")
SEEN = tuple(f"{name}_seen" for name in WITNESSES)


def tables(web: str, gateway: str) -> str:
    return TABLES.format(web=web, gateway=gateway, token=TOKEN, at_once=SENT_AT_ONCE)


def witnesses() -> dict[str, str]:
    return {name: WITNESS.format(name=name, cls=name.title()) for name in WITNESSES}


class Gateway:
    """Plays Kannel: takes each message, keeps it, and reports it delivered until the brand has heard it."""

    def __init__(self, host: str = "127.0.0.1", *, reporting: bool = True) -> None:
        self.taken: list[tuple[str, str, str]] = []
        """(our id, recipient, text) of every message that it was given."""
        self.over = threading.Event()
        self.reports: queue.SimpleQueue[str] = queue.SimpleQueue()
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                report = asked["dlr-url"]
                gateway.taken.append((re.search(r"id=([0-9a-f]{32})", report)[1], asked["to"], asked["text"]))  # type: ignore[index]
                gateway.over.wait(0.02)
                gateway.reports.put(report.replace("%d", "1").replace("%A", "ok"))
                try:
                    self.send_response(202)
                    self.end_headers()
                    self.wfile.write(b"0: Accepted for delivery")
                except OSError:
                    self.close_connection = True  # who asked is dead

            def log_message(self, *args: Any) -> None:
                return

        class Http(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

        self._http = Http((host, 0), Handler)
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self.bases: list[str] = []
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        if reporting:
            threading.Thread(target=self._report, daemon=True).start()

    def _report(self) -> None:
        """Tell of deliveries one after the other, each until it is heard; each tenth is told twice."""
        told = 0
        while not self.over.is_set():
            try:
                report = self.reports.get(timeout=0.1)
            except queue.Empty:
                continue
            told += 1
            times = 2 if told % 10 == 0 else 1
            while times and not self.over.is_set():
                base = self.bases[told % len(self.bases)] if self.bases else ""
                address = base + report[len("http://") :][report[len("http://") :].index("/") :] if base else report
                try:
                    with urllib.request.urlopen(address, timeout=20) as answer:
                        times -= answer.status < 300
                except OSError:
                    told += 1  # the next server, if there are several
                    self.over.wait(0.05)

    def close(self) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()


@dataclass
class Asked:
    """What was asked for and answered, by clients that never gave up."""

    leads: set[str] = field(default_factory=set)
    orders: dict[str, int] = field(default_factory=dict)
    coupons: set[str] = field(default_factory=set)
    pairs: int = 0
    files: dict[str, int] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)


class Storm:
    """Runs a brand's whole life in threads until ``stop`` is set; then what they began is finished and checked."""

    def __init__(self, grounds: Grounds, bases: list[str], gateway: Gateway, rows: int, threads: int = 2) -> None:
        self.grounds, self.gateway, self.file_rows = grounds, gateway, rows
        self.key = grounds.key()
        self.bases = bases
        self.asked = Asked()
        self.stop = threading.Event()
        self.given_up = threading.Event()
        self.importer: Process | None = None
        self._rounds = iter(range(1, 10_000))
        self._lock = threading.Lock()
        self._batches = 0
        self._pool = ThreadPoolExecutor(threads + 2)
        self._futures: list[Any] = []
        self._threads = threads
        self._people: list[int] = []

    def prepare(self) -> None:
        """The people who are written to; they are leads too."""
        with self.grounds.brand as brand:
            for number in range(RECIPIENTS):
                phone = f"+86136{number:08d}"
                identity = IdentityIn.of("phone", phone, "")
                lead = LeadIn("start", (identity,), brand.now(), phone)
                contact = brand.contacts.capture_lead(lead).contact_id
                brand.consent.record(contact, "marketing_sms", granted=True, source="test")
                self._people.append(contact)

    def begin(self) -> None:
        for each in [*[self._live] * self._threads, self._import, self._send]:
            self._futures.append(self._pool.submit(each))

    @property
    def failed(self) -> bool:
        return any(each.done() and each.exception() for each in self._futures)

    def finish(self) -> None:
        """Wait for what was begun; raises what went wrong."""
        self.stop.set()
        try:
            for each in self._futures:
                each.result(timeout=180)
        finally:
            self.given_up.set()
            self._pool.shutdown(wait=False, cancel_futures=True)

    # Clients -----------------------------------------------------------------

    def _live(self) -> None:
        api = Api(self.bases, self.key)
        while True:
            with self._lock:
                number = next(self._rounds)
                # A batch of coupons is shared by eight rounds: whoever begins one lets the others begin theirs.
                if self.stop.is_set() and number % SHARERS == 1:
                    return
                self._batch(number)
            self._round(api, number)

    def _batch(self, number: int) -> None:
        wanted = (number - 1) // SHARERS + 1
        if wanted <= self._batches:
            return
        self._batches = wanted
        batch = {
            "code": f"b{wanted}", "title": "满300减30", "stock": STOCK, "validity": {"kind": "natural", "days": 7},
            "rule": {"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000},
        }  # fmt: skip

        def make() -> None:
            with self.grounds.brand as brand:
                coupons_of(brand).batches.create(batch)
                coupons_of(brand).batches.open(f"b{wanted}")

        patiently(make)

    def _round(self, api: Api, number: int) -> None:
        """One person's lead, order and wish for a coupon, and two records that turn out to be one person."""
        phone, other, union = f"137{number:08d}", f"135{number:08d}", f"union-{number}"
        lead = {"source": "form", "key": f"lead-{number}", "phone": phone}
        status, answer = api.settled("POST", "/leads", lead, f"lead-{number}")
        assert status == 201, answer
        contact = answer["contact"]
        # The same lead without its Idempotency-Key: a sender that knows none.
        assert api.settled("POST", "/leads", lead)[0] == 200
        paid = 1_000 + 7 * number
        order = {
            "source": "shop", "number": f"N{number}", "status": "paid", "paid_at": "2026-01-05T12:00:00+08:00",
            "paid_minor": paid, "phone": phone, "buyer": f"buyer-{number}",
        }  # fmt: skip
        status, answer = api.settled("POST", "/orders", order, f"order-{number}")
        assert status == 201, answer
        batch = f"b{(number - 1) // SHARERS + 1}"
        coupons = set()
        for attempt in ("first", "second"):
            claim = {"batch": batch, "contact": contact, "key": f"{number} {attempt}"}
            status, answer = api.settled("POST", "/plugins/coupon-threshold/claims", claim)
            assert status == 201 or answer["code"] in ("sold_out", "limit"), answer
            if status == 201:
                coupons.add(answer["uid"])
        assert len(coupons) <= 1
        assert api.settled("POST", "/contacts", {"phone": other}, f"one-{number}")[0] == 201
        assert api.settled("POST", "/contacts", {"unionid": union}, f"two-{number}")[0] == 201
        both = {"source": "form", "key": f"both-{number}", "phone": other, "unionid": union}
        assert api.settled("POST", "/leads", both, f"both-{number}")[0] == 201
        with self._lock:
            self.asked.leads |= {f"form:lead-{number}", f"form:both-{number}"}
            self.asked.orders[f"N{number}"] = paid
            self.asked.coupons |= coupons
            self.asked.pairs += 1

    def _import(self) -> None:
        """Files of orders by ``scrm import``, the same command again until it ends well."""
        number = 0
        while not self.stop.is_set():
            number += 1
            file = self.grounds.root / f"mall-{number}.csv"
            rows = [
                {"number": f"M{number}-{n}", "buyer": f"mall-{number}-{n % 50}", "status": "paid",
                 "paid_at": "2026-01-04T12:00:00+08:00", "paid_minor": 100 * (100 + n % 900)}
                for n in range(self.file_rows)
            ]  # fmt: skip
            with file.open("w", newline="") as out:
                writer = csv.DictWriter(out, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            code = None
            while code != 0 and not self.given_up.is_set():
                name = f"import-{number}"
                self.importer = self.grounds.scrm(
                    name, "import", "orders", "acme", str(file), "--source", "mall"
                )
                code = self.importer.popen.wait(180)
                assert code in (0, -9, TRY_AGAIN), self.importer.said
                if code not in (0, -9):
                    pause(0.5)
            self.asked.files[str(file)] = sum(int(row["paid_minor"]) for row in rows)

    def _send(self) -> None:
        """Runs of messages to the same people, one after the other."""
        number = 0
        while not self.stop.is_set():
            number += 1
            code = f"r{number}"
            patiently(lambda: self._open_run(code))
            self.asked.runs.append(code)
            left = "SELECT count(*) FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE r.code = ? AND m.state = 'queued'"
            until(lambda: self.given_up.is_set() or patiently(lambda: self.grounds.one(left, code)) == 0, f"messages of {code} stay queued")

    def _open_run(self, code: str) -> None:
        with self.grounds.brand as brand:
            run = brand.outreach.open_run(code, owner="herald", channel="sms", kind="marketing", sender="kannel")
            brand.outreach.queue_addresses(
                run.id, [(f"+86136{n:08d}", contact) for n, contact in enumerate(self._people)]
            )
            brand.outreach.release(run.id, 10_000)
            if brand.outreach.run("herald", code).state == "draft":
                brand.outreach.start(run.id)

    # What must be true -------------------------------------------------------

    def delivered(self) -> bool:
        """Every event has been handed to everybody."""
        (events,) = self.grounds.rows(
            "SELECT count(*) FROM event WHERE type IN ('lead.captured', 'order.paid', 'contact.merged')"
        )[0]
        return all(self.grounds.one(f"SELECT count(*) FROM {table}") >= events for table in SEEN) and (
            self.grounds.one("SELECT count(*) FROM points_entry") >= len(self.asked.orders) + len(self.asked.files) * self.file_rows
        )

    def handed(self) -> int:
        """How much has been handed out and booked so far."""
        return sum(int(self.grounds.one(f"SELECT count(*) FROM {table}")) for table in ("points_entry", *SEEN))

    def check(self, kills: int) -> None:
        """Compare everything with what was asked for."""
        asked, rows, one = self.asked, self.grounds.rows, self.grounds.one
        rounds = len(asked.orders)
        assert asked.pairs == rounds > 0 and asked.files and asked.runs

        # Acknowledged is there, once.
        shop = rows("SELECT number, paid_minor FROM orders WHERE source = 'shop'")
        assert Counter(shop) == Counter(asked.orders.items())
        (count, paid) = rows("SELECT count(*), coalesce(sum(paid_minor), 0) FROM orders WHERE source = 'mall'")[0]
        assert (count, int(paid)) == (self.file_rows * len(asked.files), sum(asked.files.values()))
        leads = Counter(lead for (lead,) in rows("SELECT data FROM event WHERE type = 'lead.captured'"))
        assert len(leads) == sum(leads.values()) == len(asked.leads) + RECIPIENTS
        # A person with an order, one of two records, the file's fifty buyers, and who is written to.
        active = one("SELECT count(*) FROM contact WHERE state = 'active'")
        assert active == 2 * rounds + 50 * len(asked.files) + RECIPIENTS
        assert one("SELECT count(*) FROM contact_merge") == rounds
        assert one("SELECT count(*) FROM contact WHERE state = 'merged'") == rounds

        # Every event reached every plugin once.
        ids = sorted(rows(
            "SELECT id FROM event WHERE type IN ('lead.captured', 'order.paid', 'contact.merged')"
        ))  # fmt: skip
        for name in WITNESSES:
            assert sorted(rows(f"SELECT event_id FROM {name}_seen")) == ids, name
        assert rows("SELECT plugin, event_id, error FROM parked") == []
        assert {state for (state,) in rows("SELECT state FROM plugin_cursor")} == {"active"}

        # Coupons: no more than there were, one a person, and everyone's who was told so.
        for batch in range(1, self._batches + 1):
            code = f"b{batch}"
            assert one("SELECT stock_left FROM coupon_threshold_batch WHERE code = ?", code) == 0, code
            found = rows(
                "SELECT c.contact_id FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
                "WHERE b.code = ?", code,
            )  # fmt: skip
            assert len(found) == len(set(found)) == STOCK, code
        assert {uid for (uid,) in rows("SELECT uid FROM coupon_threshold_coupon")} == asked.coupons

        # The ledger adds up to what the orders earn.
        earned = sum(each // 100 for each in asked.orders.values()) + sum(asked.files.values()) // 100
        assert int(one("SELECT coalesce(sum(amount), 0) FROM points_entry")) == earned
        assert int(one("SELECT coalesce(sum(balance - debt), 0) FROM points_account")) == earned

        self._check_messages(kills)
        if self.grounds.installation.config.sqlite:
            assert one("PRAGMA integrity_check") == "ok"

    def _check_messages(self, kills: int) -> None:
        """At most one message per recipient and run; what the gateway took is known, what it did not is not sent."""
        # What killed workers had claimed is given up when its lease has run out.
        later = self.grounds.open(ManualClock(SystemClock().now() + 61_000))
        with later.brand("acme") as brand:
            brand.outreach.drain()
        taken = self.gateway.taken
        assert max(Counter(uid for uid, _, _ in taken).values()) == 1
        assert max(Counter((to, text) for _, to, text in taken).values()) == 1
        states = dict(self.grounds.rows("SELECT uid, state FROM message"))
        assert len(states) == RECIPIENTS * len(self.asked.runs)
        assert set(states.values()) <= {"delivered", "unknown"}
        assert {uid for uid, state in states.items() if state == "delivered"} == {uid for uid, _, _ in taken}
        held = sum(state == "unknown" for state in states.values())
        assert held <= SENT_AT_ONCE * kills


def patiently(work: Callable[[], Any]) -> Any:
    """Do it when the database can be written: a test waits like everybody else."""
    deadline = time.monotonic() + 2 * PATIENCE
    while True:
        try:
            return work()
        except Busy:
            assert time.monotonic() < deadline
            pause(0.1)


def _goes_on(storm: Storm, before: int) -> bool:
    return patiently(storm.handed) > before or patiently(storm.delivered)


def finished(
    storm: Storm, running: Callable[[], tuple[list[Process], list[Process]]], let_go: Callable[[], None] = lambda: None
) -> None:
    """Let clients and workers come to their end, then stop all in order: the workers and webs that run then."""
    storm.finish()
    # A backlog of many files takes minutes: what may not happen is that nothing of it goes on.
    while not patiently(storm.delivered):
        until(partial(_goes_on, storm, patiently(storm.handed)), "events are not handed out")
    gateway = storm.gateway
    until(gateway.reports.empty, "reports are not heard")
    heard = "SELECT count(*) FROM message WHERE state = 'delivered'"
    until(lambda: patiently(lambda: storm.grounds.one(heard)) >= len(gateway.taken), "reports are not heard")
    let_go()
    workers, webs = running()
    assert [each.stop() for each in workers] == [0] * len(workers)
    assert [each.stop() for each in webs] == [0] * len(webs)
