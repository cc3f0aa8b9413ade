"""The worker: delivers events of all brands and runs periodic jobs, until told to stop.

One thread delivers, one consumes the queue, a few send, one watches. A handler over its
time limit cannot be stopped from outside in Python: the watchdog writes down
which one it is and ends the process; the supervisor starts a new worker, which
parks that event first.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peewee import DatabaseError

from .delivery import Delivery, Lease, Running, park_hung, worker_name
from .errors import ScrmError
from .limits import LIMITS
from .nudge import NudgeReceiver, NudgeSender
from .outreach.judging import ADDRESS_KINDS
from .outreach.loop import Sending

if TYPE_CHECKING:
    from .brands import Brand
    from .installation import Installation
    from .jobs import Queue

log = logging.getLogger("scrm.worker")

EXIT_HUNG = 70
EXIT_MEMORY = 71
SWEEP_SECONDS = 1.0
# Commits that follow one another within this time are handed out together: under load
# the worker takes bigger batches instead of the web's share of the processor.
PACE_SECONDS = 0.005


def sender_of(answering: str) -> Callable[[Brand], bool]:
    """What one loop sends of a brand: see :meth:`scrm_core.outreach.Outreach.dispatch`."""
    return lambda brand: brand.outreach.dispatch(answering).busy


class _Lane:
    """A brand's delivery and lease for one state of its configuration."""

    def __init__(self, brand: Brand, owner: str) -> None:
        self.brand = brand
        self.delivery = Delivery(brand)
        self.lease = Lease(brand, owner)


