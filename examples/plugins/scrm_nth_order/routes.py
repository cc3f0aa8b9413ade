"""Routes below ``/api/v1/BRAND/plugins/nth-order/``. A view parses, calls and answers."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, execute, iso, page_size, permission, query_number

READ = "nth-order:read"

blueprint = flask.Blueprint("nth_order", __name__)


@blueprint.get("/gifts")
@permission(READ)
def gifts() -> Any:
    """Who got a coupon, or should have, oldest first; ``after`` and ``limit`` page."""
    limit = page_size(query_number("limit", 50), 200)
    rows = execute(
        "SELECT g.id, contact.uid, orders.source, orders.number, g.state, g.why, g.at FROM nth_order_gift g "
        "JOIN contact ON contact.id = g.contact_id JOIN orders ON orders.id = g.order_id "
        "WHERE g.id > ? ORDER BY g.id LIMIT ?",
        (query_number("after", 0), limit),
    ).fetchall()
    names, zone = ("id", "contact", "source", "order", "state", "why", "at"), current_brand().zone
    found = [dict(zip(names, (*row[:-1], iso(row[-1], zone)), strict=True)) for row in rows]
    return {"gifts": found, "after": rows[-1][0] if len(rows) == limit else None}
