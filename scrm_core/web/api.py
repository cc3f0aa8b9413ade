"""The core's API as a small WSGI application of its own, in front of the Flask one.

A call needs a route, a key, a body and a transaction, and nothing of a web
framework's contexts, signals and header objects, which cost as much as all of
those together. Views are plain functions from a Call to an Answer, so nothing
is lost. Flask serves everything else: pages, short links, routes of plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

from ..errors import Invalid, NotFound, ScrmError
from ..installation import Installation
from .bodies import encode, read_body, read_json
from .calls import Call, Route, body_loader, read_query
from .dispatch import NOTHING_HERE, Environ, admit, bearer_brand, once, permit
from .problems import refusal

ROOT = "/api/v1/"
PLUGINS = "plugins"
JSON_TYPE = ("Content-Type", "application/json")
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))
_MOST_PARAMETERS = 50
_VARIABLE = re.compile(r"<(\w+)>")
_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

Methods = dict[str, Route]


class MethodNotAllowed(ScrmError):
    """The path exists, but not for this method."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, methods: Iterable[str]) -> None:
        super().__init__("this address does not take this method")
        self.allowed = ", ".join(sorted(methods))


class Answered(NamedTuple):
    """What goes to the server, and the route's path for the counters."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    rule: str

    @property
    def status_line(self) -> str:
        return _STATUS_LINES[self.status]


class Table:
    """The routes by path. A path without variables comes before one with them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[str, Methods] = {}
        patterns: dict[str, Methods] = {}
        for route in routes:
            paths = patterns if "<" in route.path else self._plain
            paths.setdefault(route.path, {})[route.method] = route
        self._patterns = [
            (re.compile(_VARIABLE.sub(r"(?P<\1>[^/]+)", path) + r"\Z"), methods) for path, methods in patterns.items()
        ]

    def find(self, path: str, method: str) -> tuple[Route, dict[str, str]]:
        """The route and its variables; raises NotFound and MethodNotAllowed. HEAD is a GET without a body."""
        methods = self._plain.get(path)
        variables: dict[str, str] = {}
        if methods is None:
            for pattern, candidate in self._patterns:
                match = pattern.match(path)
                if match is not None:
                    methods, variables = candidate, match.groupdict()
                    break
            else:
                raise NotFound(NOTHING_HERE)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed([*methods, *(["HEAD"] if "GET" in methods else [])])
        return route, variables


class Api:
    """Answers calls to ``/api/v1/<brand>/...``."""

    def __init__(self, installation: Installation, routes: Iterable[Route]) -> None:
        self._installation = installation
        self._table = Table(routes)

    def answer(self, environ: Environ) -> Answered | None:
        """The answer to a request, whatever happens; None for one that is not the core's API."""
        path: str = environ["PATH_INFO"]
        if not path.startswith(ROOT):
            return None
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        brand, slash, rest = path[len(ROOT) :].partition("/")
        if rest.startswith(f"{PLUGINS}/"):
            return None
        rule, head = "none", environ["REQUEST_METHOD"] == "HEAD"
        try:
            route, variables = self._table.find(slash + rest, environ["REQUEST_METHOD"])
            rule = ROOT + "<brand>" + route.path
            status, headers, text = self._run(route, environ, brand, variables)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin's guard may raise anything; refusal() logs it
            status, headers, text = refusal(error)
            if isinstance(error, MethodNotAllowed):
                headers.append(("Allow", error.allowed))
        body = text.encode()
        headers += [("Content-Length", str(len(body))), *ALWAYS]
        return Answered(status, headers, b"" if head else body, rule)

    def _run(
        self, route: Route, environ: Environ, path_brand: str, variables: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], str]:
        brand, bearer = bearer_brand(self._installation, environ)
        with brand:
            key = admit(brand, bearer, path_brand)
            permit(key, route.permission)
            text = environ.get("QUERY_STRING", "")
            query = read_query(route, _parameters(text), brand.zone) if text or route.params else {}
            if route.method == "GET":
                status, members = route.view(Call(brand, key, variables, query, None))
                return status, [JSON_TYPE], encode(members)
            raw, body = read_body(environ), None
            if route.accepts is not None:
                body = body_loader(route, brand)(read_json(raw, environ.get("CONTENT_TYPE", "")))
            call = Call(brand, key, variables, query, body)

            def work() -> tuple[int, str]:
                status, members = route.view(call)
                return status, encode(members)

            answer = once(brand, key, environ, raw, work)
        headers = [JSON_TYPE, ("Idempotent-Replayed", "true")] if answer.replayed else [JSON_TYPE]
        return answer.status, headers, answer.body


def _parameters(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise Invalid(f"at most {_MOST_PARAMETERS} parameters are accepted", code="parameter") from None
