"""A full sync that somebody asked for on a page, by the API or a command: kept as a row, begun by the job.

To begin one WeCom is asked for members and tags, which no page does while a
transaction is open. The job begins it with the function that the command calls
(:meth:`.sync.FullSync.begin`); a wish that cannot be fulfilled now keeps the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import peewee as pw

from scrm_core.api import BrandModel, Conflict, InstantField, clean_text, execute, transactional

from . import sync, tasks
from .acts import noted
from .client.codes import CONFIG, Limited, WecomError

if TYPE_CHECKING:
    from .service import Wecom

AGAIN_MS = 60_000


class WecomSyncWish(BrandModel):
    """A full sync that is wanted (one row at most); ``error`` is why it could not begin, ``due_at`` the next try."""

    id = pw.BigAutoField()
    actor = pw.TextField()
    at = InstantField()
    due_at = InstantField()
    error = pw.TextField()

    class Meta:
        table_name = "wecom_sync_wish"


@dataclass(frozen=True, slots=True)
class SyncWish:
    """Who wants a full sync since when, and why it has not begun."""

    actor: str
    at: int
    due_at: int
    error: str


def wish() -> SyncWish | None:
    """The sync that is wanted and has not begun, or None."""
    row = execute("SELECT actor, at, due_at, error FROM wecom_sync_wish WHERE id = 1").fetchone()
    return None if row is None else SyncWish(*row)


@transactional
def want_sync(wecom: Wecom, *, actor: str) -> None:
    """Have the job begin a full sync. Raises Conflict: without a secret, and while one runs (``sync_runs``)."""
    assert wecom.api is not None
    running = sync.latest()
    if running is not None and running.state == "running":
        raise Conflict("a full sync runs; it goes on by itself", code="sync_runs")
    now = wecom.brand.now()
    execute(
        "INSERT INTO wecom_sync_wish (id, actor, at, due_at, error) VALUES (1, ?, ?, ?, '') "
        "ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at",
        (clean_text(actor, field="actor", max_length=100), now, now),
    )
    noted(wecom.brand, actor, "wecom_sync.want")


@transactional
def take_back() -> bool:
    """Want no sync any more; False when none was wanted."""
    return bool(execute("DELETE FROM wecom_sync_wish WHERE id = 1").rowcount)


@transactional
def stop_sync(wecom: Wecom, *, actor: str = "") -> None:
    """Want no sync any more, and end the one that runs, unfinished. Raises Conflict (``no_sync``): neither."""
    taken = take_back()
    try:
        wecom.full_sync.stop()
    except Conflict:
        if not taken:
            raise
    noted(wecom.brand, actor, "wecom_sync.stop")


def begin_wanted(wecom: Wecom) -> None:
    """Begin the sync that is wanted, if one is due; the job runs it. Use it outside transactions.

    Of a wish that is taken back meanwhile nothing comes: it is fulfilled in the transaction that begins the sync.
    """
    wanted = wish()
    if wanted is None or wanted.due_at > wecom.brand.now() or not wecom.settings["secret"]:
        return
    try:
        wecom.full_sync.begin(take_back)
    except WecomError as error:
        _put_off(wecom, error)


@transactional
def _put_off(wecom: Wecom, error: WecomError) -> None:
    pause = tasks.PATIENT_MS if error.kind == CONFIG else AGAIN_MS
    due = error.until if isinstance(error, Limited) else wecom.brand.now() + pause
    execute("UPDATE wecom_sync_wish SET error = ?, due_at = ? WHERE id = 1", (str(error)[:500], due))
