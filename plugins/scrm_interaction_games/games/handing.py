"""Handing a certain prize to somebody from wherever a game stands, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, PluginError, Veto, execute

if TYPE_CHECKING:
    from ..engine.draws import AwardView
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
    """Take an award back in the open transaction: one not granted yet is voided, a granted one reversed.

    False when that cannot be done (a coupon that was used, points that were
    spent): the brand bears the loss.
    """
    turn = turn_for(place, contact_id, key)
    draws = turn.engine_draws
    award = draws.find(turn.contact_id, f"award:{key}")
    if award is None or award.state == "void":
        return True
    if award.state != "granted":
        draws.fulfilment.void(award.uid, reason=reason, actor=actor)
        return True
    try:
        with turn.brand.transaction():
            turn.brand.rewards.reverse(f"draw:{award.uid}", reason=reason, actor=actor)
    except (Conflict, PluginError, Veto):
        return False
    execute(
        "UPDATE interaction_games_draw SET state = 'void', reason = ? WHERE uid = ?", (reason, award.uid)
    )
    return True
