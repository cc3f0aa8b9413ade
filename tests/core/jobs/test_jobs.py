"""Periodic jobs run once per slot and brand, whoever asks and whatever happened to the last run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scrm_core.api import Job, Plugin
from scrm_core.config import ProjectConfig
from scrm_core.db.bulk import execute
from scrm_core.jobs import JOB_ATTEMPTS, JOB_LEASE_MS, DueJob, Queue, due_jobs, make_huey, redis_wake, run_job
from scrm_core.nudge import RemoteNudge, make_nudge

HOUR = 3_600


class Nightly(Plugin):
    """Counts its runs; fails while told to."""

    name = "nightly"
    version = "1"
    summary = "works at night"
    requires_core = ">=0.0"
    jobs = (Job("clean", 24 * HOUR, "clean"),)
    fail: BaseException | None = None

    def clean(self) -> None:
        self.brand.tags.define("runs", f"run {self.brand.now()}", kind="system")
        if Nightly.fail is not None:
            raise Nightly.fail


class Yearly(Plugin):
    """Works once a year."""

    name = "yearly"
    version = "1"
    summary = "works once a year"
    requires_core = ">=0.0"
    jobs = (Job("renew", 365 * 24 * HOUR, "renew"),)

    def renew(self) -> None:
        pass


@pytest.fixture
def acme(new_installation):
    Nightly.fail = None
    return new_installation(plugins=(Nightly,), acme="[plugins.nightly]\n").brand("acme")


def due(brand) -> list[DueJob]:
    return [job for job in due_jobs(brand) if job.plugin == "nightly"]


def runs(brand) -> int:
    return len(brand.tags.all(group="runs"))


def test_a_slot_runs_once_and_the_next_when_its_time_has_come(acme, clock):
    with acme:
        (job,) = due(acme)
        assert run_job(acme, job) and not run_job(acme, job)
        assert due(acme) == []
        clock.advance(days=1)
        (later,) = due(acme)
        assert later.slot == job.slot + 24 * HOUR * 1_000
        assert run_job(acme, later)
        assert runs(acme) == 2


def test_after_a_long_pause_only_the_newest_slot_runs(acme, clock):
    with acme:
        run_job(acme, due(acme)[0])
        clock.advance(days=30)
        assert len(due(acme)) == 1


def test_a_clock_that_goes_back_repeats_nothing(acme, clock):
    with acme:
        run_job(acme, due(acme)[0])
        clock.advance(days=1)
        run_job(acme, due(acme)[0])
        clock.advance(hours=-1)
        assert due(acme) == []
        assert runs(acme) == 2


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(2)])
def test_a_failing_job_is_tried_again_a_bounded_number_of_times(acme, raised):
    Nightly.fail = raised
    with acme:
        for _ in range(JOB_ATTEMPTS):
            (job,) = due(acme)
            assert not run_job(acme, job)
        assert due(acme) == []
        (error,) = execute("SELECT error FROM job_run WHERE plugin = 'nightly'").fetchone()
        assert type(raised).__name__ in error


def test_a_run_whose_process_died_is_claimed_again_after_its_lease(acme, clock):
    with acme:
        (job,) = due(acme)
        execute(
            "INSERT INTO job_run (plugin, job, slot, state, attempts, lease_until, started_at, error) "
            "VALUES ('nightly', 'clean', ?, 'running', 1, ?, ?, '')",
            (job.slot, clock.now() + JOB_LEASE_MS, clock.now()),
        )
        assert due(acme) == [] and not run_job(acme, job)
        clock.advance(ms=JOB_LEASE_MS + 1)
        assert due(acme) == [job] and run_job(acme, job)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_run_whose_process_of_this_host_is_gone_is_claimed_at_once_and_no_other(acme, clock):
    name = "from scrm_core.delivery import worker_name; print(worker_name(), flush=True)"
    wait = subprocess.Popen([sys.executable, "-c", f"{name}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert wait.stdin is not None and wait.stdout is not None
    owner = wait.stdout.readline().decode().strip()
    host, _, pid = owner.rpartition(":")
    with acme:
        (job,) = due(acme)
        execute(
            "INSERT INTO job_run (plugin, job, slot, state, attempts, lease_until, started_at, error, owner) "
            "VALUES ('nightly', 'clean', ?, 'running', 1, ?, ?, '', ?)",
            (job.slot, clock.now() + JOB_LEASE_MS, clock.now(), owner),
        )
        assert due(acme) == [] and not run_job(acme, job)
        wait.communicate(b"\n")
        # A machine of the same name, and a container whose process ids are others.
        others = [f"{host.split('/')[0]}/another/1:{pid}", f"{host}1:{pid}", f"elsewhere:{pid}", ""]
        for other in others:
            execute("UPDATE job_run SET owner = ?", (other,))
            assert due(acme) == [] and not run_job(acme, job), other
        execute("UPDATE job_run SET owner = ?", (owner,))
        assert due(acme) == [job] and run_job(acme, job) and runs(acme) == 1


def test_a_brand_without_the_plugin_has_no_such_job(acme):
    moonco = acme.installation.brand("moonco")
    with moonco:
        assert due(moonco) == []
        assert not run_job(moonco, DueJob("nightly", "clean", 0))


def test_processes_that_run_one_slot_together_run_it_once(acme, together):
    source = """
