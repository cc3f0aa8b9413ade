"""Signatures of messages between installations, as Standard Webhooks writes them (symmetric, ``v1``).

``webhook-signature`` is a list of ``v1,<base64>`` separated by spaces: the
HMAC-SHA256 of ``id.timestamp.body``. Any entry that fits is enough.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z")
_MOST_SIGNATURES = 8


class Signed(NamedTuple):
    """The three headers of a message as they came."""

    id: str
    timestamp: int
    signatures: str


def headers(secret: bytes, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that sign a message; ``timestamp`` is in seconds."""
    mark = base64.b64encode(_mark(secret, message, timestamp, body)).decode()
    return {ID: message, TIMESTAMP: str(timestamp), SIGNATURE: f"v1,{mark}"}


def read(given: Mapping[str, str]) -> Signed | None:
    """The headers of a message, or None where one is missing or of another shape."""
    message, timestamp = given.get(ID, ""), given.get(TIMESTAMP, "")
    if not _ID.match(message) or not _TIMESTAMP.match(timestamp):
        return None
    return Signed(message, int(timestamp), given.get(SIGNATURE, ""))


def fits(secret: bytes, signed: Signed, body: bytes) -> bool:
    """Whether one of the signatures is the secret's own; compared in constant time."""
    mark = base64.b64encode(_mark(secret, signed.id, signed.timestamp, body))
    found = False
    for each in signed.signatures.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES]:
        version, _, given = each.partition(",")
        found |= version == "v1" and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), mark)
    return found


def _mark(secret: bytes, message: str, timestamp: int, body: bytes) -> bytes:
    return hmac.digest(secret, f"{message}.{timestamp}.".encode() + body, "sha256")
