"""The platforms' signatures, computed as they document them.

Aliyun: classic RPC signing, HMAC-SHA1. Tencent Cloud: TC3-HMAC-SHA256. Twilio:
``X-Twilio-Signature`` of callbacks. The tests hold each against the platforms'
own published examples.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote


def rpc_query(method: str, params: Mapping[str, str], secret: str) -> str:
    """The query string of an Aliyun RPC call: sorted parameters, encoded by RFC 3986, with ``Signature``."""
    query = "&".join(f"{_encode(name)}={_encode(params[name])}" for name in sorted(params))
    text = f"{method}&{_encode('/')}&{_encode(query)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return f"{query}&Signature={_encode(base64.b64encode(digest).decode())}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def tc3_authorization(
    *, secret_id: str, secret_key: str, service: str, host: str, content_type: str, payload: bytes, timestamp: int
) -> str:
    """The ``Authorization`` header of a Tencent Cloud call; ``timestamp`` is in seconds, its date is the UTC date."""
    signed = "content-type;host"
    canonical = (
        f"POST\n/\n\ncontent-type:{content_type}\nhost:{host}\n\n{signed}\n{hashlib.sha256(payload).hexdigest()}"
    )
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for step in (day, service, "tc3_request"):
        key = _sha256(key, step)
    signature = _sha256(key, text).hex()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def _sha256(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def twilio_signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """``X-Twilio-Signature`` of a callback to ``url``; repeated fields are taken once per value, sorted."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def same(given: str, expected: str) -> bool:
    """Compare a secret or a signature in constant time, whatever characters were given."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))
