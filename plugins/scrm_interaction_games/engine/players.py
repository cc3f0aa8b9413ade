"""The row of a person in a campaign: locked by every write of theirs, so that what is counted cannot change."""

from __future__ import annotations

from dataclasses import dataclass

from scrm_core.api import execute

_COLUMNS = "id, uid, n, draws, day, day_draws, misses, daily_day, last_win_at"
# A clock that was moved back finds the later day in the row and goes on counting on it.
_DRAW = (
    "UPDATE interaction_games_player SET n = n + 1, draws = draws + 1, misses = misses + 1, "
    "day_draws = CASE WHEN day >= ? THEN day_draws + 1 ELSE 1 END, day = CASE WHEN day >= ? THEN day ELSE ? END "
    f"WHERE campaign_id = ? AND contact_id = ? RETURNING {_COLUMNS}"
)
_LOCK = (
    "UPDATE interaction_games_player SET n = n WHERE campaign_id = ? AND contact_id = ? "
    f"RETURNING {_COLUMNS}"
)
# A person whose merge was undone goes on behind the numbers that draws already have.
_FIRST = (
    "INSERT INTO interaction_games_player (campaign_id, contact_id, uid, n, draws, day, day_draws, misses, daily_day, "
    "first_at) SELECT CAST(? AS BIGINT), c.id, c.uid, (SELECT coalesce(max(d.n), 0) FROM interaction_games_draw d "
    "WHERE d.campaign_id = ? AND d.player = c.uid), 0, 0, 0, 0, 0, CAST(? AS BIGINT) FROM contact c WHERE c.id = ? "
    "ON CONFLICT (campaign_id, contact_id) DO NOTHING"
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
    daily_day: int
    last_win_at: int | None


def lock(campaign_id: int, contact_id: int, now: int) -> PlayerRow:
    """The player's row, made when it is the first time, and nobody else's until the transaction ends."""
    return _row(_LOCK, (campaign_id, contact_id), campaign_id, contact_id, now)


def begin_draw(campaign_id: int, contact_id: int, now: int, day: int) -> PlayerRow:
    """Like :func:`lock`, with one more draw counted: today's, the person's and since the last win."""
    return _row(_DRAW, (day, day, day, campaign_id, contact_id), campaign_id, contact_id, now)


def _row(sql: str, params: tuple[int, ...], campaign_id: int, contact_id: int, now: int) -> PlayerRow:
    found = execute(sql, params).fetchone()
    if found is None:
        execute(_FIRST, (campaign_id, campaign_id, now, contact_id))
        found = execute(sql, params).fetchone()
    return PlayerRow(*found)


def peek(campaign_id: int, contact_id: int) -> PlayerRow | None:
    """The player's row without holding it, or None for who has done nothing yet."""
    found = execute(
        f"SELECT {_COLUMNS} FROM interaction_games_player WHERE campaign_id = ? AND contact_id = ?",
        (campaign_id, contact_id),
    ).fetchone()
    return PlayerRow(*found) if found is not None else None


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


def daily_given(player: PlayerRow, day: int) -> None:
    """Remember that the free chances of a day were given."""
    execute(
        "UPDATE interaction_games_player SET daily_day = ? WHERE id = ? AND daily_day < ?", (day, player.id, day)
    )


@dataclass(frozen=True, slots=True)
class Carried:
    """What a merge added to a player of a campaign: from draw ``after`` + 1 on there are at least ``misses``."""

    campaign_id: int
    uid: str
    after: int
    misses: int


def fold(winner_id: int, loser_id: int) -> list[Carried]:
    """After a merge: where both had played, the remaining row counts for both of them.

    Draws were re-pointed with the contact; the counters are those of one
    person now. Call it in a transaction. Returns the misses that were carried
    over, which checking the draws has to know.
    """
    carried = []
    rows = execute(
        "SELECT w.campaign_id, w.uid, w.n, w.misses, w.id, l.draws, l.day, l.day_draws, l.misses, l.daily_day, "
        "l.last_win_at "
        "FROM interaction_games_player w JOIN interaction_games_player l ON l.campaign_id = w.campaign_id "
        "WHERE w.contact_id = ? AND l.contact_id = ?",
        (winner_id, loser_id),
    ).fetchall()
    for campaign_id, uid, n, had, row_id, draws, day, day_draws, misses, daily_day, last_win in rows:
        if misses > had:
            carried.append(Carried(campaign_id, uid, n, misses))
        execute(
            "UPDATE interaction_games_player SET draws = draws + ?, "
            "day_draws = CASE WHEN day = ? THEN day_draws + ? WHEN day < ? THEN ? ELSE day_draws END, "
            "day = CASE WHEN day < ? THEN ? ELSE day END, "
            "misses = CASE WHEN misses < ? THEN ? ELSE misses END, "
            "daily_day = CASE WHEN daily_day < ? THEN ? ELSE daily_day END, "
            "last_win_at = CASE WHEN coalesce(last_win_at, 0) < ? THEN ? ELSE last_win_at END WHERE id = ?",
            (
                draws, day, day_draws, day, day_draws, day, day, misses, misses, daily_day, daily_day,
                last_win or 0, last_win, row_id,
            ),
        )  # fmt: skip
    return carried
