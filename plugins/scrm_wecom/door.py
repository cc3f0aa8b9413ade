"""What is refused at the callback's address is counted by kind and hour: five rows an hour at most, whoever asks.

A stranger may ask as often as they like, so a refusal is no write of its own: the
process adds it up in memory, and a thread writes what has come together a second
later, one statement for all kinds. The answer does not wait for that, and is the same
when it cannot be written: then it is tried again a minute later. What a process has
not written is written when it ends in order; one that is killed loses the last second's.
A process that forks keeps what it counted: its child begins anew.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

import peewee as pw

from scrm_core.api import BrandModel, InstantField, ScrmError, execute, insert_rows, iso, transactional

from .callbacks import Stale
from .client.limits import HOUR_MS
from .crypto import BadSignature, WrongReceiver

if TYPE_CHECKING:
    from scrm_core.api import Brand

KINDS = ("signature", "corporation", "time", "form", "size")
WRITTEN_BEHIND = 1.0
"""Seconds from a refusal to its row, and between two writes of one process."""

TRIED_AGAIN = 60.0
"""Seconds until what could not be written is tried again."""

DAY_MS = 24 * HOUR_MS
TRIES = 3
"""WeCom tries a callback so often: fewer refusals in a day are none of its."""

QUIET_MS = 600_000
"""Refusals so long behind the last callback that was taken: what came meanwhile was all refused."""

_CAUSES = {
    "signature": "if WeCom sends them, `callback_token` is not the Token of its console",
    "corporation": "if WeCom sends them, `corp_id` or `callback_aes_key` is another corporation's",
    "time": "the clock of this machine is wrong, or somebody sends old ones again",
    "form": "if WeCom sends them, `callback_aes_key` is not the EncodingAESKey of its console",
}
_COLUMNS = ("hour", "kind", "count", "last_at")

log = logging.getLogger("scrm.plugin.wecom")


class WecomRefusal(BrandModel):
    """How many callbacks of a ``kind`` were refused at the door in an ``hour`` (counted from the epoch)."""

    id = pw.BigAutoField()
    hour = pw.BigIntegerField()
    kind = pw.TextField()
    count = pw.BigIntegerField()
    last_at = InstantField()

    class Meta:
        table_name = "wecom_refusal"


@dataclass(frozen=True, slots=True)
class Refused:
    """Refusals of a kind: of the last 24 hours, of as long as callbacks are kept, and when the last one was."""

    kind: str
    day: int
    all: int
    last_at: int


def kind_of(error: Exception) -> str:
    """The kind of a refusal; empty for an error that is none, such as a database that is busy."""
    if not isinstance(error, ScrmError):
        return ""
    for refusal, kind in ((BadSignature, "signature"), (WrongReceiver, "corporation"), (Stale, "time")):
        if isinstance(error, refusal):
            return kind
    return {400: "form", 413: "size"}.get(error.status, "")


class Door:
    """Counts the refusals of one brand in this process."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.begin()
        _doors.add(self)

    def begin(self) -> None:
        """Nothing is counted yet: a new one, or that of a child, whose threads stayed with its parent."""
        self._lock = threading.Lock()
        self._counted: dict[tuple[int, str], tuple[int, int]] = {}
        self._waits = False
        self._end: Finalize | None = None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Inside, a refusal is counted on its way to whoever asked."""
        try:
            yield
        except Exception as error:
            if kind := kind_of(error):
                self._count(kind)
            raise

    def _count(self, kind: str) -> None:
        now = self.brand.now()
        place = (now // HOUR_MS, kind)
        with self._lock:
            count, last = self._counted.get(place, (0, 0))
            self._counted[place] = (count + 1, max(last, now))
            begins, self._waits = not self._waits, True
        if begins:
            self._later(WRITTEN_BEHIND)

    def _later(self, seconds: float) -> None:
        """Have it written in a moment, or when the process ends before."""
        with self._lock:
            if self._end is None:
                self._end = Finalize(self, self._write, exitpriority=50)
        timer = threading.Timer(seconds, self._write)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # no thread more: the next refusal begins one, or the end of the process writes it
            self._waits = False

    def _write(self) -> None:
        try:
            with self.brand:
                self.flush()
        except Exception as error:  # noqa: BLE001 - it is tried again, and nobody waits for it
            log.warning("refused callbacks are counted later: %s", error)

    def flush(self) -> None:
        """Write what was counted by now; raises what the database raises, and counts it later then."""
        with self._lock:
            taken, self._counted, self._waits = self._counted, {}, False
        try:
            self._add([(*place, *counted) for place, counted in sorted(taken.items())])
        except BaseException:
            with self._lock:
                for place, (count, last) in taken.items():
                    more, newest = self._counted.get(place, (0, 0))
                    self._counted[place] = (count + more, max(last, newest))
                begins, self._waits = bool(self._counted) and not self._waits, True
            if begins:
                self._later(TRIED_AGAIN)
            raise
        with self._lock:
            if self._end is not None and not self._counted:
                self._end.cancel()
                self._end = None

    @transactional
    def _add(self, rows: list[tuple[int, str, int, int]]) -> None:
        insert_rows(
            WecomRefusal, _COLUMNS, rows,
            on_conflict="ON CONFLICT (hour, kind) DO UPDATE SET count = wecom_refusal.count + excluded.count, "
            "last_at = CASE WHEN excluded.last_at > wecom_refusal.last_at THEN excluded.last_at "
            "ELSE wecom_refusal.last_at END",
        )  # fmt: skip


_doors: weakref.WeakSet[Door] = weakref.WeakSet()


def _forked() -> None:
    for door in _doors:
        door.begin()


os.register_at_fork(after_in_child=_forked)


def refusals(now: int) -> list[Refused]:
    """What was refused, by kind, as far as it is written."""
    rows = execute(
        "SELECT kind, sum(CASE WHEN hour > ? THEN count ELSE 0 END), sum(count), max(last_at) "
        "FROM wecom_refusal GROUP BY kind",
        ((now - DAY_MS) // HOUR_MS,),
    ).fetchall()
    found = {kind: Refused(kind, int(day), int(every), last) for kind, day, every, last in rows}
    return [found[kind] for kind in KINDS if kind in found]


def warnings(brand: Brand) -> Iterator[str]:
    """Kinds of which all that came since the last callback that was taken was refused: a setting is wrong then.

    WeCom tries each callback three times, and each try counts.
    """
    now = brand.now()
    row = execute("SELECT received_at FROM wecom_callback ORDER BY id DESC LIMIT 1").fetchone()
    taken = 0 if row is None else row[0]
    since = f"none was taken since {iso(taken, brand.zone)}" if taken else "none was ever taken"
    for each in refusals(now):
        if each.kind in _CAUSES and each.day >= TRIES and each.last_at > max(taken + QUIET_MS, now - DAY_MS):
            yield f"{each.day} tries were refused in 24 hours ({each.kind}), {since}: {_CAUSES[each.kind]}"


def forget(before: int) -> None:
    """Remove the counts of hours before an instant."""
    execute("DELETE FROM wecom_refusal WHERE hour < ?", (before // HOUR_MS,))
