"""Orders: filtered by shop, status and day of payment, found by their number, and one of them with what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Invalid,
    OrderFilter,
    current_brand,
    day_start,
    fetch_in,
    permission,
    query_number,
    staff_visit,
)

from .frame import page, pages

ROWS = 50
STATUSES = ("unpaid", "paid", "part_shipped", "shipped", "completed", "closed", "refunded")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of an order's history: ``amount`` in minor units where money moved."""

    at: int
    what: str
    amount: int | None = None
    detail: str = ""


@pages.get("/b/<brand>/orders")
@permission("orders:read")
def orders() -> Response:
    """The latest payment first, all or those of a filter; the page behind an order's payment and id."""
    given = {name: request.args.get(name, "").strip()[:_LONGEST] for name in ("status", "source", "from", "to")}
    wrong = ""
    matching = OrderFilter()
    try:
        matching = OrderFilter(
            source=given["source"],
            status=given["status"] if given["status"] in STATUSES else "",
            paid_from=midnight(given["from"], 0, "from"),
            paid_before=midnight(given["to"], 1, "to"),
        )
    except Invalid as error:
        wrong = error.field or ""
    return _list(matching, 422 if wrong else 200, given=given, wrong=wrong)


@pages.post("/b/<brand>/orders")
@permission("orders:read")
def find_order() -> Response:
    """Whichever has the number; the one that it can only be is shown at once. A number stands in no address."""
    number = request.form.get("number", "").strip()[:_LONGEST]
    if not number:
        return flask.redirect(flask.url_for("console.orders"), 303)  # type: ignore[return-value]
    found = current_brand().orders.newest(matching=OrderFilter(number=number), limit=2)
    if len(found) == 1:
        return flask.redirect(flask.url_for("console.order", uid=found[0].uid), 303)  # type: ignore[return-value]
    return _list(OrderFilter(number=number), given={}, wrong="", number=number)


def _list(matching: OrderFilter, status: int = 200, **context: Any) -> Response:
    brand, number = current_brand(), query_number("before", 0)
    # An unpaid order stands at no instant: its page begins at its id alone.
    before = (query_number("paid", 0) or None, number) if number else None
    found = brand.orders.newest(matching=matching, before=before, limit=ROWS + 1)
    rows = found[:ROWS]
    last = {"before": rows[-1].order_id, "paid": rows[-1].paid_at} if len(found) > ROWS else None
    return page(
        "orders.html",
        status,
        rows=rows,
        names=_names({each.contact_id for each in rows if each.contact_id is not None}),
        older=last and {**context["given"], **last},
        before=before,
        statuses=STATUSES,
        **{"number": "", **context},
    )


def _names(contacts: set[int]) -> dict[int, str]:
    """Names of the buyers, where the role may look at contacts."""
    if not contacts or not staff_visit().allows("contacts:read"):
        return {}
    return dict(fetch_in("SELECT id, name FROM contact WHERE id IN ({in})", sorted(contacts)))


def midnight(text: str, days: int, field: str) -> int | None:
    """The brand's midnight at which a day, or the one so many days behind it, begins; None for an empty text."""
    if not text:
        return None
    try:
        return day_start(date.fromisoformat(text).toordinal() + days, current_brand().zone)
    except (ValueError, OverflowError):
        raise Invalid("a day is written like 2026-01-31", field=field) from None


@pages.get("/b/<brand>/orders/<uid>")
@permission("orders:read")
def order(uid: str) -> Response:
    """An order with its lines, what is known of its history, and what plugins did because of it."""
    brand = current_brand()
    view = brand.orders.get(uid)
    history = [Moment(view.created_at, "told")]
    if view.paid_at is not None:
        history.append(Moment(view.paid_at, "paid", view.paid_minor))
    history += [Moment(each.at, "refund", -each.amount_minor, each.reason) for each in view.refunds]
    if view.updated_at != view.created_at:
        history.append(Moment(view.updated_at, "updated"))
    return page(
        "order.html",
        order=view,
        buyer=_names({view.contact_id}).get(view.contact_id) if view.contact_id is not None else None,
        history=sorted(history, key=lambda each: each.at),
        effects=brand.orders.effects(view.order_id),
    )
