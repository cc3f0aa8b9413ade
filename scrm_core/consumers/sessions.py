"""Sessions of customers: a row per signed-in browser, so that one can be ended, expires, and follows its person.

The row's foreign key to the contact is moved by a merge and goes with an
erasure, like every other.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY
from ..db import transactional
from ..db.bulk import execute
from ..errors import NotFound
from ..services.survivors import begin_writing, survivor
from .types import Consumer

if TYPE_CHECKING:
    from ..brands import Brand


@transactional
def open_session(brand: Brand, contact_id: int, via: str, *, strong: bool, device: str) -> Consumer:
    """Sign a browser in for a contact; raises NotFound for one that is unknown or erased."""
    begin_writing()
    contact_id = survivor(contact_id)
    uid, now = secrets.token_hex(16), brand.now()
    days = brand.config.consumer.session_days
    execute(
        "INSERT INTO consumer_session (uid, contact_id, via, strong, device, created_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (uid, contact_id, via, int(strong), device, now, now + days * MS_PER_DAY),
    )
    return Consumer(contact_id, uid, via, strong)


def find_session(brand: Brand, uid: str) -> Consumer | None:
    """Whom a session speaks for now, merges followed; None once it ended, expired or its person was erased."""
    row = execute(
        "SELECT contact_id, via, strong FROM consumer_session WHERE uid = ? AND ended_at IS NULL AND expires_at > ?",
        (uid, brand.now()),
    ).fetchone()
    if row is None:
        return None
    try:
        contact_id = survivor(row[0], hold=False)
    except NotFound:
        return None
    return Consumer(contact_id, uid, row[1], row[2] == 1)


@transactional
def end_session(brand: Brand, uid: str) -> bool:
    """Sign out; False when the session was over already."""
    ended = execute(
        "UPDATE consumer_session SET ended_at = ? WHERE uid = ? AND ended_at IS NULL AND expires_at > ?",
        (brand.now(), uid, brand.now()),
    )
    return bool(ended.rowcount)


@transactional
def end_sessions(brand: Brand, contact_id: int) -> int:
    """Sign a contact out of every browser; returns how many."""
    ended = execute(
        "UPDATE consumer_session SET ended_at = ? WHERE contact_id = ? AND ended_at IS NULL AND expires_at > ?",
        (brand.now(), survivor(contact_id), brand.now()),
    )
    return int(ended.rowcount)
