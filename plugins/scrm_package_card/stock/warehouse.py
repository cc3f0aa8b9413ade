"""The warehouse's file: which card left with which order, and when the parcel was signed for.

A row names its card by serial, by batch, by both or, where the campaign ships
from stock, by neither: then the batch is chosen as for a paid order. The same
rows again change nothing. A row may complete what is known: the serial of a
unique card that left with an order, and the time of signing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute

from . import cards
from .batches import put_back, take
from .dispatch import ArmsOf, Shelf, ShelfBatch, hold, record_shipped

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..service import Campaign

LONGEST = 200
"""Characters of a serial or an order number."""


@dataclass(frozen=True, slots=True)
class ShipmentIn:
    """A line of a warehouse's file: which card left with which order, and when (instant).

    ``serial`` and ``batch`` (a SKU) may be empty; ``signed_at`` is the instant
    at which the buyer signed for the parcel, where it is known.
    """

    serial: str
    order_number: str
    shipped_at: int
    batch: str = ""
    signed_at: int | None = None


@dataclass(frozen=True, slots=True)
class ShipOutcome:
    """What became of the shipments given: ``rejected`` are (index, reason).

    ``updated`` ones got their serial or their time of signing. ``by_batch`` says
    how many cards left each batch, ``cost_minor`` what those cards had cost.
    """

    created: int
    unchanged: int
    rejected: tuple[tuple[int, str], ...]
    updated: int = 0
    by_batch: tuple[tuple[str, int], ...] = ()
    cost_minor: int = 0


@dataclass(slots=True)
class Tally:
    """Counts while a file is read."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)
    by_batch: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the counts of further rows."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.rejected += other.rejected
        for code, count in other.by_batch.items():
            self.by_batch[code] = self.by_batch.get(code, 0) + count

    def outcome(self) -> ShipOutcome:
        """The counts, with the cost of the cards that left."""
        costs = dict(execute("SELECT code, unit_cost_minor FROM package_card_batch").fetchall())
        cost = sum(costs[code] * count for code, count in self.by_batch.items())
        shipped = tuple(sorted(self.by_batch.items()))
        return ShipOutcome(self.created, self.unchanged, tuple(self.rejected), self.updated, shipped, cost)


class _Refused(Exception):
    """Why a row is not taken."""


