"""Refunds (退款): applied once each, never above what was paid, and patient with orders that come later.

A refund whose order is not here, or not paid yet, waits; it is applied when the
order arrives as paid. Refunds that wait are applied in the order of their time,
each as far as the order's money allows; one that does not fit goes on waiting.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import eventlog
from ..db import current_handle
from ..db.bulk import execute, fetch_in, insert_rows, update_rows
from ..errors import Busy, Conflict, Invalid, ScrmError
from ..models import Refund
from .order_checks import Names, checked_refund
from .order_totals import recompute, valid_sql
from .order_types import RefundIn, RefundResult

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.orders")

_COLUMNS = ("source", "order_number", "number", "order_id", "amount_minor", "at", "reason", "created_at")
_LOCK = "hashtext('orders of ' || current_schema())"


def share_orders() -> None:
    """Say that this transaction may bring orders; refunds for orders unknown wait for its end.

    Without it a refund and its order, written at the same moment by two
    PostgreSQL transactions, would not see each other and the refund would wait for ever.
    """
    if current_handle().engine != "sqlite":
        execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


def _await_orders() -> None:
    if current_handle().engine != "sqlite":
        execute(f"SELECT pg_advisory_xact_lock({_LOCK})")


@dataclass(slots=True)
class _Order:
    order_id: int
    source: str
    number: str
    contact_id: int | None
    status: str
    paid_minor: int
    refund_minor: int
    added: int = 0

    @property
    def takes_refunds(self) -> bool:
        return self.status != "unpaid"

    def fits(self, amount: int) -> bool:
        return self.refund_minor + self.added + amount <= self.paid_minor


_ORDER = (
    "SELECT id, source, number, contact_id, status, paid_minor, refund_minor FROM orders "
    "WHERE source = ? AND number IN ({in})"
)

Key = tuple[str, str]


def _orders(wanted: dict[str, set[str]], *, hold: bool) -> dict[Key, _Order]:
    tail = " ORDER BY id FOR UPDATE" if hold and current_handle().engine != "sqlite" else ""
    return {
        (row[1], row[2]): _Order(*row)
        for source, numbers in sorted(wanted.items())
        for row in fetch_in(_ORDER + tail, sorted(numbers), (source,))
    }


def write_refunds(brand: Brand, refunds: Sequence[RefundIn], *, backfill: bool) -> list[RefundResult | ScrmError]:
    """Write refunds in the open transaction; one answer per refund, in their order."""
    answers: list[RefundResult | ScrmError | None] = [None] * len(refunds)
    names, checked, wanted = Names(), {}, {}
    for index, given in enumerate(refunds):
        try:
            refund = checked[index] = checked_refund(given, names)
        except Invalid as error:
            answers[index] = error
        else:
            wanted.setdefault(refund.source, set()).add(refund.order_number)
    # Waiting comes before the first row lock: whoever brings orders may wait for such a row.
    found = _orders(wanted, hold=False)
    if sum(order.takes_refunds for order in found.values()) < sum(map(len, wanted.values())):
        _await_orders()
    orders = _orders(wanted, hold=True)
    stored = _stored(wanted)
    rows, applied = [], []
    now = brand.now()
    for index, refund in checked.items():
        order = orders.get((refund.source, refund.order_number))
        key = (refund.source, refund.order_number, refund.number)
        if key in stored:
            answers[index] = _again(refund, stored[key], order)
            continue
        if order is not None and not order.takes_refunds:
            order = None
        if order is not None and not order.fits(refund.amount_minor):
            answers[index] = Conflict(
                f"refund {refund.number!r}: {refund.amount_minor} is more than the "
                f"{order.paid_minor - order.refund_minor - order.added} left of order {refund.order_number!r}",
                code="refund_exceeds_paid",
            )
            continue
        stored[key] = (refund.amount_minor, order.order_id if order is not None else None)
        order_id = order.order_id if order is not None else None
        rows.append((*key, order_id, refund.amount_minor, refund.at, refund.reason, now))
        if order is None:
            answers[index] = RefundResult("waiting", None, None, None)
        else:
            order.added += refund.amount_minor
            applied.append((order, refund.number, refund.amount_minor, refund.at, order.refund_minor + order.added))
            answers[index] = RefundResult("created", order_id, order.contact_id, order.refund_minor + order.added)
    insert_rows(Refund, _COLUMNS, rows)
    recompute(_apply(brand, applied, backfill=1 if backfill else 0))
    return answers  # type: ignore[return-value]


def _stored(wanted: dict[str, set[str]]) -> dict[tuple[str, str, str], tuple[int, int | None]]:
    return {
        (source, order_number, number): (amount, order_id)
        for source, numbers in sorted(wanted.items())
        for order_number, number, amount, order_id in fetch_in(
            "SELECT order_number, number, amount_minor, order_id FROM refund "
            "WHERE source = ? AND order_number IN ({in})",
            sorted(numbers),
            (source,),
        )
    }


def _again(refund: RefundIn, stored: tuple[int, int | None], order: _Order | None) -> RefundResult | ScrmError:
    amount, order_id = stored
    if amount != refund.amount_minor:
        return Conflict(
            f"refund {refund.number!r} of order {refund.order_number!r} is known with {amount}, "
            f"not {refund.amount_minor}",
            code="refund_differs",
        )
    if order is None or order_id is None:
        return RefundResult("unchanged", None, None, None)
    return RefundResult("unchanged", order_id, order.contact_id, order.refund_minor + order.added)


Applied = tuple[_Order, str, int, int, int]
"""An order, and of its refund the number, amount, instant and the order's total after it."""


