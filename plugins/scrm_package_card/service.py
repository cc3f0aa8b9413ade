"""Campaigns and the cards they ship; what the cards bring is in :mod:`.claims`.

What happened is stored once and by the time of the event; figures are computed
from it (:mod:`.report`). Orders, leads and warehouse files may come in any
order: whatever comes second is joined with what came first.

A serial is ``<campaign code>-<order number>`` when the ERP prints the order
number on the card, or whatever the warehouse's file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

from .claims import DAY_MS, NAME, Claims
from .models import CardShipment
from .steps.trial import arms_of
from .stock.batches import Batch, check_limit
from .stock.dispatch import Parcel, ship_parcels
from .stock.service import Stock
from .stock.spending import Spending
from .stock.warehouse import Loading, ShipmentIn, ShipOutcome, Tally, rehearse

if TYPE_CHECKING:
    from scrm_core.api import Brand

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
SHIP_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Campaign:
    """A card campaign; days are brand-local ``date.toordinal()``, None is open-ended.

    A ``stocked`` one ships from the stock of its print batches only.
    """

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
    stocked: bool

    def ships(self, source: str, day: int) -> bool:
        """Whether a card ships with an order of a source that was paid on a brand-local day."""
        if not self.automatic or source != self.source:
            return False
        return (self.first_day is None or day >= self.first_day) and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class CardLeadView:
    """A lead through a card; ``state`` and ``method`` as in :class:`.models.CardLead`."""

    lead: str
    contact_id: int
    serial: str
    method: str
    state: str
    at: int
    batch: str
    channel: str
    arm: str


_CAMPAIGN = (
    "SELECT id, code, name, source, automatic, first_day, last_day, recall_days, contribution_days, created_at, "
    "stocked FROM package_card_campaign "
)


_KNOWN_ORDERS = (
    "SELECT o.source, o.number, o.id, o.paid_at, o.day FROM orders o "
    "WHERE o.source = ? AND o.paid_at IS NOT NULL AND o.day >= ? AND o.day <= ? "
    "AND o.status NOT IN ('unpaid', 'closed') AND (o.paid_at, o.id) > (?, ?) "
    "AND NOT EXISTS (SELECT 1 FROM package_card_shipment s "
    "WHERE s.campaign_id = ? AND s.source = o.source AND s.order_number = o.number) "
    "AND NOT EXISTS (SELECT 1 FROM package_card_miss m "
    "WHERE m.campaign_id = ? AND m.source = o.source AND m.order_number = o.number) "
    "ORDER BY o.paid_at, o.id LIMIT 1000"
)
_SHIPMENT_COLUMNS = ("campaign_id", "serial", "source", "order_number", "order_id", "shipped_at", "day")


def _campaign(row: tuple[Any, ...]) -> Campaign:
    values = list(row)
    for flag in (4, 10):
        values[flag] = bool(values[flag])
    return Campaign(*values)


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
        self.stock = Stock(brand)
        self.spending = Spending(brand, self.stock)
        # One bound method for ever: the unit of work of a delivery groups rows by it.
        self._flusher = self._ship_orders

    # Campaigns ---------------------------------------------------------------

    def campaigns(self) -> list[Campaign]:
        """Every campaign, oldest first."""
        return [_campaign(row) for row in execute(_CAMPAIGN + "ORDER BY id").fetchall()]

    def campaign_page(self, *, after: int = 0, limit: int = 200) -> list[Campaign]:
        """Campaigns with ids above ``after``, oldest first, at most ``limit``."""
        check_limit(limit)
        rows = execute(_CAMPAIGN + "WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return [_campaign(row) for row in rows]

    def newest(self, *, before: int | None = None, limit: int = 20) -> list[Campaign]:
        """Campaigns with ids below ``before``, newest first, at most ``limit``."""
        check_limit(limit)
        rows = execute(_CAMPAIGN + "WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 2**62, limit)).fetchall()
        return [_campaign(row) for row in rows]

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
        from_stock: bool = False,
        first_day: int | None = None,
        last_day: int | None = None,
        recall_days: int | None = None,
        contribution_days: int | None = None,
    ) -> Campaign:
        """Create a campaign and ship its cards with the matching orders that are already here.

        ``source`` is the order source whose parcels carry the card. With
        ``from_stock`` no card ships before one of the campaign's print batches
        was received; the first batch sets that for any campaign. Days left
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
        campaign = self._insert_campaign(wanted, from_stock=from_stock)
        # Apart from the first transaction: an order that commits now is either seen here, or its
        # event is delivered when the campaign is there.
        self.ship_known(code)
        return campaign

    @transactional
    def ship_known(self, code: str) -> None:
        """Ship the cards of orders that are here already and have none, and join what waited for them.

        Does nothing more for a campaign that ships by the warehouse's files
        only. Whatever has shipped stays as it is.
        """
        self._ship_known_orders(self.campaign(code))
        self.claims.settle()

    @transactional
    def _insert_campaign(self, wanted: tuple[Any, ...], *, from_stock: bool) -> Campaign:
        execute(
            "INSERT INTO package_card_campaign (code, name, source, automatic, first_day, last_day, "
            "recall_days, contribution_days, created_at, stocked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (*wanted[:3], int(wanted[3]), *wanted[4:], self.brand.now(), int(from_stock)),
        )
        campaign = self.campaign(wanted[0])
        if _settings_of(campaign) != wanted or (from_stock and not campaign.stocked):
            raise Conflict(f"card campaign {campaign.code!r} exists with other settings", code="campaign_exists")
        self.brand.tags.define(NAME, campaign.code, kind="channel")
        return campaign

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
        at the same moment and orders that were matched to a contact later:
        campaigns that were entered within a day, or whose shipping began today
        or yesterday, ship with every order that they missed.
        """
        now = self.brand.now()
        today = self.brand.day(now)
        for campaign in self.campaigns():
            if campaign.created_at >= now - DAY_MS or campaign.first_day in (today - 1, today):
                self._ship_known_orders(campaign)
        return self.claims.settle()

    def leads(self, code: str, *, limit: int = 1_000) -> list[CardLeadView]:
        """The leads that a campaign's cards brought, by the time of the lead."""
        rows = execute(
            "SELECT l.lead, l.contact_id, l.serial, l.method, l.state, l.at, coalesce(b.code, ''), l.channel, l.arm "
            "FROM package_card_lead l LEFT JOIN package_card_batch b ON b.id = l.batch_id "
            "WHERE l.campaign_id = ? ORDER BY l.at, l.id LIMIT ?",
            (self.campaign(code).id, limit),
        ).fetchall()
        return [CardLeadView(*row) for row in rows]

    # Stock -------------------------------------------------------------------

    def arms_of(self, code: str, orders: Sequence[tuple[str, str]]) -> list[str]:
        """The arms of a campaign's test that orders, given as (source, number), belong to, or empty."""
        return arms_of(self.brand, code, orders)

    def move_stock(
        self, code: str, kind: str, quantity: int, *, key: str, reason: str = "", actor: str = "", at: int | None = None
    ) -> Batch:
        """Record a stock move (see :meth:`.stock.service.Stock.move`).

        Cards that came are shipped at once with the orders that were paid from
        that day on and have none.
        """
        batch = self.stock.move(code, kind, quantity, key=key, reason=reason, actor=actor, at=at)
        if kind == "received":
            # Apart from the first transaction, as with a new campaign.
            self.ship_known(batch.campaign)
        return self.stock.batch(code)

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
        parcels = [
            Parcel(event.source, event.number, event.order_id, event.at, self.brand.day(event.at)) for event in events
        ]
        rows = [
            (c.id, f"{c.code}-{p.number}", p.source, p.number, p.order_id, p.at, p.day)
            for p in parcels
            for c in campaigns
            if not c.stocked and c.ships(p.source, p.day)
        ]
        insert_rows(CardShipment, _SHIPMENT_COLUMNS, rows, on_conflict="ON CONFLICT DO NOTHING")
        for c in campaigns:
            of_stock = [p for p in parcels if c.stocked and c.ships(p.source, p.day)]
            if of_stock:
                ship_parcels(c, of_stock, self.arms_of, self.brand.now())
        numbers: dict[str, list[str]] = {}
        for event in events:
            numbers.setdefault(event.source, []).append(event.number)
        for source, of_source in sorted(numbers.items()):
            self._join_orders(source, of_source)
            self.claims.settle(self._serials(source, of_source))

    @staticmethod
    def _serials(source: str, numbers: list[str]) -> list[str]:
        rows = fetch_in(
            "SELECT serial FROM package_card_shipment WHERE source = ? AND order_number IN ({in})", numbers, [source]
        )
        return [row[0] for row in rows]

    def ship(self, code: str, shipments: Iterable[ShipmentIn], *, dry_run: bool = False) -> ShipOutcome:
        """Record shipments as a warehouse's file lists them; a file given twice changes nothing.

        Refused are: a serial that is known for another order, a second card of
        the campaign for one order, and a card of a batch that has none left.
        With ``dry_run`` the outcome is told and nothing is written.
        """
        campaign = self.campaign(code)
        if dry_run:
            savepoint = CardShipment._meta.database.atomic()
            return rehearse(savepoint, lambda: self._ship_all(campaign, shipments))
        return self._ship_all(campaign, shipments)

    def _ship_all(self, campaign: Campaign, shipments: Iterable[ShipmentIn]) -> ShipOutcome:
        total = Tally()
        numbered = enumerate(shipments)
        while rows := list(islice(numbered, SHIP_BATCH)):
            total.add(self._ship_batch(campaign, rows))
        return total.outcome()

    @transactional
    def _ship_batch(self, campaign: Campaign, rows: list[tuple[int, ShipmentIn]]) -> Tally:
        tally = Tally()
        loading = Loading(self.brand, campaign, self.arms_of, tally, [row for _, row in rows])
        for index, row in rows:
            loading.ship(index, row)
        self._join_orders(campaign.source, [row.order_number for _, row in rows])
        self.claims.reopen(loading.signed)
        numbers = [row.order_number for _, row in rows]
        self.claims.settle(self._serials(campaign.source, numbers))
        return tally

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
        if campaign.stocked:
            self._ship_known_from_stock(campaign)
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

    def _ship_known_from_stock(self, campaign: Campaign) -> None:
        """Ship from stock with orders that were here before the cards came, in the order of their payment."""
        (opened,) = execute(
            "SELECT min(received_day) FROM package_card_batch WHERE campaign_id = ?", (campaign.id,)
        ).fetchone()
        if opened is None:
            return
        first = opened if campaign.first_day is None else max(opened, campaign.first_day)
        last = campaign.last_day if campaign.last_day is not None else 10_000_000
        after: tuple[int, int] = (-(2**53), 0)
        while True:
            rows = execute(_KNOWN_ORDERS, (campaign.source, first, last, *after, campaign.id, campaign.id)).fetchall()
            if not rows:
                return
            ship_parcels(campaign, [Parcel(*row) for row in rows], self.arms_of, self.brand.now())
            after = (rows[-1][3], rows[-1][2])
