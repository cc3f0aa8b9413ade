"""Proof of tasks: rows made from the brand's events, one per event, taken back when an order is refunded in full."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from scrm_core.api import MemberJoined, OrderPaid, PluginEvent, RefundMade, execute

from . import friends
from .definition import COUNTED

if TYPE_CHECKING:
    from scrm_core.api import Brand

# Events of games, of whichever plugin, are proof of the counted task of the same name; this one of another's.
_PROOF_OF = {"made-up": "checked-in"}

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
        """A game told that somebody checked in, made a day up, invited, answered or played.

        A check-in counts for the ``day`` it names (a make-up fills an earlier
        day), an invitation for its ``friend``, or for itself where it names
        none. An invitation that turned out not to count takes one back. An answer
        of which the event says that it was wrong (``right`` 0) is no proof.
        """
        if event.name == INVITE_REVOKED:
            self._revoke_invitation(event)
        task, fields = _PROOF_OF.get(event.name, event.name), event.fields
        if task not in COUNTED or (task == "answered" and fields.get("right", 1) == 0):
            return
        day = _day(fields.get("day"), self.brand.day(event.at))
        friend = fields.get("friend", fields.get("invited"))
        ref = f"event {event.event_id}" if friend is None else _friend(friend)
        self._add(
            event.event_id, event.contact_id, task, event.at, day,
            campaign=str(fields.get("campaign", ""))[:200], ref=ref[:200],
        )  # fmt: skip

    def _revoke_invitation(self, event: PluginEvent) -> None:
        contact_id = self.brand.contacts.present(event.contact_id)
        if contact_id is None:
            return  # nobody, or erased meanwhile
        rows = execute(
            "SELECT id, ref FROM coupon_threshold_evidence WHERE contact_id = ? AND task = 'invited' "
            "AND campaign = ? AND revoked_at IS NULL ORDER BY id DESC",
            (contact_id, str(event.fields.get("campaign", ""))),
        ).fetchall()
        told = event.fields.get("friend")
        if told is not None:
            # The friend may have been merged since the invitation was told: then it is the same person's.
            friend, standing = _friend(told), friends.standing([ref for _, ref in rows] + [_friend(told)])
            rows = [row for row in rows if row[1] == friend] or [
                row for row in rows if standing[row[1]] == standing[friend]
            ]
        if rows:
            execute("UPDATE coupon_threshold_evidence SET revoked_at = ? WHERE id = ?", (event.at, rows[0][0]))

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
        owner = self.brand.contacts.present(contact_id)
        if owner is None and (contact_id is not None or not waits):
            return  # erased meanwhile, or nobody
        execute(_ADD, (event_id, owner, task, campaign, ref, at, day, revoked_at))


def _friend(told: str | int) -> str:
    """How a friend is noted: the number of a contact, or whatever else a game calls its people."""
    known = isinstance(told, int) and 0 < told < 2**63
    return f"{friends.CONTACT}{int(told)}" if known else f"friend {told}"[:200]


def _day(value: str | int | None, otherwise: int) -> int:
    try:
        return date.fromisoformat(value).toordinal() if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise
