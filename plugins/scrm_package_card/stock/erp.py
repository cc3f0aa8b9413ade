"""The stock as virtual goods (虚拟商品) for an ERP: one line per print batch.

A gift rule (赠品规则) of the ERP adds the SKU to matching orders, one card a
parcel; price and weight are 0. What the warehouse then ships comes back as its
file (:mod:`.warehouse`), whose column ``batch`` is the SKU of this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scrm_core.api import csv_cell

from .batches import KINDS

if TYPE_CHECKING:
    from .batches import Batch
    from .service import Stock

COLUMNS = (
    *("sku", "name", "type", "kind", "unit", "price_minor", "weight_g", "on_hand", "printed", "received", "shipped"),
    *("unit_cost_minor", "campaign", "channel", "arm"),
)
_PAGE = 1_000


def goods(stock: Stock, campaign: str | None = None) -> Iterator[list[str]]:
    """The lines of the list as cells, batch by batch, oldest first; no cell starts a formula."""
    after = 0
    while page := stock.batches(campaign, after=after, limit=_PAGE):
        for batch in page:
            yield [csv_cell(cell) for cell in _cells(batch)]
        after = page[-1].id


def _cells(batch: Batch) -> tuple[str, ...]:
    return (
        *(batch.code, batch.name or f"{batch.campaign} {KINDS[batch.kind]}卡", "virtual", batch.kind, "张", "0", "0"),
        *(str(batch.left), str(batch.printed), str(batch.received), str(batch.shipped), str(batch.unit_cost_minor)),
        *(batch.campaign, batch.channel, batch.arm),
    )
