"""From a lead to its card, from the card to its order, from the order to the buyer.

A lead comes with a card's serial or through a card's link. The serial names one
card; the first valid claim of it wins and leads to the order's buyer, who is
then one person with the lead; an order without a known buyer becomes the
lead's. Serials that an ERP prints can be guessed, so a claim counts only within
the recall window and every merge can be undone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, LeadCaptured, execute, fetch_in

from .stock import cards

if TYPE_CHECKING:
    from scrm_core.api import Brand

log = logging.getLogger("scrm.plugin.package-card")

NAME = "package-card"
DAY_MS = 86_400_000
BY_SERIAL = "card serial"
BY_LINK = "card link"
SERIAL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a lead came from as far as its serial or link tells; ``serial`` and ``card_id`` of a unique card."""

    campaign_id: int
    batch_id: int | None
    channel: str
    arm: str
    serial: str = ""
    card_id: int | None = None


class Claims:
    """The leads of one brand's cards; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    def take_lead(self, event: LeadCaptured) -> None:
        """Keep a lead that names a card's serial or came through a card's link, and settle it if possible.

        The serial is the field that the settings name, or else a state that is
        no channel's and no link's code. A serial is stronger than a link: it
        names one parcel. The link of a unique card names that card. Another
        link names its batch or the campaign alone; its window is the days of
        shipping plus the recall window.
        """
        serial = event.fields.get(self.settings["serial_field"], "").strip()
        if not serial and not event.channel and not event.link:
            serial = event.state.strip()
        if len(serial) > SERIAL_CHARS:
            serial = ""  # no card has such a serial
        origin = self._origin(serial, event.link)
        if not serial and origin is None:
            return
        contact_id = self._living(event.contact_id)
        if contact_id is None:
            return
        method = BY_SERIAL if serial else BY_LINK
        if origin is not None and origin.serial:
            serial = origin.serial
        row = execute(
            "INSERT INTO package_card_lead (lead, contact_id, campaign_id, serial, method, state, matched, at, day, "
            "batch_id, channel, arm) VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?, ?, ?, ?) "
            "ON CONFLICT (lead) DO NOTHING RETURNING id",
            (
                event.lead,
                contact_id,
                origin.campaign_id if origin is not None else None,
                serial,
                method,
                event.at,
                self.brand.day(event.at),
                origin.batch_id if origin is not None else None,
                origin.channel if origin is not None else "",
                origin.arm if origin is not None else "",
            ),
        ).fetchone()
        if row is None:
            return
        if serial:
            self.settle([serial])
        if origin is not None:
            self._claim_without_parcel(row[0], contact_id, origin, event.at)

    def _origin(self, serial: str, link: str) -> Origin | None:
        """What a lead's serial and link say without any parcel: the unique card, the batch or the campaign's link."""
        card = cards.by_serial(serial) if serial else None
        if card is None and link:
            card = cards.by_link(link)
            if card is not None and serial:
                return None  # the serial names another card, and is stronger
        if card is not None:
            return Origin(card.campaign_id, card.batch_id, card.channel, card.arm, card.serial, card.card_id)
        if serial or not link:
            return None
        row = execute(
            "SELECT k.id, b.id, c.code, l.variant FROM link l JOIN channel c ON c.id = l.channel_id "
            "JOIN package_card_campaign k ON k.code = l.campaign LEFT JOIN package_card_batch b ON b.link = l.code "
            "WHERE l.code = ? AND l.owner = ?",
            (link, NAME),
        ).fetchone()
        return None if row is None else Origin(*row)

    def _claim_without_parcel(self, lead_id: int, contact_id: int, origin: Origin, at: int) -> None:
        """Decide a lead whose parcel is unknown, by the campaign's days of shipping and its recall window.

        A unique card counts for the first person who came with it. When the
        warehouse tells later which parcel it was in, the lead is decided again.
        """
        (state,) = execute("SELECT state FROM package_card_lead WHERE id = ?", (lead_id,)).fetchone()
        if state != "waiting":
            return
        code, first_day, last_day, recall_days = execute(
            "SELECT code, first_day, last_day, recall_days FROM package_card_campaign WHERE id = ?",
            (origin.campaign_id,),
        ).fetchone()
        day = self.brand.day(at)
        inside = (first_day is None or day >= first_day) and (last_day is None or day <= last_day + recall_days)
        verdict = "attributed" if inside else "outside"
        if inside and origin.card_id is not None and not self._first_with_card(origin, contact_id, at):
            verdict = "repeat"
        if self._conclude(lead_id, verdict, origin.campaign_id, None) and verdict == "attributed":
            self._tag(contact_id, code, at)

    @staticmethod
    def _first_with_card(origin: Origin, contact_id: int, at: int) -> bool:
        first = execute(
            "UPDATE package_card_card SET claimed_at = ? WHERE id = ? AND claimed_at IS NULL", (at, origin.card_id)
        ).rowcount
        if first:
            return True
        same = execute(
            "SELECT 1 FROM package_card_lead WHERE serial = ? AND state = 'attributed' AND contact_id = ?",
            (origin.serial, contact_id),
        ).fetchone()
        return same is not None

    def settle(self, serials: Sequence[str] | None = None) -> int:
        """Join waiting leads with cards that have shipped, and claimed cards with their buyers.

        Of the cards with these serials, or of all; call it in a transaction.
        Returns how many leads it moved on.
        """
        self._reopen_bound(serials)
        waiting = self._joined(
            "SELECT l.at, l.id, l.contact_id, s.id, s.shipped_at, coalesce(s.signed_at, s.shipped_at), "
            "k.id, k.code, k.recall_days FROM package_card_lead l JOIN package_card_shipment s ON s.serial = l.serial "
            "JOIN package_card_campaign k ON k.id = s.campaign_id WHERE l.state = 'waiting'",
            serials,
        )
        for row in waiting:
            self._claim(*row)
        claimed = self._joined(
            "SELECT l.at, l.id, l.serial, l.contact_id, o.id, o.contact_id FROM package_card_lead l "
            "JOIN package_card_shipment s ON s.id = l.shipment_id JOIN orders o ON o.id = s.order_id "
            "WHERE l.state = 'attributed' AND l.matched = 0",
            serials,
        )
        for row in claimed:
            self._match(*row[1:])
        return len(waiting) + len(claimed)

    def _reopen_bound(self, serials: Sequence[str] | None) -> None:
        """Let leads of unique cards be decided again by the parcel that is known for them now."""
        bound = self._joined(
            "SELECT l.id FROM package_card_lead l JOIN package_card_shipment s ON s.serial = l.serial "
            "WHERE l.state <> 'waiting' AND l.shipment_id IS NULL",
            serials,
        )
        for (lead_id,) in bound:
            execute("UPDATE package_card_lead SET state = 'waiting' WHERE id = ?", (lead_id,))

    def reopen(self, shipment_ids: Sequence[int]) -> None:
        """Let leads that came too late be decided again: the parcels were signed for later than they shipped."""
        rows = fetch_in(
            "SELECT id FROM package_card_lead WHERE state = 'outside' AND shipment_id IN ({in})", shipment_ids
        )
        for (lead_id,) in sorted(rows):
            execute("UPDATE package_card_lead SET state = 'waiting', shipment_id = NULL WHERE id = ?", (lead_id,))

    @staticmethod
    def _joined(sql: str, serials: Sequence[str] | None) -> list[tuple[Any, ...]]:
        """Rows in the order of the leads' instants, which is the order in which claims are decided."""
        if serials is None:
            return sorted(execute(sql).fetchall())
        return sorted(fetch_in(f"{sql} AND l.serial IN ({{in}})", serials))

    def _claim(
        self, at: int, lead_id: int, contact_id: int, shipment_id: int, shipped_at: int, counted_from: int,
        campaign_id: int, code: str, recall_days: int,
    ) -> None:
        """Decide a lead's claim of a card: inside the recall window, and the first one or the same person's.

        The window begins when the card shipped and ends some days after the
        parcel was signed for, or shipped where that is unknown.
        """
        if not shipped_at <= at <= counted_from + recall_days * DAY_MS:
            self._conclude(lead_id, "outside", campaign_id, shipment_id)
            return
        first = execute(
            "UPDATE package_card_shipment SET claimed_at = ? WHERE id = ? AND claimed_at IS NULL", (at, shipment_id)
        ).rowcount
        if not first:
            same = execute(
                "SELECT 1 FROM package_card_lead WHERE shipment_id = ? AND state = 'attributed' AND contact_id = ?",
                (shipment_id, contact_id),
            ).fetchone()
            if same is None:
                self._conclude(lead_id, "repeat", campaign_id, shipment_id)
                return
        if self._conclude(lead_id, "attributed", campaign_id, shipment_id):
            self._tag(contact_id, code, at)

    def _match(self, lead_id: int, serial: str, contact_id: int, order_id: int, buyer_id: int | None) -> None:
        """Make the person who claimed a card and the buyer of its order one; the older contact stays.

        An order without a known buyer becomes the claimant's. It is done once
        per lead: a merge that a person undoes is not repeated.
        """
        mine = execute("UPDATE package_card_lead SET matched = 1 WHERE id = ? AND matched = 0", (lead_id,)).rowcount
        if not mine:
            return
        # Earlier merges of this very call may have moved either of them.
        claimant = self._living(contact_id)
        if claimant is None:
            return
        if buyer_id is None and self.brand.orders.claim(order_id, claimant, method=BY_SERIAL):
            return
        buyer = self._living(buyer_id if buyer_id is not None else self._buyer(order_id))
        if buyer is None or claimant == buyer:
            return
        winner, loser = sorted((claimant, buyer))
        self.brand.contacts.merge(winner, loser, actor=NAME, reason=f"{BY_SERIAL} {serial}")

    @staticmethod
    def _buyer(order_id: int) -> int | None:
        (contact_id,) = execute("SELECT contact_id FROM orders WHERE id = ?", (order_id,)).fetchone()
        return None if contact_id is None else int(contact_id)

    @staticmethod
    def _conclude(lead_id: int, state: str, campaign_id: int, shipment_id: int | None) -> bool:
        """Decide a waiting lead; False when another process has decided it meanwhile."""
        changed = execute(
            "UPDATE package_card_lead SET state = ?, campaign_id = ?, shipment_id = ? "
            "WHERE id = ? AND state = 'waiting'",
            (state, campaign_id, shipment_id, lead_id),
        ).rowcount
        if changed and shipment_id is not None:
            # The parcel's batch is what was in it; a parcel without one leaves what the link said.
            execute(
                "UPDATE package_card_lead SET batch_id = s.batch_id, channel = s.channel, arm = s.arm "
                "FROM package_card_shipment s "
                "WHERE package_card_lead.id = ? AND s.id = ? AND s.batch_id IS NOT NULL",
                (lead_id, shipment_id),
            )
        return bool(changed)

    def _tag(self, contact_id: int, code: str, at: int) -> None:
        try:
            self.brand.tags.add(contact_id, (NAME, code), origin="auto", actor=NAME, at=at)
        except Conflict as exc:
            if exc.code != "retired":
                raise
            log.warning("brand %s: tag %s/%s is retired and was not set", self.brand.id, NAME, code)

    def _living(self, contact_id: int | None) -> int | None:
        """The active contact that an id leads to through merges, or None (erased, unknown)."""
        while contact_id is not None:
            row = execute("SELECT state, merged_into_id FROM contact WHERE id = ?", (contact_id,)).fetchone()
            if row is None or row[0] == "erased":
                return None
            if row[0] == "active":
                return contact_id
            contact_id = row[1]
        return None
