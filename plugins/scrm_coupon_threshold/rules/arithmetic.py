"""Arithmetic of discounts: integers only, minor units; rates are basis points of the discount.

Every discount is rounded half up to a minor unit, in the customer's favour. The
payable is what is left; it is never rounded by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scrm_core.api import allocate

FULL_BP = 10_000


def half_up(amount: int, rate_bp: int) -> int:
    """``amount`` times ``rate_bp`` / 10,000, rounded half up: 15 % of 1010 is 152."""
    return (2 * amount * rate_bp + FULL_BP) // (2 * FULL_BP)


def half_of(amount: int) -> int:
    """Half of an amount, rounded half up."""
    return (amount + 1) // 2


def spread(amount: int, weights: Sequence[int], rooms: Sequence[int], *, redistribute: bool = False) -> tuple[int, ...]:
    """Allocate, but take no more off a line than its room above the floor (破价保护).

    What a floor cuts is lost; with ``redistribute`` it goes to the lines that
    still have room, by their weights. A room never exceeds its weight.
    """
    shares = allocate(min(amount, sum(weights)), weights)
    if not redistribute:
        return tuple(min(share, room) for share, room in zip(shares, rooms, strict=True))
    fixed: dict[int, int] = {}
    while True:
        over = [i for i, share in enumerate(shares) if i not in fixed and share > rooms[i]]
        if not over:
            return shares
        fixed |= {i: rooms[i] for i in over}
        free = [0 if i in fixed else weight for i, weight in enumerate(weights)]
        rest = min(amount - sum(fixed.values()), sum(free))
        shares = tuple(fixed.get(i, share) for i, share in enumerate(allocate(rest, free)))


def units_paid(paid_minor: int, qty: int, before: int, count: int) -> int:
    """What ``count`` units cost of a line of ``qty`` paid ``paid_minor``, after ``before`` others.

    By the cumulative floor R(k) = paid * k // qty, so all units together are
    exactly what was paid. Raises ValueError for more units than there are.
    """
    if min(before, count) < 0 or before + count > qty:
        raise ValueError(f"{before} + {count} units of a line of {qty}")
    return paid_minor * (before + count) // qty - paid_minor * before // qty


def unit_prices(amount: int, qty: int) -> Iterator[tuple[int, int]]:
    """(price, how many) of the single units of a line that costs ``amount``, dearer ones first."""
    low, dearer = divmod(amount, qty)
    if dearer:
        yield low + 1, dearer
    if qty - dearer:
        yield low, qty - dearer
