"""What an order or refund must look like before it is written, and the digest that tells it unchanged."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from ..errors import Invalid
from ..limits import LIMITS
from ..values.text import clean_text
from .order_types import PROGRESS, LineIn, OrderIn, RefundIn

_TOP = LIMITS.integer


class Names:
    """Cleans the short texts that repeat from row to row (source and platform), each pair once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, object], tuple[str, str]] = {}

    def clean(self, source: object, platform: object = "") -> tuple[str, str]:
        """Both texts cleaned; raises Invalid, also for an empty source."""
        known = self._known.get((source, platform)) if type(source) is type(platform) is str else None
        if known is None:
            clean = clean_text(source, field="source", max_length=LIMITS.name)
            if not clean:
                raise Invalid("orders and refunds name their source", field="source")
            known = clean, clean_text(platform, field="platform", max_length=LIMITS.name)
            self._known[source, platform] = known
        return known


def whole(value: object, field: str, low: int = 0) -> int:
    """``value`` when it is an integer from ``low`` to the limit of JSON; raises Invalid."""
    if type(value) is not int:
        raise Invalid(f"{field} is an integer, not {type(value).__name__}", field=field)
    if not low <= value <= _TOP:
        raise Invalid(f"{field} must lie between {low} and {_TOP}", field=field)
    return value


def checked_order(order: OrderIn, names: Names) -> OrderIn:
    """The order with its texts cleaned; raises Invalid naming the field."""
    given_source, given_number, status, paid_at, paid_minor, items, given_platform, _, lines, version, name = order
    source, platform = names.clean(given_source, given_platform)
    number = clean_text(given_number, field="number", max_length=LIMITS.name)
    if not number:
        raise Invalid("an order has a number", field="number")
    if status not in PROGRESS:
        raise Invalid(f"unknown status {status!r}; known are {', '.join(PROGRESS)}", field="status")
    whole(paid_minor, "paid_minor")
    if paid_at is not None:
        whole(paid_at, "paid_at", -_TOP)
    if version is not None:
        whole(version, "version", -_TOP)
    if items is not None:
        whole(items, "items")
    if number == given_number and source == given_source and platform == given_platform and not name and not lines:
        return order
    return order._replace(
        source=source,
        number=number,
        platform=platform,
        name=clean_text(name, field="name", max_length=LIMITS.name),
        lines=tuple(map(_checked_line, lines)),
    )


def _checked_line(line: LineIn) -> LineIn:
    sku = clean_text(line.sku, field="sku", max_length=LIMITS.name)
    title = clean_text(line.title, field="title")
    whole(line.qty, "qty", 1)
    whole(line.paid_minor, "paid_minor", -_TOP)
    if type(line.gift) is not bool:
        raise Invalid("gift is true or false", field="gift")
    return line if sku == line.sku and title == line.title else line._replace(sku=sku, title=title)


def checked_refund(refund: RefundIn, names: Names) -> RefundIn:
    """The refund with its texts cleaned; raises Invalid naming the field."""
    source, _ = names.clean(refund.source)
    order_number = clean_text(refund.order_number, field="order_number", max_length=LIMITS.name)
    number = clean_text(refund.number, field="number", max_length=LIMITS.name)
    for value, field in ((order_number, "order_number"), (number, "number")):
        if not value:
            raise Invalid(f"a refund needs {field}", field=field)
    whole(refund.amount_minor, "amount_minor", 1)
    whole(refund.at, "at", -_TOP)
    reason = clean_text(refund.reason, field="reason", multiline=True)
    return replace(refund, source=source, order_number=order_number, number=number, reason=reason)


def digest(order: OrderIn, salt: bytes) -> str:
    """A short hash of what an order says, without its version: equal for an unchanged order.

    It is keyed by the brand's salt: a buyer's phone cannot be guessed from it.
    Cleaned texts and identities hold no control characters, so those separate
    the parts and equal text means equal content.
    """
    _, _, status, paid_at, paid_minor, items, platform, buyer, lines, _, name = order
    text = f"{status}\0{paid_at}\0{paid_minor}\0{items}\0{platform}\0{name}"
    for i in buyer:
        text += f"\x01{i.kind}\0{i.namespace}\0{i.value}"
    for sku, title, qty, paid_minor, gift in lines:
        text += f"\x02{sku}\0{title}\0{qty}\0{paid_minor}\0{gift}"
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8, key=salt).hexdigest()


def item_count(order: OrderIn) -> int | None:
    """Goods without gifts: as given, else counted from the lines, else None when neither says."""
    if order.items is not None:
        return order.items
    if not order.lines:
        return None
    return sum(line.qty for line in order.lines if not line.gift)
