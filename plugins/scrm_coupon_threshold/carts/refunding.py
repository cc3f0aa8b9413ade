"""Refunds (退款) of orders that used coupons: what each unit brings back, never more than was paid in all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, NotFound, clean_text, execute, iso, transactional

from ..models import Sale as SaleModel
from ..rules import Policy, SoldLine, refund_by_allocation, refund_by_recompute
from .basket import line_of
from .offers import offer_kept
from .reversing import Reversing

if TYPE_CHECKING:
    from scrm_core.api import Brand

_json = SaleModel.lines.db_value
_COLUMNS = (
    "id, source, order_number, policy, goods_minor, shipping_minor, discount_minor, paid_minor, refunded_minor, lines"
)


@dataclass(frozen=True, slots=True)
class SaleView:
    """An order that used coupons.

    ``body`` holds its lines with what was paid and came back of each, and the
    offers and the way of pricing that were in force when it was made.
    """

    id: int
    source: str
    order_number: str
    policy: str
    goods_minor: int
    shipping_minor: int
    discount_minor: int
    paid_minor: int
    refunded_minor: int
    body: dict[str, Any]

    @property
    def sold(self) -> list[SoldLine]:
        """Its goods as the rules refund them."""
        return [
            SoldLine(line_of(line), line["paid_minor"], line["back"], line["taken_minor"])
            for line in self.body["lines"]
            if not line.get("gift")
        ]


class Refunding:
    """Works out and records refunds of one brand's orders; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.reversing = Reversing(brand, settings)

    def sale(self, source: str, order_number: str) -> SaleView:
        """An order that used coupons; raises NotFound."""
        row = execute(
            f"SELECT {_COLUMNS} FROM coupon_threshold_sale WHERE source = ? AND order_number = ?",
            (source, order_number),
        ).fetchone()
        if row is None:
            raise NotFound(f"order {order_number[:60]!r} of {source[:60]!r} used no coupons")
        return SaleView(*(*row[:9], json.loads(row[9])))

    def preview(self, source: str, order_number: str, returned: dict[str, int], *, shipping: bool = False) -> int:
        """What a refund would bring back, in minor units; writes nothing."""
        return sum(self._amounts(self.sale(source, order_number), returned, shipping=shipping))

    @transactional
    def refund(
        self,
        source: str,
        order_number: str,
        key: str,
        returned: dict[str, int],
        *,
        shipping: bool = False,
        reason: str = "",
        actor: str = "",
    ) -> dict[str, Any]:
        """Record that units came back, once per key, and answer what is refunded for them.

        ``returned`` maps a line's id to how many units come back now; with
        ``shipping`` what was paid for it goes back too (nothing was shipped, or
        the seller is at fault). Once every unit is back the redemptions are
        reversed as well. Raises NotFound, Invalid for more units than are left,
        and Conflict for a key that was used for another refund.
        """
        key = clean_text(key, field="key", max_length=150)
        # The first write locks the order: two refunds of it come one after the other.
        execute(
            "UPDATE coupon_threshold_sale SET version = version + 1 WHERE source = ? AND order_number = ?",
            (source, order_number),
        )
        sale = self.sale(source, order_number)
        stored = f"{sale.id}:{key}"
        asked = {"lines": dict(sorted(returned.items())), "shipping": shipping}
        found = execute(
            "SELECT amount_minor, shipping_minor, lines, at FROM coupon_threshold_refund WHERE key = ?", (stored,)
        ).fetchone()
        if found is not None:
            if json.loads(found[2]) != asked:
                raise Conflict(f"the key {key!r} was used for another refund", code="refund_key")
            return self._answer(sale, found[0], found[1], found[3])
        goods, post = self._amounts(sale, returned, shipping=shipping)
        now = self.brand.now()
        execute(
            "INSERT INTO coupon_threshold_refund (sale_id, key, amount_minor, shipping_minor, lines, reason, actor, "
            "at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sale.id, stored, goods, post, _json(asked), clean_text(reason, field="reason", max_length=200),
                clean_text(actor, field="actor", max_length=100), now,
            ),
        )  # fmt: skip
        for line in sale.body["lines"]:
            line["back"] += returned.get(line["id"], 0)
        if post:
            sale.body["shipping_paid_minor"] = 0
        execute(
            "UPDATE coupon_threshold_sale SET refunded_minor = refunded_minor + ?, lines = ? WHERE id = ?",
            (goods + post, _json(sale.body), sale.id),
        )
        if all(line["back"] == line["qty"] for line in sale.body["lines"] if not line.get("gift")):
            self.reversing.reverse_order(source, order_number, reason=reason or f"refund {key}", actor=actor)
        return self._answer(self.sale(source, order_number), goods, post, now)

    def _amounts(self, sale: SaleView, returned: dict[str, int], *, shipping: bool) -> tuple[int, int]:
        sold = sale.sold
        if sale.policy == "recompute":
            refunded = execute(
                "SELECT coalesce(sum(amount_minor), 0) FROM coupon_threshold_refund WHERE sale_id = ?", (sale.id,)
            ).fetchone()[0]
            goods = refund_by_recompute(
                sold,
                returned,
                [offer_kept(each) for each in sale.body["offers"]],
                refunded_minor=int(refunded),
                channel=sale.body["channel"],
                store=sale.body["store"],
                policy=Policy(**sale.body["pricing"]),
            ).amount_minor
        else:
            goods = refund_by_allocation(sold, returned).amount_minor
        return goods, sale.body["shipping_paid_minor"] if shipping else 0

    def _answer(self, sale: SaleView, goods: int, post: int, at: int) -> dict[str, Any]:
        return {
            "source": sale.source,
            "order_number": sale.order_number,
            "policy": sale.policy,
            "refund_minor": goods + post,
            "goods_minor": goods,
            "shipping_minor": post,
            "paid_minor": sale.paid_minor,
            "refunded_minor": sale.refunded_minor,
            "at": iso(at, self.brand.zone),
        }
