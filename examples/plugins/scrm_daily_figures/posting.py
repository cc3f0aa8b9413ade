"""One signed POST, as Standard Webhooks writes it: HMAC-SHA256 of ``id.timestamp.body``."""

from __future__ import annotations

import base64
import hmac
import http.client
from urllib.parse import urlsplit

SECONDS = 10.0


def key_of(secret: str) -> bytes:
    """The key of a secret written ``whsec_<base64>``; raises ValueError when it is none, or is short."""
    head, _, text = secret.partition("_")
    key = base64.b64decode(text, validate=True)
    if head != "whsec" or len(key) < 24:
        raise ValueError("a secret is whsec_ and the base64 of at least 24 random bytes")
    return key


def post(url: str, key: bytes, message: str, seconds: int, body: bytes) -> None:
    """POST a JSON body; ``message`` is its id, ``seconds`` is now. No redirect is followed.

    Raises OSError when it could not be sent or was answered by another status than 200 to 299.
    """
    mark = base64.b64encode(hmac.digest(key, f"{message}.{seconds}.".encode() + body, "sha256")).decode()
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{mark}",
    }
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", body, headers)
        status = connection.getresponse().status
    except http.client.HTTPException as exc:
        raise OSError(f"{type(exc).__name__}: {exc}") from exc
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise OSError(f"{parts.hostname} answered {status}")
