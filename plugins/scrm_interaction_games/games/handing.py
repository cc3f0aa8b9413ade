"""Handing a certain prize to somebody from wherever a game stands, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict

if TYPE_CHECKING:
    from ..engine.records import AwardView
    from ..engine.turns import Desk, Turn


def turn_for(place: Turn | Desk, contact_id: int, key: str) -> Any:
    """A turn of a person who may not be the one acting: what an invitee does pays their inviter."""
    person = place.brand.contacts.survivor(contact_id)
    return _Other(place, person) if hasattr(place, "contact_id") else place.turn(person, key)


class _Other:
    """The turn of one person used for another: only what is needed to award and to look awards up."""

    def __init__(self, turn: Any, contact_id: int) -> None:
        self._turn = turn
        self.contact_id = contact_id
        self.brand, self.campaign, self.engine_draws = turn.brand, turn.campaign, turn.engine_draws

    def award(self, prize_code: str, key: str, *, reason: str = "") -> AwardView:
        found: AwardView = self._turn.award(prize_code, key, contact_id=self.contact_id, reason=reason)
        return found


def hand(place: Turn | Desk, contact_id: int, prize: str, key: str, reason: str) -> bool:
    """Award a prize once per person and key; False when there is none left or the person may have no more of it."""
    try:
        turn_for(place, contact_id, key).award(prize, key, reason=reason)
    except Conflict as refused:
        if refused.code not in ("sold_out", "prize_limit"):
            raise
        return False
    return True


def take_back(place: Turn | Desk, contact_id: int, key: str, reason: str, actor: str) -> bool:
    """Take an award back in the open transaction, with its stock and money: one not granted yet is voided,
    a granted one reversed.

    False when that cannot be done (a coupon that was used, points that were
    spent): the brand bears the loss.
    """
    turn = turn_for(place, contact_id, key)
    draws = turn.engine_draws
    award = draws.find(turn.contact_id, f"award:{key}")
    return award is None or draws.fulfilment.take_back(award.uid, reason=reason, actor=actor)
