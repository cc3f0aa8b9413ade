"""The plugin's routes, below ``/api/v1/<brand>/plugins/coupon-threshold``."""

from __future__ import annotations

import flask

from .batches.routes import add_routes as add_batch_routes
from .carts.routes import add_routes as add_cart_routes
from .claims.routes import add_routes as add_claim_routes

blueprint = flask.Blueprint("coupon_threshold", __name__)

add_batch_routes(blueprint)
add_claim_routes(blueprint)
add_cart_routes(blueprint)
