"""Errors as answers: one shape, RFC 9457, for every path and every status.

::

    {"type": "urn:scrm:problem:not_found", "title": "Not Found", "status": 404,
     "detail": "...", "code": "not_found", "field": "...", "request_id": "..."}

``field`` is there when one part of the input is at fault. An unexpected error
answers with generic words; what happened is in the log under the request id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from ..errors import Busy, ConfigError, PluginError, ScrmError

log = logging.getLogger("scrm.web")

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5

# Statuses below 500 and these carry words written for the caller; the others may name internals.
_SPEAKS = (Busy,)

_HTTP_CODES = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    431: "headers_too_large",
}
_HTTP_DETAIL = {
    400: "the request cannot be read",
    404: "there is nothing at this address",
    408: "the body did not arrive in time",
    413: "the body is larger than is accepted",
}


def request_id() -> str:
    """The id of the current request: the caller's ``X-Request-Id`` if it is harmless, else a new one."""
    return str(request.environ.get("scrm.request_id", ""))


def body_of(status: int, code: str, detail: str, *, field: str | None = None) -> dict[str, Any]:
    """The members of a problem; also used for the refused rows of a batch."""
    members: dict[str, Any] = {
        "type": f"urn:scrm:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if field:
        members["field"] = field
    members["request_id"] = request_id()
    return members


def describe(error: Exception) -> dict[str, Any]:
    """The members of the problem that an error of the framework or of a schema stands for."""
    if isinstance(error, ValidationError):
        return _invalid(error)
    if isinstance(error, ScrmError):
        return _on_purpose(error)
    return body_of(500, "error", "something went wrong here; the log has the details under the request id")


def response(members: dict[str, Any]) -> Response:
    """A problem as a response."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return Response(text, members["status"], content_type=CONTENT_TYPE)


def install(app: Flask) -> None:
    """Answer every error of an application in the one shape."""
    app.register_error_handler(ScrmError, _answer_scrm)
    app.register_error_handler(ValidationError, lambda error: response(describe(error)))
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def _answer_scrm(error: ScrmError) -> Response:
    answer = response(describe(error))
    if error.status >= 500:
        log.error("request %s: %s: %s", request_id(), type(error).__name__, error, exc_info=error)
    if isinstance(error, Busy):
        answer.headers["Retry-After"] = str(error.retry_after)
    elif error.status in (429, 503):
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    elif error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()  # type: ignore[return-value]
    members = body_of(
        status, _HTTP_CODES.get(status, "http_error"), _HTTP_DETAIL.get(status, HTTPStatus(status).description)
    )
    answer = response(members)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    if status == 503 and "Retry-After" not in answer.headers:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _answer_unexpected(error: Exception) -> Response:
    log.error("request %s failed", request_id(), exc_info=error)
    return response(describe(error))


def _on_purpose(error: ScrmError) -> dict[str, Any]:
    if error.status < 500 or isinstance(error, _SPEAKS):
        return body_of(error.status, error.code, error.message, field=getattr(error, "field", None))
    if isinstance(error, PluginError):
        name = error.extra.get("plugin")
        whose = f"the plugin {name!r}" if name else "a plugin"
        return body_of(500, error.code, f"{whose} failed; nothing was changed")
    if isinstance(error, ConfigError):
        return body_of(error.status, error.code, "the configuration has an error; `scrm brand check` explains it")
    return body_of(error.status, error.code, "something went wrong here; the log has the details under the request id")


def _invalid(error: ValidationError) -> dict[str, Any]:
    found = list(_flat(error.messages, ()))
    fields = [".".join(path) for path, _ in found]
    detail = "; ".join(f"{name}: {text}" if name else text for name, (_, text) in zip(fields, found, strict=True))
    return body_of(422, "invalid", detail[:2_000], field=fields[0] if fields else None)


def _flat(messages: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _flat(value, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list):
        for value in messages:
            yield from _flat(value, path)
    else:
        yield path, str(messages)
