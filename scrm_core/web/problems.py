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
import re
import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask, Response
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, RequestTimeout

from ..errors import Busy, ConfigError, PluginError, ScrmError

log = logging.getLogger("scrm.web")

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")

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


class Refusal(NamedTuple):
    """An error as an answer: status, headers and the JSON text."""

    status: int
    headers: list[tuple[str, str]]
    text: str


_request_id: ContextVar[str] = ContextVar("scrm_request_id", default="")


def name_request(given: str) -> str:
    """Begin a request: its id is the caller's ``X-Request-Id`` if that is harmless, else a new one."""
    chosen = given if _HARMLESS.match(given) else secrets.token_hex(8)
    _request_id.set(chosen)
    return chosen


def request_id() -> str:
    """The id of the current request."""
    return _request_id.get()


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


def describe(error: BaseException) -> dict[str, Any]:
    """The members of the problem that an error of the framework or of a schema stands for."""
    if isinstance(error, ValidationError):
        return _invalid(error)
    if isinstance(error, ScrmError):
        return _on_purpose(error)
    if isinstance(error, RequestTimeout):  # a body that did not come; other HTTP errors are the web framework's
        return _of_http(408)
    return body_of(500, "error", "something went wrong here; the log has the details under the request id")


def refusal(error: BaseException) -> Refusal:
    """The answer that an error of any kind stands for; what the caller is not told goes to the log."""
    members = describe(error)
    status: int = members["status"]
    headers = [("Content-Type", CONTENT_TYPE)]
    if status >= 500:
        log.error("request %s: %s: %s", request_id(), type(error).__name__, error, exc_info=error)
    if isinstance(error, Busy):
        headers.append(("Retry-After", str(error.retry_after)))
    elif status in (429, 503):
        headers.append(("Retry-After", str(RETRY_SECONDS)))
    elif status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    return Refusal(status, headers, _text(members))


def install(app: Flask) -> None:
    """Answer every error of a Flask application in the one shape."""
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The answer that an error of any kind stands for, those of Flask too."""
    if isinstance(error, HTTPException):
        return _answer_http(error)
    status, headers, text = refusal(error)
    return Response(text, status, headers)


def _text(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()  # type: ignore[return-value]
    members = _of_http(status)
    answer = Response(_text(members), status, content_type=CONTENT_TYPE)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    if status == 503 and "Retry-After" not in answer.headers:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _of_http(status: int) -> dict[str, Any]:
    return body_of(
        status, _HTTP_CODES.get(status, "http_error"), _HTTP_DETAIL.get(status, HTTPStatus(status).description)
    )


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
