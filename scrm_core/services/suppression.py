"""Suppression (抑制名单): keyed hashes of identities that must never come back.

A hash is HMAC-SHA256 under the brand's own salt. A plain hash of a phone number
is reversible, since there are only ten thousand million of them, and an equal
salt would let two brands compare their people.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..db.bulk import execute, fetch_in, insert_rows
from ..errors import ScrmError
from ..models import Suppression

if TYPE_CHECKING:
    from ..brands import Brand

IdentityKey = tuple[str, str, str]
"""(kind, namespace, value): what an identity is unique by."""


class Suppressions:
    """The suppression list of one brand, and its salt; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._salt: bytes | None = None

    @property
    def salt(self) -> bytes:
        """The brand's secret key for hashes; raises ScrmError when the database has lost it."""
        if self._salt is None:
            row = execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
            if row is None:
                raise ScrmError(f"brand {self.brand.id!r}: the database has no salt; restore it from a backup")
            self._salt = bytes.fromhex(row[0])
        return self._salt

    def digest(self, *parts: str) -> str:
        """The keyed hash of some texts, as 64 hexadecimal digits; different for every brand."""
        return hmac.digest(self.salt, "\x1f".join(parts).encode(), hashlib.sha256).hex()

    def erased_reference(self, channel: str, ref: str) -> str:
        """What stands for the reference of an erased person's message: told again, it is known and stays erased."""
        return "erased:" + self.digest("message_in", channel, ref)

    def among(self, keys: Collection[IdentityKey]) -> set[IdentityKey]:
        """Those of the identities that are suppressed."""
        if not keys or execute("SELECT 1 FROM suppression LIMIT 1").fetchone() is None:
            return set()
        digests = {self.digest(*key): key for key in keys}
        rows = fetch_in("SELECT digest FROM suppression WHERE digest IN ({in})", sorted(digests))
        return {digests[row[0]] for row in rows}

    def add(self, keys: Iterable[IdentityKey], *, reason: str, at: int) -> int:
        """Suppress identities; returns how many were not suppressed before."""
        rows = sorted((self.digest(*key), key[0], reason, at) for key in keys)
        return insert_rows(
            Suppression, ("digest", "kind", "reason", "at"), rows, on_conflict="ON CONFLICT (digest) DO NOTHING"
        )
