"""Coupons as rewards: the kinds ``coupon`` and ``product-voucher`` that other plugins grant.

``coupon`` names a batch. ``product-voucher`` (商品券) names a SKU or a batch; it
is bound to that article and its owner, costs nothing at the till and is used
once. For a SKU the newest open batch whose rule exchanges exactly it is taken,
or else the newest whose rule leaves the article to its coupons.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, RewardItem, RewardOrder, RewardWanted, ScrmError, Veto, execute

from ..batches.codes import HANDED_OUT
from ..batches.service import Batch, Batches
from .service import Claims
from .taking import standing
from .views import CouponView, find
from .voiding import Voiding

if TYPE_CHECKING:
    from scrm_core.api import Brand

COUPON = "coupon"
VOUCHER = "product-voucher"
REWARD_KINDS = {
    COUPON: "a coupon 优惠券; the item is the code of its batch",
    VOUCHER: "a product voucher 专用商品券; the item is a SKU or the code of its batch",
}
EXCHANGE = "exchange"
MOST_AT_ONCE = 100


class Issuing:
    """Issues coupons as rewards of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.batches = Batches(brand)
        self.claims = Claims(brand)
        self.voiding = Voiding(brand)

    def check_item(self, kind: str, item: str) -> None:
        """Whether the kind has this item; raises Invalid naming it. A batch may still be a draft or paused."""
        batch, _ = self._target(kind, item)
        if batch.codes == HANDED_OUT:
            raise Invalid(f"item: the codes of {batch.code!r} were handed out; it rewards nobody", field="item")
        if batch.state == "closed":
            raise Invalid(f"item: the batch {batch.code!r} is closed", field="item")
        if batch.scope.get("automatic"):
            raise Invalid(f"item: {batch.code!r} is a promotion, which nobody claims", field="item")

    def item(self, item: str) -> RewardItem | None:
        """What is known of a batch, whose codes may have been handed out; None for no batch."""
        try:
            batch = self.batches.get(item)
        except NotFound:
            return None
        return RewardItem(batch.title, "the batch is closed" if batch.state == "closed" else "")

    def worth(self, kind: str, item: str, quantity: int) -> int | None:
        """What the articles cost in the catalogue, in minor units; None for a coupon and for an unknown price."""
        _, sku = self._target(kind, item)
        try:
            price = self.brand.products.get(sku).price_minor if sku else None
        except NotFound:
            return None
        return None if price is None else price * quantity

    def shortage(self, wanted: Sequence[RewardWanted]) -> str:
        """Why not all these coupons could be claimed now, a phrase for each batch that lacks some; else empty."""
        counts: dict[str, int] = {}
        for each in wanted:
            batch, _ = self._target(each.kind, each.item)
            counts[batch.code] = counts.get(batch.code, 0) + each.quantity * each.least
        return "; ".join(told for code, count in counts.items() if (told := self._lacks(code, count)))

    def _lacks(self, code: str, count: int) -> str:
        now, found = self.brand.now(), standing(code)
        assert found is not None
        there = found.pieces(count, now)
        if there == count:
            return ""
        why = f" ({found.refusal(now, self.brand.zone)})" if not there else ""
        return f"the batch {code!r} gives {there} of the {count} coupons that are planned{why}"

    def issue(self, order: RewardOrder) -> dict[str, Any]:
        """Claim ``quantity`` coupons for the person; raises Veto with the claim's reason, and then claims none."""
        if order.quantity > MOST_AT_ONCE:
            raise Veto(f"at most {MOST_AT_ONCE} coupons are issued at once, not {order.quantity}", "too_many")
        try:
            batch, sku = self._target(order.kind, order.item)
            coupons = [
                self.claims.claim(
                    batch.code, order.contact_id, key=f"{order.reward_id}#{number}", source="reward",
                    reason=order.reason[:200], sku=sku,
                )
                for number in range(1, order.quantity + 1)
            ]  # fmt: skip
        except Veto:
            raise
        except ScrmError as exc:
            raise Veto(str(exc), exc.code) from None
        return {
            "batch": batch.code,
            "coupons": [coupon.uid for coupon in coupons],
            "codes": [coupon.code for coupon in coupons],
            "sku": sku,
        }

    def reverse(self, order: RewardOrder) -> None:
        """Void the reward's coupons. A used or held one is a Veto and all stay as they are.

        What was spent is not undone by taking the reward back: reverse the
        redemption first. What that gave back of a coupon is voided in its place.
        Expired ones stay expired.
        """
        for uid in (order.issued or {}).get("coupons", ()):
            coupon = self._now(uid)
            if coupon is None or coupon.state == "expired":
                continue
            try:
                self.voiding.void(coupon.uid, reason=order.reason or "the reward was taken back", actor="rewards")
            except ScrmError as exc:
                raise Veto(f"coupon {coupon.code}: {exc}", f"coupon_{exc.code}") from None

    def _now(self, uid: str) -> CouponView | None:
        """The coupon as its owner has it now; None when its redemption was taken back and gave nothing back."""
        coupon = self.claims.get(uid)
        while (back := find("c.returns_id = ?", coupon.id)) is not None:
            coupon = back
        undone = execute(
            "SELECT 1 FROM coupon_threshold_redemption r JOIN coupon_threshold_redemption x ON x.reverses_id = r.id "
            "WHERE r.coupon_id = ?",
            (coupon.id,),
        ).fetchone()
        return None if undone else coupon

    def _target(self, kind: str, item: str) -> tuple[Batch, str]:
        """The batch that a reward's item means, and the article that its coupons are bound to."""
        if not item:
            raise Invalid(f"item: a {kind} names its batch" + (" or SKU" if kind == VOUCHER else ""), field="item")
        try:
            batch = self.batches.get(item)
        except NotFound:
            if kind == COUPON:
                raise Invalid(f"item: no coupon batch is called {item[:60]!r}", field="item") from None
            return self._for_article(item), item
        if kind == COUPON:
            return batch, ""
        sku = batch.rule.get("sku", "") if batch.rule["kind"] == EXCHANGE else ""
        if not sku:
            raise Invalid(f"item: the batch {item!r} exchanges no article of its own; name the SKU", field="item")
        return batch, sku

    def _for_article(self, sku: str) -> Batch:
        rows = execute(
            "SELECT id, rule FROM coupon_threshold_batch WHERE state = 'open' AND codes <> ? AND rule LIKE ? "
            "ORDER BY id DESC",
            (HANDED_OUT, f'%"{EXCHANGE}"%'),
        ).fetchall()
        rules = [(batch_id, json.loads(rule)) for batch_id, rule in rows]
        for wanted in (sku, ""):
            for batch_id, rule in rules:
                if rule["kind"] == EXCHANGE and rule.get("sku", "") == wanted:
                    return self.batches.by_id(batch_id)
        raise Invalid(
            f"item: {sku[:60]!r} is no batch, and no open batch exchanges this article; create one with the rule "
            f'{{"kind": "{EXCHANGE}", "sku": "..."}}',
            field="item",
        )
