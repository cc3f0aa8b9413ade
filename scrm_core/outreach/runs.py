"""Runs (批次): opened as drafts, filled, released, started, paused, resumed, ended.

Every change of state is one conditional UPDATE: of two people who act at the
same moment one is told that the run is in another state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute, fetch_in
from ..errors import Conflict, Invalid, NotFound
from ..limits import LIMITS
from ..values.text import clean_text
from .judging import ADDRESS_KINDS
from .types import KINDS, RunView

if TYPE_CHECKING:
    from ..brands import Brand

ALL = 10_000
"""The share that releases a whole run."""

GRACE_MS = 7_200_000
FAILURE_MINIMUM = 20

COLUMNS = (
    "id, owner, code, channel, kind, sender, state, reason, start_at, grace_ms, pace, released, failure_limit, "
    "failure_minimum, standing, created_at, finished_at, held_until"
)


def view_of(row: Sequence[Any]) -> RunView:
    """A row of :data:`COLUMNS` as it is shown."""
    return RunView(*row[:14], row[14] == 1, *row[15:])


def get_run(owner: str, code: str) -> RunView:
    """The run of an owner; raises NotFound."""
    row = execute(f"SELECT {COLUMNS} FROM outreach_run WHERE owner = ? AND code = ?", (owner, code)).fetchone()
    if row is None:
        raise NotFound(f"no run {code!r} of {owner!r}")
    return view_of(row)


def run_by_id(run_id: int) -> RunView:
    """The run with this id; raises NotFound."""
    row = execute(f"SELECT {COLUMNS} FROM outreach_run WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"no run {run_id}")
    return view_of(row)


def runs_by_id(run_ids: Iterable[int]) -> dict[int, RunView]:
    """The runs with these ids."""
    rows = fetch_in(f"SELECT {COLUMNS} FROM outreach_run WHERE id IN ({{in}})", sorted(set(run_ids)))
    return {row[0]: view_of(row) for row in rows}


def runs_of(owner: str, codes: Iterable[str]) -> dict[str, RunView]:
    """The runs of an owner by their codes."""
    rows = fetch_in(
        f"SELECT {COLUMNS} FROM outreach_run WHERE owner = ? AND code IN ({{in}})", sorted(set(codes)), (owner,)
    )
    return {view.code: view for view in map(view_of, rows)}


def counts_of(run_ids: Iterable[int]) -> dict[int, dict[tuple[str, str], int]]:
    """Messages of each run by (state, reason); a run without messages is missing."""
    rows = fetch_in(
        "SELECT run_id, state, reason, count(*) FROM message WHERE run_id IN ({in}) GROUP BY run_id, state, reason",
        sorted(set(run_ids)),
    )
    found: dict[int, dict[tuple[str, str], int]] = {}
    for run_id, state, reason, count in rows:
        found.setdefault(run_id, {})[state, reason] = count
    return found


def page(*, before: int | None, limit: int) -> list[RunView]:
    """Runs, newest first."""
    if not 1 <= limit <= LIMITS.page_rows:
        raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
    where, params = ("", [limit]) if before is None else ("WHERE id < ? ", [before, limit])
    rows = execute(f"SELECT {COLUMNS} FROM outreach_run {where}ORDER BY id DESC LIMIT ?", params).fetchall()
    return [view_of(row) for row in rows]


@transactional
def open_run(
    brand: Brand,
    code: str,
    *,
    owner: str,
    channel: str,
    kind: str,
    sender: str,
    start_at: int | None,
    grace_ms: int,
    pace: int | None,
    failure_limit: int | None,
    failure_minimum: int,
    standing: bool,
) -> RunView:
    """Open a draft; the same definition again returns the run, another one raises Conflict."""
    code = clean_text(code, field="code", max_length=LIMITS.name)
    _check(code, owner, channel, kind, grace_ms, pace, failure_limit, failure_minimum)
    brand.outreach.sender(sender, channel)
    now = brand.now()
    execute(
        "INSERT INTO outreach_run (owner, code, channel, kind, sender, state, reason, start_at, grace_ms, pace, "
        "next_at, checked_at, released, failure_limit, failure_minimum, standing, claimed, "
        "forgiven, created_at) "
        "VALUES (?, ?, ?, ?, ?, 'draft', '', ?, ?, ?, 0, 0, 0, ?, ?, ?, 0, 0, ?) ON CONFLICT (owner, code) DO NOTHING",
        (
            owner,
            code,
            channel,
            kind,
            sender,
            now if start_at is None else start_at,
            grace_ms,
            pace,
            failure_limit,
            failure_minimum,
            int(standing),
            now,
        ),
    )
    run = get_run(owner, code)
    wanted: tuple[Any, ...] = (channel, kind, sender, grace_ms, pace, failure_limit, failure_minimum, standing)
    found = (
        run.channel, run.kind, run.sender, run.grace_ms, run.pace, run.failure_limit, run.failure_minimum,
        run.standing,
    )  # fmt: skip
    if found != wanted or (start_at is not None and run.state == "draft" and run.start_at != start_at):
        raise Conflict(f"run {code!r} of {owner!r} exists with another definition", code="run_exists")
    return run


def _check(
    code: str,
    owner: str,
    channel: str,
    kind: str,
    grace_ms: int,
    pace: int | None,
    failure_limit: int | None,
    failure_minimum: int,
) -> None:
    if not code or not owner:
        raise Invalid("a run has a code and an owner", field="code" if owner else "owner")
    if channel not in ADDRESS_KINDS:
        raise Invalid(f"unknown channel {channel!r}; channels are {', '.join(ADDRESS_KINDS)}", field="channel")
    if kind not in KINDS:
        raise Invalid(f"unknown kind {kind!r}; kinds are {', '.join(KINDS)}", field="kind")
    if grace_ms <= 0 or failure_minimum < 1:
        raise Invalid("the grace and the least number of failures must lie above 0", field="grace_ms")
    if pace is not None and pace < 1:
        raise Invalid("a pace is at least one message a minute; None is no limit", field="pace")
    if failure_limit is not None and not 0 <= failure_limit <= ALL:
        raise Invalid(f"a share of failures lies between 0 and {ALL}", field="failure_limit")


@transactional
def release(run_id: int, share: int) -> RunView:
    """Let a share of the run go, in hundredths of a percent; a share that is released already stays."""
    if not 0 <= share <= ALL:
        raise Invalid(f"a share lies between 0 and {ALL}", field="share")
    execute("UPDATE outreach_run SET released = ? WHERE id = ? AND released < ?", (share, run_id, share))
    return run_by_id(run_id)


@transactional
def release_count(run_id: int, count: int) -> RunView:
    """Release the smallest share that holds ``count`` of the messages still queued."""
    if count < 1:
        raise Invalid("at least one message is released", field="count")
    row = execute(
        "SELECT bucket FROM message WHERE run_id = ? AND state = 'queued' ORDER BY bucket LIMIT 1 OFFSET ?",
        (run_id, count - 1),
    ).fetchone()
    return release(run_id, ALL if row is None else row[0] + 1)


def start(brand: Brand, run_id: int, at: int | None) -> RunView:
    """Start a draft at an instant (default now)."""
    now = brand.now()
    begin = now if at is None else at
    return _change(
        run_id, "start", ("draft",), "state = 'running', start_at = ?, next_at = ?, checked_at = ?",
        (begin, begin, max(now, begin)),
    )  # fmt: skip


def pause(run_id: int, reason: str) -> RunView:
    """Pause a running run; what a gateway has at this moment still goes."""
    return _change(run_id, "pause", ("running",), "state = 'paused', reason = ?", (reason,))


def resume(brand: Brand, run_id: int) -> RunView:
    """Let a paused run go on; the pause is no outage, and failures until now are forgiven."""
    now = brand.now()
    return _change(
        run_id, "resume", ("paused",),
        "state = 'running', reason = '', checked_at = CASE WHEN start_at > ? THEN start_at ELSE ? END, "
        "next_at = CASE WHEN start_at > ? THEN start_at ELSE ? END, claimed = 0, forgiven = "
        "(SELECT count(*) FROM message m WHERE m.run_id = outreach_run.id AND m.state = 'failed')",
        (now, now, now, now),
    )  # fmt: skip


@transactional
def cancel(brand: Brand, run_id: int, reason: str) -> RunView:
    """End a run: what was not sent never will be. Messages at a gateway still get their receipts."""
    now = brand.now()
    run = _change(
        run_id, "cancel", ("draft", "running", "paused"), "state = 'canceled', reason = ?, finished_at = ?",
        (reason, now),
    )  # fmt: skip
    end_queued(run_id, "canceled", reason, now)
    return run


def end_queued(run_id: int, state: str, reason: str, now: int) -> int:
    """Give every message that still waits its end; returns how many."""
    changed = execute(
        "UPDATE message SET state = ?, reason = ?, final_at = ?, updated_at = ? WHERE run_id = ? AND state = 'queued'",
        (state, reason, now, now, run_id),
    )
    return int(changed.rowcount)


@transactional
def _change(run_id: int, verb: str, states: tuple[str, ...], assignments: str, params: tuple[Any, ...]) -> RunView:
    marks = ", ".join("?" * len(states))
    changed = execute(
        f"UPDATE outreach_run SET {assignments} WHERE id = ? AND state IN ({marks})", (*params, run_id, *states)
    )
    run = run_by_id(run_id)
    if not changed.rowcount:
        raise Conflict(f"run {run.code!r} is {run.state}: one cannot {verb} it", code="run_state", state=run.state)
    return run
