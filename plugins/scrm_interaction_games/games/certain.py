"""Certain prizes (不抽奖的奖品): what a game gives without a draw, and what it says when there is none left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict

if TYPE_CHECKING:
    from ..engine.turns import Turn

MISSED = ("sold_out", "prize_limit")


def award(turn: Turn, prize: str, key: str, reason: str) -> dict[str, Any]:
    """Award a prize; returns its code, its title and the state of the award. Raises Conflict("sold_out")."""
    given = turn.award(prize, key, reason=reason)
    return {"prize": prize, "title": title_of(turn, prize), "state": given.state}


def award_if_there(turn: Turn, prize: str, key: str, reason: str) -> dict[str, Any]:
    """The same, but ``sold_out`` or ``prize_limit`` is a state: what the person did counts all the same."""
    try:
        return award(turn, prize, key, reason)
    except Conflict as exc:
        if exc.code not in MISSED:
            raise
        return {"prize": prize, "title": title_of(turn, prize), "state": exc.code}


def state_of(turn: Turn, key: str) -> str:
    """What became of this person's award with a key, as pages tell it; an empty text when there is none.

    granted; won (it will be granted, also when that failed so far); held (under review); void.
    """
    found = turn.engine_draws.find(turn.contact_id, f"award:{key}") if turn.contact_id is not None else None
    if found is None:
        return ""
    return "won" if found.state == "failed" else str(found.state)


def title_of(turn: Turn, prize: str) -> str:
    """The title of a prize, or its code when the campaign does not have it."""
    return next((each.title for each in turn.campaign.prizes if each.code == prize), prize)


def unknown_prizes(campaign: Any, codes: Iterable[str]) -> Iterator[str]:
    """One problem for each code that is no prize of the campaign, or stands for "no prize"."""
    kinds = {prize.code: prize.kind for prize in campaign.prizes}
    for code in dict.fromkeys(codes):
        if code not in kinds:
            yield f"settings: {code!r} is no prize of the campaign; its prizes are {', '.join(kinds) or 'none'}"
        elif kinds[code] == "none":
            yield f"settings: {code!r} stands for no prize and cannot be a reward"
