"""A spool (缓冲) of visits: a link is answered when its visit is in a file, and the file goes to the brands in batches.

One durable transaction per visit would cost more than everything else about a
link. Each serving process has a file of its own. What is in it survives the
process: whoever serves next records what a killed process left. A visit is
recorded once: how far a spool has come is written in the transaction of the
visits. A power cut may cost the visits of the last moment, never money or an
order.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import multiprocessing.util
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path

from ..errors import NotFound, ScrmError, StorageFull
from ..installation import Installation
from ..services.links import Opening

log = logging.getLogger("scrm.web")

PAUSE_SECONDS = 0.05
RETRY_SECONDS = 1.0
ROTATE_LINES = 100_000
MOST_WAITING = 200_000
_Line = tuple[int, str, Opening]
"""Place in the file, brand, visit."""


class VisitSpool:
    """The visits of one serving process on their way to the brands' databases."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._folder = installation.config.data_dir / "visits"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._waiting: list[_Line] = []
        self._dirty = threading.Event()
        self._stop = threading.Event()
        self._begin()
        self._thread = threading.Thread(target=self._loop, name="visits", daemon=True)
        self._finish = multiprocessing.util.Finalize(self, self.close, exitpriority=100)

    def start(self) -> None:
        """Record what ended processes left, then take visits."""
        self.recover()
        self._thread.start()

    def full(self) -> bool:
        """Whether the database has been away for so long that visits are better refused than kept."""
        return len(self._waiting) >= MOST_WAITING

    def add(self, brand_id: str, visits: Sequence[Opening]) -> None:
        """Take visits of a brand; they survive this process from here on."""
        records = [[brand_id, each.link_id, each.at, each.visitor, each.bot, each.data] for each in visits]
        text = "".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n" for each in records)
        with self._lock:
            self._write(text.encode())
            for visit in visits:
                self._waiting.append((self._count, brand_id, visit))
                self._count += 1
        self._dirty.set()

    def _write(self, lines: bytes) -> None:
        written = os.write(self._fd, lines)
        if written < len(lines):  # the disk is full: a line that was cut off would join the one after it
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise StorageFull("the disk that holds the visits is full; free space and try again")

    def flush(self) -> bool:
        """Record what waits; False when something has to wait longer."""
        with self._flushing:
            with self._lock:
                lines, self._waiting = self._waiting, []
            kept = _record(self._installation, self._name, lines)
            with self._lock:
                self._waiting = kept + self._waiting
                done = self._name if not self._waiting and self._count >= ROTATE_LINES else ""
                if done:
                    os.close(self._fd)
                    self._begin()
            if done:
                _end(self._installation, self._folder / done)
            return not kept

    def close(self) -> None:
        """Record what waits and remove the file; what cannot be recorded now stays for the next process.

        Runs by itself when a serving process ends in order.
        """
        if self._stop.is_set():
            return
        self._finish.cancel()
        self._stop.set()
        self._dirty.set()
        if self.flush():
            os.close(self._fd)
            _end(self._installation, self._folder / self._name)

    def recover(self) -> int:
        """Record what processes that are no more left in their files; returns how many visits."""
        total = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                if path.name == self._name or not _locked(file.fileno()):
                    continue
                lines = list(_read(file.read()))
                done = {brand_id: _upto(self._installation, brand_id, path.name) for _, brand_id, _ in lines}
                missing = [line for line in lines if line[0] >= done[line[1]]]
                if not _record(self._installation, path.name, missing):
                    _end(self._installation, path)
                    total += len(missing)
        return total

    def _begin(self) -> None:
        while True:
            self._name = f"{secrets.token_hex(8)}.jsonl"
            self._fd = os.open(self._folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if _locked(self._fd) and os.fstat(self._fd).st_nlink:
                break
            os.close(self._fd)  # somebody who recovers took the new file for one that was left
        self._count = 0

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._dirty.wait()
            self._stop.wait(PAUSE_SECONDS)
            self._dirty.clear()
            try:
                whole = self.flush()
            except Exception:
                log.exception("visits wait")
                whole = False
            if not whole:
                self._stop.wait(RETRY_SECONDS)
                self._dirty.set()


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(content: bytes) -> list[_Line]:
    """The lines of a file; one that was cut off when the process ended was not answered."""
    lines: list[_Line] = []
    for place, text in enumerate(content.split(b"\n")):
        try:
            brand_id, link_id, at, visitor, bot, data = json.loads(text)
        except ValueError:
            continue
        lines.append((place, brand_id, Opening("", link_id, at, visitor, bot, data)))
    return lines


def _record(installation: Installation, spool: str, lines: list[_Line]) -> list[_Line]:
    """Record lines brand by brand; returns those whose brand cannot take them now."""
    by_brand: dict[str, list[_Line]] = {}
    for line in lines:
        by_brand.setdefault(line[1], []).append(line)
    kept: list[_Line] = []
    for brand_id, of_brand in by_brand.items():
        try:
            brand = installation.brand(brand_id)
            with brand:
                brand.links.record([visit for _, _, visit in of_brand], spool=spool, upto=of_brand[-1][0] + 1)
        except NotFound:
            log.warning("brand %s is no more; %s visits are dropped", brand_id, len(of_brand))
        except Exception as exc:
            if isinstance(exc, ScrmError):
                log.warning("brand %s: visits wait: %s", brand_id, exc)
            else:
                log.exception("brand %s: visits wait", brand_id)
            kept += of_brand
    return kept


def _upto(installation: Installation, brand_id: str, spool: str) -> int:
    try:
        with installation.brand(brand_id) as brand:
            return brand.links.recorded_upto(spool)
    except NotFound:
        return 0


def _end(installation: Installation, path: Path) -> None:
    """Remove a file whose visits are all recorded. The file goes first: a mark without a file harms nobody."""
    path.unlink(missing_ok=True)
    for brand in installation.brands():
        with contextlib.suppress(ScrmError), brand:
            brand.links.forget_spool(path.name)
