"""One request, one effect: the first answer to an ``Idempotency-Key`` is the only one.

The key's row is inserted before the work and in the same transaction. Two
requests with one key therefore meet at the unique row: the second waits for the
first and then finds its answer. A request that is refused rolls its row back
with everything else: it did nothing, so it may be sent again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY
from ..db import transactional
from ..db.bulk import execute
from ..errors import Invalid, Malformed
from ..limits import LIMITS

if TYPE_CHECKING:
    from ..brands import Brand

_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP status and the exact body; ``replayed`` when an earlier request made it."""

    status: int
    body: str
    replayed: bool = False


@transactional
def run_once(
    brand: Brand, key_id: str, key: str | None, digest: str, work: Callable[[], tuple[int, str]]
) -> StoredAnswer:
    """Do ``work`` in one transaction, or give the answer it gave the first time.

    ``key_id`` is the caller's API key (two callers may choose the same
    idempotency key), ``digest`` identifies the whole request. Without ``key``
    the work simply runs. Raises Malformed for a key that is not 1 to 200
    visible ASCII characters and Invalid when the key came with another request.
    """
    if key is None:
        return StoredAnswer(*work())
    if not _KEY.match(key):
        raise Malformed(
            "Idempotency-Key must be 1 to 200 visible ASCII characters",
            field="Idempotency-Key",
            code="idempotency_key",
        )
    inserted = execute(
        "INSERT INTO idempotency (key_id, key, request_digest, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (key_id, key, digest, brand.now()),
    ).rowcount
    if not inserted:
        return _replay(key_id, key, digest)
    status, body = work()
    execute(
        "UPDATE idempotency SET status = ?, body = ? WHERE key_id = ? AND key = ?", (status, body, key_id, key)
    )
    return StoredAnswer(status, body)


def _replay(key_id: str, key: str, digest: str) -> StoredAnswer:
    first, status, body = execute(
        "SELECT request_digest, status, body FROM idempotency WHERE key_id = ? AND key = ?", (key_id, key)
    ).fetchone()
    if first != digest:
        raise Invalid(
            "this Idempotency-Key was used for another request; use a new key for a new request",
            field="Idempotency-Key",
            code="idempotency_mismatch",
        )
    return StoredAnswer(status, body, replayed=True)


@transactional
def forget(key_id: str, key: str) -> None:
    """Forget the answer to a key: the next request with it is a new one."""
    execute("DELETE FROM idempotency WHERE key_id = ? AND key = ?", (key_id, key))


@transactional
def forget_old(brand: Brand) -> int:
    """Delete answers older than ``LIMITS.idempotency_days``; returns how many. A daily job of the worker."""
    before = brand.now() - LIMITS.idempotency_days * MS_PER_DAY
    return int(execute("DELETE FROM idempotency WHERE at < ?", (before,)).rowcount)
