"""Signatures as Standard Webhooks writes them: HMAC-SHA256 of ``id.timestamp.body``, in three headers."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

WINDOW_SECONDS = 300
"""A signature is older or newer than now by no more than this: what was heard once cannot be sent again for ever."""


def key_of(secret: str) -> bytes:
    """The key of a secret written ``whsec_<base64>``; raises ValueError when it is none, or is short."""
    head, _, text = secret.partition("_")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if head != "whsec" or len(key) < 24:
        raise ValueError("a secret is whsec_ and the base64 of at least 24 random bytes")
    return key


def headers(key: bytes, message: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that sign a body; ``seconds`` is now, ``message`` an id that a repetition keeps."""
    mark = _mark(key, message, str(seconds), body).decode()
    return {"webhook-id": message, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{mark}"}


def fits(key: bytes, given: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether the headers sign the body, now (seconds); compared in constant time, whatever was given."""
    message, seconds = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return False
    mark = _mark(key, message, seconds, body)
    found = False
    for each in given.get("webhook-signature", "").split(" ")[:8]:
        version, _, text = each.partition(",")
        found |= version == "v1" and hmac.compare_digest(text.encode("utf-8", "replace"), mark)
    return found and abs(int(seconds) - now) <= WINDOW_SECONDS


def _mark(key: bytes, message: str, seconds: str, body: bytes) -> bytes:
    signed = f"{message}.{seconds}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.digest(key, signed, "sha256"))
