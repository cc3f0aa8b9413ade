"""The disk is full, the database locked or gone, Redis away: served by real processes, healed without a restart."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from engines import Redis
from grounds import Api, Grounds, pause, until
from needed import missing
from ports import free_port
from test_bad_plugins import counting, events, seen


@pytest.fixture
def disk() -> Iterator[Callable[[int], Path]]:
    """A function that makes a disk of so many megabytes and returns its folder."""
    if os.geteuid() != 0:
        missing("the right to mount", "run the tests as root")
    made: list[Path] = []

    def make(megabytes: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="scrm-disk-"))  # a database server gets there too
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
        made.append(folder)
        folder.chmod(0o777)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def lead(number: int) -> dict[str, object]:
    return {"source": "form", "key": str(number), "phone": f"138{number:08d}", "fields": {"note": "x" * 1_900}}


def serve(there: Grounds) -> Api:
    port = free_port()
    there.web(port)
    return Api([f"http://127.0.0.1:{port}"], there.key())


def fill(folder: Path, leave: int) -> Path:
    """Fill a disk up to so many bytes; the file that does it."""
    ballast = folder / "ballast"
    ballast.touch(mode=0o666)
    with ballast.open("wb", buffering=0) as file:
        # In pieces: a server writes beside it, and takes room that was there a moment ago.
        while (room := _room(folder) - leave) > 0:
            file.write(b"x" * min(room, 1_000_000))
    return ballast


def _room(folder: Path) -> int:
    """Bytes that are free on a disk."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_a_full_disk_refuses_writes_by_name_reads_on_and_heals_when_there_is_room(grounds, disk, engine, request):
    folder = disk(80)
    if engine == "sqlite":
        there = grounds(plugins={"calm": counting("calm")}, url=f"sqlite:{folder}/data")
    else:
        (folder / "space").mkdir()
        server = request.getfixturevalue("postgres")
        server.own(folder / "space")
        name = server.database(on=folder / "space")
        request.addfinalizer(lambda: server.forget(name))
        there = grounds(plugins={"calm": counting("calm")}, url=server.url(name))
    api = serve(there)
    worker = there.worker()
    assert api.call("POST", "/leads", lead(0))[0] == 201
    until(lambda: len(seen(there, "calm")) == 1, "the first lead is not handed out")
    ballast = fill(folder, leave=600_000)
    acked, refused = [0], None
    for number in range(1, 3_000):
        status, answer = api.call("POST", "/leads", lead(number))
        if status != 201:
            refused = number, status, answer
            break
        acked.append(number)
    assert refused is not None
    number, status, answer = refused
    assert (status, answer["code"]) == (507, "storage_full") and int(answer["retry-after"]) > 0
    assert len(acked) > 1
    # Reading goes on, and nothing of the refused one is there.
    assert api.call("GET", "/contacts?limit=1")[0] == 200
    assert api.call("POST", "/contacts:find", {"phone": f"138{number:08d}"})[0] == 404
    assert there.one("SELECT count(*) FROM contact") == len(acked)
    ballast.unlink()
    status, answer = api.settled("POST", "/leads", lead(number))
    assert status == 201, answer
    until(lambda: seen(there, "calm") == events(there), "the worker does not go on")
    assert len(events(there)) == len(acked) + 1
    assert worker.running and worker.stop() == 0
    if engine == "sqlite":
        assert there.one("PRAGMA integrity_check") == "ok"


@contextmanager
def locked(there: Grounds, request: pytest.FixtureRequest) -> Iterator[None]:
    """Somebody holds acme's database and writes nothing."""
    if there.installation.config.sqlite:
        raw = sqlite3.connect(there.root / "data" / "acme.db", timeout=30)
        raw.execute("BEGIN IMMEDIATE")
    else:
        raw = psycopg.connect(there.installation.config.database_url)
        raw.execute("LOCK TABLE acme.contact, acme.event, acme.plugin_cursor IN SHARE MODE")
    try:
        yield
    finally:
        raw.rollback()
        raw.close()


def hold(seconds: float, question: Callable[[], None]) -> None:
    """Ask again and again for so many seconds, once at least."""
    end = time.monotonic() + seconds
    while True:
        question()
        if time.monotonic() >= end:
            return


def stand(grounds, request, seconds: float) -> None:
    there = grounds(plugins={"calm": counting("calm")})
    api = serve(there)
    worker = there.worker()
    assert api.call("POST", "/leads", lead(0))[0] == 201
    until(lambda: len(seen(there, "calm")) == 1, "the first lead is not handed out")
    count = iter(range(1, 1_000))
    tried: list[int] = []

    def refused() -> None:
        number = next(count)
        status, answer = api.call("POST", "/leads", lead(number), seconds=60)
        assert (status, answer["code"]) == (503, "database_busy") and int(answer["retry-after"]) > 0
        tried.append(number)
        assert api.call("GET", "/contacts?limit=1")[0] == 200

    with locked(there, request):
        hold(seconds, refused)
    assert there.one("SELECT count(*) FROM contact") == 1
    for number in tried:
        assert api.settled("POST", "/leads", lead(number))[0] == 201
    until(lambda: len(seen(there, "calm")) == 1 + len(tried), "the worker does not go on")
    assert seen(there, "calm") == events(there)
    assert worker.running and worker.stop() == 0


@pytest.mark.wide
def test_a_locked_database_refuses_writes_for_a_while_and_worker_and_web_go_on(grounds, request):
    stand(grounds, request, 0)


