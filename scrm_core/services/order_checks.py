"""What an order or refund must look like before it is written, and the digest that tells it unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from ..errors import Invalid
from ..limits import LIMITS
from ..values.text import clean_text
from .order_types import PROGRESS, LineIn, OrderIn, RefundIn

_TOP = LIMITS.integer


class Names:
    """Checks short texts that repeat from row to row (sources, platforms) once each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, object], str] = {}

    def clean(self, value: object, field: str) -> str:
        """The cleaned text; raises Invalid."""
        try:
            return self._known[field, value]
        except (KeyError, TypeError):
            text = self._known[field, value] = clean_text(value, field=field, max_length=LIMITS.name)
            return text


def whole(value: object, field: str, low: int = 0) -> int:
    """``value`` when it is an integer from ``low`` to the limit of JSON; raises Invalid."""
    if type(value) is not int:
        raise Invalid(f"{field} is an integer, not {type(value).__name__}", field=field)
    if not low <= value <= _TOP:
        raise Invalid(f"{field} must lie between {low} and {_TOP}", field=field)
    return value


def checked_order(order: OrderIn, names: Names) -> OrderIn:
    """The order with its texts cleaned; raises Invalid naming the field."""
    source = names.clean(order.source, "source")
    platform = names.clean(order.platform, "platform")
    number = clean_text(order.number, field="number", max_length=LIMITS.name)
    if not source:
        raise Invalid("an order names its source", field="source")
    if not number:
        raise Invalid("an order has a number", field="number")
    if order.status not in PROGRESS:
        raise Invalid(f"unknown status {order.status!r}; known are {', '.join(PROGRESS)}", field="status")
    paid = order.paid_minor
    if type(paid) is not int or not 0 <= paid <= _TOP:
        whole(paid, "paid_minor")
    for value, field in ((order.paid_at, "paid_at"), (order.version, "version")):
        if value is not None and (type(value) is not int or not -_TOP <= value <= _TOP):
            whole(value, field, -_TOP)
    if order.items is not None:
        whole(order.items, "items")
    name = clean_text(order.name, field="name", max_length=LIMITS.name) if order.name else ""
    lines = tuple(_checked_line(line) for line in order.lines) if order.lines else ()
    if (
        source == order.source
        and number == order.number
        and platform == order.platform
        and name == order.name
        and lines == order.lines
    ):
        return order
    return replace(order, source=source, number=number, platform=platform, name=name, lines=lines)


def _checked_line(line: LineIn) -> LineIn:
    sku = clean_text(line.sku, field="sku", max_length=LIMITS.name)
    title = clean_text(line.title, field="title")
    whole(line.qty, "qty", 1)
    whole(line.paid_minor, "paid_minor", -_TOP)
    if type(line.gift) is not bool:
        raise Invalid("gift is true or false", field="gift")
    return line if sku == line.sku and title == line.title else replace(line, sku=sku, title=title)


def checked_refund(refund: RefundIn, names: Names) -> RefundIn:
    """The refund with its texts cleaned; raises Invalid naming the field."""
    source = names.clean(refund.source, "source")
    order_number = clean_text(refund.order_number, field="order_number", max_length=LIMITS.name)
    number = clean_text(refund.number, field="number", max_length=LIMITS.name)
    for value, field in ((source, "source"), (order_number, "order_number"), (number, "number")):
        if not value:
            raise Invalid(f"a refund needs {field}", field=field)
    whole(refund.amount_minor, "amount_minor", 1)
    whole(refund.at, "at", -_TOP)
    reason = clean_text(refund.reason, field="reason", multiline=True)
    return replace(refund, source=source, order_number=order_number, number=number, reason=reason)


def digest(order: OrderIn, _hash: Callable[..., hashlib.blake2b] = hashlib.blake2b) -> str:
    """A short hash of what an order says, without its version: equal for an unchanged order.

    ``repr`` writes strings and integers one way only, so equal text means equal content.
    """
    buyer: object = order.buyer
    if buyer:
        buyer = [(i.kind, i.namespace, i.value) for i in order.buyer]
    lines: object = order.lines
    if lines:
        lines = [(line.sku, line.title, line.qty, line.paid_minor, line.gift) for line in order.lines]
    content = (
        order.status,
        order.paid_at,
        order.paid_minor,
        order.items,
        order.platform,
        order.name,
        buyer,
        lines,
    )
    return _hash(repr(content).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def item_count(order: OrderIn) -> int | None:
    """Goods without gifts: as given, else counted from the lines, else None when neither says."""
    if order.items is not None:
        return order.items
    if not order.lines:
        return None
    return sum(line.qty for line in order.lines if not line.gift)
