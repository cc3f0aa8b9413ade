"""Leads and orders that are posted at once: written together, each answered as if it had come alone."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import pytest

from scrm_core.api import Plugin, Veto, hookimpl
from scrm_core.db import sqlite
from scrm_core.db.bulk import execute
from scrm_core.gateway import Gateway
from scrm_core.installation import Installation
from scrm_core.web import create_app


class Scope:
    """A POST as granian describes it."""

    proto, http_version, scheme, method, query_string = "http", "1.1", "http", "POST", ""
    server, client = "127.0.0.1:8000", "127.0.0.1:5000"

    def __init__(self, path, body, headers):
        self.path = path
        self.headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}


class Client:
    """The other end of one request; ``away`` has gone before it is answered."""

    def __init__(self, body):
        self.body, self.status, self.headers, self.text = body, None, {}, b""

    async def __call__(self):
        return self.body

    def response_bytes(self, status, headers, body):
        self.status, self.headers, self.text = status, dict(headers), body

    @property
    def answer(self):
        return json.loads(self.text)


class Crowd:
    """Everybody posts in the same moment."""

    def __init__(self, installation, threads):
        self.gateway = Gateway(create_app(installation), threads=threads)

    def post(self, *requests):
        """Each request is ``(path, key, value)`` or with more headers; returns the clients."""
        return asyncio.run(self._post(requests))

    async def _post(self, requests):
        clients, calls = [], []
        for path, key, value, *more in requests:
            body = json.dumps(value).encode()
            headers = {"authorization": f"Bearer {key}", **(more[0] if more else {})}
            clients.append(Client(body))
            calls.append(self.gateway.__rsgi__(Scope(path, body, headers), clients[-1]))
        await asyncio.gather(*calls)
        return clients


@pytest.fixture
def crowd(engine):
    return lambda installation: Crowd(installation, 1 if engine == "sqlite" else 4)


@pytest.fixture
def transactions(installation, monkeypatch):
    """How often a group of acme's was committed."""
    database = installation.brand("acme").handle.database
    seen, brief = [], database.brief
    monkeypatch.setattr(database, "brief", lambda: (seen.append(1), brief())[1])
    return seen


def key_of(brand, *scopes):
    with brand:
        return brand.keys.create("test", scopes or ("*",))[1]


def lead(number, **more):
    return {"source": "form", "key": f"k{number}", "phone": f"138{number:08d}", **more}


def order(number, **more):
    base = {"source": "shop", "number": number, "status": "paid", "paid_at": "2026-01-01T00:00:00Z", "paid_minor": 500}
    return {**base, **more}


def rows(brand, table):
    with brand:
        return execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_what_came_together_is_one_transaction_and_each_has_its_own_answer(installation, crowd, transactions):
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    key, path = key_of(acme), "/api/v1/acme/leads"
    asked = [(path, key, lead(n), {"x-request-id": f"me-{n}"}) for n in range(20)]
    answers = crowd(installation).post(*asked, (path, key, lead(7)), (path, key, {**lead(3), "key": "other"}))
    assert [a.status for a in answers] == [201] * 20 + [200, 201]
    assert [a.headers["X-Request-Id"] for a in answers[:20]] == [f"me-{n}" for n in range(20)]
    assert [a.answer["lead"] for a in answers[:20]] == [f"form:k{n}" for n in range(20)]
    assert [a.answer["new_contact"] for a in answers] == [True] * 20 + [False, False]
    assert answers[21].answer["contact"] == answers[3].answer["contact"]
    assert len(transactions) == 1
    assert (rows(acme, "contact"), rows(acme, "event"), rows(moonco, "contact")) == (20, 21, 0)


def test_who_is_refused_is_refused_alone(installation, crowd):
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    key, path = key_of(acme), "/api/v1/acme/leads"
    requests = [
        (path, key, lead(1)),
        (path, key, {"source": "form", "phone": "1"}),
        (path, key_of(acme, "orders:write"), lead(2)),
        (path, "scrm_acme.nobody", lead(3)),
        (path, key_of(moonco), lead(4)),
        (path, key, lead(5)),
        (path, key, ["no lead"]),
    ]
    answers = crowd(installation).post(*requests)
    assert [a.status for a in answers] == [201, 422, 403, 401, 404, 201, 422]
    for refused in (answers[1], answers[4]):
        assert refused.answer["request_id"] == refused.headers["X-Request-Id"]
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert rows(acme, "contact") == 2


def test_brands_and_kinds_do_not_meet(installation, crowd):
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    keys = {"acme": key_of(acme), "moonco": key_of(moonco)}
    requests = [
        (f"/api/v1/{brand}/{kind}", keys[brand], value)
        for n in range(5)
        for brand in keys
        for kind, value in (("leads", {"key": f"{n}", "member": f"m{n}"}), ("orders", order(f"{n}", member=f"m{n}")))
    ]
    assert {a.status for a in crowd(installation).post(*requests)} == {201}
    for brand in (acme, moonco):
        assert (rows(brand, "contact"), rows(brand, "orders"), rows(brand, "event")) == (10, 5, 10)


def test_two_tellings_of_one_order_are_told_one_after_the_other(installation, crowd, transactions):
    acme = installation.brand("acme")
    key, path = key_of(acme), "/api/v1/acme/orders"
    told = [order("1", updated_at=f"2026-01-01T00:00:0{n}Z", paid_minor=100 * n) for n in (2, 3, 1)]
    answers = crowd(installation).post(*[(path, key, each) for each in told])
    assert [a.status for a in answers] == [201, 200, 200]
    assert [a.answer["outcome"] for a in answers] == ["created", "updated", "unchanged"]
    with acme:
        assert execute("SELECT paid_minor FROM orders").fetchall() == [(300,)]
    assert len(transactions) == 1


