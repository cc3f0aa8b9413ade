"""Proof of tasks: rows made from the brand's events, one per event, taken back when an order is refunded in full."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from scrm_core.api import MemberJoined, NotFound, OrderPaid, PluginEvent, RefundMade, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

EVENTS = ("checked-in", "invited", "answered", "played")
"""Events of games, of whichever plugin, that are proof of the task of the same name."""

INVITE_REVOKED = "invite-revoked"

_ADD = (
    "INSERT INTO coupon_threshold_evidence (event_id, contact_id, task, campaign, ref, at, day, revoked_at) "
    "VALUES (?, CAST(? AS BIGINT), ?, ?, ?, ?, ?, CAST(? AS BIGINT)) ON CONFLICT (event_id) DO NOTHING"
)


class EvidenceBook:
    """Takes proof from events; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def take_member(self, event: MemberJoined) -> None:
        """Somebody became a member."""
        self._add(event.event_id, event.contact_id, "joined", event.at, self.brand.day(event.at))

    def take_order(self, event: OrderPaid) -> None:
        """Somebody paid an order; a buyer who is still unknown gets the proof when they become known."""
        if event.paid_minor <= 0:
            return
        (refunded,) = execute(
            "SELECT coalesce(max(CASE WHEN refund_minor >= paid_minor THEN 1 END), 0) FROM orders WHERE id = ?",
            (event.order_id,),
        ).fetchone()
        self._add(
            event.event_id, event.contact_id, "first-order", event.at, self.brand.day(event.at),
            ref=str(event.order_id), revoked_at=self.brand.now() if refunded else None, waits=True,
        )  # fmt: skip

    def take_refund(self, event: RefundMade) -> None:
        """An order was refunded: in full, it proves nothing any more."""
        if event.full:
            execute(
                "UPDATE coupon_threshold_evidence SET revoked_at = ? "
                "WHERE task = 'first-order' AND ref = ? AND revoked_at IS NULL",
                (event.at, str(event.order_id)),
            )

    def take_event(self, event: PluginEvent) -> None:
        """A game told that somebody checked in, invited, answered or played.

        A check-in counts for the ``day`` it names (a make-up fills an earlier
        day), an invitation for its ``friend``, or for itself where it names
        none. An invitation that turned out not to count takes one back.
        """
        if event.name == INVITE_REVOKED:
            self._revoke_invitation(event)
        if event.name not in EVENTS:
            return
        fields = event.fields
        day = _day(fields.get("day"), self.brand.day(event.at))
        ref = str(fields.get("friend", fields.get("invited", event.event_id)))
        self._add(
            event.event_id, event.contact_id, event.name, event.at, day,
            campaign=str(fields.get("campaign", ""))[:200], ref=ref[:200],
        )  # fmt: skip

    def _revoke_invitation(self, event: PluginEvent) -> None:
        if event.contact_id is None:
            return
        try:
            contact_id = self.brand.contacts.survivor(event.contact_id)
        except NotFound:
            return  # erased meanwhile
        friend = str(event.fields.get("friend", ""))
        execute(
            "UPDATE coupon_threshold_evidence SET revoked_at = ? WHERE id = (SELECT max(id) "
            "FROM coupon_threshold_evidence WHERE contact_id = ? AND task = 'invited' AND campaign = ? "
            f"AND revoked_at IS NULL{' AND ref = ?' if friend else ''})",
            (event.at, contact_id, str(event.fields.get("campaign", "")), *((friend,) if friend else ())),
        )

    def settle(self) -> int:
        """Give the proof of orders to buyers who became known since; returns how many."""
        return int(
            execute(
                "UPDATE coupon_threshold_evidence SET contact_id = (SELECT o.contact_id FROM orders o "
                "WHERE o.id = CAST(coupon_threshold_evidence.ref AS BIGINT)) "
                "WHERE contact_id IS NULL AND task = 'first-order' AND EXISTS (SELECT 1 FROM orders o "
                "WHERE o.id = CAST(coupon_threshold_evidence.ref AS BIGINT) AND o.contact_id IS NOT NULL)"
            ).rowcount
        )

    def _add(
        self, event_id: int, contact_id: int | None, task: str, at: int, day: int, *, campaign: str = "",
        ref: str = "", revoked_at: int | None = None, waits: bool = False,
    ) -> None:
        if contact_id is not None:
            try:
                contact_id = self.brand.contacts.survivor(contact_id)
            except NotFound:
                return  # erased meanwhile
        elif not waits:
            return
        execute(_ADD, (event_id, contact_id, task, campaign, ref, at, day, revoked_at))


def _day(value: str | int | None, otherwise: int) -> int:
    try:
        return date.fromisoformat(value).toordinal() if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise
