"""The row of a person in a campaign: locked by every write of theirs, so that what is counted cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scrm_core.api import execute

_COLUMNS = "id, uid, n, draws, day, day_draws, misses, last_win_at"
# Whether one of some prizes is there and the budget pays it.
_LEFT = (
    ", EXISTS (SELECT 1 FROM interaction_games_prize p JOIN interaction_games_campaign c ON c.id = p.campaign_id "
    "WHERE p.id IN ({marks}) AND (p.stock_left IS NULL OR p.stock_left > 0) "
    "AND (c.budget_minor IS NULL OR c.spent_minor + p.value_minor <= c.budget_minor))"
)
# One statement makes the row or locks it. Who plays again after a merge was undone goes on behind the
# numbers that draws already have.
_UPSERT = (
    "INSERT INTO interaction_games_player (campaign_id, contact_id, uid, n, draws, day, day_draws, misses, first_at) "
    "SELECT CAST(? AS BIGINT), c.id, c.uid, (SELECT coalesce(max(d.n), 0) FROM interaction_games_draw d "
    "WHERE d.campaign_id = ? AND d.player = c.uid) + {one}, {one}, {day}, {one}, {one}, CAST(? AS BIGINT) "
    "FROM contact c WHERE c.id = ? ON CONFLICT (campaign_id, contact_id) DO UPDATE SET {change} "
    f"RETURNING {_COLUMNS}"
)
_LOCK = _UPSERT.replace("{one}", "0").replace("{day}", "0").replace("{change}", "n = interaction_games_player.n")
# A clock that was moved back finds the later day in the row and goes on counting on it.
_DRAW = (
    _UPSERT.replace("{one}", "1")
    .replace("{day}", "CAST(? AS BIGINT)")
    .replace(
        "{change}",
        "n = interaction_games_player.n + 1, draws = interaction_games_player.draws + 1, "
        "misses = interaction_games_player.misses + 1, day_draws = CASE WHEN interaction_games_player.day >= "
        "excluded.day THEN interaction_games_player.day_draws + 1 ELSE 1 END, "
        "day = CASE WHEN interaction_games_player.day >= excluded.day THEN interaction_games_player.day "
        "ELSE excluded.day END",
    )
)


@dataclass(frozen=True, slots=True)
class PlayerRow:
    """A player as their row stands in this transaction; see ``models.Player``."""

    id: int
    uid: str
    n: int
    draws: int
    day: int
    day_draws: int
    misses: int
    last_win_at: int | None
    left: bool = True
    """Whether anything was left to win as this statement began."""


def lock(campaign_id: int, contact_id: int, now: int) -> PlayerRow:
    """The player's row, made when it is the first time, and nobody else's until the transaction ends."""
    return PlayerRow(*execute(_LOCK, (campaign_id, campaign_id, now, contact_id)).fetchone())


def begin_draw(campaign_id: int, contact_id: int, now: int, day: int, winnable: tuple[int, ...]) -> PlayerRow:
    """Like :func:`lock`, with one more draw counted: today's, the person's and since the last win.

    ``winnable`` are the prizes of which one has to be there (none: one always is).
    """
    row = execute(_draw_sql(len(winnable)), (campaign_id, campaign_id, day, now, contact_id, *winnable)).fetchone()
    return PlayerRow(*row)


@cache
def _draw_sql(winnable: int) -> str:
    return _DRAW + (_LEFT.format(marks=", ".join("?" * winnable)) if winnable else "")


def uncount(player: PlayerRow) -> None:
    """Take back the count of a draw whose chance is given back; its number stays used."""
    execute(
        "UPDATE interaction_games_player SET draws = draws - 1, day_draws = day_draws - 1, misses = misses - 1 "
        "WHERE id = ?",
        (player.id,),
    )


def won(player: PlayerRow, now: int, *, guaranteed: bool) -> None:
    """Remember a win; one of the guaranteed grade begins the count of misses anew."""
    misses = ", misses = 0" if guaranteed else ""
    execute(f"UPDATE interaction_games_player SET last_win_at = ?{misses} WHERE id = ?", (now, player.id))


@dataclass(frozen=True, slots=True)
class Carried:
    """Player ``other`` of a campaign became ``uid``: from draw ``after`` + 1 on there are at least ``misses``."""

    campaign_id: int
    uid: str
    other: str
    after: int
    misses: int


def fold(winner_id: int, loser_id: int) -> list[Carried]:
    """After a merge: where both had played, the remaining row counts for both of them.

    Draws were re-pointed with the contact; the counters are those of one
    person now. Call it in a transaction. Returns who became whom with which
    misses, which checking the draws has to know.
    """
    carried = []
    rows = execute(
        "SELECT w.campaign_id, w.uid, l.uid, w.n, w.misses, w.id, l.draws, l.day, l.day_draws, l.misses, l.last_win_at "
        "FROM interaction_games_player w JOIN interaction_games_player l ON l.campaign_id = w.campaign_id "
        "WHERE w.contact_id = ? AND l.contact_id = ?",
        (winner_id, loser_id),
    ).fetchall()
    for campaign_id, uid, other, n, had, row_id, draws, day, day_draws, misses, last_win in rows:
        carried.append(Carried(campaign_id, uid, other, n, max(misses, had)))
        execute(
            "UPDATE interaction_games_player SET draws = draws + ?, "
            "day_draws = CASE WHEN day = ? THEN day_draws + ? WHEN day < ? THEN ? ELSE day_draws END, "
            "day = CASE WHEN day < ? THEN ? ELSE day END, "
            "misses = CASE WHEN misses < ? THEN ? ELSE misses END, "
            "last_win_at = CASE WHEN coalesce(last_win_at, 0) < ? THEN ? ELSE last_win_at END WHERE id = ?",
            (
                draws, day, day_draws, day, day_draws, day, day, misses, misses, last_win or 0, last_win, row_id,
            ),
        )  # fmt: skip
    return carried
