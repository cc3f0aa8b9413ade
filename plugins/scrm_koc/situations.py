"""Which of the practice's three situations goods are in, by price and repeat interval.

High price is relative to its category: at least ``price_ratio_bp`` of what such
goods typically cost there, where the brand has said what that is (10 yuan for
ice cream: 20 is high); elsewhere more than ``high_price_minor`` (1,000 yuan), or
at least that ratio of the median price of the brand's other goods of the
category. Low repeat is an interval of more than ``low_repeat_days`` (365).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

LEAST_PEERS = 5
"""So many other goods with a price make a category's own median worth something."""

NOT_COVERED = "not covered: low price and low repeat; run one-off promotions, no KOC programme"


@dataclass(frozen=True, slots=True)
class Situation:
    """What the practice says of a situation; ``window_days`` is how long a KOC's link counts."""

    number: int
    name: str
    role: str
    measure: str
    advice: str
    window_days: int
    first_only: bool


SITUATIONS = {
    1: Situation(
        1, "high price, low repeat 高客单低复购",
        "a credible personal experience; a trusted person",
        "first orders led, their share of all orders",
        "few KOCs, kept well, on long contracts; test drives and visits; a reward per deal",
        90, False,
    ),
    2: Situation(
        2, "high price, high repeat 高客单高复购",
        "seeding 种草 and pushing the first order; repeat depends on the product",
        "first-order rate, reach of content, cost per first order",
        "samples and content tasks; commission on the first order only",
        30, True,
    ),
    3: Situation(
        3, "low price, high repeat 低客单高复购",
        "people with some expertise, and people keen to share, lift others' lifetime value",
        "lifetime value of influenced customers, activity of groups",
        "many KOCs, community roles, small steady rewards; commission on repeat orders too",
        60, False,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Classified:
    """An answer: ``situation`` is None where the practice has none. ``why`` says which price was high and why.

    ``interval_days`` is None where the brand's orders show no repeat at all: that is low.
    """

    situation: int | None
    price_minor: int
    high_price: bool
    threshold_minor: int
    interval_days: int | None
    low_repeat: bool
    why: tuple[str, ...]
    buyers: int | None = None
    gaps: int | None = None

    def view(self) -> dict[str, Any]:
        """As JSON, with what the situation implies."""
        found = SITUATIONS.get(self.situation or 0)
        implied = {
            "name": found.name if found else NOT_COVERED,
            "role": found.role if found else "",
            "measure": found.measure if found else "",
            "advice": found.advice if found else "one-off promotions, no KOC",
            "window_days": found.window_days if found else None,
            "first_order_only": found.first_only if found else None,
        }
        return {
            "situation": self.situation, **implied,
            "price_minor": self.price_minor, "high_price": self.high_price, "threshold_minor": self.threshold_minor,
            "interval_days": self.interval_days, "low_repeat": self.low_repeat,
            "buyers": self.buyers, "gaps": self.gaps, "why": list(self.why),
        }  # fmt: skip


class Classifier:
    """Classifies given numbers, or the brand's own goods; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    def given(self, price_minor: int, interval_days: int, *, typical_minor: int | None = None) -> Classified:
        """Classify a price and a repeat interval; ``typical_minor`` is what such goods cost in their category.

        Raises Invalid for numbers that are none.
        """
        _whole(price_minor, "price_minor", 1)
        _whole(interval_days, "interval_days", 1)
        if typical_minor is not None:
            _whole(typical_minor, "typical_minor", 1)
        high, threshold, why = self._high(price_minor, typical_minor, None)
        return self._answer(price_minor, high, threshold, interval_days, [why])

    def sku(self, sku: str) -> Classified:
        """Classify a product by its price and its buyers' repeat. Raises NotFound for an unknown SKU."""
        row = execute("SELECT category, price_minor FROM product WHERE sku = ?", (sku,)).fetchone()
        if row is None and not self._sold("l.sku = ?", (sku,)):
            raise NotFound(f"no product {sku!r}")
        category, price = row or ("", None)
        price = price or self._unit("l.sku = ?", (sku,))
        if not price:
            raise Invalid(f"product {sku!r} has no price and was never sold: give the numbers", field="sku")
        peers = self._peers(category, sku) if category else None
        return self._own(price, category, peers, "l.sku = ?", (sku,))

    def category(self, category: str) -> Classified:
        """Classify a category (a path, with all below it) by its median price and its buyers' repeat."""
        prices = _below("category", category)
        row = execute(
            f"SELECT price_minor FROM product WHERE price_minor > 0 AND {prices[0]} ORDER BY price_minor "
            f"LIMIT 1 OFFSET (SELECT (count(*) - 1) / 2 FROM product WHERE price_minor > 0 AND {prices[0]})",
            (*prices[1], *prices[1]),
        ).fetchone()
        if row is None:
            raise NotFound(f"no product with a price in category {category!r}")
        where, params = _below("p.category", category)
        return self._own(int(row[0]), category, None, where, params)

    def _own(self, price: int, category: str, peers: int | None, where: str, params: tuple[Any, ...]) -> Classified:
        high, threshold, why = self._high(price, self.typical(category), peers)
        interval, gaps, buyers = self._interval(where, params)
        words = [why]
        if interval is None:
            words.append(f"none of {buyers} buyers has bought again: taken for low repeat")
        else:
            words.append(f"median of {gaps} intervals between purchase days of {buyers} buyers")
        if gaps < self.settings["least_gaps"]:
            words.append("few repeats: give the numbers yourself if you know better")
        return self._answer(price, high, threshold, interval, words, buyers, gaps)

    def _answer(
        self, price: int, high: bool, threshold: int, interval: int | None, why: list[str],
        buyers: int | None = None, gaps: int | None = None,
    ) -> Classified:  # fmt: skip
        low = interval is None or interval > self.settings["low_repeat_days"]
        situation = {(True, True): 1, (True, False): 2, (False, False): 3}.get((high, low))
        return Classified(situation, price, high, threshold, interval, low, tuple(why), buyers, gaps)

    def _high(self, price: int, typical: int | None, peers: int | None) -> tuple[bool, int, str]:
        """(is it high, from or above which price, why)."""
        ratio = self.settings["price_ratio_bp"]
        if typical is not None:
            threshold = -(-typical * ratio // 10_000)
            return price >= threshold, threshold, f"against the category's typical {typical}"
        high = self.settings["high_price_minor"]
        if price <= high and peers is not None and price * 10_000 >= peers * ratio:
            return True, -(-peers * ratio // 10_000), f"felt high against the category's own median {peers}"
        return price > high, high, "against the default for high prices"

    def typical(self, category: str) -> int | None:
        """What the brand has said goods of a category cost; the longest path that fits counts."""
        known = self.settings["typical_minor"]
        fitting = [path for path in known if category == path or category.startswith(path + "/")]
        return int(known[max(fitting, key=len)]) if fitting else None

    def _peers(self, category: str, sku: str) -> int | None:
        same = "FROM product WHERE price_minor > 0 AND category = ? AND sku <> ?"
        (count,) = execute(f"SELECT count(*) {same}", (category, sku)).fetchone()
        if count < LEAST_PEERS:
            return None
        row = execute(
            f"SELECT price_minor {same} ORDER BY price_minor LIMIT 1 OFFSET ?", (category, sku, (count - 1) // 2)
        ).fetchone()
        return int(row[0])

    @staticmethod
    def _sold(where: str, params: tuple[Any, ...]) -> bool:
        found = execute(f"SELECT 1 FROM order_line l WHERE l.gift = 0 AND {where} LIMIT 1", params).fetchone()
        return found is not None

    @staticmethod
    def _unit(where: str, params: tuple[Any, ...]) -> int:
        money, pieces = execute(
            f"SELECT coalesce(sum(l.paid_minor), 0), coalesce(sum(l.qty), 0) FROM order_line l "
            f"JOIN orders o ON o.id = l.order_id WHERE o.valid = 1 AND l.gift = 0 AND {where}",
            params,
        ).fetchone()
        return int(money) // int(pieces) if pieces else 0

    @staticmethod
    def _interval(where: str, params: tuple[Any, ...]) -> tuple[int | None, int, int]:
        """(median days between two purchase days of one buyer, how many such intervals, how many buyers)."""
        days = (
            "WITH bought AS (SELECT DISTINCT o.contact_id AS contact_id, o.day AS day FROM orders o "
            "JOIN order_line l ON l.order_id = o.id LEFT JOIN product p ON p.sku = l.sku "
            f"WHERE o.valid = 1 AND o.contact_id IS NOT NULL AND l.gift = 0 AND {where}), "
            "gap AS (SELECT day - lag(day) OVER (PARTITION BY contact_id ORDER BY day) AS days FROM bought) "
        )
        (buyers,) = execute(f"{days} SELECT count(DISTINCT contact_id) FROM bought", params).fetchone()
        (gaps,) = execute(f"{days} SELECT count(days) FROM gap", params).fetchone()
        if not gaps:
            return None, 0, int(buyers)
        row = execute(
            f"{days} SELECT days FROM gap WHERE days IS NOT NULL ORDER BY days LIMIT 1 OFFSET ?",
            (*params, (gaps - 1) // 2),
        ).fetchone()
        return int(row[0]), int(gaps), int(buyers)


def _below(column: str, category: str) -> tuple[str, tuple[str, ...]]:
    """SQL for a category and all below it; a path is compared by its length, so no character in it is a wildcard."""
    return (
        f"({column} = ? OR substr({column}, 1, ?) = ?)",
        (category, len(category) + 1, category + "/"),  # type: ignore[return-value]
    )


def _whole(value: object, field: str, least: int) -> None:
    if type(value) is not int or not least <= value <= 2**53:
        raise Invalid(f"{field} is a whole number from {least} on", field=field)
