"""Turns at a file: one process at a time, Busy after the time somebody has, and nothing left behind by whoever gave up."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scrm_core.db import turns
from scrm_core.db.turns import FileTurns
from scrm_core.errors import Busy

HOLDER = """
import fcntl, sys
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "shop.db-lock")


@pytest.fixture
def holder(file: str):
    """Another process that has the turn until it ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def free(file: str) -> bool:
    """Whether nobody has the turn now."""
    with open(file, "w") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_who_waits_longer_than_they_like_is_told_busy_and_keeps_nothing(file: str, holder) -> None:
    mine = FileTurns(file)
    for _ in range(3):  # the second and third join the wait that was given up
        with pytest.raises(Busy):
            mine.take(0.01)
    holder.stdin.close()
    holder.wait(20)
    fd = mine.take(20)
    assert not free(file)
    os.close(fd)
    assert free(file)


def test_a_turn_that_comes_when_nobody_wants_it_any_more_is_given_on(file: str, holder) -> None:
    mine = FileTurns(file)
    with pytest.raises(Busy):
        mine.take(0.01)
    holder.stdin.close()
    holder.wait(20)
    with open(file, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # would wait for ever


def test_a_killed_process_gives_its_turn_to_whoever_waits(file: str, holder) -> None:
    mine, had = FileTurns(file), []
    waiting = threading.Thread(target=lambda: had.append(mine.take(20)))
    waiting.start()
    holder.kill()
    waiting.join(20)
    assert len(had) == 1 and not free(file)
    os.close(had[0])


def test_the_waiting_thread_ends_when_nobody_needs_it_and_another_begins(file: str, monkeypatch) -> None:
    monkeypatch.setattr(turns, "IDLE_SECONDS", 0.001)
    mine = FileTurns(file)
    for _ in range(20):
        held = open(file, "w")
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.002, held.close).start()
        os.close(mine.take(20))
    for thread in threading.enumerate():
        if thread.name == "file-turns":
            thread.join(20)
    assert free(file)


def test_an_error_of_the_system_reaches_whoever_asked(file: str, holder, monkeypatch) -> None:
    real = fcntl.flock

    def flock(fd: int, how: int) -> None:
        if not how & fcntl.LOCK_NB:
            raise OSError(37, "no locks available")
        real(fd, how)

    monkeypatch.setattr(turns.fcntl, "flock", flock)
    mine = FileTurns(file)
    with pytest.raises(OSError, match="no locks"):
        mine.take(20)
    monkeypatch.undo()
    holder.stdin.close()
    holder.wait(20)
    os.close(mine.take(20))


def test_a_wait_that_is_broken_off_leaves_no_turn_behind(file: str, holder, monkeypatch) -> None:
    mine = FileTurns(file)
    real = mine._told.acquire

    def broken(blocking: bool = True, timeout: float | None = None) -> bool:
        if timeout is None:
            return real(blocking)
        holder.stdin.close()
        holder.wait(20)
        while not mine._settled:
            threading.Event().wait(0.001)
        raise KeyboardInterrupt

    monkeypatch.setattr(mine._told, "acquire", broken)
    with pytest.raises(KeyboardInterrupt):
        mine.take(20)
    monkeypatch.undo()
    assert free(file)
    os.close(mine.take(20))


def test_a_turn_that_is_given_back_is_free_though_a_child_process_still_holds_the_file(file: str) -> None:
    mine = FileTurns(file)
    fd = mine.take(20)
    ready, go = os.pipe()
    child = os.fork()
    if not child:  # inherits every open file, and keeps it until it ends
        os.close(go)
        os.read(ready, 1)
        os._exit(0)
    try:
        assert not free(file)
        mine.give(fd)
        assert free(file)
    finally:
        os.close(go)
        os.close(ready)
        os.waitpid(child, 0)


def test_many_threads_and_two_who_take_turns_never_have_it_together(file: str) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    sides = [(FileTurns(file), threading.Lock()) for _ in range(4)]

    def work(mine: FileTurns, turn: threading.Lock) -> None:
        nonlocal inside, most
        for _ in range(50):
            with turn:
                fd = mine.take(20)
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
                os.close(fd)

    threads = [threading.Thread(target=work, args=side) for side in sides for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, inside) == (1, 0) and not any(thread.is_alive() for thread in threads)
