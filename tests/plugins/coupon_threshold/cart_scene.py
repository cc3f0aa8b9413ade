"""Carts and counters on top of the scene of coupons."""

from __future__ import annotations

from typing import Any

from coupon_scene import CouponScene

from scrm_core.api import Brand, Cart, CartLine
from scrm_coupon_threshold.carts.service import Carts

OPEN_END = {"kind": "absolute", "from": "2026-01-01", "to": "2026-03-01"}


def lines(*prices: Any, **more: Any) -> tuple[CartLine, ...]:
    """Lines A, B, C ...: a price, or a pair of quantity and unit price."""
    made = []
    for name, price in zip("ABCDEFGH", prices):
        qty, unit = price if isinstance(price, tuple) else (1, price)
        made.append(CartLine(name, name, qty, unit, **more))
    return tuple(made)


class CartScene:
    """Quotes, holds, redeems and refunds for acme's customers."""

    def __init__(self, scene: CouponScene) -> None:
        self.scene = scene
        self.brand: Brand = scene.acme

    @property
    def carts(self) -> Carts:
        return self.scene.coupons().carts

    def cart(self, *prices: Any, contact: int | None = None, codes: tuple[str, ...] = (), **more: Any) -> Cart:
        made = more.pop("lines") if "lines" in more else lines(*prices)
        return Cart(made, self.brand.now(), contact, codes=codes, **more)

    def quote(self, *prices: Any, **more: Any) -> Cart:
        with self.brand:
            return self.brand.carts.quote(self.cart(*prices, **more))

    def hold(self, key: str, *prices: Any, **more: Any) -> dict[str, Any]:
        expected = more.pop("expect_payable_minor", None)
        with self.brand:
            return self.carts.holds.hold(key, self.cart(*prices, **more), expect_payable_minor=expected)

    def release(self, key: str) -> dict[str, Any]:
        with self.brand:
            return self.carts.holds.release(key)

    def redeem(self, key: str, number: str, **more: Any) -> dict[str, Any]:
        with self.brand:
            return self.carts.redeeming.redeem(key, source="shop", order_number=number, **more)

    def refund(self, number: str, key: str, returned: dict[str, int], **more: Any) -> dict[str, Any]:
        with self.brand:
            return self.carts.refunding.refund("shop", number, key, returned, **more)

    def scan(self, text: str, store: str = "S1", terminal: str = "T1", **more: Any) -> Any:
        with self.brand:
            return self.carts.counter.scan(text, store=store, terminal=terminal, **more)

    def press(self, text: str, ticket: str, amount: int, *, store: str = "S1", terminal: str = "T1", **more: Any) -> Any:
        with self.brand:
            return self.carts.counter.redeem_in_store(
                text, store=store, terminal=terminal, ticket=ticket, amount_minor=amount,
                **{"clerk": "anna", **more},
            )  # fmt: skip

    def open_shops(self) -> None:
        """Shops S1 and S2; anna works in S1, mona manages everywhere."""
        with self.brand:
            self.carts.stores.add_store("S1", "人民广场店")
            self.carts.stores.add_store("S2")
            self.carts.stores.add_clerk("anna", "4711", name="Anna", store="S1")
            self.carts.stores.add_clerk("mona", "081547", role="manager")

    def state(self, uid: str) -> tuple[Any, ...]:
        """State and reserved budget of a coupon."""
        return self.scene.rows("SELECT state, reserved_minor FROM coupon_threshold_coupon WHERE uid = ?", uid)[0]

    def budget(self, code: str) -> int:
        return self.scene.rows("SELECT budget_used_minor FROM coupon_threshold_batch WHERE code = ?", code)[0][0]

    def sound(self) -> None:
        """What a batch has used of its budget is what its coupons reserve, and gifts are neither lost nor made."""
        odd = self.scene.rows(
            "SELECT b.code, b.budget_used_minor, coalesce(sum(c.reserved_minor), 0) FROM coupon_threshold_batch b "
            "LEFT JOIN coupon_threshold_coupon c ON c.batch_id = b.id GROUP BY b.id, b.code, b.budget_used_minor "
            "HAVING b.budget_used_minor <> coalesce(sum(c.reserved_minor), 0)"
        )
        assert odd == []
