"""What messages cost (费用预估), in exact integers.

Platforms sell parts below a minor unit: 0.045 yuan is 4.5 fen. A price is
therefore kept in *milli-minor units*, thousandths of a minor unit: 4,500 for
4.5 fen. Sums stay in that unit and are rounded once, half up, when they are
shown as money.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scrm_core.api import Invalid

MILLI = 1_000
_PRICE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Estimate:
    """The price of some messages: ``milli`` is exact, ``minor`` the same as money (minor units)."""

    messages: int
    parts: int
    milli: int

    @property
    def minor(self) -> int:
        """The price in minor units, half a unit rounded up."""
        return (self.milli + MILLI // 2) // MILLI

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.messages + other.messages, self.parts + other.parts, self.milli + other.milli)


def estimate(messages: Mapping[int, int], price_milli: int) -> Estimate:
    """The price of messages given as {parts of one: how many}, at a price per part in milli-minor units.

    Raises Invalid for a negative price or count.
    """
    if price_milli < 0:
        raise Invalid("a price per part is zero or more", field="price_milli")
    if any(parts < 1 or count < 0 for parts, count in messages.items()):
        raise Invalid("a message has at least one part, and there are zero or more of them", field="messages")
    parts = sum(of_one * count for of_one, count in messages.items())
    return Estimate(sum(messages.values()), parts, parts * price_milli)


def price_of(text: str, exponent: int) -> int:
    """Milli-minor units of a price written in the currency's major unit: ``0.045`` yuan is 4,500.

    ``exponent`` is the number of decimals of the currency (2 for CNY, 0 for
    JPY). Raises Invalid for anything but digits and a point, and for a price
    finer than a thousandth of the minor unit.
    """
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"{text[:40]!r} is not a price such as 0.045", field="price")
    decimals = (match.group(2) or "").rstrip("0")
    if len(decimals) > exponent + 3:
        raise Invalid(f"a price has at most {exponent + 3} decimals in this currency", field="price")
    return int(match.group(1) + decimals.ljust(exponent + 3, "0"))