def test_a_request_with_an_idempotency_key_keeps_its_own_answer(installation, crowd):
    acme = installation.brand("acme")
    one = ("/api/v1/acme/leads", key_of(acme), lead(1), {"idempotency-key": "a"})
    served = crowd(installation)
    first, again = served.post(one, one)
    assert (first.status, again.status) == (201, 201)
    assert again.text == first.text
    assert (again.headers.get("Idempotent-Replayed"), rows(acme, "event")) == ("true", 1)


class Guard(Plugin):
    """Refuses, fails and exits."""

    name, version, summary, requires_core = "guard", "1", "refuses some", ">=0.1.0.dev0"

    @hookimpl
    def check_lead(self, draft):
        if draft.state == "spam":
            raise Veto("not from there", "blocked")
        if draft.state == "crash":
            raise ValueError("secret")
        if draft.state == "exit":
            raise SystemExit(3)


@pytest.mark.parametrize("bad", ["crash", "exit"])
def test_a_plugin_that_fails_for_one_fails_for_nobody_else(new_installation, crowd, bad):
    installation = new_installation(plugins=(Guard,), acme="\n[plugins.guard]\n")
    acme = installation.brand("acme")
    key, path = key_of(acme), "/api/v1/acme/leads"
    states = ["", "spam", "", bad, ""]
    answers = crowd(installation).post(*[(path, key, lead(n, state=state)) for n, state in enumerate(states)])
    assert [a.status for a in answers] == [201, 409, 201, 500, 201]
    assert all(b"secret" not in a.text for a in answers)
    assert (rows(acme, "contact"), rows(acme, "event")) == (3, 3)


@pytest.fixture
def durable(tmp_path):
    """A brand in a file that waits for the disk."""
    (tmp_path / "brands").mkdir()
    (tmp_path / "scrm.toml").write_text('database_synchronous = "FULL"\n')
    for name in ("acme", "moonco"):
        text = f'[brand]\nid = "{name}"\nname = "{name}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
        (tmp_path / "brands" / f"{name}.toml").write_text(text)
    installation = Installation.open(tmp_path)
    installation.migrate()
    yield installation
    installation.close()


def test_nobody_is_answered_before_the_disk_and_all_wait_once(durable, monkeypatch):
    acme = durable.brand("acme")
    key, path, answered = key_of(acme), "/api/v1/acme/leads", []
    waits = []

    def sync(fd):
        waits.append((os.path.basename(os.readlink(f"/proc/self/fd/{fd}")), list(answered)))
        os.fsync(fd)

    monkeypatch.setattr(sqlite, "_sync", sync)
    monkeypatch.setattr(Client, "response_bytes", lambda self, status, *_: answered.append(status))
    Crowd(durable, 1).post(*[(path, key, lead(n)) for n in range(30)])
    assert answered == [201] * 30
    assert waits == [("acme.db-wal", [])]


def test_a_disk_that_fails_after_the_commit_is_told_to_all_and_nothing_is_done_twice(durable, monkeypatch):
    acme = durable.brand("acme")
    key, path = key_of(acme), "/api/v1/acme/leads"
    served, asked = Crowd(durable, 1), [(path, key, lead(n)) for n in range(3)]

    def broken(fd):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_sync", broken)
        answers = served.post(*asked)
    assert [a.status for a in answers] == [507] * 3
    assert {a.answer["code"] for a in answers} == {"storage_full"}
    assert [a.answer["request_id"] for a in answers] == [a.headers["X-Request-Id"] for a in answers]
    assert [a.status for a in served.post(*asked)] == [200] * 3
    assert (rows(acme, "contact"), rows(acme, "event"), rows(durable.brand("moonco"), "contact")) == (3, 3, 0)


def test_the_disk_is_waited_for_while_others_are_answered(durable, monkeypatch):
    acme = durable.brand("acme")
    key, gateway = key_of(acme), Gateway(create_app(durable))
    body = json.dumps(lead(1)).encode()
    posting = Scope("/api/v1/acme/leads", body, {"authorization": f"Bearer {key}"})
    reading = Scope("/healthz", b"", {})
    reading.method = "GET"

    async def run():
        loop, going = asyncio.get_running_loop(), asyncio.Event()
        free = threading.Event()

        def sync(fd):
            loop.call_soon_threadsafe(going.set)
            assert free.wait(10)

        monkeypatch.setattr(sqlite, "_sync", sync)
        one, two = Client(body), Client(b"")
        task = asyncio.create_task(gateway.__rsgi__(posting, one))
        await asyncio.wait_for(going.wait(), 10)
        await gateway.__rsgi__(reading, two)
        seen = (one.status, two.status)
        free.set()
        await task
        return seen, one.status

    assert asyncio.run(run()) == ((None, 200), 201)


def test_a_body_that_comes_late_is_told_so_to_its_sender_alone(installation, crowd, monkeypatch):
    acme, moonco = installation.brand("acme"), installation.brand("moonco")
    key, path = key_of(acme), "/api/v1/acme/leads"
    served = crowd(installation)
    served.gateway._body_seconds = 0.2
    slow = lead(1)
    whole = Client.__call__

    async def come(client):
        if json.loads(client.body) == slow:
            await asyncio.Event().wait()
        return await whole(client)

    monkeypatch.setattr(Client, "__call__", come)
    late = {"idempotency-key": "late"}
    answers = served.post((path, key, slow), (path, key, lead(2)), (path, key, slow, late))
    assert [a.status for a in answers] == [408, 201, 408]
    assert answers[0].answer["code"] == answers[2].answer["code"] == "timeout"
    assert (rows(acme, "contact"), rows(moonco, "contact")) == (1, 0)
