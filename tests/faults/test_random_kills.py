"""kill -9 of web, worker and import at random moments: the totals are those of a run without kills."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest
from grounds import PATIENCE, Grounds, pause, until
from ports import free_port
from storm import Gateway, Storm, finished, patiently, tables, witnesses


class Killer:
    """Kills what runs, and starts it again as its supervisor would."""

    def __init__(self, grounds: Grounds, storm: Storm, port: int, rng: random.Random) -> None:
        self.grounds, self.storm, self.port, self.rng = grounds, storm, port, rng
        self.web = grounds.bare_web(port)
        self.worker = grounds.worker()
        self.victims: list[str] = []
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._tending = threading.Thread(target=self._tend, daemon=True)
        self._tending.start()

    def _tend(self) -> None:
        """Start a web again that ended by itself: granian gives up when its child is killed twice in a moment."""
        while not self._over.wait(0.2):
            with self._turn:
                if not self.web.running:
                    self.web = self.grounds.bare_web(self.port)

    def close(self) -> None:
        """Let go of what runs: it is stopped in order now."""
        self._over.set()
        self._tending.join(PATIENCE)

    def kill(self) -> None:
        """One kill at a moment of the seed's."""
        pause(self.rng.uniform(0.0, 0.7))
        with self._turn:
            self._kill()

    def _kill(self) -> None:
        kind = self.rng.choice(["web", "web's child", "worker", "worker", "import"])
        self.victims.append(kind)
        if kind == "web":
            self.web.kill()
            self.web = self.grounds.bare_web(self.port)
        elif kind == "web's child":
            for pid in self.web.family():
                self._end(pid)
        elif kind == "worker":
            self.worker.kill()
            self.worker = self.grounds.worker()
            self._until_it_works()
        else:
            until(lambda: self.storm.importer is not None and self.storm.importer.running, "nothing is imported")
            assert self.storm.importer is not None
            self.storm.importer.kill()

    def _until_it_works(self) -> None:
        mine = f"%:{self.worker.pid}"
        until(
            lambda: patiently(
                lambda: self.grounds.one("SELECT count(*) FROM plugin_cursor WHERE lease_owner LIKE ?", mine)
            ),
            "the new worker has not begun",
        )

    @staticmethod
    def _end(pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def run_storm(make, seed: int, kills: int, rows: int) -> None:
    port = free_port()
    gateway = Gateway()
    try:
        grounds = make(tables(f"http://127.0.0.1:{port}", gateway.url), witnesses())
        storm = Storm(grounds, [f"http://127.0.0.1:{port}"], gateway, rows)
        storm.prepare()
        killer = Killer(grounds, storm, port, random.Random(seed))
        try:
            storm.begin()
            for _ in range(kills):
                killer.kill()
                if storm.failed:
                    break
            finished(storm, lambda: ([killer.worker], [killer.web]), killer.close)
            print(f"{kills} kills: {killer.victims}; {len(storm.asked.orders)} rounds, {len(storm.asked.files)} files, "
                  f"{len(gateway.taken)} messages")  # fmt: skip
            storm.check(killer.victims.count("worker"))
        finally:
            killer.close()
    finally:
        gateway.close()


def test_a_few_kills_at_random_moments_change_no_total(grounds, seed):
    run_storm(grounds, seed, 5, 400)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_two_hundred_kills_at_random_moments_change_no_total(grounds, seed):
    run_storm(grounds, seed, 100, 1_500)  # on each engine
