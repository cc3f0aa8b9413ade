"""The core's API as a small WSGI application of its own, in front of the Flask one.

A call needs a route, a key, a body and a transaction, and nothing of a web
framework's contexts, signals and header objects, which cost as much as all of
those together. Views are plain functions from a Call to an Answer, so nothing
is lost. Flask serves everything else: pages, short links, routes of plugins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

from ..brands import Brand
from ..errors import Invalid, NotFound, ScrmError
from ..installation import Installation
from ..services.keys import KeyInfo
from .bodies import encode, read_body, read_json
from .calls import Call, Route, body_loader, read_query
from .dispatch import NOTHING_HERE, Environ, admit, bearer_brand, once, permit
from .problems import name_request, refusal

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

    def takes_many(self, path: str) -> bool:
        """Whether POSTs to this path may be answered together."""
        route = self._plain.get(path, {}).get("POST")
        return route is not None and route.many is not None

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
        place = _place(environ)
        if place is None:
            return None
        brand, path = place
        rule, head = "none", environ["REQUEST_METHOD"] == "HEAD"
        try:
            route, variables = self._table.find(path, environ["REQUEST_METHOD"])
            rule = _rule(route)
            status, headers, text = self._run(route, environ, brand, variables)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin's guard may raise anything; refusal() logs it
            return refused(error, rule, head=head)
        return _answered(status, headers, text, rule, head=head)

    def gathers(self, environ: Environ) -> bool:
        """Whether :meth:`answer_many` takes the request: an intake of one row that stores no answer of its own."""
        if environ["REQUEST_METHOD"] != "POST" or "HTTP_IDEMPOTENCY_KEY" in environ:
            return False
        place = _place(environ)
        return place is not None and self._table.takes_many(place[1])

    def answer_many(self, environs: Sequence[Environ]) -> list[Answered]:
        """The answers to requests of one path that :meth:`gathers` names, written in one transaction.

        Each is admitted and checked by itself; those that may be are written
        together. Keys are asked for once: all requests were here before.
        """
        path_brand, path = _place(environs[0]) or ("", "")
        route, _ = self._table.find(path, "POST")
        assert route.many is not None
        rule, found, calls = _rule(route), [], {}
        admitted: dict[str, tuple[Brand, KeyInfo]] = {}
        answers: list[Answered | None] = [None] * len(environs)
        for place, environ in enumerate(environs):
            try:
                calls[place] = self._gathered(route, environ, path_brand, admitted)
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # noqa: BLE001 - as in answer()
                answers[place] = told(environ, error, rule)
        if calls:
            brand = next(iter(calls.values())).brand
            with brand:
                found = brand.group_each(route.many, list(calls.values()))
        for place, answer in zip(calls, found, strict=True):
            if isinstance(answer, BaseException):
                answers[place] = told(environs[place], answer, rule)
            else:
                answers[place] = _answered(answer[0], [JSON_TYPE], encode(answer[1]), rule)
        return answers  # type: ignore[return-value]

    def _gathered(
        self, route: Route, environ: Environ, path_brand: str, admitted: dict[str, tuple[Brand, KeyInfo]]
    ) -> Call:
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        known = admitted.get(authorization)
        if known is None:
            brand, bearer = bearer_brand(self._installation, environ)
            with brand:
                known = admitted[authorization] = brand, admit(brand, bearer, path_brand)
        return self._call(route, environ, *known, {})[0]

    def _call(
        self, route: Route, environ: Environ, brand: Brand, key: KeyInfo, variables: dict[str, str]
    ) -> tuple[Call, bytes]:
        """The call that a request of an admitted key is, checked, and the bytes of its body."""
        permit(key, route.permission)
        text = environ.get("QUERY_STRING", "")
        query = read_query(route, _parameters(text), brand.zone) if text or route.params else {}
        if route.method == "GET":
            return Call(brand, key, variables, query, None), b""
        raw, body = read_body(environ), None
        if route.accepts is not None:
            body = body_loader(route, brand)(read_json(raw, environ.get("CONTENT_TYPE", "")))
        return Call(brand, key, variables, query, body), raw

    def _run(
        self, route: Route, environ: Environ, path_brand: str, variables: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], str]:
        brand, bearer = bearer_brand(self._installation, environ)
        with brand:
            key = admit(brand, bearer, path_brand)
            call, raw = self._call(route, environ, brand, key, variables)
            if route.method == "GET":
                status, members = route.view(call)
                return status, [JSON_TYPE], encode(members)

            def work() -> tuple[int, str]:
                status, members = route.view(call)
                return status, encode(members)

            answer = once(brand, key, environ, raw, work)
        headers = [JSON_TYPE, ("Idempotent-Replayed", "true")] if answer.replayed else [JSON_TYPE]
        return answer.status, headers, answer.body


def refused(error: BaseException, rule: str = "none", *, head: bool = False) -> Answered:
    """The answer that an error stands for."""
    status, headers, text = refusal(error)
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", error.allowed))
    return _answered(status, headers, text, rule, head=head)


def told(environ: Environ, error: BaseException, rule: str = "none") -> Answered:
    """An error under the id of its own request."""
    name_request(environ["scrm.request_id"])
    return refused(error, rule)


def _answered(
    status: int, headers: list[tuple[str, str]], text: str, rule: str, *, head: bool = False
) -> Answered:
    body = text.encode()
    return Answered(status, [*headers, ("Content-Length", str(len(body))), *ALWAYS], b"" if head else body, rule)


def _place(environ: Environ) -> tuple[str, str] | None:
    """The brand and the path below it that a request names; None when it is not to the core's API."""
    path: str = environ["PATH_INFO"]
    if not path.startswith(ROOT):
        return None
    if not path.isascii():
        path = path.encode("latin-1").decode("utf-8", "replace")
    brand, slash, rest = path[len(ROOT) :].partition("/")
    return None if rest.startswith(f"{PLUGINS}/") else (brand, slash + rest)


def _rule(route: Route) -> str:
    return ROOT + "<brand>" + route.path


def _parameters(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise Invalid(f"at most {_MOST_PARAMETERS} parameters are accepted", code="parameter") from None
