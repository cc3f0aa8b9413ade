"""Routes of plugins: ``/api/v1/<brand>/plugins/<plugin>/...``.

One rule of the core's catches them all. At each request it asks whether the
brand, as its file says now, has the plugin enabled; a plugin switched on or off
in the file is therefore reachable or gone without a restart. The plugin's own
rules live in a small application of their own, made once per process, so its
blueprint keeps templates, error handlers and ``url_for``.

A view runs inside the brand; ``scrm_core.api.current_plugin(TheClass)`` gives it
the instance. What a writing request (POST, PUT, PATCH, DELETE) does is one
transaction, rolled back when the answer is an error, and ``Idempotency-Key``
works as everywhere.
"""

from __future__ import annotations

import inspect
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from ..brands import acting
from ..errors import NotFound, PluginError, ScrmError
from ..installation import Installation
from ..limits import LIMITS
from ..places import said
from ..plugin import Plugin
from ..services.idempotency import StoredAnswer
from ..values.figures import show_figure
from .bodies import BODY_CUT, CompactJSON, StrictRequest
from .dispatch import NOTHING_HERE, admit, bearer_brand, once, permit

CONSUMER_TEMPLATES = Path(__file__).parent / "templates" / "consumer"

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_READS = frozenset(("GET", "HEAD"))


class _Mounted(Flask):
    request_class = StrictRequest
    json_provider_class = CompactJSON


class ErrorAnswer(Exception):
    """Carries a plugin's error response out of the transaction, which is rolled back."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class PluginRoute:
    """A route of a plugin as it is shown: methods, path below the plugin's, permission."""

    methods: tuple[str, ...]
    path: str
    permission: str


def application_of(cls: type[Plugin]) -> Flask:
    """An application with the plugin's routes alone.

    Raises PluginError for a route without a permission, or with one that the
    class does not declare in ``permissions``, and for a view that its address
    could not call.
    """
    app = application(cls, cls.blueprint)
    for rule in app.url_map.iter_rules():
        where = route_in_words(cls, app, rule)
        name = permission_of(app, rule.endpoint)
        if name is None:
            raise PluginError(f"{where} names no permission; add @permission({cls.name + ':read'!r}) below the route")
        if name not in cls.permissions:
            raise PluginError(
                f"{where} needs {name!r}, which `permissions` does not declare; "
                f'write permissions = {{"{name}": "what it allows to"}}'
            )
    return app


def route_in_words(cls: type[Plugin], app: Flask, rule: Any) -> str:
    """A route as messages name it: the place of its view, plugin, address and endpoint."""
    code = getattr(inspect.unwrap(app.view_functions[rule.endpoint]), "__code__", None)
    where = f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""
    return f"{where}plugin {getattr(cls, 'name', 'core')!r}: route {rule.rule!r} ({rule.endpoint})"


def _check_views(cls: type[Plugin], app: Flask, taken: frozenset[str]) -> None:
    """Views that could only fail when somebody asks for them are refused before."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if inspect.iscoroutinefunction(view):
            raise PluginError(f"{route_in_words(cls, app, rule)} is async; views are plain functions: write def")
        given = sorted((rule.arguments | ({"prepared"} if hasattr(view, "scrm_prepare") else set())) - taken)
        try:
            inspect.signature(view).bind(**dict.fromkeys(given))
        except TypeError:
            raise PluginError(
                f"{route_in_words(cls, app, rule)} gives its view ({', '.join(given)}), which takes "
                f"{inspect.signature(view)}; let both say the same"
            ) from None


def pages_of(cls: type[Plugin]) -> Flask:
    """An application with the plugin's public pages alone; they need no permission, and find the consumer frame."""
    app = application(cls, cls.pages)
    frame = PrefixLoader({"consumer": FileSystemLoader(CONSUMER_TEMPLATES)})
    own = app.jinja_loader
    app.jinja_loader = frame if own is None else ChoiceLoader([frame, own])
    return app


def application(cls: type[Plugin], blueprint: Any, *, taken: frozenset[str] = frozenset()) -> Flask:
    """An application with one blueprint of a plugin; parts of addresses in ``taken`` are not given to views."""
    app = _Mounted(cls.__module__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_CUT,
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=LIMITS.body_bytes,
        TRAP_HTTP_EXCEPTIONS=True,
    )
    app.url_map.merge_slashes = False
    app.add_template_filter(show_figure, "figure")
    if blueprint is not None:
        try:
            app.register_blueprint(blueprint, url_prefix="")
        except (AssertionError, TypeError, ValueError) as exc:
            hint = "; give each view a name of its own" if "overwriting" in str(exc) else ""
            raise PluginError(f"plugin {cls.name!r}: blueprint {blueprint.name!r}: {said(exc)}{hint}") from exc
    _check_views(cls, app, taken)
    return app


