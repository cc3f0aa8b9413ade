"""Periodic jobs and wake-ups on huey: embedded (SQLite) or Redis, the same code.

huey forgets a task before it runs it, so it is never the truth: a job's run is
a row in the brand's database, unique per (plugin, job, slot), with a lease. A
task is only a nudge to look there, and the worker's sweep repairs lost ones.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from huey import RedisHuey, SqliteHuey, crontab
from huey.consumer import Consumer

from .config import ProjectConfig
from .db import leaving_none_open, transactional
from .db.bulk import execute
from .delivery import describe, ended, worker_name
from .errors import NotFound
from .limits import LIMITS
from .services import audit, contributions
from .values.masking import scrub

if TYPE_CHECKING:
    from .brands import Brand
from .installation import Installation

log = logging.getLogger("scrm.jobs")

CORE = "core"
METRICS_JOB = "metrics"
METRICS_SECONDS = 3_600
# What two PostgreSQL transactions wrote at one moment: an order that waits for a buyer, and the buyer.
WAITING_JOB = "waiting-orders"
WAITING_SECONDS = 600
FORGET_JOB = "forget-answers"
FORGET_SECONDS = 86_400
SILENT_JOB = "silent-messages"
SILENT_SECONDS = 3_600
RETENTION_JOB = "retention"
RETENTION_SECONDS = 3_600
FILES_JOB = "sent-files"
# Asked for when somebody sends a file in; this often for what was missed or left by workers that died.
FILES_SECONDS = 300
# Jobs of a worker follow one another, and a hundred brands have their turn: files go on in pieces of time.
FILES_MOST_SECONDS = 60
CONTRIBUTIONS_JOB = "contributions"
# Of each hour.
RETENTION_MOST_SECONDS = 60
# A little longer than a run may take: a run is never claimed again while it goes on.
JOB_LEASE_MS = LIMITS.job_ms + 60_000
JOB_ATTEMPTS = 3
REDIS_SILENCE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job whose slot has come and that nobody has finished."""

    plugin: str
    job: str
    slot: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A periodic job as it is looked at; instants are epoch milliseconds.

    ``state`` is that of its newest run: running, done or failed; empty while it
    never ran. ``next_at`` is when the next slot begins, or now where one is due.
    ``asked_by`` is whoever asked for a run that has not begun.
    """

    plugin: str
    name: str
    every_seconds: int
    next_at: int
    state: str
    started_at: int | None
    finished_at: int | None
    error: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class JobRunView:
    """One run of a job."""

    id: int
    plugin: str
    job: str
    state: str
    attempts: int
    started_at: int
    finished_at: int | None
    error: str


class Jobs:
    """The periodic jobs of a brand, its plugins' and the core's, to look at and to ask for; inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def runs(self, *, before: int | None = None, limit: int = LIMITS.page_rows) -> list[JobRunView]:
        """The newest runs of all jobs, newest first; ``before`` is a run's id to page on from."""
        return _runs("id < ? ORDER BY id DESC LIMIT ?", (before or 2**62, limit))

    def newest(self, plugin: str | None = None) -> list[JobRunView]:
        """The newest run of each job that ever ran, or of those of one plugin, which may be switched off; by name."""
        of, params = ("", ()) if plugin is None else ("WHERE plugin = ? ", (plugin,))
        return _runs(f"id IN (SELECT max(id) FROM job_run {of}GROUP BY plugin, job) ORDER BY plugin, job", params)

    @transactional
    def ask(self, plugin: str, job: str, *, actor: str = "operator") -> bool:
        """Have a job run at the workers' next look, within a minute; False where somebody has asked already.

        A run that has begun is no answer to whoever asks now. A job that asks for more time names no actor, and is
        not in the audit log. Raises NotFound for a job that no enabled plugin has.
        """
        if (plugin, job) not in {(each[0], each[1]) for each in _jobs(self._brand)}:
            raise NotFound(f"brand {self._brand.id!r} has no job {plugin}/{job}")
        now = self._brand.now()
        (newest,) = execute(
            "SELECT coalesce(max(slot), -1) FROM job_run WHERE plugin = ? AND job = ?", (plugin, job)
        ).fetchone()
        asked = execute(
            "INSERT INTO job_request (plugin, job, at, actor) VALUES (?, ?, ?, ?) ON CONFLICT (plugin, job) "
            # One whose every attempt died is asked for anew, and one whose run goes on and may be past what is asked.
            "DO UPDATE SET at = excluded.at, actor = excluded.actor WHERE job_request.at < ? OR EXISTS (SELECT 1 FROM "
            "job_run r WHERE r.plugin = job_request.plugin AND r.job = job_request.job AND r.slot = job_request.at)",
            # Its slot is one of its own, also when the regular one began this very millisecond.
            (plugin, job, max(now, newest + 1), actor, now - JOB_ATTEMPTS * JOB_LEASE_MS),
        )
        if asked.rowcount and actor:
            audit.record(self._brand, actor, "job.ask", f"job:{plugin}/{job}")
        return bool(asked.rowcount)

    def list(self) -> list[JobView]:
        """Every job, the core's first, then by plugin in the order of the brand's file."""
        now = self._brand.now()
        newest = {(run.plugin, run.job): run for run in self.newest()}
        asked = {(row[0], row[1]): row[2] for row in execute("SELECT plugin, job, actor FROM job_request").fetchall()}
        due = {(each.plugin, each.job) for each in due_jobs(self._brand)}
        views = []
        for plugin, name, seconds, _ in _jobs(self._brand):
            next_at = now if (plugin, name) in due else now - now % (seconds * 1_000) + seconds * 1_000
            run, by = newest.get((plugin, name)), asked.get((plugin, name), "")
            if run is None:
                views.append(JobView(plugin, name, seconds, next_at, "", None, None, "", by))
            else:
                ran = (run.state, run.started_at, run.finished_at, run.error)
                views.append(JobView(plugin, name, seconds, next_at, *ran, by))
        return views


