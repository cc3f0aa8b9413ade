"""Points for orders (消费积分): earned when an order is paid, taken back as its money goes back.

An order paid with B earns P = ``earn_points`` x floor(B / ``earn_per_minor``).
When T of B was refunded, floor(P x T / B) points are taken back in all, each
refund by an entry linked to the earning one; after a full refund the order's
entries sum to exactly 0. An order whose buyer is unknown waits for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import OrderPaid, RefundMade, execute

if TYPE_CHECKING:
    from .service import PointsBook

BATCH = 200
CLOSED_DAYS = 90


class Earnings:
    """What the orders of one brand earn."""

    def __init__(self, book: PointsBook) -> None:
        self.book = book
        self.brand = book.brand

    def points_of(self, source: str, paid_minor: int) -> int:
        """The points that an order of a source earns for what was paid."""
        settings = self.book.settings
        sources = settings["earn_sources"]
        if not settings["earn_points"] or paid_minor <= 0 or (sources and source not in sources):
            return 0
        return int(settings["earn_points"] * (paid_minor // settings["earn_per_minor"]))

    def take_order(self, event: OrderPaid) -> None:
        """A paid order: its buyer earns, now or once they are known."""
        points = self.points_of(event.source, event.paid_minor)
        if not points:
            return
        made = execute(
            "INSERT INTO points_order (order_id, points, paid_minor, refunded_minor, reversed) "
            "VALUES (?, ?, ?, 0, 0) ON CONFLICT (order_id) DO NOTHING RETURNING id",
            (event.order_id, points, event.paid_minor),
        ).fetchone()
        if made is not None and event.contact_id is not None:
            self._earn(event.order_id, event.contact_id)

    def take_refund(self, event: RefundMade) -> None:
        """A refund: earned points go, points spent on the order come back."""
        execute(
            "UPDATE points_order SET refunded_minor = CASE WHEN ? > paid_minor THEN paid_minor ELSE ? END "
            "WHERE order_id = ? AND refunded_minor < ?",
            (event.total_minor, event.total_minor, event.order_id, event.total_minor),
        )
        self._reverse(event.order_id, f"refund:{event.order_id}:{event.refund}")
        self.book.return_spent(event.source, event.number)

    def settle_closed(self) -> int:
        """Take orders for refunded in full that were closed, of which nobody told a refund; returns how many changed.

        An order is closed in the weeks after it was paid, so those of :data:`CLOSED_DAYS` are looked at.
        """
        rows = execute(
            "SELECT o.id, o.source, o.number FROM orders o WHERE o.status = 'closed' AND o.day >= ? AND (EXISTS "
            "(SELECT 1 FROM points_order p WHERE p.order_id = o.id AND p.refunded_minor < p.paid_minor) OR EXISTS "
            "(SELECT 1 FROM points_hold h WHERE h.source = o.source AND h.number = o.number AND h.state = 'spent' "
            "AND h.returned < h.points)) ORDER BY o.id",
            (self.brand.day(self.brand.now()) - CLOSED_DAYS,),
        ).fetchall()
        for order_id, source, number in rows:
            with self.brand.transaction():
                execute("UPDATE points_order SET refunded_minor = paid_minor WHERE order_id = ?", (order_id,))
                self._reverse(order_id, f"closed:{order_id}")
                self.book.return_spent(source, number)
        return len(rows)

    def settle(self) -> int:
        """Let buyers earn who became known after their order; returns how many orders earned."""
        settled = last = 0
        while True:
            rows = execute(
                "SELECT p.order_id, o.contact_id FROM points_order p JOIN orders o ON o.id = p.order_id "
                "WHERE p.entry_id IS NULL AND o.contact_id IS NOT NULL AND p.order_id > ? ORDER BY p.order_id LIMIT ?",
                (last, BATCH),
            ).fetchall()
            for order_id, contact_id in rows:
                with self.brand.transaction():
                    settled += self._earn(order_id, contact_id)
            if len(rows) < BATCH:
                return settled
            last = rows[-1][0]

    def _earn(self, order_id: int, contact_id: int) -> bool:
        owner = self.brand.contacts.present(contact_id)
        if owner is None:
            return False  # erased meanwhile: nobody earns
        self.book.ledger.lock(owner)
        row = execute("SELECT points FROM points_order WHERE order_id = ? AND entry_id IS NULL", (order_id,)).fetchone()
        if row is None:
            return False
        entry = self.book.ledger.credit(owner, row[0], key=f"order:{order_id}", kind="earn", order_id=order_id)
        execute("UPDATE points_order SET entry_id = ? WHERE order_id = ?", (entry.id, order_id))
        self._reverse(order_id, f"refund:{order_id}")  # refunds that came before the buyer was known
        return True

    def _reverse(self, order_id: int, key: str) -> None:
        row: Any = execute(
            "SELECT points, paid_minor, refunded_minor, reversed, entry_id FROM points_order "
            "WHERE order_id = ? AND entry_id IS NOT NULL",
            (order_id,),
        ).fetchone()
        if row is None:
            return
        points, paid, refunded, reversed_, entry_id = row
        target = points * refunded // paid
        changed = execute(
            "UPDATE points_order SET reversed = ? WHERE order_id = ? AND reversed = ? AND reversed < ?",
            (target, order_id, reversed_, target),
        ).rowcount
        if changed:
            entry = self.book.ledger.by_id(entry_id)
            self.book.ledger.take_back(entry, target - reversed_, key=key)