def permission_of(app: Flask, endpoint: str | None) -> str | None:
    name: str | None = getattr(app.view_functions.get(endpoint or ""), "scrm_permission", None)
    return name


def routes_of(cls: type[Plugin]) -> list[PluginRoute]:
    """The routes of a plugin; raises PluginError like :func:`application_of`."""
    app = application_of(cls)
    return [
        PluginRoute(
            tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})),
            rule.rule,
            permission_of(app, rule.endpoint) or "",
        )
        for rule in app.url_map.iter_rules()
    ]


class Mounts:
    """The applications of plugins, made by ``make`` when first needed and kept per class."""

    def __init__(self, make: Callable[[type[Plugin]], Flask] = application_of) -> None:
        self._make = make
        self._apps: dict[type[Plugin], Flask] = {}
        self._lock = threading.Lock()

    def of(self, cls: type[Plugin]) -> Flask:
        """The plugin's application; raises PluginError."""
        app = self._apps.get(cls)
        if app is None:
            with self._lock:
                app = self._apps.get(cls)
                if app is None:
                    app = self._apps[cls] = self._make(cls)
        return app


def install(app: Flask, installation: Installation, rule: str) -> None:
    """Mount the plugins of an installation; raises PluginError for an enabled one with an unguarded route."""
    mounts = Mounts()
    for brand in installation.brands():
        for plugin in brand.plugins.values():
            mounts.of(type(plugin))

    def plugin_route(brand: str, plugin: str, rest: str) -> Response:
        try:
            return guarded(plugin, lambda: _serve(installation, mounts, brand, plugin, rest))
        except ErrorAnswer as error:
            return error.response

    app.add_url_rule(rule, "plugin_route", plugin_route, methods=METHODS, provide_automatic_options=False)


def guarded(plugin: str, view: Callable[[], Response]) -> Response:
    """A plugin's view; what it raises by mistake becomes a PluginError, SystemExit too: no view ends the server."""
    try:
        return view()
    except (ScrmError, HTTPException, ValidationError, ErrorAnswer, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise PluginError(f"plugin {plugin!r} failed: {type(error).__name__}: {error}", plugin=plugin) from error


def _serve(installation: Installation, mounts: Mounts, path_brand: str, name: str, rest: str) -> Response:
    brand, bearer = bearer_brand(installation, request.environ)
    with brand:
        key = admit(brand, bearer, path_brand)
        plugin = brand.plugins.get(name)
        if plugin is None:
            raise NotFound(NOTHING_HERE)
        mounted = mounts.of(type(plugin))
        root = f"/api/v1/{brand.id}/plugins/{name}"
        environ, body = request.environ, request.get_data()
        with acting(key.actor), mounted.request_context(below(environ, root, encoded(rest), body)) as context:
            if context.request.routing_exception is not None:
                raise context.request.routing_exception
            permit(key, permission_of(mounted, context.request.endpoint) or "")
            if request.method in _READS:
                return mounted.full_dispatch_request()
            kept: list[Response] = []

            def work() -> tuple[int, str]:
                response = mounted.full_dispatch_request()
                if response.status_code >= 400:
                    raise ErrorAnswer(response)
                response.direct_passthrough = False
                kept[:] = [response]
                return response.status_code, response.get_data(as_text=True)

            def run() -> StoredAnswer:
                return once(brand, key, environ, body, work)

            view = mounted.view_functions.get(context.request.endpoint or "")
            answer = brand.group(run) if getattr(view, "scrm_contended", False) else run()
    if not answer.replayed:
        return kept[0]
    replay = Response(answer.body, answer.status, content_type="application/json")
    replay.headers["Idempotent-Replayed"] = "true"
    return replay


def below(environ: dict[str, Any], root: str, rest: str, body: bytes) -> dict[str, Any]:
    """The WSGI environment as the plugin's application sees it; ``rest`` is written as paths are there."""
    inner = {key: value for key, value in environ.items() if key != "werkzeug.request"}
    inner.pop("HTTP_TRANSFER_ENCODING", None)
    inner["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + root
    inner["PATH_INFO"] = f"/{rest}"
    inner["CONTENT_LENGTH"] = str(len(body))
    inner["wsgi.input"] = io.BytesIO(body)
    return inner


def encoded(path: str) -> str:
    """A path that was decoded, as a WSGI environment holds it."""
    return path.encode().decode("latin-1")
