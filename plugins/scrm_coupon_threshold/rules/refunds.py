"""Refunds (退款): by allocation (policy A) or by computing the order again without the goods (policy B).

By both, everything given back piece by piece sums to exactly what was paid, and
never to more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scrm_core.api import CartLine, Invalid

from .arithmetic import units_paid
from .choosing import quote
from .offers import Offer, Policy

POLICIES = ("allocation", "recompute")


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as it was sold: ``paid_minor`` for all units after every share; ``back`` units came back before.

    ``taken_minor`` is what others than these rules had taken off the line.
    """

    line: CartLine
    paid_minor: int
    back: int = 0
    taken_minor: int = 0


@dataclass(frozen=True, slots=True)
class Refund:
    """What goes back for goods: per line and in all. Policy B knows no lines; its ``lines`` are empty."""

    amount_minor: int
    lines: tuple[int, ...] = ()


def check_returned(sold: Sequence[SoldLine], returned: Mapping[str, int]) -> None:
    """Raise Invalid for units of an unknown line, fewer than 1, or more than are left of it."""
    if not returned:
        raise Invalid("say which units come back", field="lines")
    known = {each.line.id: each for each in sold}
    for line_id, units in returned.items():
        if line_id not in known:
            raise Invalid(f"the order has no line {line_id!r}", field="lines")
        rest = known[line_id].line.qty - known[line_id].back
        if not 1 <= units <= rest:
            raise Invalid(f"line {line_id!r} has {rest} units left to come back, not {units}", field="lines")


def refund_by_allocation(sold: Sequence[SoldLine], returned: Mapping[str, int]) -> Refund:
    """Policy A: what was paid for the units; other lines keep their discount even below the threshold."""
    check_returned(sold, returned)
    amounts = tuple(
        units_paid(each.paid_minor, each.line.qty, each.back, returned.get(each.line.id, 0)) for each in sold
    )
    return Refund(sum(amounts), amounts)


def refund_by_recompute(
    sold: Sequence[SoldLine],
    returned: Mapping[str, int],
    offers: Sequence[Offer],
    *,
    refunded_minor: int = 0,
    channel: str = "",
    store: str = "",
    policy: Policy | None = None,
) -> Refund:
    """Policy B: what was paid and not refunded yet, minus the price of what stays under the same offers.

    Never below 0: nobody pays for bringing something back. Shipping is not part of it.
    """
    check_returned(sold, returned)
    stays, taken = [], []
    for each in sold:
        rest = each.line.qty - each.back - returned.get(each.line.id, 0)
        if rest:
            stays.append(replace(each.line, qty=rest))
            taken.append(units_paid(each.taken_minor, each.line.qty, 0, rest))
    payable = 0
    if stays:
        priced = quote(stays, offers, channel=channel, store=store, policy=policy or Policy(), taken=taken)
        payable = sum(priced.lines)
    paid = sum(each.paid_minor for each in sold)
    return Refund(max(0, paid - refunded_minor - payable))