def _runs(which: str, params: tuple[Any, ...]) -> list[JobRunView]:
    rows = execute(
        f"SELECT id, plugin, job, state, attempts, started_at, finished_at, error FROM job_run WHERE {which}", params
    ).fetchall()
    return [JobRunView(*row[:7], scrub(row[7])) for row in rows]


class EmbeddedConsumer(Consumer):  # type: ignore[misc]
    """huey's consumer inside the worker process, which handles signals itself."""

    def _set_signal_handlers(self) -> None:
        return None


def make_huey(config: ProjectConfig) -> Any:
    """The queue named by ``queue_url``: Redis, or a file in the data folder."""
    if config.queue_url:
        # Longer than huey waits for a task (a second). Without it a line that went dead is waited on for ever.
        return RedisHuey("scrm", connection_pool=_redis_pool(config, REDIS_SILENCE_SECONDS), results=False)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteHuey("scrm", filename=str(config.data_dir / "queue.huey"), results=False)


def _redis_pool(config: ProjectConfig, seconds: float) -> Any:
    """Connections to the queue's Redis that give up after so many seconds of silence."""
    from redis import ConnectionPool

    return ConnectionPool.from_url(config.queue_url, socket_timeout=seconds, socket_connect_timeout=seconds)


def redis_problem(config: ProjectConfig) -> str:
    """Why the queue's Redis does not answer within a second, in words without its password; empty when it does."""
    from redis import Redis, RedisError

    try:
        Redis(connection_pool=_redis_pool(config, 1)).ping()
    except RedisError as exc:
        return str(exc)
    return ""


def redis_wake(config: ProjectConfig) -> Callable[[str], object]:
    """A function that puts a wake-up for a brand into the Redis queue; it gives up within a second."""
    huey = RedisHuey("scrm", connection_pool=_redis_pool(config, 0.5), results=False)

    @huey.task(name="scrm.wake")  # type: ignore[untyped-decorator]
    def wake(brand_id: str) -> None:
        """Runs in workers, where :class:`Queue` gives it a body."""

    return wake  # type: ignore[no-any-return]


