"""The cuts of a bargain (砍价), all fixed when it opens: they sum exactly to what there is to cut.

Cuts drawn one by one can be tuned for ever, the last cent never falling
(endless cuts of 0.01 are the textbook dark pattern). Here the number of cuts
is settled at the start and the k-th helper gets cut k, whoever that is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from scrm_core.api import Invalid

Below = Callable[[int], int]
"""``below(n)`` is a random integer from 0 to n - 1, like ``secrets.randbelow``."""

FIRST_LOW_BP = 3_000
FIRST_HIGH_BP = 5_000


def split_cuts(total_minor: int, count: int, below: Below = secrets.randbelow) -> list[int]:
    """``count`` cuts in minor units that sum exactly to ``total_minor``, none above the one before, each at least 1.

    The first, which the owner gets for opening, takes 30 to 50 % of the total
    where whole units allow it: with two cuts it takes half and what remains of
    an odd unit, and it never takes so much that a later cut would be 0.
    Raises Invalid when there is less to cut than there are cuts.
    """
    if count < 2:
        raise Invalid(f"a bargain has the owner's cut and at least one helper's, not {count} cuts", field="helpers")
    if total_minor < count:
        raise Invalid(
            f"{total_minor} minor units cannot be cut {count} times by at least 1; "
            f"let the price fall by {count} or more, or ask for fewer helpers",
            field="helpers",
        )
    most = total_minor - (count - 1)
    low = min(max(_up(total_minor * FIRST_LOW_BP, 10_000), _up(total_minor, count)), most)
    high = min(max(total_minor * FIRST_HIGH_BP // 10_000, low), most)
    cuts = [low + below(high - low + 1)]
    left = total_minor - cuts[0]
    for remaining in range(count - 1, 0, -1):
        # At least the mean, so that those behind need never be larger; at most half as much again, so that
        # the helpers who come last still see their help.
        mean = _up(left, remaining)
        highest = max(mean, min(cuts[-1], left - (remaining - 1), mean + mean // 2))
        cuts.append(mean + below(highest - mean + 1))
        left -= cuts[-1]
    return cuts


def _up(number: int, by: int) -> int:
    return -(-number // by)
