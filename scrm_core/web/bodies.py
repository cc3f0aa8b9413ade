"""JSON in and out: strict where it comes from outside, compact where it leaves."""

from __future__ import annotations

import json
from typing import Any

import flask
from flask.json.provider import DefaultJSONProvider

from ..errors import Malformed, ScrmError, TooLarge
from ..limits import LIMITS
from ..values import strictjson

BODY_CUT = LIMITS.body_bytes + 1
"""``MAX_CONTENT_LENGTH`` of every application here; see :meth:`StrictRequest.get_data`."""


class UnsupportedMedia(ScrmError):
    """The body is of another type than JSON."""

    status = 415
    code = "unsupported_media_type"


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Compact JSON of an answer; a NaN or a value JSON has no form for is an error, never written."""


def read_body(environ: dict[str, Any]) -> bytes:
    """The body of a WSGI request; raises TooLarge above ``LIMITS.body_bytes`` without reading on.

    A body of unknown length is read only from a server that marks its end.
    """
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit() and "HTTP_TRANSFER_ENCODING" not in environ:
        size = int(length) if len(length) <= 12 else BODY_CUT
    else:
        size = BODY_CUT if environ.get("wsgi.input_terminated") else 0
        length = ""
    if length and size > LIMITS.body_bytes:
        raise too_large()
    body = bytearray()
    while len(body) < size:
        chunk = stream.read(size - len(body))
        if not chunk:
            break
        body += chunk
    if len(body) > LIMITS.body_bytes:
        raise too_large()
    if length and len(body) < size:
        raise Malformed("the body ended before its length", code="body_incomplete")
    return bytes(body)


def too_large() -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"the body is larger than {LIMITS.body_bytes} bytes")


def read_json(body: bytes, content_type: str) -> Any:
    """The value of a JSON body.

    Raises UnsupportedMedia for another content type and what
    :func:`scrm_core.values.strictjson.loads` raises.
    """
    mimetype = content_type.partition(";")[0].strip().lower()
    if mimetype and mimetype != "application/json" and not mimetype.endswith("+json"):
        raise UnsupportedMedia(
            f"the body must be JSON with `Content-Type: application/json`, not {mimetype[:100]!r}"
        )
    return strictjson.loads(body)


class StrictRequest(flask.Request):
    """A request whose ``get_json`` refuses what Python's parser silently accepts; plugins get it too."""

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """The body; raises TooLarge above ``LIMITS.body_bytes``.

        A body of unknown length is cut by werkzeug at ``MAX_CONTENT_LENGTH``
        without a word; that limit is one byte higher, so the cut is seen here.
        """
        body: Any = super().get_data(cache, as_text, parse_form_data)  # type: ignore[call-overload]
        if len(body) > LIMITS.body_bytes:
            raise too_large()
        return body

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The JSON body; ``silent`` is refused, because an unread error becomes a wrong answer."""
        if silent:
            raise TypeError("get_json(silent=True) hides bad input; let the error reach the caller")
        body = self.get_data(cache=cache)
        return strictjson.loads(body) if force else read_json(body, self.mimetype)


class CompactJSON(DefaultJSONProvider):
    """Compact, in the order given, without NaN."""

    sort_keys = False
    ensure_ascii = False
    compact = True

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, allow_nan=False, **kwargs)