class Queue:
    """The tasks of an installation on one huey.

    ``on_wake`` is called in the worker with a brand id when some machine
    committed events of it.
    """

    def __init__(self, installation: Installation, huey: Any, on_wake: Callable[[str], None]) -> None:
        self.installation = installation
        self.huey = huey
        self.running: tuple[str, DueJob, float] | None = None
        """Brand, job and begin (monotonic seconds) of the run that goes on, for the watchdog."""
        self._ending = threading.Event()
        self._idle = threading.Event()
        self._idle.set()

        @huey.task(name="scrm.wake")  # type: ignore[untyped-decorator]
        def wake(brand_id: str) -> None:
            on_wake(brand_id)

        @huey.task(name="scrm.job")  # type: ignore[untyped-decorator]
        def job(brand_id: str, plugin: str, name: str, slot: int) -> None:
            self._idle.clear()
            try:
                # Whoever ends sets its mark first and looks at ours then: a run is not begun, or it is waited for.
                if not self._ending.is_set():
                    self._run(brand_id, DueJob(plugin, name, slot))
            finally:
                self.running = None
                self._idle.set()

        @huey.periodic_task(crontab(minute="*"), name="scrm.tick")  # type: ignore[untyped-decorator]
        def tick() -> None:
            self.enqueue_due()

        self.wake = wake
        self.job = job

    def _run(self, brand_id: str, due: DueJob) -> None:
        try:
            brand = self.installation.brand(brand_id)
        except NotFound:
            return
        self.running = brand_id, due, time.monotonic()
        with brand:
            run_job(brand, due)

    def end(self, seconds: float) -> bool:
        """Begin no run any more; True when the one that goes on is over within so many seconds."""
        self._ending.set()
        return self._idle.wait(seconds)

    def enqueue_due(self) -> int:
        """Enqueue every due job of every brand; returns how many."""
        count = 0
        for brand in self.installation.brands():
            try:
                with brand:
                    for due in due_jobs(brand):
                        self.job(brand.id, due.plugin, due.job, due.slot)
                        count += 1
            except Exception:
                # Whatever is wrong with one brand (not migrated, damaged) must not stop the others' jobs.
                log.exception("brand %s: jobs wait", brand.id)
        return count

    def consumer(self) -> EmbeddedConsumer:
        """A consumer of one thread, not started."""
        return EmbeddedConsumer(
            self.huey, workers=1, worker_type="thread", initial_delay=0.2, max_delay=2.0, check_worker_health=False
        )


def _jobs(brand: Brand) -> Iterator[tuple[str, str, int, Callable[[], object]]]:
    """(plugin, job, seconds, function) of every periodic job of a brand; "core" has its own."""
    yield CORE, METRICS_JOB, METRICS_SECONDS, brand.metrics.keep_up
    yield CORE, WAITING_JOB, WAITING_SECONDS, brand.orders.match_waiting
    yield CORE, FORGET_JOB, FORGET_SECONDS, lambda: _forget_answers(brand)
    yield CORE, SILENT_JOB, SILENT_SECONDS, brand.outreach.give_up_silent
    yield CORE, RETENTION_JOB, RETENTION_SECONDS, lambda: brand.retention.run(seconds=RETENTION_MOST_SECONDS)
    yield CORE, CONTRIBUTIONS_JOB, contributions.EVERY_SECONDS, lambda: contributions.keep(brand)
    yield CORE, FILES_JOB, FILES_SECONDS, lambda: brand.sent_files.work(seconds=FILES_MOST_SECONDS)
    for name, plugin in brand.plugins.items():
        for job in plugin.jobs:
            yield name, job.name, job.every_seconds, getattr(plugin, job.method)


