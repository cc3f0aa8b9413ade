"""Pages for staff (员工) of plugins: ``/staff/<plugin>/...``, for users who are signed in.

A rule with ``<brand>`` in it is a page of that brand: the plugin has to be
switched on there and the user to have a role there, or the answer is as if
nothing were at that address; then the role has to include the permission that
the view names, as for the plugin's routes. ``<brand>`` is no argument of the
view: it runs inside the brand, its acts are the user's (``current_actor()``),
and what a POST does is one transaction, rolled back when the answer is an
error. A rule without ``<brand>`` belongs to no brand: signing in and out,
choosing a brand.

A form whose session is over does nothing and is answered by the page to sign in
on, which holds what was typed (``StaffVisit.kept``).

What is refused, also before a view runs, goes to the blueprint's own
``app_errorhandler`` for :class:`~scrm_core.errors.ScrmError`, where it has one.

The plugin's application is asked straight from the WSGI environment, as the API
is: Flask in front of it would match the address a second time and make a second
request, which was a third of what a page that is kept costs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import flask
import werkzeug.exceptions
from flask import Flask, Response
from werkzeug.routing import RequestRedirect

from ..brands import Brand, acting
from ..errors import NotFound, PluginError, ScrmError, Unauthorized
from ..installation import Installation
from ..plugin import Plugin
from ..users.roles import STAFF_PERMISSIONS
from . import problems, staff
from .bodies import read_body
from .dispatch import NOTHING_HERE, Environ
from .mounts import ErrorAnswer, Mounts, application, below, guarded, permission_of, route_in_words

log = logging.getLogger("scrm.web")

RULE = f"{staff.ROOT}<plugin>/<path:rest>"
"""What the counters of requests call all pages for staff."""

SIGN_IN = "sign_in"
_METHODS = ["GET", "HEAD", "POST"]


def staff_pages_of(cls: type[Plugin]) -> Flask:
    """An application with the plugin's pages for staff alone.

    Raises PluginError for a page of a brand that does not say who may see it,
    for a permission that is declared nowhere, and without a page to sign in on.
    """
    from ..services.keys import CORE_SCOPES

    known = {*cls.permissions, *CORE_SCOPES, *STAFF_PERMISSIONS}
    app = application(cls, cls.staff_pages, taken=frozenset(("brand",)))
    for rule in app.url_map.iter_rules():
        if rule.endpoint.endswith(".static"):
            continue
        where, name = route_in_words(cls, app, rule), permission_of(app, rule.endpoint)
        for_whom = getattr(app.view_functions[rule.endpoint], "scrm_staff", "")
        if "brand" not in rule.arguments:
            if name is not None or for_whom == "any role":
                raise PluginError(f"{where} is a page of no brand, where no role counts; put <brand> into its address")
        elif for_whom == "visitors" or (name is None and not for_whom):
            raise PluginError(
                f"{where} is a page of a brand and names no permission; add @permission({cls.name + ':read'!r}) "
                "below the route, or @any_role"
            )
        elif name is not None and name not in known:
            raise PluginError(
                f"{where} needs {name!r}, which `permissions` does not declare; "
                f'write permissions = {{"{name}": "what it allows to"}}'
            )
    entry = _sign_in(cls)
    if getattr(app.view_functions.get(entry), "scrm_staff", "") != "visitors":
        raise PluginError(
            f"plugin {cls.name!r}: its staff_pages have no page to sign in on; write a view called {SIGN_IN}, "
            "marked with @for_visitors"
        )

    @app.url_defaults
    def of_this_brand(endpoint: str, values: dict[str, Any]) -> None:
        visit = flask.g.get("scrm_staff")
        if visit is not None and visit.brand is not None and app.url_map.is_endpoint_expecting(endpoint, "brand"):
            values.setdefault("brand", visit.brand.id)

    return app


def _sign_in(cls: type[Plugin]) -> str:
    return f"{cls.staff_pages.name}.{SIGN_IN}"


class StaffPages:
    """Answers what is asked below ``/staff/``.

    Raises PluginError for an enabled plugin with a page that does not say for whom it is.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._mounts = Mounts(staff_pages_of)
        self._had: dict[str, str] = {}  # plugin -> a brand that had it, to be asked first
        for brand in installation.brands():
            for plugin in brand.plugins.values():
                if plugin.staff_pages is not None:
                    self._mounts.of(type(plugin))

    def answer(self, environ: Environ) -> Response | None:
        """The answer, whatever happens; None for what cannot be the address of a page for staff."""
        path: str = environ["PATH_INFO"]
        name, _, rest = path[len(staff.ROOT) :].partition("/") if path.startswith(staff.ROOT) else ("", "", "")
        if not name or rest.startswith("/"):
            return None
        try:
            if environ["REQUEST_METHOD"] not in _METHODS:
                raise werkzeug.exceptions.MethodNotAllowed(_METHODS)
            house = self._house(name)
            return guarded(name, lambda: _serve(house, environ, rest))
        except Exception as error:  # noqa: BLE001 - what a plugin's page has no words for is told as everywhere
            return problems.answer(error)

    def _house(self, name: str) -> _House:
        """The plugin's application, by a brand that has it switched on as its file says now; raises NotFound."""
        for brand in chain(self._last(name), self._installation.brands()):
            plugin = brand.plugins.get(name)
            if plugin is not None and plugin.staff_pages is not None:
                self._had[name] = brand.id
                return _House(self._installation, type(plugin), self._mounts.of(type(plugin)), brand)
        raise NotFound(NOTHING_HERE)

    def _last(self, name: str) -> Iterator[Brand]:
        with contextlib.suppress(KeyError, ScrmError):  # gone or broken since
            yield self._installation.brand(self._had[name])