def _apply(brand: Brand, applied: Iterable[Applied], *, backfill: int) -> set[int]:
    """Add refunds to their orders and append their events; returns the contacts concerned."""
    applied = list(applied)
    if not applied:
        return set()
    orders = {order.order_id: order for order, *_ in applied}
    now = brand.now()
    # SET reads the old row: the rule for `valid` is applied to the new sum in a second statement.
    changed = update_rows(
        "UPDATE orders SET refund_minor = refund_minor + ?, updated_at = ? "
        "WHERE id = ? AND refund_minor + ? <= paid_minor",
        [(o.added, now, o.order_id, o.added) for o in orders.values()],
    )
    if changed != len(orders):
        raise Busy("an order changed while its refund was written; try again", code="database_busy")
    rule = valid_sql(brand.config.rfm_count_zero_orders)
    update_rows(f"UPDATE orders SET valid = {rule} WHERE id = ?", [(order_id,) for order_id in orders])
    events = []
    for order, number, amount, at, total in applied:
        data = {
            "order_id": order.order_id,
            "source": order.source,
            "number": order.number,
            "refund": number,
            "amount_minor": amount,
            "total_minor": total,
            "full": total == order.paid_minor,
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        events.append(("order.refunded", order.contact_id, at, backfill, text))
    eventlog.append_encoded(events, recorded_at=now)
    return {order.contact_id for order in orders.values() if order.contact_id is not None}


def apply_waiting(brand: Brand, numbers: dict[str, list[str]], *, backfill: int) -> set[int]:
    """Apply refunds that waited for these paid orders (source -> numbers); returns the contacts concerned.

    The caller has written the orders in this transaction and recomputes the contacts.
    """
    waiting = [
        (source, *row)
        for source, wanted in numbers.items()
        for row in fetch_in(
            "SELECT order_number, id, number, amount_minor, at FROM refund "
            "WHERE order_id IS NULL AND source = ? AND order_number IN ({in})",
            wanted,
            (source,),
        )
    ]
    if not waiting:
        return set()
    waiting.sort(key=lambda row: (row[5], row[3]))
    wanted: dict[str, set[str]] = {}
    for source, order_number, *_ in waiting:
        wanted.setdefault(source, set()).add(order_number)
    orders = _orders(wanted, hold=True)
    taken, applied = [], []
    for source, order_number, refund_id, number, amount, at in waiting:
        order = orders[source, order_number]
        if not order.fits(amount):
            log.warning(
                "brand %s: refund %s of order %s/%s goes on waiting: %d is more than is left",
                brand.id, number, source, order_number, amount,
            )  # fmt: skip
            continue
        order.added += amount
        taken.append((order.order_id, refund_id))
        applied.append((order, number, amount, at, order.refund_minor + order.added))
    update_rows("UPDATE refund SET order_id = ? WHERE id = ?", taken)
    return _apply(brand, applied, backfill=backfill)
