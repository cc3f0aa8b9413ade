"""Routes below ``/api/v1/BRAND/plugins/hello/``. A view parses, calls and answers."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, execute, iso, permission

READ = "hello:read"

blueprint = flask.Blueprint("hello", __name__)


@blueprint.get("/greetings")
@permission(READ)
def greetings() -> Any:
    """The newest hundred greetings, newest first."""
    rows = execute(
        "SELECT contact.uid, g.text, g.at FROM hello_greeting g JOIN contact ON contact.id = g.contact_id "
        "ORDER BY g.at DESC, g.id DESC LIMIT 100"
    ).fetchall()
    zone = current_brand().zone
    return {"greetings": [{"contact": uid, "text": text, "at": iso(at, zone)} for uid, text, at in rows]}
