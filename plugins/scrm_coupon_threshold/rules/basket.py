"""What a rule sees of a cart, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scrm_core.api import CartLine

from .arithmetic import unit_prices


@dataclass(frozen=True, slots=True)
class Basket:
    """A cart as one offer meets it.

    ``eligible`` are the places of the lines it covers, ``left`` what every line
    still costs. ``threshold_minor`` is what the threshold is compared with (by
    the offer's basis), ``base_minor`` what the discount is computed on, both
    over eligible lines only. ``shipping_left`` is what is left of the shipping.
    """

    lines: tuple[CartLine, ...]
    eligible: tuple[int, ...]
    left: tuple[int, ...]
    threshold_minor: int
    base_minor: int
    shipping_left: int

    @property
    def pieces(self) -> int:
        """How many eligible units there are."""
        return sum(self.lines[place].qty for place in self.eligible)

    def units(self) -> Iterator[tuple[int, int, int]]:
        """(price, how many, place) of the eligible units as they cost now, line by line."""
        for place in self.eligible:
            for price, count in unit_prices(self.left[place], self.lines[place].qty):
                yield price, count, place


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift article (赠品): a line at price 0."""

    sku: str
    qty: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule wants to take off.

    ``spread_minor`` is to be shared over the eligible lines, ``placed`` lies on
    single lines already (place -> minor units), ``shipping_minor`` comes off the
    shipping. ``floors`` false: the price floor of lines does not hold it back.
    """

    spread_minor: int = 0
    placed: dict[int, int] = field(default_factory=dict)
    shipping_minor: int = 0
    gifts: tuple[Gift, ...] = ()
    floors: bool = True


@dataclass(frozen=True, slots=True)
class Unmet:
    """Why an offer does not apply: ``reason`` for programs, ``facts`` for the message (``missing_minor``, ``sku`` ...).

    Reasons: threshold, scope, pieces, missing_sku, shipping, nothing, floor,
    channel, store, group, exclusive, step.
    """

    reason: str
    facts: dict[str, Any] = field(default_factory=dict)
