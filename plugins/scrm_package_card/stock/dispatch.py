"""Cards leave the stock with orders: which batch a parcel's card comes from, or that none was left.

The arm of an order decides (sticky, from the campaign's test); without a test,
or when the campaign printed no card of that arm, the oldest batch with cards
left does. An order that was paid on a day before the first cards came gets
none; one that was paid later and finds nothing left is noted as a miss (缺卡).
One campaign is shipped by one process at a time, and :func:`.batches.take`
never takes what is not there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scrm_core.api import execute, fetch_in, insert_rows

from ..models import CardMiss, CardShipment, StockMove
from .batches import put_back, shipped_key, take

if TYPE_CHECKING:
    from ..service import Campaign

log = logging.getLogger("scrm.plugin.package-card")

ArmsOf = Callable[[str, Sequence[tuple[str, str]]], list[str]]
"""(campaign code, orders as source and number) -> the arm of the campaign's test for each, or empty."""

_SHIPMENT_COLUMNS = (
    *("campaign_id", "serial", "source", "order_number", "order_id", "shipped_at", "day"),
    *("batch_id", "channel", "arm"),
)
_MISS_COLUMNS = ("campaign_id", "source", "order_number", "arm", "at", "day")
_MOVE_COLUMNS = ("batch_id", "kind", "quantity", "key", "reason", "actor", "at", "recorded_at")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A paid order that is to get a card; ``at`` stands for its shipping, ``day`` is its brand-local day."""

    source: str
    number: str
    order_id: int | None
    at: int
    day: int


@dataclass(slots=True)
class ShelfBatch:
    """A batch as it stands on the shelf; ``left`` goes down while a plan is made."""

    id: int
    code: str
    channel: str
    arm: str
    received_day: int | None
    left: int


@dataclass(slots=True)
class _Plan:
    """Parcels by the batch their card comes from, and those for which none is left."""

    by_batch: dict[int, list[tuple[Parcel, str]]] = field(default_factory=dict)
    missed: list[tuple[Parcel, str]] = field(default_factory=list)


class Shelf:
    """The batches of a campaign, oldest first."""

    def __init__(self, campaign_id: int) -> None:
        rows = execute(
            "SELECT id, code, channel, arm, received_day, remaining FROM package_card_batch "
            "WHERE campaign_id = ? ORDER BY id",
            (campaign_id,),
        ).fetchall()
        self.batches = {row[0]: ShelfBatch(*row) for row in rows}

    @property
    def tested(self) -> bool:
        """Whether any batch belongs to an arm, so that an order's arm matters."""
        return any(batch.arm for batch in self.batches.values())

    def open_on(self, day: int) -> bool:
        """Whether any card had come by this brand-local day."""
        return any(batch.received_day is not None and batch.received_day <= day for batch in self.batches.values())

    def choose(self, arm: str, day: int) -> ShelfBatch | None:
        """The batch that the card of a parcel of this arm and day comes from, or None when none is left."""
        ours = [batch for batch in self.batches.values() if arm and batch.arm == arm]
        return next(
            (
                batch
                for batch in ours or self.batches.values()
                if batch.left > 0 and batch.received_day is not None and batch.received_day <= day
            ),
            None,
        )


def hold(campaign_id: int) -> None:
    """Let no other process ship cards of the campaign until this transaction ends."""
    execute("UPDATE package_card_campaign SET stocked = stocked WHERE id = ?", (campaign_id,))


def ship_parcels(campaign: Campaign, parcels: Sequence[Parcel], arms_of: ArmsOf, now: int) -> None:
    """Ship a card from stock with each parcel that has none yet; call it in a transaction.

    What is known already, shipped or missed, stays as it is.
    """
    hold(campaign.id)
    shelf = Shelf(campaign.id)
    fresh = sorted(
        (parcel for parcel in _unknown(campaign.id, parcels) if shelf.open_on(parcel.day)),
        key=lambda parcel: (parcel.at, parcel.number),
    )
    orders = [(parcel.source, parcel.number) for parcel in fresh]
    arms = arms_of(campaign.code, orders) if shelf.tested else [""] * len(orders)
    waiting = list(zip(fresh, arms, strict=True))
    while waiting:
        plan = _planned(shelf, waiting)
        _miss(campaign.id, plan.missed)
        waiting = []
        for batch_id, group in sorted(plan.by_batch.items()):
            if take(batch_id, len(group)):
                _record(campaign, shelf.batches[batch_id], group, now)
            else:  # damaged or adjusted since the shelf was read
                waiting += group
        shelf = Shelf(campaign.id)


def _unknown(campaign_id: int, parcels: Sequence[Parcel]) -> list[Parcel]:
    by_order = {(parcel.source, parcel.number): parcel for parcel in parcels}
    for source in sorted({parcel.source for parcel in parcels}):
        numbers = [number for of, number in by_order if of == source]
        for table in ("package_card_shipment", "package_card_miss"):
            rows = fetch_in(
                f"SELECT order_number FROM {table} WHERE campaign_id = ? AND source = ? AND order_number IN ({{in}})",
                numbers,
                [campaign_id, source],
            )
            for (number,) in rows:
                by_order.pop((source, number), None)
    return list(by_order.values())


def _planned(shelf: Shelf, waiting: list[tuple[Parcel, str]]) -> _Plan:
    plan = _Plan()
    for parcel, arm in waiting:
        batch = shelf.choose(arm, parcel.day)
        if batch is None:
            plan.missed.append((parcel, arm))
            continue
        batch.left -= 1
        plan.by_batch.setdefault(batch.id, []).append((parcel, arm))
    return plan


def _miss(campaign_id: int, missed: list[tuple[Parcel, str]]) -> None:
    rows = [(campaign_id, p.source, p.number, arm, p.at, p.day) for p, arm in missed]
    insert_rows(CardMiss, _MISS_COLUMNS, rows, on_conflict="ON CONFLICT DO NOTHING")


def _record(campaign: Campaign, batch: ShelfBatch, group: list[tuple[Parcel, str]], now: int) -> None:
    """Write the shipments of cards that were taken, and their moves; cards without parcel go back."""
    rows = [
        (campaign.id, f"{campaign.code}-{p.number}", p.source, p.number, p.order_id, p.at, p.day,
         batch.id, batch.channel, batch.arm)
        for p, _ in group
    ]  # fmt: skip
    insert_rows(CardShipment, _SHIPMENT_COLUMNS, rows, on_conflict="ON CONFLICT DO NOTHING")
    written: list[tuple[int, int]] = []
    for source in sorted({p.source for p, _ in group}):
        written += fetch_in(
            "SELECT id, shipped_at FROM package_card_shipment "
            "WHERE campaign_id = ? AND batch_id = ? AND source = ? AND order_number IN ({in})",
            [p.number for p, _ in group if p.source == source],
            [campaign.id, batch.id, source],
        )
    record_shipped(batch.id, written, now)
    if len(written) < len(group):
        # Another campaign's card carries such a serial: no parcel can have it twice.
        log.warning("%s cards of batch %s have the serial of another card", len(group) - len(written), batch.code)
        put_back(batch.id, len(group) - len(written))


def record_shipped(batch_id: int, shipments: Sequence[tuple[int, int]], now: int) -> None:
    """Note the moves of shipped cards, given as (shipment id, instant)."""
    rows = [
        (batch_id, "shipped", -1, shipped_key(shipment_id), "", "", at, now) for shipment_id, at in set(shipments)
    ]
    insert_rows(StockMove, _MOVE_COLUMNS, sorted(rows))
