"""The application factory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask, Response, request

from ..installation import Installation
from ..limits import LIMITS
from . import health, home, mounts, openapi, partners, plugin_pages, problems, shortlinks, staff_pages
from .api import PLUGINS, ROOT, Answered, Api, told
from .bodies import BODY_CUT, CompactJSON, StrictRequest
from .dispatch import Environ
from .routes import ROUTES
from .visitspool import VisitSpool

# Nothing is loaded from elsewhere, nothing runs that is not one of our files.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_YEAR = 365 * 86_400


class ScrmFlask(Flask):
    """Flask behind the API, the short links and the pages for staff: what these do not answer comes here."""

    request_class = StrictRequest
    json_provider_class = CompactJSON

    def __init__(
        self,
        *args: Any,
        api: Api,
        links: shortlinks.ShortLinks,
        staff: staff_pages.StaffPages,
        counters: health.Counters,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._api, self._links, self._staff, self._counters = api, links, staff, counters

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        # The addresses of the consumer frame's files change with what they hold.
        return _YEAR if (filename or "").startswith("consumer.") else super().get_send_file_max_age(filename)

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start = environ["scrm.start"] = time.perf_counter()
        request_id = problems.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
        answered = self._api.answer(environ) or self._links.answer(environ)
        if answered is None:
            page = self._staff.answer(environ)
            if page is None:
                answer: Iterable[bytes] = super().wsgi_app(environ, start_response)
                return answer
            _dress(page, plugin_pages.POLICY)
            self._counters.count(staff_pages.RULE, environ["REQUEST_METHOD"], page.status_code, start)
            return page(environ, start_response)
        self._counters.count(answered.rule, environ["REQUEST_METHOD"], answered.status, start)
        start_response(answered.status_line, [*answered.headers, ("X-Request-Id", request_id)])
        return [answered.body]

    # What a server may hand over together: scrm_core.lots.Together.

    def gathers(self, environ: Environ) -> str:
        kind: str = environ["PATH_INFO"] if self._api.gathers(environ) else self._links.gathers(environ)
        if kind:
            environ["scrm.start"] = time.perf_counter()
            environ["scrm.request_id"] = problems.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
        return kind

    def answer_many(self, environs: Sequence[Environ]) -> Sequence[Answered | None]:
        links = environs[0]["PATH_INFO"].startswith(shortlinks.PREFIX)
        return self._links.answer_many(environs) if links else self._api.answer_many(environs)

    def refuse(self, environ: Environ, error: BaseException) -> Answered:
        return told(environ, error)

    def sent(self, environ: Environ, answered: Answered) -> tuple[int, list[tuple[str, str]], bytes]:
        status, headers, body, rule = answered
        self._counters.count(rule, environ["REQUEST_METHOD"], status, environ["scrm.start"])
        return status, [*headers, ("X-Request-Id", environ["scrm.request_id"])], body


def create_app(installation: Installation, *, spool: VisitSpool | None = None) -> Flask:
    """The WSGI application of an installation.

    With a ``spool`` visits of short links are recorded in batches, otherwise each in its request.

    Raises PluginError when a plugin that a brand enables has a route without a
    declared permission.
    """
    counters = health.Counters()
    app = ScrmFlask(
        "scrm_core.web",
        static_folder="static",
        static_url_path="/static",
        api=Api(installation, ROUTES),
        links=shortlinks.ShortLinks(installation, spool),
        staff=staff_pages.StaffPages(installation),
        counters=counters,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_CUT,
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=LIMITS.body_bytes,
    )
    # A redirect made from a path that the caller wrote is one redirect too many: 404 instead.
    app.url_map.merge_slashes = False
    app.extensions["scrm"] = installation
    problems.install(app)
    app.after_request(_finish(counters))
    mounts.install(app, installation, f"{ROOT}<brand>/{PLUGINS}/<plugin>/<path:rest>")
    plugin_pages.install(app, installation)
    openapi.install(app)
    shortlinks.install(app)
    partners.install(app, installation)
    health.install(app, installation, counters)
    home.install(app, installation)
    return app


def _finish(counters: health.Counters) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        _dress(response, plugin_pages.POLICY if request.endpoint == plugin_pages.ENDPOINT else PAGE_POLICY)
        route = request.url_rule.rule if request.url_rule is not None else "none"
        counters.count(route, request.method, response.status_code, request.environ["scrm.start"])
        return response

    return finish


def _dress(response: Response, policy: str) -> None:
    """Put on what every answer of Flask carries."""
    headers = response.headers
    headers["X-Request-Id"] = problems.request_id()
    headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = policy
        headers["Referrer-Policy"] = "no-referrer"
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
