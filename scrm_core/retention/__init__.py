"""What grows with every day is removed or made small by age; every figure stays what it was.

* Events that every plugin has had are removed, and counted by day and type.
* Visits of one visitor to one link on one day become one row that says how many they were.
* Messages that are settled lose their text; who got what, when, and what became of it stays.

Each part works through its table in small transactions and remembers how far
it came, so that it may be stopped or killed anywhere and never holds the
database for long. What an age removes and what is counted of it are one
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import day_start
from ..db.bulk import execute
from . import events, messages, visits

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(slots=True)
class Compacted:
    """What one run did, or what it would do: events removed, visits made part of another, messages without their text.

    ``done`` is False when its time was over before its work. ``held_by`` names
    the plugin for which events are kept beyond their age, if there is one.
    """

    events: int = 0
    visits: int = 0
    messages: int = 0
    done: bool = True
    held_by: str = ""


class Retention:
    """The retention of one brand, as its file says (``[retention]``); use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def before(self, part: str) -> int | None:
        """The instant before which a part is old: the beginning of a brand-local day; None for never."""
        days: int = getattr(self.brand.config, f"{part}_days")
        return day_start(self.brand.day(self.brand.now()) - days, self.brand.zone) if days else None

    def run(self, *, seconds: float | None = None, dry_run: bool = False) -> Compacted:
        """Compact what is old, for ``seconds`` at most and to the end of a batch; with ``dry_run`` count it."""
        end = None if seconds is None else time.monotonic() + seconds
        found = Compacted()
        before = self.before("events")
        if before is not None:
            found.held_by = events.held_by(before)
        # Visits first: what still waits to be handed out is read from the log.
        for part in ("visits", "events", "messages"):
            for count in self._batches(part, dry_run):
                setattr(found, part, getattr(found, part) + count)
                if end is not None and time.monotonic() >= end:
                    found.done = False
                    return found
        if before is not None and not dry_run:
            self._forget_job_runs(before)
        return found

    def _batches(self, part: str, dry_run: bool) -> Iterator[int]:
        before = self.before(part)
        if before is None:
            return iter(())
        work = {"events": events.remove, "visits": visits.fold, "messages": messages.empty}[part]
        return work(self.brand, before, dry_run)

    def _forget_job_runs(self, before: int) -> None:
        # The newest slot of a job stays: it says that the slot is taken, however long it lasts.
        execute(
            "DELETE FROM job_run WHERE started_at < ? AND state <> 'running' AND slot < (SELECT max(later.slot) "
            "FROM job_run later WHERE later.plugin = job_run.plugin AND later.job = job_run.job)",
            (before,),
        )

    def counts(self) -> list[tuple[int, str, int]]:
        """(day, type, events) of what was removed; ``day`` is a brand-local ``date.toordinal()``."""
        sql = "SELECT day, type, count FROM event_day ORDER BY day, type"
        rows: list[tuple[int, str, int]] = execute(sql).fetchall()
        return rows
