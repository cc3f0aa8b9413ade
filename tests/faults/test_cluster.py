"""Two webs and three workers on machines of their own, PostgreSQL and Redis between them, and everything fails in turn."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator

import pytest
from engines import Redis
from grounds import Grounds, Process, pause, until
from machines import Machine, Network, port_on
from needed import missing
from postgres_server import Postgres, postgres_programs
from storm import Gateway, Storm, finished, patiently, tables, witnesses
from test_bad_plugins import counting, events, leads, seen

WEBS, WORKERS = ["web1", "web2"], ["worker1", "worker2", "worker3"]

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


class Cluster:
    """The machines and what runs on them."""

    def __init__(self, make: Callable[..., Grounds], *, separate_hosts: bool) -> None:
        self.net = Network(WEBS + WORKERS, separate_hosts=separate_hosts)
        self._closing: list[Callable[[], None]] = [self.net.close]
        try:
            self._build(make)
        except BaseException:
            self.close()
            raise

    def _build(self, make: Callable[..., Grounds]) -> None:
        host = self.net.host
        hosts = tuple(dict.fromkeys(("127.0.0.1", host)))
        programs = postgres_programs()
        assert programs is not None
        self.postgres = Postgres(programs, hosts)
        self._closing.append(self.postgres.close)
        self.redis = Redis(hosts)
        self._closing.append(self.redis.close)
        self.gateway = Gateway(host)
        self._closing.append(self.gateway.close)
        self.ports = {name: port_on(self.net.machines[name]) for name in WEBS}
        self.bases = [f"http://{self.net.machines[name].host}:{self.ports[name]}" for name in WEBS]
        self.gateway.bases = self.bases
        self.grounds = make(
            tables(self.bases[0], self.gateway.url),
            witnesses(),
            url=self.postgres.url(self.postgres.database(), host),
            more=f'queue_url = "{self.redis.url(host)}"\n',
        )
        self.running: dict[str, Process] = {}
        for name in WEBS + WORKERS:
            self._settle(name)
            self.start(name)
        for name, base in zip(WEBS, self.bases, strict=True):
            self.grounds.answering(base, self.running[name])

    def machine(self, name: str) -> Machine:
        return self.net.machines[name]

    def _settle(self, name: str) -> None:
        """Every machine has the project's files for itself: no file and no socket is shared."""
        there = self.grounds.root.parent / name
        shutil.copytree(self.grounds.root, there, ignore=shutil.ignore_patterns("data"))

    def start(self, name: str) -> Process:
        machine = self.machine(name)
        words = ["worker"]
        if name in WEBS:
            words = ["run", "--no-worker", "--workers", "1", "--host", machine.host, "--port", str(self.ports[name])]
        folder = self.grounds.root.parent / name
        self.running[name] = self.grounds.scrm(name, *words, wrap=machine.wrap, folder=folder)
        return self.running[name]

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.start(name)

    def away(self, name: str, seconds: float) -> None:
        """A machine whose cable is out for a while."""
        self.machine(name).cut(self.running[name])
        pause(seconds)
        self.machine(name).join(self.running[name])

    def holder(self) -> str:
        """The worker that has the brand's events in hand, as far as its process id tells."""
        held = "SELECT lease_owner FROM plugin_cursor WHERE lease_until > 0 LIMIT 1"
        until(lambda: patiently(lambda: self.grounds.rows(held)), "no worker works")
        pid = int(patiently(lambda: self.grounds.one(held)).rpartition(":")[2])
        return next((name for name in WORKERS if pid in (self.running[name].pid, *self.running[name].family())), "worker1")

    def close(self) -> None:
        for each in reversed(self._closing):
            each()


@pytest.fixture
def cluster(grounds: Callable[..., Grounds]) -> Iterator[Callable[..., Cluster]]:
    if postgres_programs() is None or shutil.which("redis-server") is None:
        missing("a PostgreSQL or Redis server to start", "install postgresql and redis-server")
    made: list[Cluster] = []

    def make(*, separate_hosts: bool = False) -> Cluster:
        made.append(Cluster(grounds, separate_hosts=separate_hosts))
        return made[-1]

    yield make
    for each in made:
        each.grounds.end()
        each.close()


