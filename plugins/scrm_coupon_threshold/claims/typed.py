"""Codes that were handed out (兑换码): printed on cards, in parcels, read out; whoever enters one has its coupon.

A code is issued (发出) while it lies free in its batch's pool, and claimed by
the conditional UPDATE that takes it: the first who enters it. What a wrong code
is told is an answer, not an error: it must stay counted, and an error would
take the count back with its transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict

from ..batches.pool import batch_of_code
from ..carts.guessing import Guesses
from ..rules import is_code, normalise_code
from ..rules.codes import ALPHABET, RANDOM_CHARS
from . import views
from .service import Claims
from .views import CouponView

if TYPE_CHECKING:
    from scrm_core.api import Brand

NETWORK_TIMES = 10
"""A network is locked after so many times the wrong codes of one person: many people share the address of a carrier."""

MOST_CHARS = 100
_ENDED = ("closed", "sold_out")
"""Refusals of a batch that a code is told like one that was never there."""

REASONS = {
    "unknown": "the code is not known, was used already, or its time is over",
    "mistyped": "the code cannot be right; compare it letter by letter",
    "locked": "too many wrong codes; try again later",
}


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a code: the person's ``coupon``, or a ``reason`` of :data:`REASONS` why there is none.

    ``locked_until`` is the instant until which no code is looked at.
    """

    coupon: CouponView | None
    reason: str = ""
    locked_until: int | None = None


class TypedCodes:
    """The entered codes of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.claims = Claims(brand)
        self.people = Guesses(brand, settings)
        self.networks = Guesses(brand, {**settings, "guesses": settings["guesses"] * NETWORK_TIMES})

    def claim(
        self, text: str, contact_id: int, *, source: str = "page", device: str = "", network: str = ""
    ) -> Entered:
        """Claim the coupon of a code that was handed out, with every limit and the gate of its batch.

        A code is its own key: who entered it before is answered the same
        coupon. One that is unknown, used by somebody else, of another brand or
        whose batch is over is answered alike, and counted for the person and
        the network; the setting ``guesses`` locks them. Refusals of a good code
        are those of :meth:`.service.Claims.claim`.
        """
        return self.brand.group(lambda: self._claim(text, contact_id, source, device, network))

    def _claim(self, text: str, contact_id: int, source: str, device: str, network: str) -> Entered:
        contact_id = self.brand.contacts.survivor(contact_id)
        who = [f"claims:{contact_id}"]
        where = [f"claims:{network[:100]}"] if network else []
        locks = (self.people.locked_until(who), self.networks.locked_until(where))
        locked = max((until for until in locks if until is not None), default=None)
        if locked is not None:
            return Entered(None, "locked", locked)
        code = normalise_code(text[:MOST_CHARS])
        coupon = self._own(code, contact_id) or self._take(code, contact_id, source, device, network)
        if coupon is not None:
            return Entered(coupon)
        self.people.failed(who)
        self.networks.failed(where)
        return Entered(None, _reason(code))

    @staticmethod
    def _own(code: str, contact_id: int) -> CouponView | None:
        """The coupon with this code that is this person's already, or None."""
        return views.find("c.code = ? AND c.contact_id = ?", code, contact_id)

    def _take(self, code: str, contact_id: int, source: str, device: str, network: str) -> CouponView | None:
        batch = batch_of_code(code)
        if batch is None:
            return None
        try:
            key = f"code:{code}:{contact_id}"
            return self.claims.claim(
                batch, contact_id, key=key, source=source, device=device, network=network, code=code
            )
        except Conflict as refusal:
            if refusal.code in _ENDED:
                return None
            raise


def _reason(code: str) -> str:
    """Told from the letters alone, so that it says nothing of what there is."""
    ours = len(code) == RANDOM_CHARS + 1 and set(code) <= set(ALPHABET)
    return "mistyped" if ours and not is_code(code) else "unknown"
