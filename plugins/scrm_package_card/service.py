"""Campaigns ship cards, cards bring leads, a card's serial leads a lead to its order's buyer.

What happened is stored once and by the time of the event; figures are computed
from it (:mod:`.report`). Orders, leads and warehouse files may come in any
order: whatever comes second is joined with what came first.

A serial is ``<campaign code>-<order number>`` when the ERP prints the order
number on the card, or whatever the warehouse's file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    LeadCaptured,
    NotFound,
    OrderPaid,
    execute,
    fetch_in,
)

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME = "package-card"
DAY_MS = 86_400_000
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
BY_SERIAL = "card serial"
BY_LINK = "card link"
SERIAL_CHARS = 200
SHIP_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Campaign:
    """A card campaign; days are brand-local ``date.toordinal()``, None is open-ended."""

    id: int
    code: str
    name: str
    source: str
    automatic: bool
    first_day: int | None
    last_day: int | None
    recall_days: int
    contribution_days: int
    created_at: int


@dataclass(frozen=True, slots=True)
class ShipmentIn:
    """A line of a warehouse's file: which card left with which order, and when (instant)."""

    serial: str
    order_number: str
    shipped_at: int


@dataclass(frozen=True, slots=True)
class ShipOutcome:
    """What became of the shipments given: ``rejected`` are (index, reason)."""

    created: int
    unchanged: int
    rejected: tuple[tuple[int, str], ...]


_CAMPAIGN = (
    "SELECT id, code, name, source, automatic, first_day, last_day, recall_days, contribution_days, created_at "
    "FROM package_card_campaign "
)


def _campaign(row: tuple[Any, ...]) -> Campaign:
    return Campaign(*row[:4], bool(row[4]), *row[5:])


def _settings_of(campaign: Campaign) -> tuple[Any, ...]:
    return (
        campaign.code,
        campaign.name,
        campaign.source,
        campaign.automatic,
        campaign.first_day,
        campaign.last_day,
        campaign.recall_days,
        campaign.contribution_days,
    )


