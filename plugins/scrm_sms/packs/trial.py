"""A dry run: what an import would make of a file, with nothing written to the brand.

Which numbers were seen is kept as keyed hashes in a temporary file of the
machine that vanishes with the process, so memory stays flat and no number is
left behind.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable

from scrm_core.api import Brand, fetch_in

from .rows import Batch
from .store import erased_among


class Trial:
    """Counts the rows of a file as an import would; use it as a context manager."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
        self._key = secrets.token_bytes(16)
        # The empty name is SQLite's for a temporary file that it deletes itself; nothing in it is ever rolled back.
        self._seen = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -4000"):
            self._seen.execute(f"PRAGMA {setting}")
        self._seen.execute("CREATE TABLE seen (number BLOB PRIMARY KEY, contact INTEGER) WITHOUT ROWID")
        self._seen.execute("BEGIN")
        self._dropped: Counter[str] = Counter()
        self.rows = self.undated = self._good = 0

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *exc: object) -> None:
        self._seen.close()

    def take(self, batch: Batch) -> None:
        """Count the rows of a batch."""
        self.rows += batch.size
        self.undated += batch.undated
        self._dropped.update(each.reason for each in batch.dropped)
        addresses = [each.address for each in batch.candidates]
        erased = erased_among(self._brand, set(addresses))
        contacts = dict(
            fetch_in(
                "SELECT value, contact_id FROM identity WHERE kind = 'phone' AND namespace = '' AND value IN ({in})",
                sorted(set(addresses)),
            )
        )
        good = [address for address in addresses if address not in erased]
        self._dropped["erased"] += len(addresses) - len(good)
        self._good += len(good)
        self._remember((self._hash(address), contacts.get(address)) for address in good)

    def _remember(self, rows: Iterable[tuple[bytes, int | None]]) -> None:
        self._seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)

    def _hash(self, address: str) -> bytes:
        return hashlib.blake2b(address.encode(), key=self._key, digest_size=16).digest()

    def result(self) -> tuple[int, int, dict[str, int]]:
        """How many numbers the pack would have, how many of them belong to contacts, dropped rows by reason."""
        unique, people, strangers = self._seen.execute(
            "SELECT count(*), count(DISTINCT contact), count(*) - count(contact) FROM seen"
        ).fetchone()
        dropped = self._dropped.copy()
        dropped["duplicate"] += self._good - unique
        dropped["same_person"] += unique - people - strangers
        return people + strangers, people, {reason: count for reason, count in sorted(dropped.items()) if count}
