"""Points as what other plugins take for something: offered under the games' point ``interaction-games.means``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Conflict

from .service import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Spending:
    """Takes points in the transaction of what they pay for, and gives them back into the lots they came from."""

    kind = "points"
    title = {"zh": "积分", "en": "points"}

    def __init__(self, brand: Brand) -> None:
        self._ledger = brand.plugins[NAME].book.ledger  # type: ignore[attr-defined]

    def have(self, contact_id: int) -> int:
        """What a person can spend now."""
        return int(self._ledger.spendable(contact_id))

    def take(self, contact_id: int, amount: int, *, key: str, reason: str) -> None:
        """Spend points, once per key; raises Conflict (``not_enough``) when there are fewer."""
        try:
            self._ledger.debit(contact_id, amount, key=f"spend:{key}", kind="spend", reason=reason)
        except Conflict as exc:
            if exc.code != "not_enough_points":
                raise
            raise Conflict(exc.message, code="not_enough") from exc

    def give_back(self, key: str) -> None:
        """Put back what was spent under a key, once; an unknown key changes nothing."""
        entry = self._ledger.find(f"spend:{key}")
        if entry is not None:
            self._ledger.give_back(entry, -entry.amount, key=f"return:{key}")
