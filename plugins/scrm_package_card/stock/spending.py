"""What a campaign costs besides its cards: hook gifts (钩子) that were claimed, design, freight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Invalid, execute, transactional

from .batches import MOST_CARDS, MOST_MINOR, check_count, check_limit, check_text

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..service import Campaign
    from .service import Stock


@dataclass(frozen=True, slots=True)
class Spend:
    """``quantity`` things at ``unit_minor`` each; a negative quantity takes an earlier entry back."""

    id: int
    what: str
    quantity: int
    unit_minor: int
    key: str
    actor: str
    at: int
    batch: str


class Spending:
    """The costs of a brand's campaigns; an entry is made once per key and never changed."""

    def __init__(self, brand: Brand, stock: Stock) -> None:
        self.brand = brand
        self._stock = stock

    @transactional
    def record(
        self,
        campaign: Campaign,
        what: str,
        quantity: int,
        unit_minor: int,
        *,
        key: str,
        batch: str = "",
        actor: str = "",
    ) -> bool:
        """Note a cost of a campaign, or of one of its batches; False when the same entry was there.

        Raises Conflict when the key belongs to another entry, and Invalid for
        values that make no sense or a batch of another campaign.
        """
        check_text(what, "what", least=1)
        check_text(key, "key", least=1)
        check_text(actor, "actor")
        check_count(quantity, "quantity", -MOST_CARDS, MOST_CARDS)
        if quantity == 0:
            raise Invalid("quantity: nothing costs nothing", field="quantity")
        check_count(unit_minor, "unit_minor", 0, MOST_MINOR // abs(quantity))
        batch_id = self._batch_id(campaign, batch) if batch else None
        made = execute(
            "INSERT INTO package_card_spend (campaign_id, batch_id, what, quantity, unit_minor, key, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
            (campaign.id, batch_id, what, quantity, unit_minor, key, actor, self.brand.now()),
        ).fetchone()
        if made is not None:
            return True
        stored = execute(
            "SELECT campaign_id, batch_id, what, quantity, unit_minor FROM package_card_spend WHERE key = ?", (key,)
        ).fetchone()
        if stored != (campaign.id, batch_id, what, quantity, unit_minor):
            raise Conflict(f"the key {key!r} is another entry's; give a key that was not used", code="key_used")
        return False

    def _batch_id(self, campaign: Campaign, code: str) -> int:
        found = self._stock.batch(code)
        if found.campaign != campaign.code:
            raise Invalid(f"batch: {code!r} belongs to campaign {found.campaign!r}", field="batch")
        return found.id

    @staticmethod
    def entries(campaign: Campaign, *, after: int = 0, limit: int = 200) -> list[Spend]:
        """The entries of a campaign with ids above ``after``, oldest first, at most ``limit``."""
        check_limit(limit)
        rows = execute(
            "SELECT e.id, e.what, e.quantity, e.unit_minor, e.key, e.actor, e.at, coalesce(b.code, '') "
            "FROM package_card_spend e LEFT JOIN package_card_batch b ON b.id = e.batch_id "
            "WHERE e.campaign_id = ? AND e.id > ? ORDER BY e.id LIMIT ?",
            (campaign.id, after, limit),
        ).fetchall()
        return [Spend(*row) for row in rows]
