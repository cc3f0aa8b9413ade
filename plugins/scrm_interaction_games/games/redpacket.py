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