def _forget_answers(brand: Brand) -> None:
    from .services.idempotency import forget_old

    forget_old(brand)
    brand.consumers.forget_old()
    brand.imports.forget_rejected()
    brand.sent_files.forget_old()


def due_jobs(brand: Brand) -> list[DueJob]:
    """The newest slot of every job that is neither finished nor running, and runs that somebody asked for.

    Slots are multiples of the period since the epoch. After a pause only the
    newest slot runs, and a clock that goes back finds its slots already taken.
    """
    now = brand.now()
    due = []
    asked = {(row[0], row[1]): row[2] for row in execute("SELECT plugin, job, at FROM job_request").fetchall()}
    slots = [(plugin, job, now - now % (seconds * 1_000)) for plugin, job, seconds, _ in _jobs(brand)]
    slots += [(plugin, job, asked[plugin, job]) for plugin, job, _ in slots if (plugin, job) in asked]
    for plugin, job, slot in slots:
        row = execute(
            "SELECT state, attempts, lease_until, owner FROM job_run WHERE plugin = ? AND job = ? AND slot = ?",
            (plugin, job, slot),
        ).fetchone()
        if row is None or _claimable(*row, now):
            due.append(DueJob(plugin, job, slot))
    return due


def _claimable(state: str, attempts: int, lease_until: int, owner: str, now: int) -> bool:
    over = state == "failed" or (state == "running" and (lease_until < now or ended(owner)))
    return over and attempts < JOB_ATTEMPTS


def run_job(brand: Brand, due: DueJob) -> bool:
    """Claim one slot of a job and run it; False when someone else has it or it is gone.

    The plugin's method runs outside a transaction and opens its own. A process
    that dies leaves the slot to others of its host at once and to other hosts
    after the lease, three attempts in all.
    """
    work = next((function for plugin, job, _, function in _jobs(brand) if (plugin, job) == (due.plugin, due.job)), None)
    if work is None or not _claim(brand, due):
        return False
    try:
        with leaving_none_open():
            work()
    except BaseException as exc:  # a job may raise anything, SystemExit too
        error, _ = describe(exc)
        log.exception("brand %s: job %s/%s failed", brand.id, due.plugin, due.job)
        _finish(brand, due, "failed", error)
        return False
    _finish(brand, due, "done", "")
    return True


def _claim(brand: Brand, due: DueJob) -> bool:
    now = brand.now()
    key = (due.plugin, due.job, due.slot)
    mine = (now + JOB_LEASE_MS, now, worker_name())
    fresh = execute(
        "INSERT INTO job_run (plugin, job, slot, state, attempts, error, lease_until, started_at, owner) "
        "VALUES (?, ?, ?, 'running', 1, '', ?, ?, ?) ON CONFLICT (plugin, job, slot) DO NOTHING",
        (*key, *mine),
    )
    if fresh.rowcount == 1:
        return True
    row = execute(
        "SELECT state, attempts, lease_until, owner FROM job_run WHERE plugin = ? AND job = ? AND slot = ?", key
    ).fetchone()
    if row is None or not _claimable(*row, now):
        return False
    again = execute(
        "UPDATE job_run SET state = 'running', attempts = attempts + 1, lease_until = ?, started_at = ?, owner = ? "
        "WHERE plugin = ? AND job = ? AND slot = ? AND state = ? AND attempts = ? AND lease_until = ? AND owner = ?",
        (*mine, *key, *row),
    )
    return int(again.rowcount) == 1


@transactional
def _finish(brand: Brand, due: DueJob, state: str, error: str) -> None:
    execute("DELETE FROM job_request WHERE plugin = ? AND job = ? AND at = ?", (due.plugin, due.job, due.slot))
    execute(
        "UPDATE job_run SET state = ?, error = ?, finished_at = ? "
        "WHERE plugin = ? AND job = ? AND slot = ? AND owner = ?",
        (state, error, brand.now(), due.plugin, due.job, due.slot, worker_name()),
    )
