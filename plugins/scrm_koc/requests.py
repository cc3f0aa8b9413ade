"""What the plugin's routes share: permissions, the brand's programme, bodies."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, load_body

from .models import NAME
from .service import Koc

READ = "koc:read"
TRACK = "koc:track"
MANAGE = "koc:manage"
REVIEW = "koc:review"
SETTLE = "koc:settle"


def koc_here() -> Koc:
    """The programme of the brand that was asked."""
    brand = current_brand()
    return Koc(brand, brand.plugins[NAME].settings)


def body_of(schema: Any) -> dict[str, Any]:
    """The checked body of a request; an empty one stands for no members."""
    return load_body(schema, flask.request.get_json() if flask.request.content_length else {})
