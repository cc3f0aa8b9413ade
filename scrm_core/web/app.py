"""The application factory."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response

from ..brands import Installation
from ..limits import LIMITS
from . import health, home, mounts, openapi, problems, shortlinks
from .bodies import BODY_CUT, CompactJSON, StrictRequest
from .dispatch import current_request, endpoint
from .routes import ROUTES

API = "/api/v1/<brand>"

# Nothing is loaded from elsewhere, nothing runs that is not one of our files.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class ScrmFlask(Flask):
    """Flask with strict JSON and an id and a start time for each request."""

    request_class = StrictRequest
    json_provider_class = CompactJSON

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        environ["scrm.request_id"] = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
        environ["scrm.start"] = time.perf_counter()
        answer: Iterable[bytes] = super().wsgi_app(environ, start_response)
        return answer


def create_app(installation: Installation) -> Flask:
    """The WSGI application of an installation.

    Raises PluginError when a plugin that a brand enables has a route without a
    declared permission.
    """
    app = ScrmFlask("scrm_core.web", static_folder="static", static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_CUT,
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=LIMITS.body_bytes,
    )
    # A redirect made from a path that the caller wrote is one redirect too many: 404 instead.
    app.url_map.merge_slashes = False
    app.extensions["scrm"] = installation
    problems.install(app)
    counters = health.Counters()
    app.after_request(_finish(counters))
    for route in ROUTES:
        app.add_url_rule(API + route.path, route.operation, endpoint(installation, route), methods=[route.method])
    mounts.install(app, installation, f"{API}/plugins/<plugin>/<path:rest>")
    openapi.install(app)
    shortlinks.install(app, installation)
    health.install(app, installation, counters)
    home.install(app, installation)
    return app


def _finish(counters: health.Counters) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        headers, answered = response.headers, current_request()
        # add(), not set(): nobody else gives these, and each look for an old value costs.
        headers.add("X-Request-Id", answered.environ["scrm.request_id"])
        headers.add("X-Content-Type-Options", "nosniff")
        if response.mimetype == "text/html":
            headers["Content-Security-Policy"] = PAGE_POLICY
            headers["Referrer-Policy"] = "no-referrer"
        elif "Cache-Control" not in headers:
            headers.add("Cache-Control", "no-store")
        counters.count(answered, response)
        return response

    return finish