@pytest.mark.soak
def test_a_database_locked_for_thirty_seconds(grounds, request):
    stand(grounds, request, 30)


def gone(grounds, postgres, seconds: float, mode: str) -> None:
    there = grounds(plugins={"calm": counting("calm")})
    api = serve(there)
    worker = there.worker()
    assert api.call("POST", "/leads", lead(0))[0] == 201
    until(lambda: len(seen(there, "calm")) == 1, "the first lead is not handed out")
    there.installation.close()
    postgres.stop(mode)
    try:
        def refused() -> None:
            began = time.monotonic()
            for method, path, body in (("POST", "/leads", lead(1)), ("GET", "/contacts?limit=1", None)):
                status, answer = api.call(method, path, body)
                assert (status, answer["code"]) == (503, "database_away") and int(answer["retry-after"]) > 0
            assert time.monotonic() - began < 15
            pause(min(0.5, seconds))

        hold(seconds, refused)
    finally:
        postgres.start()
    assert api.settled("POST", "/leads", lead(1))[0] == 201
    until(lambda: len(seen(there, "calm")) == 2, "the worker does not go on")
    assert seen(there, "calm") == events(there)
    assert worker.running and worker.stop() == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_server_that_is_gone_is_503_at_once_and_heals_when_it_is_back(grounds, postgres, mode):
    gone(grounds, postgres, 0, mode)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_web_that_starts_while_the_database_server_is_gone_waits_for_it(grounds, postgres):
    there = grounds(plugins={"calm": counting("calm")})
    port, key = free_port(), there.key()
    there.installation.close()
    postgres.stop("immediate")
    try:
        web = there.scrm("web", "run", "--no-worker", "--workers", "1", "--port", str(port))
        until(lambda: "waiting for the database" in web.said, "it does not say that it waits")
        assert web.running
    finally:
        postgres.start()
    there.answering(f"http://127.0.0.1:{port}", web)
    assert Api([f"http://127.0.0.1:{port}"], key).call("POST", "/leads", lead(0))[0] == 201
    assert web.running and web.stop() == 0


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_database_server_gone_for_thirty_seconds(grounds, postgres):
    gone(grounds, postgres, 30, "immediate")


def test_redis_gone_and_back_empty_costs_no_event_and_no_job(grounds, own_redis: Redis):
    there = grounds(plugins={"calm": counting("calm")}, more=f'queue_url = "{own_redis.url()}"\n')
    api = serve(there)
    own_redis.stop()
    worker = there.worker()  # it begins without Redis
    assert api.call("POST", "/leads", lead(0))[0] == 201
    until(lambda: len(seen(there, "calm")) == 1, "nothing is handed out while Redis is away")
    own_redis.start()
    from scrm_core.jobs import Queue, due_jobs, make_huey

    # What an empty Redis forgot is due all the same: a task is only a nudge.
    assert there.one("SELECT count(*) FROM job_run") == 0
    with there.brand:
        due = len(due_jobs(there.brand))
    assert due > 0
    Queue(there.installation, make_huey(there.installation.config), lambda brand_id: None).enqueue_due()
    until(lambda: there.one("SELECT count(*) FROM job_run WHERE state = 'done'") == due, "the jobs do not run")
    own_redis.stop()
    assert api.call("POST", "/leads", lead(1))[0] == 201
    until(lambda: len(seen(there, "calm")) == 2, "nothing is handed out while Redis is away again")
    own_redis.start()
    Queue(there.installation, make_huey(there.installation.config), lambda brand_id: None).enqueue_due()
    assert seen(there, "calm") == events(there)
    assert there.rows("SELECT DISTINCT attempts FROM job_run") == [(1,)]
    assert worker.running and worker.stop() == 0


class Strait:
    """A line to a server that can go dead: what is open stays open and says nothing more; new ones may pass."""

    def __init__(self, port: int) -> None:
        import socket
        import threading

        self._there = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.dead = threading.Event()
        self._age = 0
        self._open: list[socket.socket] = []
        self._threading, self._socket = threading, socket
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Whatever is open now goes dead for ever."""
        self._age += 1

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            there = self._socket.create_connection(("127.0.0.1", self._there))
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                self._threading.Thread(target=self._pass, args=(one, other, self._age), daemon=True).start()

    def _pass(self, one, other, age: int) -> None:
        try:
            while data := one.recv(65_536):
                if age == self._age:
                    other.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self._listening.close()
        for each in self._open:
            each.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_queue_whose_line_to_redis_went_dead_is_listened_to_again(grounds, own_redis: Redis):
    from dataclasses import replace

    from scrm_core.jobs import Queue, make_huey

    there = grounds()
    strait = Strait(own_redis.port)
    config = replace(there.installation.config, queue_url=f"redis://127.0.0.1:{strait.port}/0")
    woken: list[str] = []
    queue = Queue(there.installation, make_huey(config), woken.append)
    consumer = queue.consumer()
    consumer.start()
    direct = Queue(there.installation, make_huey(replace(config, queue_url=own_redis.url())), woken.append)
    try:
        direct.wake("acme")
        until(lambda: woken == ["acme"], "the queue is not listened to")
        strait.cut()
        pause(2)  # by now it waits for an answer that will never come
        direct.wake("moonco")
        until(lambda: "moonco" in woken, "the queue is never listened to again", patience=30)
    finally:
        consumer.stop()
        strait.close()