class Worker:
    """One worker process's loop. ``run`` returns the process's exit code."""

    def __init__(self, installation: Installation, stop: threading.Event) -> None:
        self.installation = installation
        self.stop = stop
        self.owner = worker_name()
        self._lanes: dict[str, _Lane] = {}
        self._current: _Lane | None = None
        self._failing: dict[str, float] = {}
        self._queue: Queue | None = None
        self._sending = (
            Sending(installation, stop, sender_of("")),
            # People wait for a code or a welcome: a campaign's gateway that takes its time may not hold them up.
            *(Sending(installation, stop, sender_of(channel), f"answering-{channel}") for channel in ADDRESS_KINDS),
            Sending(installation, stop, lambda brand: brand.partners.post(), "posting"),
        )
        self.receiver = NudgeReceiver(installation.config.data_dir)

    def run(self, *, jobs: bool = True) -> int:
        """Work until ``stop`` is set; 0, or 71 when memory outgrew its limit."""
        self.installation.nudge = NudgeSender(self.installation.config.data_dir)
        for note in take_hung_notes(self.installation.config.data_dir):
            self._park_noted(note)
        consumer = None
        if jobs:
            from .jobs import Queue, make_huey

            self._queue = Queue(self.installation, make_huey(self.installation.config), self._wake)
            consumer = self._queue.consumer()
            consumer.start()
        for each in self._sending:
            each.start()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            return self._loop()
        finally:
            self.stop.set()
            if consumer is not None:
                consumer.stop(graceful=False)
                self._end_jobs()
            for each in self._sending:
                each.join()
            self._release()
            self.receiver.close()

    def _loop(self) -> int:
        busy: set[str] = set()
        swept = -SWEEP_SECONDS
        rested = 0.0
        while not self.stop.is_set():
            nudged = self.receiver.wait(0 if busy else SWEEP_SECONDS)
            early = rested - time.monotonic()
            if nudged and not busy and early > 0:
                self.stop.wait(early)
                nudged |= self.receiver.wait(0)
            due = busy | nudged
            if time.monotonic() - swept >= SWEEP_SECONDS:
                swept = time.monotonic()
                due.update(self.installation.brand_ids())
                if _memory_mb() > LIMITS.worker_memory_mb:
                    log.error("memory above %d MiB: this worker is recycled", LIMITS.worker_memory_mb)
                    return EXIT_MEMORY
            # One batch per brand and round: a brand with a long backlog does not hold up the others.
            busy = {brand_id for brand_id in sorted(due) if not self.stop.is_set() and self._step(brand_id)}
            rested = time.monotonic() + PACE_SECONDS
        return 0

    def _step(self, brand_id: str) -> bool:
        """One batch of one brand; True when there is more."""
        if time.monotonic() < self._failing.get(brand_id, 0.0):
            return False
        try:
            brand = self.installation.brand(brand_id)
            lane = self._lanes.get(brand_id)
            if lane is None or lane.brand is not brand:
                lane = self._lanes[brand_id] = _Lane(brand, self.owner)
            with brand:
                plugins = lane.lease.plugins()
                self._current = lane
                return lane.delivery.step(plugins).more
        except ScrmError as exc:
            log.warning("brand %s waits: %s", brand_id, exc)
        except Exception:
            log.exception("brand %s: delivery failed", brand_id)
        finally:
            self._current = None
        self._failing[brand_id] = time.monotonic() + 1.0
        return False

    def _wake(self, brand_id: str) -> None:
        if self.installation.nudge is not None:
            self.installation.nudge(brand_id)

    def _release(self) -> None:
        for lane in self._lanes.values():
            try:
                with lane.brand:
                    lane.lease.release()
            except (ScrmError, DatabaseError) as exc:
                log.warning("brand %s: lease not released: %s", lane.brand.id, exc)

    def _end_jobs(self) -> None:
        """Wait for the job that runs, as long as the supervisor leaves time for."""
        if self._queue is None or self._queue.end(0):
            return
        seconds = 0.8 * LIMITS.stop_ms / 1000
        running = self._queue.running
        name = f"brand {running[0]}: job {running[1].plugin}/{running[1].job}" if running else "a job"
        log.info("%s goes on, and is waited for up to %.0f s", name, seconds)
        if not self._queue.end(seconds):
            log.warning("%s is cut off; a worker begins it again", name)

    def _watch(self) -> None:
        limit = LIMITS.handler_ms / 1000
        while not self.stop.wait(min(1.0, limit / 4)):
            self._watch_job()
            self._watch_sending()
            lane = self._current
            running = lane.delivery.running if lane is not None else None
            if running is None or time.monotonic() - running.started <= limit:
                continue
            event_id = running.event_id
            if lane is not None and lane.delivery.running is running and running.event_id == event_id:
                write_hung_note(self.installation.config.data_dir, running)
                log.error(
                    "plugin %s, brand %s: handler of event %s exceeded %.0f s; this worker is recycled",
                    running.plugin,
                    running.brand,
                    running.event_id,
                    limit,
                )
                # The handler may hold the database's lock: only the end of the process frees it.
                os._exit(EXIT_HUNG)

    def _watch_job(self) -> None:
        running = self._queue.running if self._queue is not None else None
        if running is None or time.monotonic() - running[2] <= LIMITS.job_ms / 1000:
            return
        brand_id, due, _ = running
        log.error("brand %s: job %s/%s does not end; this worker is recycled", brand_id, due.plugin, due.job)
        # Its lease runs out, and another worker tries again, a bounded number of times.
        os._exit(EXIT_HUNG)

    def _watch_sending(self) -> None:
        brand_id = next((brand for each in self._sending if (brand := each.stuck())), None)
        if brand_id is not None:
            log.error("brand %s: a gateway does not answer; this worker is recycled", brand_id)
            # What it was given becomes unknown when the lease runs out, and waits for its receipts.
            os._exit(EXIT_HUNG)

    def _park_noted(self, note: Running) -> None:
        try:
            brand = self.installation.brand(note.brand)
            with brand:
                park_hung(brand, note.plugin, note.event_id, LIMITS.handler_ms / 1000)
        except ScrmError as exc:
            log.error("event %s of brand %s could not be parked: %s", note.event_id, note.brand, exc)


def _notes_dir(data_dir: Path) -> Path:
    return data_dir / "hung"


def write_hung_note(data_dir: Path, running: Running) -> None:
    """Leave word of a hung handler for the next worker, whole or not at all."""
    folder = _notes_dir(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"brand": running.brand, "plugin": running.plugin, "event_id": running.event_id}))
    os.replace(temporary, path)


def take_hung_notes(data_dir: Path) -> list[Running]:
    """Read and remove the notes that ended workers left."""
    notes = []
    for path in sorted(_notes_dir(data_dir).glob("*.json")):
        try:
            note = json.loads(path.read_text())
            notes.append(Running(note["brand"], note["plugin"], note["event_id"], 0.0))
        except (OSError, ValueError, KeyError) as exc:
            log.error("unreadable note %s: %s", path, exc)
        path.unlink(missing_ok=True)
    return notes


def _memory_mb() -> float:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(installation: Installation, stop: threading.Event, *, jobs: bool = True) -> int:
    """Run a worker in this thread until ``stop`` is set; returns the process's exit code."""
    return Worker(installation, stop).run(jobs=jobs)
