"""Moves of stock and budget (库存流水): numbered per campaign, so that anybody can repeat decisions in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from scrm_core.api import execute

RETURNED = "returned"
RESERVED = "reserved"
STOCK = "stock"
BUDGET = "budget"
ERASED = "erased"
PARTLY_ERASED = "draws erased"
"""What the campaign's log calls draws that are missing since another person was erased."""


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


def keep(contact_ids: Sequence[int], now: int) -> None:
    """Before persons' draws are deleted: what they took stays in the campaign's moves, and nothing of the persons."""
    marks = ", ".join("?" * len(contact_ids))
    execute(
        "INSERT INTO interaction_games_move (campaign_id, move, what, prize_id, amount, day, draw, at) "
        "SELECT campaign_id, move, 'erased', prize_id, 1, day, uid, at FROM interaction_games_draw "
        f"WHERE contact_id IN ({marks}) AND move IS NOT NULL",
        tuple(contact_ids),
    )
    # What they drew as another person, with whom they were merged for a while, is missing among that one's draws.
    others = execute(
        "SELECT d.campaign_id, d.player, d.n FROM interaction_games_draw d JOIN interaction_games_player p "
        "ON p.campaign_id = d.campaign_id AND p.uid = d.player "
        f"WHERE d.contact_id IN ({marks}) AND d.kind = 'draw' AND p.contact_id NOT IN ({marks}) ORDER BY d.id",
        (*contact_ids, *contact_ids),
    ).fetchall()
    missing: dict[tuple[int, str], list[int]] = {}
    for campaign_id, player, n in others:
        missing.setdefault((campaign_id, player), []).append(n)
    for (campaign_id, player), numbers in missing.items():
        execute(
            "INSERT INTO interaction_games_log (campaign_id, what, actor, reason, detail, at) "
            "VALUES (?, ?, 'interaction-games', '', ?, ?)",
            (campaign_id, PARTLY_ERASED, json.dumps({"person": player, "numbers": numbers}), now),
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


def count(campaign_id: int) -> int:
    """How many moves a campaign has had."""
    (number,) = execute("SELECT moves FROM interaction_games_campaign WHERE id = ?", (campaign_id,)).fetchone()
    return int(number)
