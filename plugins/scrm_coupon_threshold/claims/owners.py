"""Owners that become one person, turn out to be two, or are erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import ContactMerged, NotFound, PersonQuery, execute, fetch_in

from .voiding import give_budget_back, lock_batch

if TYPE_CHECKING:
    from scrm_core.api import Brand

_NULLED = ("hold", "redemption", "sale", "clerk")
"""Tables whose rows stay without the person: what was sold and redeemed must still add up."""


class Owners:
    """Follows the owners of one brand's coupons; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def take_merge(self, event: ContactMerged) -> None:
        """Give the survivor the coupons that their numbers kept with the loser, or give them back when it is undone.

        The core moves what it can. A coupon of a batch of which both had one
        stays behind, since its number is taken; here it gets the next free one,
        and both stay good: nobody loses a right by being recognised.
        """
        if event.undone:
            self._give_back(event)
        else:
            self._take_over(event)

    def _take_over(self, event: ContactMerged) -> None:
        try:
            owner = self.brand.contacts.survivor(event.winner_id)
            if self.brand.contacts.survivor(event.loser_id) != owner:
                return  # undone meanwhile
        except NotFound:
            return  # erased meanwhile
        left = execute(
            "SELECT id, batch_id, nth FROM coupon_threshold_coupon WHERE contact_id = ? ORDER BY id",
            (event.loser_id,),
        ).fetchall()
        for coupon_id, batch_id, nth in left:
            execute(
                "INSERT INTO coupon_threshold_renumbered (merge_id, coupon_id, nth) VALUES (?, ?, ?)",
                (event.merge_id, coupon_id, nth),
            )
            self._move(coupon_id, batch_id, owner, nth)

    def _give_back(self, event: ContactMerged) -> None:
        rows = execute(
            "DELETE FROM coupon_threshold_renumbered WHERE merge_id = ? RETURNING coupon_id, nth", (event.merge_id,)
        ).fetchall()
        for coupon_id, nth in sorted(rows):
            row = execute(
                "SELECT batch_id, contact_id FROM coupon_threshold_coupon WHERE id = ?", (coupon_id,)
            ).fetchone()
            if row is not None and row[1] == event.winner_id:
                self._move(coupon_id, row[0], event.loser_id, nth)

    @staticmethod
    def _move(coupon_id: int, batch_id: int, owner: int, wanted: int) -> None:
        """Give a coupon to an owner, under the wanted number or the next free one; a negative number is its own.

        One that was voided since then keeps the negative number that freed its place.
        """
        (number,) = execute("SELECT nth FROM coupon_threshold_coupon WHERE id = ?", (coupon_id,)).fetchone()
        if number < 0:
            wanted = number
        if wanted > 0:
            rows = execute(
                "SELECT nth FROM coupon_threshold_coupon WHERE batch_id = ? AND contact_id = ? AND nth > 0",
                (batch_id, owner),
            ).fetchall()
            used = {row[0] for row in rows}
            if wanted in used:
                wanted = max(used) + 1
        execute(
            "UPDATE coupon_threshold_coupon SET contact_id = ?, nth = ? WHERE id = ?", (owner, wanted, coupon_id)
        )
        execute("UPDATE coupon_threshold_redemption SET contact_id = ? WHERE coupon_id = ?", (owner, coupon_id))

    def erase(self, query: PersonQuery) -> None:
        """Void the person's unused coupons and part the rest from them; amounts and dates stay."""
        ids = list(query.contact_ids)
        unused = fetch_in(
            "SELECT batch_id, id FROM coupon_threshold_coupon WHERE state = 'claimed' "
            "AND contact_id IN ({in})",
            ids,
        )
        for batch_id, coupon_id in sorted(unused):
            lock_batch(batch_id)
            (reserved,) = execute(
                "SELECT reserved_minor FROM coupon_threshold_coupon WHERE id = ?", (coupon_id,)
            ).fetchone()
            changed = execute(
                "UPDATE coupon_threshold_coupon SET state = 'void', nth = -id, reserved_minor = 0, ended_at = ? "
                "WHERE id = ? AND state = 'claimed'",
                (self.brand.now(), coupon_id),
            ).rowcount
            give_budget_back(batch_id, reserved * changed)
        marks = ", ".join("?" * len(ids))
        execute(
            f"UPDATE coupon_threshold_coupon SET contact_id = NULL, reason = '' WHERE contact_id IN ({marks})", ids
        )
        for table in _NULLED:
            execute(f"UPDATE coupon_threshold_{table} SET contact_id = NULL WHERE contact_id IN ({marks})", ids)
