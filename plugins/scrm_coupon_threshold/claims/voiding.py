"""The end of unused coupons: voided by a person or a reversal, or expired; what they promised goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Conflict, clean_text, execute, fetch_in, transactional

from . import views
from .counting import forget_marks
from .views import CouponView

if TYPE_CHECKING:
    from scrm_core.api import Brand

CHUNK = 1_000

_VOID = (
    "UPDATE coupon_threshold_coupon SET state = 'void', nth = -id, reserved_minor = 0, ended_at = ?, reason = ?, "
    "actor = ? WHERE id = ? AND state = 'claimed'"
)


def lock_batch(batch_id: int) -> None:
    """Let no other transaction change the batch until this one ends; always before a coupon of it is changed."""
    execute("UPDATE coupon_threshold_batch SET issued = issued WHERE id = ?", (batch_id,))


def give_budget_back(batch_id: int, amount_minor: int) -> None:
    """Take an amount off what a batch has reserved of its budget."""
    if amount_minor:
        execute(
            "UPDATE coupon_threshold_batch SET budget_used_minor = budget_used_minor - ? WHERE id = ?",
            (amount_minor, batch_id),
        )


class Voiding:
    """Ends coupons of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def void(self, uid: str, *, reason: str, actor: str = "") -> CouponView:
        """Void an unused coupon; a void one stays void. The person may claim again, the stock does not come back.

        Raises Conflict with the code used, held or expired for a coupon that is not void and not claimed.
        """
        reason = clean_text(reason, field="reason", max_length=200)
        actor = clean_text(actor, field="actor", max_length=200)
        batch_id = views.by_uid(uid).batch_id
        lock_batch(batch_id)
        coupon = views.by_uid(uid)
        if coupon.state == "void":
            return coupon
        if not execute(_VOID, (self.brand.now(), reason, actor, coupon.id)).rowcount:
            state = views.by_uid(uid).state
            raise Conflict(f"the coupon is {state} and cannot be voided", code=state)
        give_budget_back(batch_id, coupon.reserved_minor)
        return views.by_uid(uid)

    def expire(self) -> int:
        """Expire claimed coupons whose validity is over, in chunks of a transaction each; returns how many.

        Counts of devices and networks of closed batches are deleted on the way, and those of minutes.
        """
        forget_marks(self.brand.now())
        expired = 0
        while True:
            done = self._expire_chunk()
            expired += done
            if done < CHUNK:
                return expired

    @transactional
    def _expire_chunk(self) -> int:
        now = self.brand.now()
        rows = execute(
            "SELECT id, batch_id, reserved_minor FROM coupon_threshold_coupon WHERE state = 'claimed' "
            "AND valid_to <= ? ORDER BY valid_to LIMIT ?",
            (now, CHUNK),
        ).fetchall()
        by_batch: dict[int, list[int]] = {}
        for coupon_id, batch_id, _ in rows:
            by_batch.setdefault(batch_id, []).append(coupon_id)
        for batch_id in sorted(by_batch):
            lock_batch(batch_id)
            # Read again under the lock: a hold or a redemption may have taken some meanwhile.
            due = fetch_in(
                "SELECT id, reserved_minor FROM coupon_threshold_coupon WHERE state = 'claimed' AND id IN ({in})",
                by_batch[batch_id],
            )
            released = 0
            for coupon_id, reserved in sorted(due):
                changed = execute(
                    "UPDATE coupon_threshold_coupon SET state = 'expired', reserved_minor = 0, ended_at = valid_to "
                    "WHERE id = ? AND state = 'claimed' AND reserved_minor = ?",
                    (coupon_id, reserved),
                ).rowcount
                released += reserved * changed
            give_budget_back(batch_id, released)
        return len(rows)
