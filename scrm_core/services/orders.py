"""Orders (订单) of a brand: written in bulk, refunded, matched to contacts, read.

The rules are in the modules beside: :mod:`.order_writing` (which telling of an
order holds), :mod:`.refunds`, :mod:`.order_matching` and :mod:`.order_totals`
(which orders count). This is the door to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute, fetch_in
from ..errors import Invalid, NotFound, ScrmError
from ..facts import OrderEffect, OrderQuery
from ..limits import LIMITS
from . import order_matching, order_totals, order_writing, refunds
from .order_types import (
    PROGRESS,
    LineIn,
    LineView,
    OrderFilter,
    OrderIn,
    OrderResult,
    OrderView,
    RefundIn,
    RefundResult,
    RefundView,
    Totals,
)
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand

__all__ = [
    "LineIn",
    "LineView",
    "OrderFilter",
    "OrderIn",
    "OrderResult",
    "OrderView",
    "Orders",
    "RefundIn",
    "RefundResult",
    "RefundView",
    "Totals",
]

_VIEW = (
    "SELECT o.id, o.uid, o.source, o.number, o.platform, o.contact_id, c.uid, o.matched_by, o.status, o.paid_at, "
    "o.day, o.paid_minor, o.refund_minor, o.items, o.valid, o.version, o.created_at, o.updated_at "
    "FROM orders o LEFT JOIN contact c ON c.id = o.contact_id "
)

# The sources there are, each found by one look into the index of (source, number).
_SOURCES = (
    "WITH RECURSIVE s (source) AS (SELECT min(source) FROM orders UNION ALL "
    "SELECT (SELECT min(o.source) FROM orders o WHERE o.source > s.source) FROM s WHERE s.source IS NOT NULL) "
    "SELECT source FROM s WHERE source IS NOT NULL"
)


class Orders:
    """A brand's orders; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    # Writing -----------------------------------------------------------------

    def upsert(self, order: OrderIn, *, backfill: bool = False, create_contacts: bool = True) -> OrderResult:
        """Create or update one order; see :meth:`upsert_many`. Raises what it would answer as an error."""
        (answer,) = self.upsert_many([order], backfill=backfill, create_contacts=create_contacts)
        if isinstance(answer, ScrmError):
            raise answer
        return answer

    @transactional
    def upsert_many(
        self, orders: Sequence[OrderIn], *, backfill: bool = False, create_contacts: bool = True
    ) -> list[OrderResult | ScrmError]:
        """Create or update orders by (source, number); one answer per order, in their order.

        A thousand orders a call cost least. An order that cannot be written is
        answered by its error and leaves the others alone: Invalid for its
        content, Conflict when it would have been paid less than was refunded,
        Veto from a plugin's ``check_order`` (asked for new orders only).

        An order first seen paid appends ``order.paid``, once ever; ``backfill``
        marks that event as history. Which of two tellings holds is told in
        :mod:`.order_writing`. Without ``create_contacts`` a buyer whom no
        identity makes known does not become a contact; the order waits for one.
        """
        begin_writing()
        return order_writing.write_orders(self.brand, orders, backfill=backfill, create_contacts=create_contacts)

    def refund(self, refund: RefundIn, *, backfill: bool = False) -> RefundResult:
        """Write one refund; see :meth:`refund_many`. Raises what it would answer as an error."""
        (answer,) = self.refund_many([refund], backfill=backfill)
        if isinstance(answer, ScrmError):
            raise answer
        return answer

    @transactional
    def refund_many(self, given: Sequence[RefundIn], *, backfill: bool = False) -> list[RefundResult | ScrmError]:
        """Write refunds, each once by (source, order number, number); one answer per refund.

        A refund that comes before its order, or before the order is paid, waits
        and is applied when that arrives. Each applied refund appends
        ``order.refunded``. Answers Invalid for bad content and Conflict for a
        known refund with another amount, or for more than is left of the order.
        """
        begin_writing()
        return refunds.write_refunds(self.brand, given, backfill=backfill)

    @transactional
    def match_waiting(self, contact_ids: int | Collection[int] | None = None) -> int:
        """Match orders that wait for their buyers; returns how many were matched.

        ``contact_ids`` is the contact, or the contacts, that gained an identity;
        None looks at every waiting order.
        """
        begin_writing()
        if isinstance(contact_ids, int):
            contact_ids = (contact_ids,)
        return order_matching.match_waiting(contact_ids)

    @transactional
    def claim(self, order_id: int, contact_id: int, *, method: str) -> bool:
        """Give an order whose buyer is unknown to a contact that proved it is theirs; True when it became theirs.

        ``method`` is kept as ``matched_by``, for example ``card serial``. The
        identities that the order was waiting with become the contact's, unless
        another contact has them. False when the order has a buyer already.
        Raises NotFound for an unknown contact.
        """
        begin_writing()
        return order_matching.claim(self.brand, order_id, contact_id, method)

    @transactional
    def recompute(self, contact_ids: Iterable[int]) -> None:
        """Set the order columns of contacts (orders, occasions, money, first and last) from their valid orders."""
        begin_writing()
        order_totals.recompute(contact_ids)

    # Reading -----------------------------------------------------------------

    def get(self, uid: str) -> OrderView:
        """The order with lines and refunds; raises NotFound."""
        return self._one("o.uid = ?", (uid,), f"no order {uid!r}")

    def by_number(self, source: str, number: str) -> OrderView:
        """The order that a source knows by ``number``, with lines and refunds; raises NotFound."""
        return self._one("o.source = ? AND o.number = ?", (source, number), f"no order {number!r} of {source!r}")

    def page(
        self,
        *,
        contact_id: int | None = None,
        matching: OrderFilter | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[OrderView]:
        """Orders with ids above ``after``, ascending, at most ``limit``; of one contact and of a filter when given."""
        return self._page("o.id > ?", (after or 0,), "o.id", contact_id, matching, limit)

    def newest(
        self,
        *,
        matching: OrderFilter | None = None,
        before: tuple[int | None, int] | None = None,
        limit: int = 50,
    ) -> list[OrderView]:
        """Orders of a filter, the latest payment first, then those that nobody has paid, the last written first.

        At most ``limit``, behind ``before``: instant of payment (None for an unpaid one) and id of an order.
        """
        found: list[OrderView] = []
        matching = matching or OrderFilter()
        if (before is None or before[0] is not None) and matching.status != "unpaid":
            border, at = "o.paid_at IS NOT NULL", ()
            if before is not None:
                border, at = "o.paid_at <= ? AND (o.paid_at, o.id) < (?, ?)", (before[0], *before)
            found = self._page(border, at, "o.paid_at DESC, o.id DESC", None, matching, limit)
        if len(found) < limit and matching.paid_from is None and matching.paid_before is None:
            last = before[1] if before is not None and before[0] is None else 2**62
            unpaid = "o.paid_at IS NULL AND o.id < ?"
            found += self._page(unpaid, (last,), "o.id DESC", None, matching, limit - len(found))
        return found

    def _page(
        self,
        border: str,
        at: Sequence[Any],
        order: str,
        contact_id: int | None,
        matching: OrderFilter | None,
        limit: int,
    ) -> list[OrderView]:
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        where, params = [border], [*at]
        if contact_id is not None:
            where.append("o.contact_id = ?")
            params.append(contact_id)
        if matching is not None:
            more, values = _condition(matching)
            where += more
            params += values
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?", [*params, limit]).fetchall()
        return [_view(row) for row in rows]

    def effects(self, order_id: int) -> list[tuple[str, list[OrderEffect] | None]]:
        """What plugins did because of an order: (plugin, effects), None for one that failed, which the log tells."""
        query = OrderQuery(order_id)
        found: list[tuple[str, list[OrderEffect] | None]] = []
        for name, function, _ in self.brand.hooks.implementations("collect_order"):
            effects = self.brand.contained(name, lambda ask=function: list(ask(query)))  # type: ignore[misc]
            if effects is None or effects:
                found.append((name, effects))
        return found

    def of_contact(self, contact_id: int) -> list[OrderView]:
        """Every order of a contact, the latest payment first, unpaid ones last."""
        rows = execute(
            f"{_VIEW}WHERE o.contact_id = ? ORDER BY o.paid_at IS NULL, o.paid_at DESC, o.id DESC", (contact_id,)
        ).fetchall()
        return [_view(row) for row in rows]

    def sum_between(self, contact_ids: Collection[int], start: int, end: int) -> Totals:
        """Valid orders of the contacts paid in [start, end) (instants), and their net money."""
        rows = fetch_in(
            "SELECT contact_id, count(*), sum(paid_minor - refund_minor) FROM orders "
            "WHERE valid = 1 AND paid_at >= ? AND paid_at < ? AND contact_id IN ({in}) GROUP BY contact_id",
            sorted(set(contact_ids)),
            (start, end),
        )
        return Totals(sum(row[1] for row in rows), int(sum(row[2] for row in rows)))

    def _one(self, where: str, params: tuple[Any, ...], missing: str) -> OrderView:
        row = execute(f"{_VIEW}WHERE {where}", params).fetchone()
        if row is None:
            raise NotFound(missing)
        lines = execute(
            "SELECT position, sku, title, qty, paid_minor, gift FROM order_line WHERE order_id = ? ORDER BY position",
            (row[0],),
        ).fetchall()
        money_back = execute(
            "SELECT number, amount_minor, at, reason FROM refund WHERE order_id = ? ORDER BY at, id", (row[0],)
        ).fetchall()
        return _view(
            row,
            tuple(LineView(*line[:5], bool(line[5])) for line in lines),
            tuple(RefundView(*refund) for refund in money_back),
        )


def _view(row: tuple[Any, ...], lines: tuple[LineView, ...] = (), money_back: tuple[RefundView, ...] = ()) -> OrderView:
    return OrderView(*row[:14], bool(row[14]), *row[15:], lines, money_back)


def _condition(matching: OrderFilter) -> tuple[list[str], list[Any]]:
    """A filter as conditions on ``orders o`` and their parameters."""
    where: list[str] = []
    params: list[Any] = []
    if matching.status:
        if matching.status not in PROGRESS:
            raise Invalid(f"unknown status {matching.status!r}; known are {', '.join(PROGRESS)}", field="status")
        where.append("o.status = ?")
        params.append(matching.status)
    if matching.number:
        # A number alone is in no index: it is looked up in every source.
        sources = [matching.source] if matching.source else [row[0] for row in execute(_SOURCES).fetchall()]
        where.append(f"o.source IN ({', '.join('?' * len(sources)) or 'NULL'}) AND o.number = ?")
        params += [*sources, matching.number]
    elif matching.source:
        where.append("o.source = ?")
        params.append(matching.source)
    for sign, instant in ((">=", matching.paid_from), ("<", matching.paid_before)):
        if instant is not None:
            where.append(f"o.paid_at {sign} ?")
            params.append(instant)
    return where, params
