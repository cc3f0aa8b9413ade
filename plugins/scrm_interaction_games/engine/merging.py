"""Merges of players: what the core could not re-point comes over all the same, and goes back when a merge is undone.

Draws keep the name of the player they were made under, so two contacts that
used the same key keep a draw each. Only people who were merged, parted and
merged again can have one key twice under one name; such a draw moves under a
key that names the merge.
"""

from __future__ import annotations

from scrm_core.api import execute


def take_over(merge_id: int, winner_id: int, loser_id: int) -> None:
    """Give the winner the draws that stayed with the loser, unless they were parted again; in a transaction."""
    execute(
        "UPDATE interaction_games_draw SET contact_id = ?, key = CAST(? AS TEXT) || key WHERE contact_id = ? "
        "AND EXISTS (SELECT 1 FROM contact c WHERE c.id = ? AND c.merged_into_id = ?)",
        (winner_id, _mark(merge_id), loser_id, loser_id, winner_id),
    )


def hand_back(merge_id: int, winner_id: int, loser_id: int) -> None:
    """Give back what :func:`take_over` moved in this merge, under its own key; call it in a transaction."""
    mark = _mark(merge_id)
    execute(
        "UPDATE interaction_games_draw SET contact_id = ?, key = substr(key, ?) WHERE contact_id = ? AND key LIKE ?",
        (loser_id, len(mark) + 1, winner_id, f"{mark}%"),
    )


def _mark(merge_id: int) -> str:
    return f"merge:{merge_id}:"