class Loading:
    """The rows of one campaign that are written in one transaction."""

    def __init__(
        self, brand: Brand, campaign: Campaign, arms_of: ArmsOf, tally: Tally, rows: Sequence[ShipmentIn]
    ) -> None:
        self.brand = brand
        self.campaign = campaign
        self._tally = tally
        self._shelf: Shelf | None = None
        self._arms: dict[str, str] = {}
        self.signed: list[int] = []
        if campaign.stocked:
            hold(campaign.id)
            self._shelf = Shelf(campaign.id)
            if self._shelf.tested:
                numbers = [row.order_number for row in rows if not row.batch and _printable(row.order_number)]
                arms = arms_of(campaign.code, [(campaign.source, number) for number in numbers])
                self._arms = dict(zip(numbers, arms, strict=True))

    def ship(self, index: int, row: ShipmentIn) -> None:
        """Record one row and count what became of it."""
        tally = self._tally
        try:
            _check(row, needs_serial=self._shelf is None)
            known = self._known(row)
            if known is None and self._create(row):
                tally.created += 1
            elif self._complete(known or self._known(row), row):
                tally.updated += 1
            else:
                tally.unchanged += 1
        except _Refused as exc:
            tally.rejected.append((index, str(exc)))

    def _known(self, row: ShipmentIn) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = execute(
            "SELECT s.id, s.serial, s.batch_id, s.signed_at, s.shipped_at, c.id FROM package_card_shipment s "
            "LEFT JOIN package_card_card c ON c.serial = s.serial "
            "WHERE s.campaign_id = ? AND s.source = ? AND s.order_number = ?",
            (self.campaign.id, self.campaign.source, row.order_number),
        ).fetchone()
        return found

    # Cards that are known to have left -----------------------------------------

    def _complete(self, known: tuple[Any, ...] | None, row: ShipmentIn) -> bool:
        """Add what the row knows more; whether that was anything."""
        if known is None:
            raise _Refused(f"serial {row.serial!r} is already the card of another order")
        shipment_id, serial, batch_id, signed_at, shipped_at, unique_id = known
        batch = self._named(row.batch)
        if batch is not None and batch.id != batch_id:
            raise _Refused(f"order {row.order_number!r} already carries a card of another batch than {row.batch!r}")
        signed = row.signed_at is not None and row.signed_at != signed_at
        if row.signed_at is not None and row.signed_at < shipped_at:
            raise _Refused("signed_at: a parcel is not signed for before it is shipped")
        named = bool(row.serial) and serial not in (row.serial, row.serial.upper())
        if named:
            card = self._card(row.serial)
            if card is None or unique_id is not None or card.batch_id != batch_id:
                raise _Refused(
                    f"order {row.order_number!r} already carries another card of campaign {self.campaign.code!r}"
                )
            self._refuse_taken(card.serial, row.order_number)
            execute("UPDATE package_card_shipment SET serial = ? WHERE id = ?", (card.serial, shipment_id))
        if signed:
            execute("UPDATE package_card_shipment SET signed_at = ? WHERE id = ?", (row.signed_at, shipment_id))
            self.signed.append(shipment_id)
        return named or signed

    def _refuse_taken(self, serial: str, number: str) -> None:
        row = execute(
            "SELECT campaign_id, source, order_number FROM package_card_shipment WHERE serial = ?", (serial,)
        ).fetchone()
        if row is not None and row != (self.campaign.id, self.campaign.source, number):
            raise _Refused(f"serial {serial!r} is already the card of another order")

    # Cards that leave now ----------------------------------------------------

    def _create(self, row: ShipmentIn) -> bool:
        """Write the shipment and take its card from the stock; False when another process was quicker."""
        card = self._card(row.serial)
        serial = card.serial if card is not None else row.serial or f"{self.campaign.code}-{row.order_number}"
        self._refuse_taken(serial, row.order_number)
        batch = self._batch_for(row, card)
        if batch is not None and not take(batch.id, 1):
            raise _Refused(f"batch {batch.code!r} has no card left; record its delivery or adjust its stock first")
        day = self.brand.day(row.shipped_at)
        inserted = execute(
            "INSERT INTO package_card_shipment (campaign_id, serial, source, order_number, shipped_at, day, "
            "batch_id, channel, arm, signed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING id",
            (
                self.campaign.id,
                serial,
                self.campaign.source,
                row.order_number,
                row.shipped_at,
                day,
                batch.id if batch is not None else None,
                batch.channel if batch is not None else "",
                batch.arm if batch is not None else "",
                row.signed_at,
            ),
        ).fetchone()
        if inserted is None:
            if batch is not None:
                put_back(batch.id, 1)
            return False
        if batch is None:
            return True
        batch.left -= 1
        record_shipped(batch.id, [(inserted[0], row.shipped_at)], self.brand.now())
        self._tally.by_batch[batch.code] = self._tally.by_batch.get(batch.code, 0) + 1
        execute(
            "DELETE FROM package_card_miss WHERE campaign_id = ? AND source = ? AND order_number = ?",
            (self.campaign.id, self.campaign.source, row.order_number),
        )
        return True

    def _card(self, serial: str) -> cards.CardOf | None:
        card = cards.by_serial(serial) if serial else None
        if card is not None and card.campaign_id != self.campaign.id:
            raise _Refused(f"serial {serial!r} belongs to a card of another campaign")
        return card

    def _batch_for(self, row: ShipmentIn, card: cards.CardOf | None) -> ShelfBatch | None:
        named = self._named(row.batch)
        if self._shelf is None:
            return None
        if card is not None:
            if named is not None and named.id != card.batch_id:
                raise _Refused(f"serial {row.serial!r} is none of batch {row.batch!r}")
            return self._shelf.batches[card.batch_id]
        if named is not None:
            return named
        chosen = self._shelf.choose(self._arms.get(row.order_number, ""), self.brand.day(row.shipped_at))
        if chosen is None:
            raise _Refused(f"no card is left in the batches of campaign {self.campaign.code!r} on that day")
        return chosen

    def _named(self, code: str) -> ShelfBatch | None:
        if not code:
            return None
        batches = self._shelf.batches.values() if self._shelf is not None else ()
        found = next((batch for batch in batches if batch.code == code), None)
        if found is None:
            raise _Refused(f"batch: campaign {self.campaign.code!r} has no print batch {code!r}")
        return found


def _check(row: ShipmentIn, *, needs_serial: bool) -> None:
    for name, value, least in (
        ("serial", row.serial, int(needs_serial)),
        ("order_number", row.order_number, 1),
        ("batch", row.batch, 0),
    ):
        if not _printable(value, least):
            raise _Refused(f"{name}: must have {least} to {LONGEST} printable characters")
    if row.signed_at is not None and row.signed_at < row.shipped_at:
        raise _Refused("signed_at: a parcel is not signed for before it is shipped")


def _printable(value: str, least: int = 1) -> bool:
    return least <= len(value) <= LONGEST and value.isprintable()


class _Rehearsed(Exception):
    """Carries the outcome out of the savepoint, which is rolled back."""

    def __init__(self, outcome: ShipOutcome) -> None:
        super().__init__()
        self.outcome = outcome


def rehearse(savepoint: Any, work: Callable[[], ShipOutcome]) -> ShipOutcome:
    """Do the work inside a savepoint, take all of it back, and tell what would have become of it."""
    try:
        with savepoint:
            raise _Rehearsed(work())
    except _Rehearsed as done:
        return done.outcome
