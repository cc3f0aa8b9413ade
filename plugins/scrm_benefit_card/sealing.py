"""Codes and PINs as they lie in the database: encrypted under a key that the database does not have.

A sealed text is a Fernet token (AES-CBC with HMAC). That a code is there once is
held by its mark, an HMAC-SHA256: a plain hash of a short code is guessed in
minutes. The first key seals; all of them open, so that keys can be replaced.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scrm_core.api import ScrmError, folded

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """What the owner of a card sees; a log or a traceback that shows the value shows nothing."""

    code: str = field(repr=False)
    pin: str = field(repr=False)


class Seals:
    """Seals and opens under the brand's keys, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self.names = tuple(hashlib.sha256(b"benefit-card name " + key.encode()).hexdigest()[:16] for key in keys)
        """A name of each key that tells nothing of it; stored beside what it sealed."""

    def problem(self) -> str:
        """Why nothing can be sealed, else empty; never with a key in it."""
        try:
            import cryptography.fernet  # noqa: F401
        except ImportError:
            return "sealing needs cryptography: pip install 'scrm[benefitcard]'"
        for place, key in enumerate(self._keys, 1):
            try:
                good = len(base64.urlsafe_b64decode(key.encode())) == _KEY_BYTES
            except (binascii.Error, ValueError):
                good = False
            if not good:
                return f"seal_keys: key {place} is none; `scrm benefit-card key` makes one"
        return ""

    @cached_property
    def _fernets(self) -> dict[str, Any]:
        from cryptography.fernet import Fernet

        return {name: Fernet(key) for name, key in zip(self.names, self._keys, strict=True)}

    def seal(self, secret: Secret) -> str:
        """The sealed text, under the newest key."""
        text = json.dumps([secret.code, secret.pin], ensure_ascii=False)
        return str(self._fernets[self.names[0]].encrypt(text.encode()).decode())

    def open(self, sealed: str, name: str) -> Secret:
        """What was sealed under the key of this name; raises ScrmError when it is not there or does not fit."""
        from cryptography.fernet import InvalidToken

        try:
            return Secret(*json.loads(self._fernets[name].decrypt(sealed.encode())))
        except (KeyError, InvalidToken):
            raise ScrmError("a card was sealed under a key that seal_keys does not name any more") from None

    def marks(self, code: str) -> tuple[str, ...]:
        """The mark of a code under each key, the newest first; capitals, spaces and dashes tell no codes apart."""
        plain = folded(code).replace("-", "").encode()
        return tuple(
            hmac.digest(base64.urlsafe_b64decode(key), b"benefit-card mark " + plain, hashlib.sha256).hex()
            for key in self._keys
        )


def new_key() -> str:
    """A fresh key, as ``seal_keys`` wants it."""
    from cryptography.fernet import Fernet

    return str(Fernet.generate_key().decode())
