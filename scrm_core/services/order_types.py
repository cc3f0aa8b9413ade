"""What orders and refunds look like on their way in and out; money in integer minor units.

Canonical statuses, to which every platform's own words are mapped:
``unpaid`` (待付款), ``paid`` (待发货), ``part_shipped``, ``shipped``,
``completed``, ``closed`` (cancelled) and ``refunded`` (全额退款).

What an import makes by the thousand is a named tuple: as frozen as a frozen
dataclass, and made in a third of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .resolving import IdentityIn

COUNTED = frozenset({"paid", "part_shipped", "shipped", "completed"})
"""Statuses in which an order was paid and stands: only these can make it valid."""

PROGRESS = {
    "unpaid": 0,
    "paid": 1,
    "part_shipped": 2,
    "shipped": 3,
    "completed": 4,
    "closed": 5,
    "refunded": 6,
}
"""How far along a status is; decides between two versions with one modification time."""


class LineIn(NamedTuple):
    """A line of an order. ``paid_minor`` is after sharing the discounts of the whole order.

    ``gift`` lines (赠品) are no goods: they do not count as items.
    """

    sku: str = ""
    title: str = ""
    qty: int = 1
    paid_minor: int = 0
    gift: bool = False


class OrderIn(NamedTuple):
    """An order as its source tells it, unique by (``source``, ``number``).

    ``paid_minor`` is what the buyer paid; refunds come on their own.
    ``paid_at`` is required once the order is paid and ignored while it is
    unpaid (a deposit is no payment). ``items`` counts goods without gifts; None
    counts the lines. ``version`` is the source's modification instant.

    What a source leaves out it does not deny: without ``platform``, ``items``,
    ``lines`` or ``buyer`` an update keeps what is known of them.
    """

    source: str
    number: str
    status: str
    paid_at: int | None
    paid_minor: int
    items: int | None = None
    platform: str = ""
    buyer: tuple[IdentityIn, ...] = ()
    lines: tuple[LineIn, ...] = ()
    version: int | None = None
    name: str = ""


class OrderResult(NamedTuple):
    """What became of an order: ``outcome`` is created, updated or unchanged."""

    order_id: int
    uid: str
    outcome: str
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class RefundIn:
    """A successful refund (退款成功), unique by (``source``, ``order_number``, ``number``)."""

    source: str
    order_number: str
    number: str
    amount_minor: int
    at: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundResult:
    """What became of a refund: ``outcome`` is created, waiting (its order is not paid here yet) or unchanged.

    ``total_minor`` is the order's refunds so far, None while the refund waits.
    """

    outcome: str
    order_id: int | None
    contact_id: int | None
    total_minor: int | None


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of a stored order."""

    position: int
    sku: str
    title: str
    qty: int
    paid_minor: int
    gift: bool


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund that was applied to an order."""

    number: str
    amount_minor: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """A stored order. ``lines`` and ``refunds`` are filled when one order is asked for, not in lists."""

    order_id: int
    uid: str
    source: str
    number: str
    platform: str
    contact_id: int | None
    contact_uid: str | None
    matched_by: str
    status: str
    paid_at: int | None
    day: int | None
    paid_minor: int
    refund_minor: int
    items: int
    valid: bool
    version: int | None
    created_at: int
    updated_at: int
    lines: tuple[LineView, ...] = ()
    refunds: tuple[RefundView, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders are meant: all that is given holds. ``paid_from`` and ``paid_before`` are instants of payment."""

    source: str = ""
    number: str = ""
    status: str = ""
    paid_from: int | None = None
    paid_before: int | None = None


class Totals(NamedTuple):
    """Valid orders and their net money in minor units."""

    orders: int
    money: int
