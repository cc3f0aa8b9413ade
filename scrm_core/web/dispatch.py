"""How a call to the API runs: key, brand, permission, body, one transaction, answer.

The order matters. The key is looked at first, so that a stranger learns
nothing: a missing, wrong, revoked or unknown key is answered alike whether or
not the brand exists, and a good key that names another brand than the path is
answered as if nothing were there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Request, Response, request

from ..brands import Brand, Installation
from ..errors import Forbidden, NotFound, PluginError
from ..services.idempotency import StoredAnswer, run_once
from ..services.keys import KeyInfo, brand_of, refused
from .bodies import encode, read_json
from .calls import Call, Route, body_loader, read_query

JSON = "application/json"
NOTHING_HERE = "there is nothing at this address"


def current_request() -> Request:
    """The request itself; each step through Flask's ``request`` proxy would cost a microsecond."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def bearer_brand(installation: Installation, request: Request) -> tuple[Brand, str]:
    """The brand that the request's key names, and the key; raises Unauthorized.

    Only the key's shape and the brand's existence are checked here: enter the
    brand and authenticate next.
    """
    scheme, _, bearer = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    owner = brand_of(bearer) if scheme.lower() == "bearer" else None
    if owner is None:
        raise refused()
    try:
        return installation.brand(owner), bearer
    except NotFound:
        raise refused() from None


def admit(brand: Brand, bearer: str, path_brand: str) -> KeyInfo:
    """Authenticate inside the brand; raises NotFound when the path names another one."""
    key = brand.keys.authenticate(bearer)
    if brand.id != path_brand:
        raise NotFound(NOTHING_HERE)
    return key


def permit(key: KeyInfo, permission: str) -> None:
    """Raise Forbidden unless the key's scopes include the permission."""
    if not key.allows(permission):
        raise Forbidden(f"this key lacks the scope {permission!r}")


def request_digest(request: Request) -> str:
    """A hash of the whole request: method, path, query and body."""
    head = f"{request.method} {request.script_root}{request.path}?{request.query_string.decode('latin-1')}\n"
    return hashlib.sha256(head.encode() + request.get_data()).hexdigest()


def once(brand: Brand, key: KeyInfo, request: Request, work: Callable[[], tuple[int, str]]) -> StoredAnswer:
    """Run ``work`` in one transaction, once per ``Idempotency-Key`` if the request has one."""
    idempotency_key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    digest = "" if idempotency_key is None else request_digest(request)
    return run_once(brand, key.key_id, idempotency_key, digest, work)


def endpoint(installation: Installation, route: Route) -> Callable[..., Response]:
    """The Flask view of a route."""

    def serve(brand: str, **path: str) -> Response:
        try:
            return _run(installation, route, brand, path)
        except SystemExit as error:
            # A plugin's guard may call exit(); that must not end the server.
            raise PluginError(f"{route.operation}: a plugin tried to end the process") from error

    serve.__name__ = route.operation
    return serve


def _run(installation: Installation, route: Route, path_brand: str, path: dict[str, str]) -> Response:
    request = current_request()
    brand, bearer = bearer_brand(installation, request)
    with brand:
        key = admit(brand, bearer, path_brand)
        permit(key, route.permission)
        query: dict[str, Any] = {}
        if route.params or request.query_string:
            query = read_query(route, request.args.to_dict(flat=False), brand.zone)
        if route.method == "GET":
            status, members = route.view(Call(brand, key, path, query, None))
            return Response(encode(members), status, content_type=JSON)
        body = None
        if route.accepts is not None:
            body = body_loader(route, brand)(read_json(request.get_data(), request.mimetype))
        call = Call(brand, key, path, query, body)

        def work() -> tuple[int, str]:
            status, members = route.view(call)
            return status, encode(members)

        answer = once(brand, key, request, work)
    response = Response(answer.body, answer.status, content_type=JSON)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
