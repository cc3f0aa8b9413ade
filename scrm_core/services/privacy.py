"""Privacy (个人信息保护): a person's copy of their data, and its erasure.

The rights are those of PIPL articles 44 to 50. Both acts are noted in the audit,
by id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.router import STATE
from ..errors import NotFound
from . import erasure, personal_data
from .audit import record
from .survivors import begin_writing, survivor, survivors

if TYPE_CHECKING:
    from ..brands import Brand


class Privacy:
    """Export and erasure for one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def export(self, contact_id: int, *, actor: str = "") -> dict[str, Any]:
        """Everything the brand holds about a person, as a JSON-able dict; see :mod:`.personal_data`.

        Raises NotFound for an unknown or erased contact.
        """
        begin_writing()
        contact_id = survivor(contact_id)
        record(self.brand, actor, "contact.export", f"contact:{contact_id}")
        return personal_data.collect(self.brand, contact_id)

    def erase(self, contact_id: int, *, actor: str) -> dict[str, Any]:
        """Erase a person for good; returns the receipt: what went, what is kept and why.

        Asking again, also by the id of a contact that had been merged in, returns
        the same receipt. Raises NotFound for an unknown contact and Incomplete,
        with nothing erased, when a plugin fails.
        """
        receipt = self._erase(contact_id, actor)
        if STATE.depth == 0:
            erasure.empty_log()
        return receipt

    def receipt(self, uid: str) -> dict[str, Any] | None:
        """The receipt of a person erased earlier, by the uid the contact had; None for everybody else."""
        return erasure.receipt_by_uid(uid)

    @transactional
    def _erase(self, contact_id: int, actor: str) -> dict[str, Any]:
        begin_writing()
        standing = survivors((contact_id,))
        if contact_id not in standing:
            earlier = erasure.receipt_of(contact_id)
            if earlier is None:
                raise NotFound("no such contact")
            return earlier
        receipt = erasure.erase(self.brand, standing[contact_id], actor=actor)
        record(self.brand, actor, "contact.erase", f"contact:{standing[contact_id]}")
        return receipt