def end_well(cluster: Cluster, storm: Storm, kills: int) -> None:
    running = cluster.running
    finished(storm, lambda: ([running[name] for name in WORKERS], [running[name] for name in WEBS]))
    storm.check(kills)


@pytest.mark.wide
def test_workers_killed_and_cut_off_redis_and_postgresql_restarted_and_every_event_is_handled_once(cluster, seed):
    rng = random.Random(seed)
    there = cluster()
    storm = Storm(there.grounds, there.bases, there.gateway, rows=300)
    storm.prepare()
    storm.begin()
    faults = [
        lambda: there.kill(there.holder()),
        lambda: there.away(there.holder(), 1.5),
        lambda: (there.redis.stop(), pause(0.5), there.redis.start()),
        lambda: (there.postgres.stop(), pause(0.5), there.postgres.start()),
    ]
    rng.shuffle(faults)
    for fault in faults:
        pause(rng.uniform(0.2, 1.0))
        fault()
    # Whatever was restarted last, one more write has gone through since.
    before = len(storm.asked.orders)
    until(lambda: storm.failed or len(storm.asked.orders) > before, "nothing goes through any more")
    end_well(there, storm, kills=len(WORKERS) + 1)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_cluster_of_many_hosts_under_faults_for_minutes_handles_every_event_once(cluster, seed):
    rng = random.Random(seed)
    there = cluster(separate_hosts=True)
    storm = Storm(there.grounds, there.bases, there.gateway, rows=1_000)
    storm.prepare()
    storm.begin()
    faults: list[Callable[[], object]] = [
        lambda: there.kill(rng.choice(WORKERS)),
        lambda: there.kill(rng.choice(WEBS)),
        lambda: there.away(rng.choice(WORKERS), rng.uniform(1, 8)),
        lambda: there.away(rng.choice(WEBS), rng.uniform(1, 4)),
        lambda: there.away(there.holder(), 75),  # longer than its lease
        lambda: (there.redis.stop(), pause(rng.uniform(0, 3)), there.redis.start()),
        lambda: (there.postgres.stop(rng.choice(["fast", "immediate"])), pause(rng.uniform(0, 3)), there.postgres.start()),
    ]
    rounds = 3
    for fault in rng.sample(faults * rounds, len(faults) * rounds):
        pause(rng.uniform(0, 2))
        fault()
        if storm.failed:
            break
    end_well(there, storm, kills=len(faults) * rounds * len(WORKERS))


@pytest.mark.soak
def test_a_worker_cut_off_inside_a_transaction_holds_up_nobody_for_long(grounds, request, tmp_path):
    programs = postgres_programs()
    net = Network(["left", "right"], separate_hosts=True)
    request.addfinalizer(net.close)
    if programs is None or not net.real:
        missing("PostgreSQL's programs or the right to make network namespaces", "install postgresql, run as root")
    server = Postgres(programs, ("127.0.0.1", net.host))
    request.addfinalizer(server.close)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    waits = (
        f"Seen.create(event_id=-1); import pathlib, threading; pathlib.Path({str(begun)!r}).touch()\n"
        f"        while not pathlib.Path({str(gate)!r}).exists(): threading.Event().wait(0.1)\n"
        "        from scrm_core.api import execute; execute('DELETE FROM slow_seen WHERE event_id = -1')"
    )
    there = grounds(
        plugins={"slow": counting("slow", waits), "calm": counting("calm")},
        url=server.url(server.database(), net.host),
    )
    request.addfinalizer(there.end)
    machines = net.machines
    leads(there, 1)
    left = there.scrm("left", "worker", wrap=machines["left"].wrap)
    until(begun.exists, "the handler has not begun")
    machines["left"].cut(left)
    leads(there, 5, first=1)
    gate.touch()  # whoever comes next need not wait
    right = there.scrm("right", "worker", wrap=machines["right"].wrap)
    until(lambda: seen(there, "calm") == seen(there, "slow") == events(there), "the dead line holds everybody up")
    assert right.stop() == 0
