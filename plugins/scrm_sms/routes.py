"""The plugin's routes, below ``/api/v1/<brand>/plugins/sms``."""

from __future__ import annotations

import flask

blueprint = flask.Blueprint("sms", __name__)
