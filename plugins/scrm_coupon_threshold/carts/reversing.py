"""Reversing (撤销核销、退券): a linked entry takes a redemption back, once; the coupon returns by its batch's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, RefundMade, clean_text, execute, new_uid, transactional

from ..claims.voiding import give_budget_back, lock_batch
from ..rules import new_code
from .offers import batches_by_id, choice_of
from .redeeming import Redeeming, RedemptionIn, RedemptionView, record, redemption, redemptions
from .reserving import gifts_of, give_gifts_back

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
CLOSED_DAYS = 90
_RETURN = (
    "INSERT INTO coupon_threshold_coupon (uid, code, batch_id, contact_id, nth, state, valid_from, valid_to, "
    "claimed_at, day, source, actor, reason, grant_key, gated, sku, reserved_minor, returns_id) "
    "SELECT ?, ?, batch_id, contact_id, -id, 'claimed', valid_from, ?, ?, ?, 'return', ?, ?, ?, gated, sku, ?, id "
    "FROM coupon_threshold_coupon WHERE id = ? ON CONFLICT DO NOTHING"
)

_GONE = "(o.status IN ('closed', 'refunded') OR (o.paid_minor > 0 AND o.refund_minor >= o.paid_minor))"
_SENT = ("part_shipped", "shipped", "completed")
"""What an order is called whose gifts are out of the house."""


class Reversing:
    """Takes redemptions of one brand back; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.redeeming = Redeeming(brand, settings)

    @transactional
    def reverse(self, uid: str, *, reason: str, actor: str = "", undo: bool = False) -> RedemptionView:
        """Take a redemption back; a second call answers the first reversal.

        What it used of the budget goes back. The customer gets a new coupon that
        names the used one, if that has not expired; when the batch says ``extend``
        also an expired one, for its days more, and when it says ``never`` none.
        With ``undo`` the redemption was a mistake, so ``never`` does not count.
        A customer who was erased gets none. Its gift is in stock again, unless
        the order is known to have been sent; after a mistake always.
        Raises NotFound, and Invalid without a reason or for a reversal itself.
        """
        reason = clean_text(reason, field="reason", max_length=200)
        if not reason:
            raise Invalid("a reversal needs a reason", field="reason")
        entry = redemption(uid)
        if entry.reverses_id is not None:
            raise Invalid("this entry is a reversal itself", field="redemption")
        lock_batch(entry.batch_id)
        now = self.brand.now()
        row = execute(
            "SELECT terminal_id, store_id, clerk_id FROM coupon_threshold_redemption WHERE id = ?", (entry.id,)
        ).fetchone()
        written = record(
            RedemptionIn(
                entry.coupon_id,
                entry.coupon,
                entry.batch_id,
                entry.contact_id,
                now,
                self.brand.day(now),
                -entry.amount_minor,
                -entry.discount_minor,
                -entry.shipping_minor,
                -entry.items,
                tuple(-share for share in entry.shares),
                entry.hold_id,
                entry.source,
                entry.order_number,
                row[0],
                entry.ticket,
                row[1],
                row[2],
                entry.device,
                clean_text(actor, field="actor", max_length=100),
                entry.id,
                reason,
            )
        )
        if written is None:
            return redemptions("r.reverses_id = ?", entry.id)[0]
        self._give_back(entry, now, actor=actor, reason=reason, undo=undo)
        if undo or not _sent(entry):
            give_gifts_back(gifts_of([choice_of(batches_by_id([entry.batch_id])[entry.batch_id], None)]))
        self.redeeming.tell("redemption-reversed", written[1])
        return redemption(written[1])

    def _give_back(self, entry: RedemptionView, now: int, *, actor: str, reason: str, undo: bool) -> None:
        reserved, valid_to, owner, promise, promised, policy, days = execute(
            "SELECT c.reserved_minor, c.valid_to, c.contact_id, b.promise, b.promise_minor, b.return_policy, "
            "b.extend_days "
            "FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id WHERE c.id = ?",
            (entry.coupon_id,),
        ).fetchone()
        execute(
            "UPDATE coupon_threshold_coupon SET reserved_minor = 0, "
            "nth = CASE WHEN source = 'promotion' THEN -id ELSE nth END WHERE id = ? AND state = 'used'",
            (entry.coupon_id,),
        )
        # Nobody is there to get it when the owner was erased.
        comes_back = owner is not None and entry.coupon_source != "promotion" and (undo or policy != "never")
        if comes_back and policy == "extend" and valid_to is not None and valid_to <= now:
            valid_to = now + days * DAY_MS
        if not comes_back or (valid_to is not None and valid_to <= now):
            give_budget_back(entry.batch_id, reserved)
            return
        kept = min(reserved, promised) if promise else 0
        back = (
            new_uid(now), new_code(), valid_to, now, self.brand.day(now), actor[:200], reason,
            f"return:{entry.coupon}", kept, entry.coupon_id,
        )  # fmt: skip
        given = execute(_RETURN, back).rowcount
        give_budget_back(entry.batch_id, reserved - (kept if given else 0))

    def reverse_order(self, source: str, order_number: str, *, reason: str, actor: str = "") -> list[RedemptionView]:
        """Reverse every redemption of an order that was cancelled or refunded in full; answers the reversals."""
        entries = redemptions("r.source = ? AND r.order_number = ? AND r.reverses_id IS NULL", source, order_number)
        entries.sort(key=lambda entry: (entry.batch_id, entry.id))
        return [self.reverse(entry.uid, reason=reason, actor=actor) for entry in entries]

    def settle(self) -> int:
        """The job: reverse the redemptions of orders that were closed, of which nobody told a refund; returns how many.

        A till's order may also have gone back before its coupon's redemption was told. An order is closed in
        the weeks after it was paid, so redemptions of :data:`CLOSED_DAYS` are looked at.
        """
        orders = execute(
            "SELECT DISTINCT r.source, r.order_number FROM coupon_threshold_redemption r JOIN orders o "
            "ON o.source = r.source AND o.number = r.order_number WHERE r.day >= ? AND r.reverses_id IS NULL "
            f"AND {_GONE} AND NOT EXISTS (SELECT 1 FROM coupon_threshold_redemption x "
            "WHERE x.reverses_id = r.id) ORDER BY r.source, r.order_number",
            (self.brand.day(self.brand.now()) - CLOSED_DAYS,),
        ).fetchall()
        return sum(self._settle(*order) for order in orders)

    @transactional
    def _settle(self, source: str, order_number: str) -> int:
        return len(self.reverse_order(source, order_number, reason="the order was closed or refunded", actor="orders"))

    def take_refund(self, event: RefundMade) -> None:
        """``on_refund``: an order refunded in full gives its coupons back; a part of it does not."""
        if event.full:
            self.reverse_order(event.source, event.number, reason=f"refund {event.refund}"[:200], actor="refund")


def gone(source: str, order_number: str) -> bool:
    """Whether an order is known to have been closed or refunded in full."""
    sql = f"SELECT 1 FROM orders o WHERE o.source = ? AND o.number = ? AND {_GONE}"
    return execute(sql, (source, order_number)).fetchone() is not None


def _sent(entry: RedemptionView) -> bool:
    row = execute(
        "SELECT status FROM orders WHERE source = ? AND number = ?", (entry.source, entry.order_number)
    ).fetchone()
    return row is not None and row[0] in _SENT
