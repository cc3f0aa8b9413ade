"""``POST /partner-messages/<brand>/<key>``: a signed message of a partner's installation.

Whoever is no partner gets one answer, whatever is wrong: it does not tell which brands there are.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, request

from ..config import BRAND_ID
from ..errors import ConfigError, NotFound
from ..installation import Installation
from ..partners import Refused
from .bodies import encode, read_body

log = logging.getLogger("scrm.web")

_TAKEN = encode({"status": "accepted"})


def install(app: Flask, installation: Installation) -> None:
    """Add the route."""

    def take(brand: str, key: str) -> Response:
        body = read_body(request.environ)
        try:
            if not BRAND_ID.match(brand):
                raise Refused("no brand's id")
            try:
                receiver = installation.brand(brand)
            except (NotFound, ConfigError):
                raise Refused("no such brand") from None
            with receiver:
                receiver.partners.take_webhook(key, {k.lower(): v for k, v in request.headers.items()}, body)
        except Refused as exc:
            log.warning("a partner's message is refused: brand %.40r, key %.80r: %s", brand, key, exc.reason)
            raise
        return Response(_TAKEN, content_type="application/json")

    app.add_url_rule("/partner-messages/<brand>/<key>", "partner_message", take, methods=["POST"])
