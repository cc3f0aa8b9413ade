"""How a call to the API runs: key, brand, permission, body, one transaction, answer.

The order matters. The key is looked at first, so that a stranger learns
nothing: a missing, wrong, revoked or unknown key is answered alike whether or
not the brand exists, and a good key that names another brand than the path is
answered as if nothing were there.

These steps need the WSGI environment alone; the core's routes (:mod:`.api`) and
those of plugins (:mod:`.mounts`) share them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from ..brands import Brand
from ..errors import Forbidden, NotFound
from ..installation import Installation
from ..services.idempotency import StoredAnswer, run_once
from ..services.keys import KeyInfo, brand_of, refused

NOTHING_HERE = "there is nothing at this address"

Environ = dict[str, Any]
"""A WSGI environment."""


def bearer_brand(installation: Installation, environ: Environ) -> tuple[Brand, str]:
    """The brand that the request's key names, and the key; raises Unauthorized.

    Only the key's shape and the brand's existence are checked here: enter the
    brand and authenticate next.
    """
    scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
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


def once(
    brand: Brand, key: KeyInfo, environ: Environ, body: bytes, work: Callable[[], tuple[int, str]]
) -> StoredAnswer:
    """Run ``work`` in one transaction, once per ``Idempotency-Key`` if the request has one."""
    idempotency_key = environ.get("HTTP_IDEMPOTENCY_KEY")
    digest = "" if idempotency_key is None else _digest(environ, body)
    return run_once(brand, key.key_id, idempotency_key, digest, work)


def _digest(environ: Environ, body: bytes) -> str:
    """A mark of the whole request: method, path, query and body.

    Keyed with the caller's secret, which is stored nowhere: a short body, such as one with
    a card's code, cannot be found by trying hashes of all there may be.
    """
    place = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    head = f"{environ['REQUEST_METHOD']} {place}?{environ.get('QUERY_STRING', '')}\n"
    secret = environ.get("HTTP_AUTHORIZATION", "").encode("utf-8", "surrogateescape")
    return hmac.digest(secret, head.encode("utf-8", "surrogateescape") + body, "sha256").hex()
