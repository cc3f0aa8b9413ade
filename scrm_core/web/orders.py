"""Views of orders (订单) and refunds (退款)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..clock import iso
from ..errors import ScrmError
from ..intake.inputs import order_of, refund_of
from ..services.order_types import OrderFilter, OrderResult, OrderView
from .calls import Answer, Call, batch
from .pages import page_of


def save_order(call: Call) -> Answer:
    return _answered(call.brand.orders.upsert(order_of(call.body)))


def save_each(calls: Sequence[Call]) -> list[Answer | Exception]:
    """Orders that came together."""
    results = calls[0].brand.orders.upsert_many([order_of(call.body) for call in calls])
    return [result if isinstance(result, ScrmError) else _answered(result) for result in results]


def save_orders(call: Call) -> Answer:
    def run(rows: list[dict[str, Any]]) -> Sequence[dict[str, Any] | ScrmError]:
        results = call.brand.orders.upsert_many([order_of(row) for row in rows])
        return [result if isinstance(result, ScrmError) else _row(result) for result in results]

    return batch(call.body, run)


def list_orders(call: Call) -> Answer:
    asked = ("source", "number", "status", "paid_from", "paid_before")
    given = {name: call.query[name] for name in asked if call.query[name] is not None}
    return page_of_orders(call, None, OrderFilter(**given))


def page_of_orders(call: Call, contact_id: int | None, matching: OrderFilter | None = None) -> Answer:
    """A page of all orders, or of one contact's."""
    rows = call.brand.orders.page(contact_id=contact_id, matching=matching, after=call.after, limit=call.limit)
    return 200, page_of(rows, call.limit, lambda view: view.order_id, lambda view: _shown(call, view))


def get_order(call: Call) -> Answer:
    view = call.brand.orders.get(call.path["uid"])
    return 200, {
        **_shown(call, view),
        "lines": [
            {"sku": line.sku, "title": line.title, "qty": line.qty, "paid_minor": line.paid_minor, "gift": line.gift}
            for line in view.lines
        ],
        "refunds": [
            {
                "number": refund.number,
                "amount_minor": refund.amount_minor,
                "at": iso(refund.at, call.brand.zone),
                "reason": refund.reason,
            }
            for refund in view.refunds
        ],
    }


def save_refund(call: Call) -> Answer:
    result = call.brand.orders.refund(refund_of(call.body, now=call.brand.now()))
    return (200 if result.outcome == "unchanged" else 201), {
        "outcome": result.outcome,
        "total_minor": result.total_minor,
    }


def _answered(result: OrderResult) -> Answer:
    return (201 if result.outcome == "created" else 200), _row(result)


def _row(result: OrderResult) -> dict[str, Any]:
    return {"outcome": result.outcome, "uid": result.uid}


def _shown(call: Call, view: OrderView) -> dict[str, Any]:
    zone = call.brand.zone
    return {
        "uid": view.uid,
        "source": view.source,
        "number": view.number,
        "platform": view.platform,
        "contact": view.contact_uid,
        "status": view.status,
        "paid_at": iso(view.paid_at, zone),
        "paid_minor": view.paid_minor,
        "refund_minor": view.refund_minor,
        "items": view.items,
        "valid": view.valid,
        "created_at": iso(view.created_at, zone),
        "updated_at": iso(view.updated_at, zone),
    }
