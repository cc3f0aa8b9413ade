"""Campaigns and the cards they ship; what the cards bring is in :mod:`.claims`.

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
from itertools import islice
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    OrderPaid,
    buffered,
    execute,
    fetch_in,
    insert_rows,
    transactional,
)

from .claims import DAY_MS, NAME, SERIAL_CHARS, Claims
from .models import CardShipment

if TYPE_CHECKING:
    from scrm_core.api import Brand

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
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

    def ships(self, source: str, day: int) -> bool:
        """Whether a card ships with an order of a source that was paid on a brand-local day."""
        if not self.automatic or source != self.source:
            return False
        return (self.first_day is None or day >= self.first_day) and (self.last_day is None or day <= self.last_day)


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


@dataclass(frozen=True, slots=True)
class CardLeadView:
    """A lead through a card; ``state`` and ``method`` as in :class:`.models.CardLead`."""

    lead: str
    contact_id: int
    serial: str
    method: str
    state: str
    at: int


_CAMPAIGN = (
    "SELECT id, code, name, source, automatic, first_day, last_day, recall_days, contribution_days, created_at "
    "FROM package_card_campaign "
)


_SHIPMENT_COLUMNS = ("campaign_id", "serial", "source", "order_number", "order_id", "shipped_at", "day")


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
        self.claims = Claims(brand, settings)
        # One bound method for ever: the unit of work of a delivery groups rows by it.
        self._flusher = self._ship_orders

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
        campaign = self._insert_campaign(wanted)
        # Apart from the first transaction: an order that commits now is either seen here, or its
        # event is delivered when the campaign is there.
        self._catch_up(campaign)
        return campaign

    @transactional
    def _insert_campaign(self, wanted: tuple[Any, ...]) -> Campaign:
        execute(
            "INSERT INTO package_card_campaign (code, name, source, automatic, first_day, last_day, "
            "recall_days, contribution_days, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (*wanted[:3], int(wanted[3]), *wanted[4:], self.brand.now()),
        )
        campaign = self.campaign(wanted[0])
        if _settings_of(campaign) != wanted:
            raise Conflict(f"card campaign {campaign.code!r} exists with other settings", code="campaign_exists")
        self.brand.tags.define(NAME, campaign.code, kind="channel")
        return campaign

    @transactional
    def _catch_up(self, campaign: Campaign) -> None:
        self._ship_known_orders(campaign)
        self.claims.settle()

    @transactional
    def add_link(self, code: str, channel: str, target: str, *, variant: str = "") -> Any:
        """Create a tracked link of the campaign for a channel and a variant of the card (A/B).

        The channel is created when it does not exist. Returns core's link, whose
        code goes into the card's QR code; opening it is a visit.
        """
        campaign = self.campaign(code)
        self.brand.channels.ensure(channel, channel, NAME)
        return self.brand.links.create(channel, target, variant=variant, owner=NAME, campaign=campaign.code)

    @transactional
    def settle(self) -> int:
        """Join waiting leads with cards that have shipped since, and claimed cards with their buyers.

        Returns how many leads it moved on. Besides being called where things
        change it runs as a periodic job, which finds what two processes wrote
        at the same moment and orders that were matched to a contact later.
        """
        since = self.brand.now() - DAY_MS
        for campaign in self.campaigns():
            if campaign.created_at >= since:
                self._ship_known_orders(campaign)
        return self.claims.settle()

    def leads(self, code: str, *, limit: int = 1_000) -> list[CardLeadView]:
        """The leads that a campaign's cards brought, by the time of the lead."""
        rows = execute(
            "SELECT lead, contact_id, serial, method, state, at FROM package_card_lead "
            "WHERE campaign_id = ? ORDER BY at, id LIMIT ?",
            (self.campaign(code).id, limit),
        ).fetchall()
        return [CardLeadView(*row) for row in rows]

    # Shipping ----------------------------------------------------------------

    def take_order(self, event: OrderPaid) -> None:
        """Ship a card of every campaign that matches a paid order, and join cards shipped before it.

        The order's payment stands for the parcel's shipping time, the only one
        that an order carries. Zero-cent orders are parcels too. In delivery the
        orders of a batch are shipped together.
        """
        if not buffered(self._flusher, event.event_id, event):
            self._ship_orders([event])

    @transactional
    def _ship_orders(self, events: list[OrderPaid]) -> None:
        campaigns = [_campaign(row) for row in execute(_CAMPAIGN + "WHERE automatic = 1 ORDER BY id").fetchall()]
        rows = []
        for event in events:
            day = self.brand.day(event.at)
            rows += [
                (c.id, f"{c.code}-{event.number}", event.source, event.number, event.order_id, event.at, day)
                for c in campaigns
                if c.ships(event.source, day)
            ]
        insert_rows(CardShipment, _SHIPMENT_COLUMNS, rows, on_conflict="ON CONFLICT DO NOTHING")
        numbers: dict[str, list[str]] = {}
        for event in events:
            numbers.setdefault(event.source, []).append(event.number)
        for source, of_source in sorted(numbers.items()):
            self._join_orders(source, of_source)
            serials = fetch_in(
                "SELECT serial FROM package_card_shipment WHERE source = ? AND order_number IN ({in})",
                of_source,
                [source],
            )
            self.claims.settle([row[0] for row in serials])

    def ship(self, code: str, shipments: Iterable[ShipmentIn]) -> ShipOutcome:
        """Record shipments as a warehouse's file lists them; a file given twice changes nothing.

        A serial that is known for another order, and a second card of the
        campaign for one order, are rejected.
        """
        campaign = self.campaign(code)
        created = unchanged = 0
        rejected: list[tuple[int, str]] = []
        numbered = enumerate(shipments)
        while batch := list(islice(numbered, SHIP_BATCH)):
            outcome = self._ship_batch(campaign, batch)
            created += outcome.created
            unchanged += outcome.unchanged
            rejected += outcome.rejected
        return ShipOutcome(created, unchanged, tuple(rejected))

    @transactional
    def _ship_batch(self, campaign: Campaign, batch: list[tuple[int, ShipmentIn]]) -> ShipOutcome:
        answers = [(index, self._ship_one(campaign, shipment)) for index, shipment in batch]
        self._join_orders(campaign.source, [shipment.order_number for _, shipment in batch])
        self.claims.settle([shipment.serial for _, shipment in batch])
        return ShipOutcome(
            created=sum(answer is None for _, answer in answers),
            unchanged=sum(answer == "" for _, answer in answers),
            rejected=tuple((index, answer) for index, answer in answers if answer),
        )

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
