"""The rules that count single units: N pieces M off, second half price, cheapest free, gifts, vouchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .arithmetic import half_of, half_up
from .basket import Basket, Effect, Gift, Unmet
from .fields import Fields
from .kinds import MOST_TIMES, Rule, below, read_rate

MOST_PIECES = 10_000


@dataclass(frozen=True, slots=True)
class Pieces(Rule):
    """N件M折: ``rate_bp`` off all eligible units when there are at least ``n``."""

    n: int
    rate_bp: int
    kind = "pieces"
    step = "item"
    rank = 1

    @classmethod
    def read(cls, given: Fields) -> Pieces:
        return cls(given.whole("n", 1, MOST_PIECES), read_rate(given))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "n": self.n, "rate_bp": self.rate_bp}

    def effect(self, basket: Basket) -> Effect | Unmet:
        if basket.pieces < self.n:
            return Unmet("pieces", {"missing": self.n - basket.pieces})
        return Effect(half_up(basket.base_minor, self.rate_bp))


@dataclass(frozen=True, slots=True)
class SecondHalf(Rule):
    """第二件半价: units are paired from the dearest down, the cheaper of each pair costs half."""

    max_times: int | None
    kind = "second-half"
    step = "item"

    @classmethod
    def read(cls, given: Fields) -> SecondHalf:
        return cls(given.whole("max_times", 1, MOST_TIMES, None))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind} | ({} if self.max_times is None else {"max_times": self.max_times})

    def effect(self, basket: Basket) -> Effect | Unmet:
        if basket.pieces < 2:
            return Unmet("pieces", {"missing": 2 - basket.pieces})
        pairs = basket.pieces // 2
        pairs = pairs if self.max_times is None else min(pairs, self.max_times)
        placed: dict[int, int] = {}
        seen = 0  # units from the dearest down; every second one is the cheaper of its pair
        for price, count, place in sorted(basket.units(), key=lambda unit: (-unit[0], unit[2])):
            halves = min((seen + count) // 2, pairs) - min(seen // 2, pairs)
            if halves:
                placed[place] = placed.get(place, 0) + halves * half_of(price)
            seen += count
        return Effect(placed=placed)


@dataclass(frozen=True, slots=True)
class CheapestFree(Rule):
    """买N免最低 (``n`` 3: three for two): per ``n`` units the cheapest one is free, on a tie that of the later line."""

    n: int
    max_times: int | None
    kind = "cheapest-free"
    step = "item"

    @classmethod
    def read(cls, given: Fields) -> CheapestFree:
        return cls(given.whole("n", 2, MOST_PIECES), given.whole("max_times", 1, MOST_TIMES, None))

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": self.kind, "n": self.n}
        return shown if self.max_times is None else shown | {"max_times": self.max_times}

    def effect(self, basket: Basket) -> Effect | Unmet:
        if basket.pieces < self.n:
            return Unmet("pieces", {"missing": self.n - basket.pieces})
        free = basket.pieces // self.n
        free = free if self.max_times is None else min(free, self.max_times)
        placed: dict[int, int] = {}
        for price, count, place in sorted(basket.units(), key=lambda unit: (unit[0], -unit[2])):
            taken = min(free, count)
            if taken:
                placed[place] = placed.get(place, 0) + taken * price
                free -= taken
        return Effect(placed=placed)


@dataclass(frozen=True, slots=True)
class GiftRule(Rule):
    """满赠 / 买赠: ``qty`` of ``gift_sku`` at price 0, from ``min_minor`` on.

    With ``skus`` one of them must be bought. ``stock`` is how many there are to give away; None: no limit.
    """

    gift_sku: str
    qty: int
    min_minor: int
    skus: tuple[str, ...]
    stock: int | None
    kind = "gift"
    step = "item"

    @classmethod
    def read(cls, given: Fields) -> GiftRule:
        return cls(
            given.text("gift_sku"),
            given.whole("qty", 1, MOST_PIECES, 1),
            given.whole("min_minor", 0, default=0),
            given.texts("skus"),
            given.whole("stock", 0, default=None),
        )

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": self.kind, "gift_sku": self.gift_sku, "qty": self.qty}
        shown |= {"min_minor": self.min_minor} if self.min_minor else {}
        shown |= {"skus": list(self.skus)} if self.skus else {}
        return shown if self.stock is None else shown | {"stock": self.stock}

    def effect(self, basket: Basket) -> Effect | Unmet:
        unmet = below(basket, self.min_minor)
        if unmet is not None:
            return unmet
        if self.skus and not any(basket.lines[place].sku in self.skus for place in basket.eligible):
            return Unmet("missing_sku", {"sku": ", ".join(self.skus)})
        return Effect(gifts=(Gift(self.gift_sku, self.qty),))


@dataclass(frozen=True, slots=True)
class Exchange(Rule):
    """商品券 / 兑换券: ``qty`` units of one SKU cost nothing, no more of them and nothing else.

    ``sku`` empty: each coupon names its own. The price floor of lines does not
    hold it back, since giving the goods away is what it is for.
    """

    sku: str
    qty: int
    kind = "exchange"

    @classmethod
    def read(cls, given: Fields) -> Exchange:
        return cls(given.text("sku", ""), given.whole("qty", 1, MOST_PIECES, 1))

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind} | ({"sku": self.sku} if self.sku else {}) | {"qty": self.qty}

    def effect(self, basket: Basket) -> Effect | Unmet:
        mine = [unit for unit in basket.units() if basket.lines[unit[2]].sku == self.sku]
        if not mine:
            return Unmet("missing_sku", {"sku": self.sku})
        rest = self.qty
        placed: dict[int, int] = {}
        for price, count, place in sorted(mine, key=lambda unit: (-unit[0], unit[2])):
            taken = min(rest, count)
            placed[place] = placed.get(place, 0) + taken * price
            rest -= taken
        return Effect(placed=placed, floors=False)