class PackageCards:
    """What the plugin does for one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    # Campaigns ---------------------------------------------------------------

    def campaigns(self) -> list[Campaign]:
        """Every campaign, oldest first."""
        return [_campaign(row) for row in execute(_CAMPAIGN + "ORDER BY id").fetchall()]

    def campaign(self, code: str) -> Campaign:
        """The campaign with this code; raises NotFound."""
        row = execute(_CAMPAIGN + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no card campaign {code!r}")
        return _campaign(row)

    def create_campaign(
        self,
        code: str,
        *,
        source: str,
        name: str = "",
        automatic: bool = True,
        first_day: int | None = None,
        last_day: int | None = None,
        recall_days: int | None = None,
        contribution_days: int | None = None,
    ) -> Campaign:
        """Create a campaign and ship its cards with the matching orders that are already here.

        ``source`` is the order source whose parcels carry the card. Days left
        out come from the settings. Creating the same campaign again returns
        it and ships what is missing; raises Conflict when the code belongs to
        a different one and Invalid for values that make no sense.
        """
        recall = self.settings["recall_days"] if recall_days is None else recall_days
        contribution = self.settings["contribution_days"] if contribution_days is None else contribution_days
        if not CODE.match(code):
            raise Invalid("a campaign's code is 1 to 40 letters, digits, '-' or '_'", field="code")
        if not source:
            raise Invalid("name the source of the orders that carry the card", field="source")
        if first_day is not None and last_day is not None and last_day < first_day:
            raise Invalid("the last day of shipping lies before the first", field="last_day")
        if recall < 1 or contribution < 1:
            raise Invalid("a window is at least one day", field="recall_days" if recall < 1 else "contribution_days")
        wanted = (code, name, source, automatic, first_day, last_day, recall, contribution)
        with self.brand.transaction():
            execute(
                "INSERT INTO package_card_campaign (code, name, source, automatic, first_day, last_day, "
                "recall_days, contribution_days, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (code) DO NOTHING",
                (*wanted[:3], int(automatic), *wanted[4:], self.brand.now()),
            )
            campaign = self.campaign(code)
            if _settings_of(campaign) != wanted:
                raise Conflict(f"card campaign {code!r} exists with other settings", code="campaign_exists")
            self.brand.tags.define(NAME, code, kind="channel")
        # Apart from the first transaction: an order that commits now is either seen here, or its
        # event is delivered when the campaign is there.
        with self.brand.transaction():
            self._ship_known_orders(campaign)
            self._settle()
        return campaign

    def add_link(self, code: str, channel: str, target: str, *, variant: str = "") -> Any:
        """Create a tracked link of the campaign for a channel and a variant of the card (A/B).

        The channel is created when it does not exist. Returns core's link, whose
        code goes into the card's QR code; opening it is a visit.
        """
        campaign = self.campaign(code)
        with self.brand.transaction():
            self.brand.channels.ensure(channel, channel, NAME)
            return self.brand.links.create(channel, target, variant=variant, owner=NAME, campaign=campaign.code)

    # Shipping ----------------------------------------------------------------

    def take_order(self, event: OrderPaid) -> None:
        """Ship a card of every campaign that matches a paid order, and join cards shipped before it.

        The order's payment stands for the parcel's shipping time, the only one
        that an order carries. Zero-cent orders are parcels too.
        """
        day = self.brand.day(event.at)
        matching = execute(
            "SELECT id, code FROM package_card_campaign WHERE source = ? AND automatic = 1 "
            "AND (first_day IS NULL OR first_day <= ?) AND (last_day IS NULL OR last_day >= ?) ORDER BY id",
            (event.source, day, day),
        ).fetchall()
        for campaign_id, code in matching:
            execute(
                "INSERT INTO package_card_shipment "
                "(campaign_id, serial, source, order_number, order_id, shipped_at, day) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (campaign_id, f"{code}-{event.number}", event.source, event.number, event.order_id, event.at, day),
            )
        shipped = execute(
            "SELECT id, order_id FROM package_card_shipment WHERE source = ? AND order_number = ?",
            (event.source, event.number),
        ).fetchall()
        if not shipped:
            return
        if any(order_id is None for _, order_id in shipped):
            execute(
                "UPDATE package_card_shipment SET order_id = ? "
                "WHERE source = ? AND order_number = ? AND order_id IS NULL",
                (event.order_id, event.source, event.number),
            )
        for shipment_id, _ in shipped:
            self._settle(" AND s.id = ?", shipment_id)

    def ship(self, code: str, shipments: Iterable[ShipmentIn]) -> ShipOutcome:
        """Record shipments as a warehouse's file lists them; a file given twice changes nothing.

        A serial that is known for another order, and a second card of the
        campaign for one order, are rejected.
        """
        campaign = self.campaign(code)
        created = unchanged = 0
        rejected: list[tuple[int, str]] = []
        batch: list[tuple[int, ShipmentIn]] = []

        def write() -> None:
            nonlocal created, unchanged
            with self.brand.transaction():
                for index, shipment in batch:
                    problem = self._ship_one(campaign, shipment)
                    if problem is None:
                        created += 1
                    elif problem:
                        rejected.append((index, problem))
                    else:
                        unchanged += 1
                self._join_orders(campaign.source, [s.order_number for _, s in batch])
                self.settle()
            batch.clear()

        for index, shipment in enumerate(shipments):
            batch.append((index, shipment))
            if len(batch) == SHIP_BATCH:
                write()
        if batch:
            write()
        return ShipOutcome(created, unchanged, tuple(rejected))

    def _ship_one(self, campaign: Campaign, shipment: ShipmentIn) -> str | None:
        """Insert one shipment: None when it is new, "" when it was known, else why it is refused."""
        for field, value in (("serial", shipment.serial), ("order_number", shipment.order_number)):
            if not value or len(value) > SERIAL_CHARS:
                return f"{field}: must have 1 to {SERIAL_CHARS} characters"
        inserted = execute(
            "INSERT INTO package_card_shipment (campaign_id, serial, source, order_number, shipped_at, day) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
            (
                campaign.id,
                shipment.serial,
                campaign.source,
                shipment.order_number,
                shipment.shipped_at,
                self.brand.day(shipment.shipped_at),
            ),
        ).fetchone()
        if inserted is not None:
            return None
        row = execute(
            "SELECT campaign_id, order_number FROM package_card_shipment WHERE serial = ?", (shipment.serial,)
        ).fetchone()
        if row is None:
            return f"order {shipment.order_number!r} already carries another card of campaign {campaign.code!r}"
        if row != (campaign.id, shipment.order_number):
            return f"serial {shipment.serial!r} is already the card of another order"
        return ""

    def _join_orders(self, source: str, numbers: list[str]) -> None:
        """Point shipments at their orders, where these are known."""
        waiting = fetch_in(
            "SELECT s.id, o.id FROM package_card_shipment s "
            "JOIN orders o ON o.source = s.source AND o.number = s.order_number "
            "WHERE s.source = ? AND s.order_id IS NULL AND s.order_number IN ({in})",
            numbers,
            [source],
        )
        for shipment_id, order_id in dict(waiting).items():
            execute("UPDATE package_card_shipment SET order_id = ? WHERE id = ?", (order_id, shipment_id))

    def _ship_known_orders(self, campaign: Campaign) -> None:
        """Ship with orders paid before the campaign was entered: a campaign often begins on paper."""
        if not campaign.automatic:
            return
        execute(
            "INSERT INTO package_card_shipment "
            "(campaign_id, serial, source, order_number, order_id, shipped_at, day) "
            "SELECT ?, ? || o.number, o.source, o.number, o.id, o.paid_at, o.day FROM orders o "
            "WHERE o.source = ? AND o.paid_at IS NOT NULL AND o.day >= ? AND o.day <= ? "
            "AND o.status NOT IN ('unpaid', 'closed') ON CONFLICT DO NOTHING",
            (
                campaign.id,
                f"{campaign.code}-",
                campaign.source,
                campaign.first_day if campaign.first_day is not None else 0,
                campaign.last_day if campaign.last_day is not None else 10_000_000,
            ),
        )

    # Leads -------------------------------------------------------------------

    def take_lead(self, event: LeadCaptured) -> None:
        """Keep a lead that names a card's serial or came through a card's link, and settle it if possible.

        The serial is the field that the settings name, or else a state that is
        no channel's and no link's code. A serial is stronger than a link: it
        names one parcel. A link alone names the campaign; its window is the
        days of shipping plus the recall window.
        """
        serial = event.fields.get(self.settings["serial_field"], "").strip()
        if not serial and not event.channel and not event.link:
            serial = event.state.strip()
        if len(serial) > SERIAL_CHARS:
            serial = ""  # no card has such a serial
        campaign = self._campaign_of_link(event.link) if event.link else None
        if not serial and campaign is None:
            return
        contact_id = self._living(event.contact_id)
        if contact_id is None:
            return
        by_link = campaign is not None and not serial
        row = execute(
            "INSERT INTO package_card_lead (lead, contact_id, campaign_id, serial, method, state, matched, at, day) "
            "VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?) ON CONFLICT (lead) DO NOTHING RETURNING id",
            (
                event.lead,
                contact_id,
                campaign.id if campaign is not None else None,
                serial,
                BY_LINK if by_link else BY_SERIAL,
                event.at,
                self.brand.day(event.at),
            ),
        ).fetchone()
        if row is None:
            return
        if campaign is not None and by_link:
            inside = self._in_circulation(campaign, event.at)
            self._conclude(row[0], "attributed" if inside else "outside", campaign.id, None)
            if inside:
                self._tag(contact_id, campaign.code, event.at)
        else:
            self._settle(" AND l.id = ?", row[0])

    def _campaign_of_link(self, link: str) -> Campaign | None:
        row = execute(
            "SELECT campaign FROM link WHERE code = ? AND owner = ?", (link, NAME)
        ).fetchone()
        return self.campaign(row[0]) if row is not None else None

    def _in_circulation(self, campaign: Campaign, at: int) -> bool:
        """Whether cards of the campaign can be in people's hands at an instant."""
        day = self.brand.day(at)
        if campaign.first_day is not None and day < campaign.first_day:
            return False
        return campaign.last_day is None or day <= campaign.last_day + campaign.recall_days

    def settle(self) -> int:
        """Join waiting leads with cards that have shipped since, and claimed cards with their buyers.

        Returns how many leads it moved on. Besides being called where things
        change it runs as a periodic job, which finds what two processes wrote
        at the same moment and orders that were matched to a contact later.
        """
        since = self.brand.now() - DAY_MS
        with self.brand.transaction():
            for campaign in self.campaigns():
                if campaign.created_at >= since:
                    self._ship_known_orders(campaign)
            return self._settle()

    def _settle(self, where: str = "", *params: int) -> int:
        waiting = execute(
            "SELECT l.id, l.contact_id, l.at, s.id, s.shipped_at, k.id, k.code, k.recall_days "
            "FROM package_card_lead l JOIN package_card_shipment s ON s.serial = l.serial "
            "JOIN package_card_campaign k ON k.id = s.campaign_id "
            f"WHERE l.state = 'waiting'{where} ORDER BY l.at, l.id",
            params,
        ).fetchall()
        for row in waiting:
            self._claim(*row)
        claimed = execute(
            "SELECT l.id, l.serial, l.contact_id, o.contact_id FROM package_card_lead l "
            "JOIN package_card_shipment s ON s.id = l.shipment_id JOIN orders o ON o.id = s.order_id "
            f"WHERE l.state = 'attributed' AND l.matched = 0 AND o.contact_id IS NOT NULL{where} "
            "ORDER BY l.at, l.id",
            params,
        ).fetchall()
        for row in claimed:
            self._match(*row)
        return len(waiting) + len(claimed)

    def _claim(
        self, lead_id: int, contact_id: int, at: int, shipment_id: int, shipped_at: int,
        campaign_id: int, code: str, recall_days: int,
    ) -> None:
        """Decide a lead's claim of a card: inside the recall window, and the first one or the same person's."""
        if not shipped_at <= at <= shipped_at + recall_days * DAY_MS:
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
        self._conclude(lead_id, "attributed", campaign_id, shipment_id)
        self._tag(contact_id, code, at)

    def _match(self, lead_id: int, serial: str, contact_id: int, buyer_id: int) -> None:
        """Merge the person who claimed a card with the buyer of its order; the older contact stays.

        It is done once per lead: a merge that a person undoes is not repeated.
        """
        execute("UPDATE package_card_lead SET matched = 1 WHERE id = ?", (lead_id,))
        # Earlier merges of this very call may have moved either of them.
        claimant, buyer = self._living(contact_id), self._living(buyer_id)
        if claimant is None or buyer is None or claimant == buyer:
            return
        winner, loser = sorted((claimant, buyer))
        self.brand.contacts.merge(winner, loser, actor=NAME, reason=f"{BY_SERIAL} {serial}")

    def _conclude(self, lead_id: int, state: str, campaign_id: int, shipment_id: int | None) -> None:
        execute(
            "UPDATE package_card_lead SET state = ?, campaign_id = ?, shipment_id = ? WHERE id = ?",
            (state, campaign_id, shipment_id, lead_id),
        )

    def _tag(self, contact_id: int, code: str, at: int) -> None:
        self.brand.tags.add(contact_id, (NAME, code), origin="auto", actor=NAME, at=at)

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
