"""The roll of chat groups (客户群核对): WeCom's list of them, page by page, resumed where it stopped.

Callbacks about groups may be lost, and a group may be older than the installation.
A full sync calls the roll behind its customers and has every group read anew; once
a day it is called alone, and reads what is new in it or missing from it. Reading is
done by tasks, a few a second, so that nothing else waits behind thousands of groups.
A group that no page names is asked for by itself: what WeCom says is gone is
dismissed, and what it merely does not show stays as it was.

A page moves the place by compare-and-set, as those of the full sync do. Where there
are too many groups for one list (81017) it is asked for by owners, so many at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import peewee as pw

from scrm_core.api import BrandModel, InstantField, execute, fetch_in, insert_rows, transactional

from . import tasks
from .client.api import MOST_PAGES, PAGE
from .client.calls import log
from .client.codes import CONFIG, LEFT, OF_ONE, PASSING, RATE, TOKEN, TOO_MUCH, Limited, WecomError
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.api import Api

READ_MS = 200
"""Between two groups that are read for the roll: five a second at most."""

_AT_ONCE = 500
_WAITS = frozenset({*PASSING, RATE, TOKEN})


class WecomRoll(BrandModel):
    """A call of the roll of chat groups (one that runs at most), of the sync ``sync_id`` or (0) of a day.

    ``owners`` (JSON) and ``cursor`` are its place; ``listed`` is 1 behind the last page.
    ``pages`` counts how often it went on, ``read_at`` is when the next group is due to be read.
    """

    id = pw.BigAutoField()
    sync_id = pw.BigIntegerField()
    state = pw.TextField()
    owners = pw.TextField()
    cursor = pw.TextField()
    listed = pw.BigIntegerField()
    chats = pw.BigIntegerField()
    pages = pw.BigIntegerField()
    read_at = InstantField()
    waits_until = InstantField()
    error = pw.TextField()

    class Meta:
        table_name = "wecom_roll"


class WecomChat(BrandModel):
    """A chat group of WeCom's: the roll that named it last (``seen``), and whether WeCom says that it is ``gone``."""

    id = pw.BigAutoField()
    chat_id = pw.TextField()
    seen = pw.BigIntegerField()
    gone = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_chat"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a roll is: the owners that are asked for (none: everybody's groups at once), and the next page."""

    id: int
    sync_id: int
    owners: str
    cursor: str
    listed: int
    pages: int


def note_read(chat_id: str) -> None:
    """WeCom has shown this group."""
    _note(chat_id, gone=False)


def note_gone(chat_id: str) -> None:
    """WeCom has said that this group is no more."""
    _note(chat_id, gone=True)


def _note(chat_id: str, *, gone: bool) -> None:
    execute(
        "INSERT INTO wecom_chat (chat_id, seen, gone) VALUES (?, 0, ?) "
        "ON CONFLICT (chat_id) DO UPDATE SET gone = excluded.gone",
        (chat_id, int(gone)),
    )


def of_sync(sync_id: int) -> tuple[int, str] | None:
    """How many groups the roll of a sync has listed, and why WeCom refused or waits; None where none was called."""
    return execute("SELECT chats, error FROM wecom_roll WHERE sync_id = ?", (sync_id,)).fetchone()


def stop() -> None:
    """End the roll of a sync that is ended."""
    execute("UPDATE wecom_roll SET state = 'stopped' WHERE state = 'running' AND sync_id > 0")


def warnings() -> Iterator[str]:
    """Why chat groups are not compared with WeCom's list."""
    row = execute("SELECT state, sync_id, error FROM wecom_roll ORDER BY id DESC LIMIT 1").fetchone()
    if row is None or not row[2]:
        return
    if row[0] == "refused":
        yield f"chat groups are not compared with WeCom's list: {row[2]}"
    elif row[0] == "running" and not row[1]:
        yield f"the daily list of chat groups waits: {row[2]}"


