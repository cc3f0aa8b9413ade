"""The plugin's routes, below ``/api/v1/<brand>/plugins/sms``: those of its parts on one blueprint."""

from __future__ import annotations

import flask

from .packs.routes import add_routes as add_pack_routes
from .plans.routes import add_routes as add_plan_routes
from .results.routes import add_routes as add_result_routes

blueprint = flask.Blueprint("sms", __name__)
add_plan_routes(blueprint)
add_pack_routes(blueprint)
add_result_routes(blueprint)
