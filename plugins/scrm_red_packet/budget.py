"""The money that red packets may cost (预算): funded by hand, taken by packets, given back by what nobody got.

One row holds what was funded and what is used; taking is one conditional UPDATE,
and the table refuses more than was funded. Every change leaves an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Invalid, clean_text, execute, insert_rows, page_size, transactional

from .models import RedPacketEntry

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_MINOR = 1_000_000_000_000
MOST_ROWS = 200
_COLUMNS = ("kind", "amount_minor", "key", "reason", "actor", "at")
_ENTRY = "SELECT id, kind, amount_minor, key, reason, actor, at FROM red_packet_entry "


@dataclass(frozen=True, slots=True)
class BudgetView:
    """What was funded, what is used (paid, owed or in open packets), and what is left, in minor units."""

    total_minor: int
    used_minor: int

    @property
    def left_minor(self) -> int:
        return self.total_minor - self.used_minor


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry of the budget; ``amount_minor`` is above 0 for what came."""

    id: int
    kind: str
    amount_minor: int
    key: str
    reason: str
    actor: str
    at: int


def whole_minor(value: object, field: str, least: int = 1) -> int:
    """The amount; raises Invalid for anything but an integer of minor units from ``least`` on."""
    if type(value) is not int or not least <= value <= MOST_MINOR:
        raise Invalid(f"{field} is a whole number of minor units from {least} to {MOST_MINOR}", field=field)
    return value


def who(actor: object) -> str:
    """The cleaned name of who acts; raises Invalid for an empty one."""
    name = clean_text(actor, field="actor", max_length=200)
    if not name:
        raise Invalid("say who does it", field="actor")
    return name


class Budget:
    """One brand's budget; :meth:`take` and :meth:`give_back` belong into an open transaction."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def fund(self, amount_minor: int, *, key: str, reason: str, actor: str) -> EntryView:
        """Add money by hand, once per key; a negative amount takes back what is not used.

        Raises Conflict when less is left, or when the key was used for another amount.
        """
        negative = type(amount_minor) is int and amount_minor < 0
        whole_minor(-amount_minor if negative else amount_minor, "amount_minor")
        key, reason = clean_text(key, field="key", max_length=200), clean_text(reason, field="reason")
        if not key:
            raise Invalid("give a key: it says what the money is for, and works once", field="key")
        if not reason:
            raise Invalid("say why", field="reason")
        made = self._note("fund", amount_minor, f"fund:{key}", reason, who(actor))
        if made:
            changed = execute(
                "UPDATE red_packet_budget SET total_minor = total_minor + ? WHERE total_minor + ? >= used_minor",
                (amount_minor, amount_minor),
            ).rowcount
            if not changed:
                raise Conflict(f"only {self.view().left_minor} minor units are not used yet", code="budget")
        entry = EntryView(*execute(_ENTRY + "WHERE key = ?", (f"fund:{key}",)).fetchone())
        if entry.amount_minor != amount_minor:
            raise Conflict(f"the key {key!r} was used for {entry.amount_minor} minor units", code="key_used")
        return entry

    def take(self, amount_minor: int, key: str) -> None:
        """Use money of the budget; raises Conflict (``budget``) when less is left."""
        changed = execute(
            "UPDATE red_packet_budget SET used_minor = used_minor + ? WHERE used_minor + ? <= total_minor",
            (amount_minor, amount_minor),
        ).rowcount
        if not changed:
            raise Conflict(
                f"{amount_minor} minor units are more than the {self.view().left_minor} that are left of the budget",
                code="budget",
            )
        self._note("take", -amount_minor, key, "", "")

    def give_back(self, amount_minor: int, key: str, reason: str) -> None:
        """Return used money, once per key."""
        if amount_minor and self._note("return", amount_minor, key, reason, ""):
            execute("UPDATE red_packet_budget SET used_minor = used_minor - ?", (amount_minor,))

    def _note(self, kind: str, amount: int, key: str, reason: str, actor: str) -> bool:
        row = (kind, amount, key, reason, actor, self.brand.now())
        return insert_rows(RedPacketEntry, _COLUMNS, [row], on_conflict="ON CONFLICT (key) DO NOTHING") == 1

    def view(self) -> BudgetView:
        """The budget now."""
        return BudgetView(*execute("SELECT total_minor, used_minor FROM red_packet_budget").fetchone())

    def entries(self, *, after: int = 0, limit: int = 50) -> list[EntryView]:
        """Entries with ids above ``after``, oldest first, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        rows = execute(_ENTRY + "WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
        return [EntryView(*row) for row in rows]
