"""The full sync (全量同步): every customer of every member of staff, page by page, resumed where it stopped.

Behind them the roll of chat groups is called (:mod:`.rolls`), which fails no sync.

A sync is a row, and each member a stretch of it with the cursor of the next page.
A page is read outside any transaction and written in one, together with its
cursor, which moves by compare-and-set: a process that dies repeats at most one
page, and of two that work on one stretch one writes. Memory holds one page.
Relations that no page of a finished sync showed have ended without being told.
A member who left meanwhile is passed over and told; their relations stay as they were.
A customer who deleted the member is still shown (dev:92114) and stays lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, execute, transactional

from . import rolls, tasks
from .client.api import MOST_PAGES
from .client.calls import log
from .client.codes import LEFT, Limited, WecomError
from .follows import SYNC
from .people import Raced
from .rolls import Roll

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import CorpTag, CustomerPage
    from .client.api import Api
    from .labels import Labels
    from .people import People

_SYNC = "id, state, started_at, finished_at, waits_until, error"
_ENDED_AT_ONCE = 200
_TRIES = 5
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SyncView:
    """A sync and how far it is; instants are epoch milliseconds.

    ``relations`` counts pairs of member and customer. ``chats`` are the groups that were listed, ``chats_error`` why
    WeCom does not list them, ``chats_waiting`` how many wait to be read, for the sync or otherwise.
    """

    id: int
    state: str
    started_at: int
    finished_at: int | None
    waits_until: int
    error: str
    staff: int
    staff_done: int
    relations: int
    skipped: int = 0
    chats: int = 0
    chats_error: str = ""
    chats_waiting: int = 0


def latest() -> SyncView | None:
    """The newest sync, or None."""
    row = execute(f"SELECT {_SYNC} FROM wecom_sync ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    counts = execute(
        "SELECT count(*), coalesce(sum(done), 0), coalesce(sum(customers), 0), count(CASE WHEN error <> '' THEN 1 END) "
        "FROM wecom_stretch WHERE sync_id = ?",
        (row[0],),
    ).fetchone()
    view = SyncView(*row, *(int(count) for count in counts))
    if view.staff_done < view.staff:
        return view  # its groups come behind its members; this is asked behind each page
    chats, error = rolls.of_sync(view.id) or (0, "")
    return replace(view, chats=chats, chats_error=error, chats_waiting=tasks.count(tasks.CHAT))


def warnings() -> Iterator[str]:
    """What people should look at: a sync that cannot go on, members who were passed over by the newest."""
    view = latest()
    if view is None:
        return
    if view.state == "running" and view.error:
        yield f"the full sync waits: {view.error}"
    if view.skipped:
        rows = execute(
            "SELECT staff, error FROM wecom_stretch WHERE sync_id = ? AND error <> '' ORDER BY staff LIMIT ?",
            (view.id, _SHOWN),
        ).fetchall()
        said = "; ".join(f"{staff}: {error}" for staff, error in rows)
        more = f" and {view.skipped - len(rows)} more" if view.skipped > len(rows) else ""
        yield f"the full sync passed members over ({said}{more}); when they have left, begin another"


class FullSync:
    """The full sync of one brand; run it outside transactions."""

    def __init__(self, brand: Brand, api: Api, people: People, labels: Labels) -> None:
        self.brand = brand
        self.api = api
        self.people = people
        self.labels = labels
        self.roll = Roll(brand, api)

    def begin(self, still_wanted: Callable[[], bool] | None = None) -> SyncView | None:
        """Begin a sync, or find the one that runs: the members and the tags are read first. Raises WecomError.

        ``still_wanted`` is asked in the transaction that begins it: where it says no nothing is begun.
        """
        running = latest()
        if running is None or running.state != "running":
            tags, staff = self.api.tags(), self.api.staff()
            self._open(tags, staff, still_wanted)
        elif still_wanted is not None:
            still_wanted()
        return latest()

    @transactional
    def _open(self, tags: list[CorpTag], staff: list[str], still_wanted: Callable[[], bool] | None) -> None:
        if still_wanted is not None and not still_wanted():
            return
        self.labels.take_catalogue(tags)
        made = execute(
            "INSERT INTO wecom_sync (state, started_at, waits_until, error) VALUES ('running', ?, 0, '') "
            "ON CONFLICT DO NOTHING RETURNING id",
            (self.brand.now(),),
        ).fetchone()
        if made is None:
            return  # another process began one at this moment
        # Also what links have brought, and whether they are there, is read anew.
        execute("UPDATE wecom_link SET read_at = NULL WHERE state IN ('live', 'broken')")
        for each in sorted(set(staff)):
            execute(
                "INSERT INTO wecom_stretch (sync_id, staff, cursor, pages, customers, done) VALUES (?, ?, '', 0, 0, 0)",
                (made[0], each),
            )

    @transactional
    def stop(self) -> None:
        """End the sync that runs, unfinished; raises Conflict when none runs."""
        stopped = execute(
            "UPDATE wecom_sync SET state = 'stopped', finished_at = ? WHERE state = 'running'", (self.brand.now(),)
        )
        if not stopped.rowcount:
            raise Conflict("no sync runs", code="no_sync")
        rolls.stop()

    def run(self, seconds: float, told: Callable[[SyncView], None] | None = None) -> SyncView | None:
        """Work on the sync that runs for at most so long; ``told`` hears of each page. None where none runs.

        WeCom's limits end the turn, and so do errors, which are kept with the sync: the next turn goes on.
        """
        until = time.monotonic() + seconds
        view = latest()
        while view is not None and view.state == "running" and time.monotonic() < until:
            if view.waits_until > self.brand.now():
                return view
            stretch = execute(
                "SELECT id, staff, cursor, pages FROM wecom_stretch WHERE sync_id = ? AND done = 0 ORDER BY id LIMIT 1",
                (view.id,),
            ).fetchone()
            if not (self._last_turn(view) if stretch is None else self._turn(view, *stretch)):
                return latest()
            view = latest()
            if told is not None and view is not None:
                told(view)
        return view if view is not None and view.state == "running" else latest()

    def _turn(self, view: SyncView, stretch_id: int, staff: str, cursor: str, pages: int) -> bool:
        """One page; False when WeCom cannot be asked now."""
        if pages >= MOST_PAGES:
            log.warning("the full sync passes %s over: the pages do not end", staff)
            self._skip(stretch_id, cursor, "externalcontact/batch/get_by_user: the pages do not end")
            return True
        place = self.labels.place()
        try:
            page = self.api.customers(staff, cursor)
        except WecomError as exc:
            if exc.errcode in LEFT:
                log.warning("the full sync passes %s over: %s", staff, exc)
                self._skip(stretch_id, cursor, str(exc))
                return True
            self._note(view.id, str(exc), exc.until if isinstance(exc, Limited) else 0)
            return False
        for _ in range(_TRIES):
            with suppress(Raced):
                self._write(view.id, stretch_id, staff, cursor, page, place)
                return True
        self._note(view.id, "others write the same relations at this moment", 0)
        return False

    @transactional
    def _note(self, sync_id: int, error: str, waits_until: int) -> None:
        execute(
            "UPDATE wecom_sync SET error = ?, waits_until = ? WHERE id = ?", (error[:500], waits_until, sync_id)
        )

    @transactional
    def _skip(self, stretch_id: int, cursor: str, error: str) -> None:
        execute(
            "UPDATE wecom_stretch SET done = 1, error = ? WHERE id = ? AND cursor = ? AND done = 0",
            (error[:500], stretch_id, cursor),
        )

    @transactional
    def _write(
        self, sync_id: int, stretch_id: int, staff: str, cursor: str, page: CustomerPage, place: int
    ) -> None:
        mine = execute(
            "UPDATE wecom_stretch SET cursor = ?, pages = pages + 1, customers = customers + ?, done = ? "
            "WHERE id = ? AND cursor = ? AND done = 0",
            (page.cursor, len(page.customers), int(not page.cursor), stretch_id, cursor),
        )
        if mine.rowcount:  # else another process wrote this page
            self.people.take_page(staff, page.customers, sync_id, place)
            execute("UPDATE wecom_sync SET error = '', waits_until = 0 WHERE id = ? AND error <> ''", (sync_id,))

    def _last_turn(self, view: SyncView) -> bool:
        """Behind the customers: a page of chat groups, or the end; False when WeCom cannot be asked now."""
        if rolls.of_sync(view.id) is None:
            while self._end_missing(view):
                continue
            self.roll.begin(view.id)
        try:
            goes_on = self.roll.turn(view.id)
        except WecomError as exc:
            self._note(view.id, str(exc), exc.until if isinstance(exc, Limited) else 0)
            return False
        if not goes_on:
            self._close(view.id)
        elif view.error:
            self._note(view.id, "", 0)
        return True

    @transactional
    def _end_missing(self, view: SyncView) -> int:
        """End relations that the sync did not see, some at a time; those that began meanwhile are not meant."""
        rows = execute(
            "SELECT f.external, f.staff FROM wecom_follow f "
            "JOIN wecom_stretch s ON s.staff = f.staff AND s.sync_id = ? AND s.error = '' "
            "WHERE f.state = 'active' AND f.seen <> ? AND f.since < ? ORDER BY f.id LIMIT ?",
            (view.id, view.id, view.started_at, _ENDED_AT_ONCE),
        ).fetchall()
        for external, staff in rows:
            self.people.follows.lost(external, staff, self.brand.now(), SYNC)
        return len(rows)

    @transactional
    def _close(self, sync_id: int) -> None:
        execute(
            "UPDATE wecom_sync SET state = 'done', finished_at = ?, error = '' WHERE id = ? AND state = 'running'",
            (self.brand.now(), sync_id),
        )
