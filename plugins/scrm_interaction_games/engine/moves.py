"""Moves of stock and budget (库存流水): numbered per campaign, so that anybody can repeat decisions in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scrm_core.api import execute

RETURNED = "returned"
RESERVED = "reserved"
STOCK = "stock"
BUDGET = "budget"
ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Move:
    """A move besides those of draws and awards, which carry their numbers themselves; see ``models.Move``."""

    campaign_id: int
    move: int
    what: str
    day: int
    at: int
    prize_id: int | None = None
    amount: int = 1
    draw: str = ""


def write(move: Move) -> None:
    """Write a move down; call it in the transaction that made it."""
    execute(
        "INSERT INTO interaction_games_move (campaign_id, move, what, prize_id, amount, day, draw, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (move.campaign_id, move.move, move.what, move.prize_id, move.amount, move.day, move.draw, move.at),
    )


def next_of(campaign_id: int) -> int:
    """Lock the campaign's row and number the next move.

    Everything that touches stock, days or budget locks this row first, then the
    prize's day, then the prize: nobody waits for somebody who waits for them.
    """
    (number,) = execute(
        "UPDATE interaction_games_campaign SET moves = moves + 1 WHERE id = ? RETURNING moves", (campaign_id,)
    ).fetchone()
    return int(number)


def keep(contact_ids: Sequence[int]) -> None:
    """Before persons' draws are deleted: what they took stays in the campaign's moves, and nothing of the persons."""
    marks = ", ".join("?" * len(contact_ids))
    execute(
        "INSERT INTO interaction_games_move (campaign_id, move, what, prize_id, amount, day, draw, at) "
        "SELECT campaign_id, move, 'erased', prize_id, 1, day, uid, at FROM interaction_games_draw "
        f"WHERE contact_id IN ({marks}) AND move IS NOT NULL",
        tuple(contact_ids),
    )


def of_campaign(campaign_id: int) -> list[dict[str, object]]:
    """The moves as they are published, first to last; ``prize`` is a code, empty where nothing was taken."""
    rows = execute(
        "SELECT m.move, m.what, coalesce(p.code, ''), m.amount, m.day, m.draw, m.at FROM interaction_games_move m "
        "LEFT JOIN interaction_games_prize p ON p.id = m.prize_id WHERE m.campaign_id = ? ORDER BY m.move",
        (campaign_id,),
    ).fetchall()
    names = ("move", "what", "prize", "amount", "day", "draw", "at")
    return [dict(zip(names, row, strict=True)) for row in rows]