from scrm_core.jobs import DueJob, run_job
def run(brand, worker):
    return run_job(brand, DueJob("core", "metrics", 0))
"""
    answers = together(acme.installation, source, 4, brand="moonco")
    assert sorted(answers) == [False, False, False, True]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_embedded_queue_carries_jobs_and_wakes_to_a_worker(acme):
    woken: list[str] = []
    queue = Queue(acme.installation, make_huey(acme.installation.config), woken.append)
    queue.enqueue_due()
    queue.wake("acme")
    while (task := queue.huey.dequeue()) is not None:
        queue.huey.execute(task)
    with acme:
        assert due(acme) == [] and runs(acme) == 1
    assert woken == ["acme"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_redis_carries_a_wake_up_to_another_machine_and_its_absence_only_slows(acme, redis_url, tmp_path):
    config = ProjectConfig(root=tmp_path, queue_url=redis_url)
    woken: list[str] = []
    queue = Queue(acme.installation, make_huey(config), woken.append)
    queue.huey.flush()
    nudge = make_nudge(config)
    nudge("acme")
    nudge("acme")  # within a tenth of a second: one message is enough
    while len(queue.huey):
        queue.huey.execute(queue.huey.dequeue())
    assert woken == ["acme"]
    away = RemoteNudge(redis_wake(ProjectConfig(root=tmp_path, queue_url="redis://127.0.0.1:1/0")))
    away("acme")
    away("acme")


def test_a_slot_that_lasts_longer_than_events_are_kept_still_runs_once(new_installation, clock):
    both = "[retention]\nevents_days = 1\n[plugins.yearly]\n"
    installation = new_installation(plugins=(Yearly,), acme=both, moonco=both)
    for name in ("acme", "moonco"):
        brand = installation.brand(name)
        clock.set(64 * 365 * 24 * HOUR * 1_000)
        with brand:
            (job,) = [job for job in due_jobs(brand) if job.plugin == "yearly"]
            assert run_job(brand, job)
            clock.advance(days=30)
            brand.retention.run()
            assert [job for job in due_jobs(brand) if job.plugin == "yearly"] == []
            clock.advance(days=365)
            (later,) = [job for job in due_jobs(brand) if job.plugin == "yearly"]
            assert run_job(brand, later)
            clock.advance(days=2)
            brand.retention.run()
            slots = execute("SELECT slot FROM job_run WHERE plugin = 'yearly'").fetchall()
            assert slots == [(later.slot,)]