class Roll:
    """The roll of one brand's chat groups; use it outside transactions."""

    def __init__(self, brand: Brand, api: Api) -> None:
        self.brand = brand
        self.api = api

    def run(self, seconds: float) -> None:
        """Work on the day's roll, if one runs, for at most so long; what hinders it is kept, and it goes on later."""
        until = time.monotonic() + seconds
        row = execute("SELECT id, waits_until FROM wecom_roll WHERE state = 'running' AND sync_id = 0").fetchone()
        if row is None or row[1] > self.brand.now():
            return
        try:
            while time.monotonic() < until and self.turn():
                continue
        except WecomError as error:
            log.warning("the list of chat groups is read later: %s", error)
            self._hinder(row[0], str(error), error.until if isinstance(error, Limited) else 0)

    def turn(self, sync_id: int = 0) -> bool:
        """One page of the roll of a sync (0: the day's), or its end; False when it runs no more.

        Raises WecomError where WeCom cannot be asked now. A refusal ends the roll, with its reason.
        """
        row = execute(
            "SELECT id, sync_id, owners, cursor, listed, pages FROM wecom_roll WHERE state = 'running' AND sync_id = ?",
            (sync_id,),
        ).fetchone()
        if row is None:
            return False
        place = _Place(*row)
        if place.listed:
            self._finish(place)
            return True
        if place.pages >= MOST_PAGES:
            self._refuse(place, "externalcontact/groupchat/list: the pages do not end")
            return True
        owners = json.loads(place.owners) if place.owners else []
        try:
            chats, cursor = self.api.chats(owners, place.cursor)
        except WecomError as error:
            self._meet(place, owners, error)
        else:
            onward = owners if cursor or not owners else self._behind(owners[-1])
            self._take(place, chats, onward, cursor, listed=not cursor and not onward)
        return True

    def _behind(self, owner: str) -> list[str]:
        """The next members who are asked for, by their ids."""
        return sorted(each for each in set(self.api.staff()) if each > owner)[:PAGE]

    def _meet(self, place: _Place, owners: Sequence[str], error: WecomError) -> None:
        """Ask in another way, or give it up; raises the error where it is over in a while."""
        if error.errcode == TOO_MUCH and not owners:
            every = self._behind("")
            self._move(place, every, listed=not every)
        elif error.errcode in LEFT and len(owners) > 1:
            # One of them cannot be asked for: the rest is found in halves.
            self._move(place, owners[: len(owners) // 2])
        elif error.errcode in LEFT and owners:
            log.warning("the list of chat groups passes the owner %s over: %s", owners[0], error)
            onward = self._behind(owners[0])
            self._move(place, onward, listed=not onward)
        elif error.kind in _WAITS or (error.kind == CONFIG and error.errcode not in OF_ONE):
            raise error
        else:
            log.warning("chat groups are not listed: %s", error)
            self._refuse(place, str(error))

    @transactional
    def begin(self, sync_id: int = 0) -> None:
        """Call the roll of a sync, while that runs, which takes the day's place; or the day's, if none runs."""
        if sync_id:
            # Held: who stops the sync from here on waits for this roll and ends it too.
            held = execute("UPDATE wecom_sync SET state = state WHERE id = ? AND state = 'running'", (sync_id,))
            if not held.rowcount:
                return
        # None runs without its sync: it would keep the place of every roll behind it.
        execute(
            "UPDATE wecom_roll SET state = 'stopped' WHERE state = 'running' AND sync_id <> ? AND NOT EXISTS "
            "(SELECT 1 FROM wecom_sync s WHERE s.id = wecom_roll.sync_id AND s.state = 'running')",
            (sync_id,),
        )
        # The newest stays: its number is not given again.
        execute(
            "DELETE FROM wecom_roll WHERE sync_id = 0 AND state <> 'running' "
            "AND id < (SELECT max(id) FROM wecom_roll)"
        )
        execute(
            "INSERT INTO wecom_roll (sync_id, state, owners, cursor, listed, chats, pages, read_at, waits_until, "
            "error) VALUES (?, 'running', '', '', 0, 0, 0, 0, 0, '') ON CONFLICT DO NOTHING",
            (sync_id,),
        )

    @transactional
    def _hinder(self, roll: int, error: str, until: int) -> None:
        execute("UPDATE wecom_roll SET error = ?, waits_until = ? WHERE id = ?", (error[:500], until, roll))

    @transactional
    def _refuse(self, place: _Place, error: str) -> None:
        execute(
            "UPDATE wecom_roll SET state = 'refused', error = ? WHERE id = ? AND state = 'running'",
            (error[:500], place.id),
        )

    @transactional
    def _move(self, place: _Place, owners: Sequence[str], *, listed: bool = False) -> None:
        self._go(place, owners, "", 0, listed=listed)

    @transactional
    def _take(
        self, place: _Place, chats: Sequence[str], owners: Sequence[str], cursor: str, *, listed: bool
    ) -> None:
        if not self._go(place, owners, cursor, len(chats), listed=listed):
            return  # another process wrote this page
        known = fetch_in("SELECT chat_id FROM wecom_chat WHERE gone = 0 AND chat_id IN ({in})", sorted(set(chats)))
        insert_rows(
            WecomChat, ("chat_id", "seen", "gone"), [(each, place.id, 0) for each in sorted(set(chats))],
            on_conflict="ON CONFLICT (chat_id) DO UPDATE SET seen = excluded.seen, gone = 0",
        )  # fmt: skip
        old = set() if place.sync_id else {row[0] for row in known}
        self._read(place, [each for each in dict.fromkeys(chats) if each not in old])

    @staticmethod
    def _go(place: _Place, owners: Sequence[str], cursor: str, chats: int, *, listed: bool) -> int:
        return execute(
            "UPDATE wecom_roll SET owners = ?, cursor = ?, listed = ?, chats = chats + ?, pages = pages + 1, "
            "error = '', waits_until = 0 "
            "WHERE id = ? AND state = 'running' AND owners = ? AND cursor = ? AND listed = 0",
            (json.dumps(list(owners)) if owners else "", cursor, int(listed), chats,
             place.id, place.owners, place.cursor),
        ).rowcount  # fmt: skip

    def _read(self, place: _Place, chats: Sequence[str]) -> None:
        """Have groups read, each a moment behind the one before; one that waits to be read already is not put off."""
        (at,) = execute("SELECT read_at FROM wecom_roll WHERE id = ?", (place.id,)).fetchone()
        at = max(at, self.brand.now())
        tasks.want_spread(tasks.CHAT, chats, at, READ_MS)
        execute("UPDATE wecom_roll SET read_at = ? WHERE id = ?", (at + READ_MS * len(chats), place.id))

    def _finish(self, place: _Place) -> None:
        after: str | None = ""
        while after is not None:
            after = self._ask_missing(place, after)
        self._close(place)

    @transactional
    def _ask_missing(self, place: _Place, after: str) -> str | None:
        """Have groups of ours read that no page named, some at a time; returns the last of them, None behind all."""
        rows = execute(
            "SELECT g.code FROM chat_group g LEFT JOIN wecom_chat c ON c.chat_id = g.code "
            "WHERE g.source = ? AND g.code > ? AND (c.id IS NULL OR (c.gone = 0 AND c.seen <> ?)) "
            "ORDER BY g.code LIMIT ?",
            (NAME, after, place.id, _AT_ONCE),
        ).fetchall()
        self._read(place, [row[0] for row in rows])
        return rows[-1][0] if rows else None

    @transactional
    def _close(self, place: _Place) -> None:
        execute("UPDATE wecom_roll SET state = 'done', error = '' WHERE id = ? AND state = 'running'", (place.id,))
