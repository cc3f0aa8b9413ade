"""What a bargain or group-buy campaign sells: its stock, taken and given back by conditional updates."""

from __future__ import annotations

from scrm_core.api import execute


def take_piece(campaign_id: int, stock: int | None) -> bool:
    """Take one piece in the open transaction; False when none is left. ``stock`` None is without limit."""
    if stock is None:
        return True
    execute(
        "INSERT INTO interaction_games_goods (campaign_id, stock_left) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (campaign_id, stock),
    )
    taken = execute(
        "UPDATE interaction_games_goods SET stock_left = stock_left - 1 WHERE campaign_id = ? AND stock_left > 0",
        (campaign_id,),
    )
    return bool(taken.rowcount == 1)


def give_back(campaign_id: int, stock: int | None, pieces: int = 1) -> None:
    """Put pieces back that were taken and not sold."""
    if stock is not None and pieces:
        execute(
            "UPDATE interaction_games_goods SET stock_left = stock_left + ? WHERE campaign_id = ?",
            (pieces, campaign_id),
        )


def pieces_left(campaign_id: int, stock: int | None) -> int | None:
    """Pieces left, or None where there is no limit."""
    row = execute("SELECT stock_left FROM interaction_games_goods WHERE campaign_id = ?", (campaign_id,)).fetchone()
    return stock if row is None else int(row[0])
