"""Signed texts of one brand: cookies and form fields that nobody else can write."""

from __future__ import annotations

import hashlib
import hmac
from functools import cached_property
from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer

from ..db.bulk import execute
from ..errors import ScrmError

if TYPE_CHECKING:
    from ..brands import Brand


class Seals:
    """Signs under the brand's own secret, which the database keeps; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @cached_property
    def _secret(self) -> str:
        row = execute("SELECT value FROM meta WHERE key = 'consumer_secret'").fetchone()
        if row is None:
            raise ScrmError(f"brand {self.brand.id!r}: the database has no consumer_secret; restore it from a backup")
        return str(row[0])

    def sign(self, purpose: str, value: Any) -> str:
        """``value`` (JSON) and a signature, as text for a cookie or an address. ``purpose`` keeps kinds apart."""
        return str(self._serializer(purpose).dumps(value))

    def read(self, purpose: str, text: str) -> Any:
        """The value that was signed for this purpose; None for anything else."""
        if not text or len(text) > 4_000:
            return None
        try:
            return self._serializer(purpose).loads(text)
        except BadData:
            return None

    def mac(self, *parts: str) -> str:
        """A keyed hash of texts, as 64 hexadecimal digits; different for every brand."""
        return hmac.digest(bytes.fromhex(self._secret), "\x1f".join(parts).encode(), hashlib.sha256).hex()

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._secret, salt=f"scrm.consumer.{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def same(one: str, two: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), two.encode())