class _House(NamedTuple):
    """Where a page is asked for: the plugin's application, and one of the brands that have it."""

    installation: Installation
    cls: type[Plugin]
    app: Flask
    brand: Brand


def _serve(house: _House, environ: Environ, rest: str) -> Response:
    body = read_body(environ)
    prefix = "" if environ.get("SCRIPT_NAME") else urlsplit(house.installation.config.base_url).path.rstrip("/")
    root = f"{prefix}{staff.ROOT}{house.cls.name}"
    with house.app.request_context(below(environ, root, rest, body)) as context:
        visit = staff.begin(house.installation, house.cls.name, f"{context.request.script_root}/")
        if (context.request.endpoint or "").endswith(".static"):
            file = house.app.full_dispatch_request()
            return file if file.status_code < 400 else visit.finish(file)
        try:
            response = _answer(house, visit)
        except ErrorAnswer as error:
            response = error.response
        except Exception as error:  # noqa: BLE001  a plugin's view may raise anything: its page says that it failed
            response = _refused(house, error)
        return visit.finish(response)


def _refused(house: _House, error: Exception) -> Response:
    """An error as the plugin's own page tells it; raises it again where the plugin has none for it."""
    try:
        guarded(house.cls.name, lambda: _raise(error))
    except Exception as told:
        response: Response = house.app.make_response(house.app.handle_user_exception(told))
        if response.status_code >= 500:
            log.error("%s: %s", type(told).__name__, told, exc_info=error)
        return response
    raise AssertionError("unreachable")


def _raise(error: Exception) -> Response:
    raise error


def _answer(house: _House, visit: staff.StaffVisit) -> Response:
    asked, mounted = visit.request, house.app
    # A redirect to the address with a slash would say which host the caller named: nothing is there instead.
    nowhere = (werkzeug.exceptions.NotFound, RequestRedirect)
    if isinstance(asked.routing_exception, nowhere) or "\0" in asked.path:
        raise NotFound(NOTHING_HERE)
    if asked.routing_exception is not None:
        raise asked.routing_exception
    endpoint, arguments = asked.endpoint or "", dict(asked.view_args or {})
    for_whom = getattr(mounted.view_functions[endpoint], "scrm_staff", "")
    if visit.user is None and for_whom != "visitors":
        return _to_sign_in(house, visit)
    visit.demand_genuine()
    if visit.user is None:
        return mounted.full_dispatch_request()
    brand_id = arguments.pop("brand", None)
    asked.view_args = arguments
    with acting(visit.user.actor):
        if brand_id is None:
            return mounted.full_dispatch_request()
        brand = visit.brand = _brand(house, visit, brand_id)
        permission = permission_of(mounted, endpoint)
        if permission is not None:
            visit.demand(permission)
        with brand:
            if asked.method != "POST" or hasattr(mounted.view_functions[endpoint], "scrm_own_transactions"):
                return mounted.full_dispatch_request()
            with brand.transaction():
                response = mounted.full_dispatch_request()
                if response.status_code >= 400:
                    raise ErrorAnswer(response)
                return response


def _brand(house: _House, visit: staff.StaffVisit, brand_id: str) -> Brand:
    """The brand of the address; another's, one without this plugin and one that never was are answered alike."""
    assert visit.user is not None
    if brand_id in visit.user.roles:
        try:
            brand = house.brand if house.brand.id == brand_id else house.installation.brand(brand_id)
        except NotFound:
            raise NotFound(NOTHING_HERE) from None
        if house.cls.name in brand.plugins:
            return brand
    raise NotFound(NOTHING_HERE)


def _to_sign_in(house: _House, visit: staff.StaffVisit) -> Response:
    if "text/html" not in visit.request.headers.get("Accept", "text/html"):
        raise Unauthorized("sign in first", code="sign_in_needed")
    visit.unsent = visit.request.method == "POST"
    if visit.kept is not None:
        # The page to sign in on, here and now: nothing else would still hold what was typed.
        return house.app.make_response((house.app.view_functions[_sign_in(house.cls)](), 401))
    back = visit.place if visit.request.method == "GET" else visit.safe_next(visit.request.form.get("back", ""))
    address = flask.url_for(_sign_in(house.cls))
    query = f"?{urlencode({'next': back})}" if back != visit.root else ""
    return flask.redirect(address + query, 303)  # type: ignore[return-value]
