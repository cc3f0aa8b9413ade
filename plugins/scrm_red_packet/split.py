"""Red packets (红包): a sum split among people by the double-mean method (二倍均值法), before the first opens one.

With R left for k people an amount is uniform on 1 .. min(2R // k - 1, R - (k - 1)),
at least 1, and the last gets the rest: everybody's mean is R/k, whichever
place they come in. The list is made and stored when the packet is; opening
one takes the next of it, so people who open at once cannot change the sum.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from scrm_core.api import Invalid

TRIES = 200
"""Splits that are drawn before a limit counts as out of reach."""


def split_packet(total_minor: int, people: int, below: Callable[[int], int] = secrets.randbelow) -> list[int]:
    """Shares in minor units, one per person, each at least 1, with the sum ``total_minor``.

    ``below(n)`` is a random integer from 0 to n - 1. Raises Invalid when there
    are more people than units.
    """
    if people < 1:
        raise Invalid("a red packet is for at least one person", field="people")
    if total_minor < people:
        raise Invalid(f"{total_minor} minor units are not enough for {people} people", field="total_minor")
    shares = []
    left = total_minor
    for remaining in range(people, 1, -1):
        highest = max(1, min(2 * left // remaining - 1, left - (remaining - 1)))
        shares.append(1 + below(highest))
        left -= shares[-1]
    return [*shares, left]


def split_within(
    total_minor: int, people: int, least: int, most: int, below: Callable[[int], int] = secrets.randbelow
) -> list[int]:
    """Shares of at least ``least`` and at most ``most`` minor units each, with the sum ``total_minor``.

    Everybody gets ``least`` - 1 for certain and the rest is split by the
    double-mean method. A split with a share above ``most`` is thrown away and
    drawn anew, whole, so that no place is favoured. Raises Invalid when people
    cannot all get ``least``, or when a share above ``most`` is all but certain.
    """
    certain = least - 1
    if people >= 1 and total_minor < people * least:
        raise Invalid(
            f"{total_minor} minor units are not enough for {people} people of at least {least} each",
            field="total_minor",
        )
    for _ in range(TRIES):
        shares = [certain + share for share in split_packet(total_minor - people * certain, people, below)]
        if max(shares) <= most:
            return shares
    raise Invalid(
        f"with {total_minor} minor units for {people} people somebody would get more than the most of {most}; "
        "let more people share it, or make it smaller",
        field="total_minor",
    )
