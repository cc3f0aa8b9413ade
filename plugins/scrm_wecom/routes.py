"""The plugin's routes, below ``/api/v1/<brand>/plugins/wecom``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, next_after, permission, query_number

from . import callbacks, follows
from .report import wecom_report
from .views import callback_view, follow_view

blueprint = flask.Blueprint("wecom", __name__)

READ = "wecom:read"


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """What members of staff have."""
    return flask.jsonify(wecom_report().record())


@blueprint.get("/callbacks")
@permission(READ)
def callback_list() -> Any:
    """Callbacks, oldest first; of one ``state`` when asked."""
    brand, limit = current_brand(), query_number("limit", 50)
    found = callbacks.page(
        state=flask.request.args.get("state", ""), after=query_number("after", 0), limit=limit
    )
    return flask.jsonify({"callbacks": [callback_view(c, brand) for c in found], "next": next_after(found, limit)})


@blueprint.get("/follows")
@permission(READ)
def follow_list() -> Any:
    """Relations of staff and customers, oldest first; those of one ``contact`` (uid) when asked."""
    brand, limit, uid = current_brand(), query_number("limit", 50), flask.request.args.get("contact")
    if uid is not None:
        found = follows.of_contact(brand.contacts.get(uid).id)
        return flask.jsonify({"follows": [follow_view(f, brand) for f in found], "next": None})
    found = follows.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"follows": [follow_view(f, brand) for f in found], "next": next_after(found, limit)})
