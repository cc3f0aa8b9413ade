"""Public pages of plugins: ``/p/<brand>/<plugin>/...``, for customers and for callbacks of other services.

Nobody needs a key here, so a page shows nothing that its address does not
entitle to: addresses carry unguessable codes, callbacks a secret or a
signature, which the plugin checks. A brand that has the plugin switched off
answers as if nothing were there. What a POST does is one transaction, rolled
back when the answer is an error.
"""

from __future__ import annotations

from typing import Any

import werkzeug.exceptions
from flask import Flask, Response, request

from ..brands import Brand
from ..errors import NotFound, ScrmError
from ..installation import Installation
from . import consumer
from .bodies import too_large
from .consumer_pages import CorePages
from .dispatch import NOTHING_HERE
from .mounts import ErrorAnswer, Mounts, below, encoded, guarded, pages_of
from .shortlinks import refusal_page

# Like the core's pages, and forms may be sent back to us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ENDPOINT = "plugin_page"


def install(app: Flask, installation: Installation) -> None:
    """Add the route."""
    mounts = Mounts(pages_of)

    def plugin_page(brand: str, plugin: str = "", rest: str = "") -> Response:
        try:
            return guarded(plugin, lambda: _serve(installation, mounts, brand, plugin, rest))
        except ErrorAnswer as error:
            return error.response
        except ScrmError as error:
            shown = _nothing_here(installation, mounts, brand, plugin, rest) if error.status == 404 else None
            return shown or refusal_page(error)
        except werkzeug.exceptions.RequestEntityTooLarge:
            return refusal_page(too_large())  # a photo as a telephone takes it
        except werkzeug.exceptions.NotFound:
            shown = _nothing_here(installation, mounts, brand, plugin, rest)
            if shown is None:
                raise
            return shown

    # The short ones lead nowhere, and say so to a person in the brand's own frame.
    for rule in ("", "/", "/<plugin>", "/<plugin>/", "/<plugin>/<path:rest>"):
        app.add_url_rule(
            f"/p/<brand>{rule}",
            ENDPOINT,
            plugin_page,
            methods=["GET", "POST"],
            provide_automatic_options=False,
            strict_slashes=True,
        )


def _nothing_here(installation: Installation, mounts: Mounts, brand_id: str, name: str, rest: str) -> Response | None:
    """The brand's page for a person whose address leads nowhere; None for a script or an unknown brand."""
    if "text/html" not in request.headers.get("Accept", ""):
        return None
    try:
        brand = installation.brand(brand_id)
    except NotFound:
        return None
    path = "/".join(part for part in (name, rest) if part)
    environ = below(request.environ, f"/p/{brand.id}", encoded(path), b"")
    owner: type[Any] = CorePages
    with brand, mounts.of(owner).request_context(environ):
        visit = consumer.begin(brand, core=True)
        return visit.finish(visit.nothing_here())


def _serve(installation: Installation, mounts: Mounts, brand_id: str, name: str, rest: str) -> Response:
    try:
        brand = installation.brand(brand_id)
    except NotFound:
        raise NotFound(NOTHING_HERE) from None
    if name == consumer.CORE:
        owner: type[Any] = CorePages
    else:
        plugin = brand.plugins.get(name)
        if plugin is None or plugin.pages is None:
            raise NotFound(NOTHING_HERE)
        owner = type(plugin)
    with brand:
        return _answer(brand, mounts.of(owner), name, rest)


def _answer(brand: Brand, mounted: Flask, name: str, rest: str) -> Response:
    if "\0" in rest:
        raise NotFound(NOTHING_HERE)  # PostgreSQL has no text that holds one
    body = request.get_data()
    with mounted.request_context(below(request.environ, f"/p/{brand.id}/{name}", encoded(rest), body)) as context:
        if context.request.routing_exception is not None:
            raise context.request.routing_exception
        visit = consumer.begin(brand, core=name == consumer.CORE)

        def act() -> Response:
            visit.begin_again()
            response = mounted.full_dispatch_request()
            if response.status_code >= 400:
                raise ErrorAnswer(response)
            return response

        try:
            if request.method != "POST":
                response = mounted.full_dispatch_request()
            else:
                view = mounted.view_functions.get(context.request.endpoint or "")
                prepare = getattr(view, "scrm_prepare", None)
                if prepare is not None:
                    given = context.request.view_args or {}
                    context.request.view_args = {**given, "prepared": prepare(**given)}
                # What people do on pages is short, and often many want the same scarce thing at once.
                response = brand.group(visit.once(act))
        except ErrorAnswer as error:
            response = error.response
        except ScrmError as error:
            response = visit.refuse(error)
        return visit.finish(response)
