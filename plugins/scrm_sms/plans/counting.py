"""The messages of a run, counted by the database: as many numbers as people can read, whatever a gateway answers.

A gateway may give every message a reason of its own, with the number of its
request in it; a million of them are not read to be shown.
"""

from __future__ import annotations

from scrm_core.api import execute

MOST_REASONS = 50
OTHERS = "…"
"""Stands for the reasons that are not among the commonest."""

# The index on (run_id, address) finds the messages; they are grouped once, and the rare reasons put together.
_COUNTED = (
    "SELECT state, CASE WHEN place <= ? THEN reason ELSE ? END AS why, CAST(sum(messages) AS BIGINT) FROM ("
    "SELECT state, reason, count(*) AS messages, row_number() OVER (ORDER BY count(*) DESC, state, reason) AS place "
    "FROM message WHERE run_id = ? GROUP BY state, reason) counted GROUP BY state, why"
)


def counted(run_id: int) -> dict[tuple[str, str], int]:
    """Messages of a run by (state, reason): the :data:`MOST_REASONS` commonest, the others by state alone."""
    rows = execute(_COUNTED, (MOST_REASONS, OTHERS, run_id)).fetchall()
    return {(state, reason): count for state, reason, count in rows}


def was_sent(run_id: int) -> bool:
    """Whether a run, which has ended, ever handed a message to its gateway."""
    sql = "SELECT 1 FROM message WHERE run_id = ? AND state NOT IN ('blocked', 'canceled') LIMIT 1"
    return execute(sql, (run_id,)).fetchone() is not None
