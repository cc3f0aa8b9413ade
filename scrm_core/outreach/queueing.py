"""Filling a run: one message per person, whoever may not be written to kept with the reason.

An audience is queued by one statement per range of contacts, so that a million
people take seconds and no range holds the write lock for long. Queuing again
adds only who is new. What is decided here is what is known now; the claim
decides again.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..clock import MS_PER_DAY
from ..db import current_handle, transactional
from ..db.bulk import execute, insert_rows
from ..models import Message
from .judging import COUNTED, Judge, Party
from .types import QueueOutcome, RunView

if TYPE_CHECKING:
    from ..brands import Brand
    from ..segmentlang.sql import Sql

RANGE = 50_000
"""Contacts that one statement looks at."""

BATCH = 1_000
BUCKETS = 10_000

_DRAW = {"sqlite": "abs(random() % 10000)", "postgresql": "floor(random() * 10000)::bigint"}
_MOBILE = (
    "(substr(q.address, 1, 3) <> '+86' OR (length(q.address) = 14 AND substr(q.address, 4, 1) = '1' "
    "AND substr(q.address, 5, 1) BETWEEN '3' AND '9'))"
)
_COLUMNS = ("run_id", "contact_id", "address", "bucket", "state", "reason", "not_before", "updated_at")


# Segments --------------------------------------------------------------------


def queue_segment(brand: Brand, run: RunView, expression: str, holdout: int) -> None:
    """Queue a message for every active contact of a segment."""
    judge = Judge(brand, run.channel, run.kind)
    where = brand.segments.condition(expression)
    for low in _ranges():
        _queue_range(judge, run, where, low, holdout, brand.now())


@transactional
def _queue_range(judge: Judge, run: RunView, where: Sql, low: int, holdout: int, now: int) -> None:
    judged, params = _judged(judge, where, low, None)
    draw = _DRAW[current_handle().engine]
    # A subquery with a LIMIT is computed once per row: without it SQLite would copy its expressions,
    # draw twice and look for the consent twice.
    execute(
        f"INSERT INTO message ({', '.join(_COLUMNS)}) "
        "SELECT ?, h.id, h.address, h.bucket, CASE WHEN h.reason = '' THEN 'queued' ELSE 'blocked' END, h.reason, "
        "0, CAST(? AS BIGINT) FROM ("
        f"SELECT p.id, p.address, {draw} AS bucket, "
        f"CASE WHEN p.reason = '' AND {draw} < CAST(? AS BIGINT) THEN 'holdout' ELSE p.reason END AS reason "
        f"FROM ({judged} LIMIT {RANGE}) p LIMIT {RANGE}) h "
        # Rows without an address are no two of a kind for the unique key.
        "WHERE h.address IS NOT NULL OR NOT EXISTS "
        "(SELECT 1 FROM message m WHERE m.run_id = ? AND m.contact_id = h.id) ON CONFLICT DO NOTHING",
        (run.id, now, holdout, *params, run.id),
    )


def preview_segment(brand: Brand, channel: str, kind: str, expression: str) -> QueueOutcome:
    """What queuing and sending the segment right now would do, caps included; nothing is written."""
    judge = Judge(brand, channel, kind)
    where = brand.segments.condition(expression)
    found: Counter[str] = Counter()
    for low in _ranges():
        judged, params = _judged(judge, where, low, brand.now())
        rows = execute(f"SELECT p.reason, count(*) FROM ({judged}) p GROUP BY p.reason", params).fetchall()
        found.update(dict(rows))
    return _outcome(found)


def _ranges() -> range:
    (top,) = execute("SELECT coalesce(max(id), 0) FROM contact").fetchone()
    return range(0, top, RANGE)


def _judged(judge: Judge, where: Sql, low: int, now: int | None) -> tuple[str, list[Any]]:
    """SQL of (id, address, reason) for a range of contacts, with its parameters; caps as of ``now`` when given.

    The same rules as :meth:`Judge.reasons`, which decides in the claim; a test holds both equal.
    """
    params: list[Any] = []
    cases = ["WHEN q.address IS NULL THEN 'no_address'"]
    if judge.address_kind == "phone":
        cases.append(f"WHEN NOT {_MOBILE} THEN 'not_mobile'")
    scopes = "('commercial', 'all')" if judge.commercial else "('all')"
    cases.append(
        "WHEN EXISTS (SELECT 1 FROM do_not_contact d WHERE d.address = q.address AND d.channel IN (?, '') "
        f"AND d.scope IN {scopes} AND d.lifted_at IS NULL) THEN 'do_not_contact'"
    )
    params.append(judge.channel)
    if judge.commercial:
        cases.append(
            "WHEN coalesce((SELECT k.granted FROM consent k WHERE k.contact_id = q.id AND k.purpose = ? "
            "AND k.channel = '' ORDER BY k.at DESC, k.id DESC LIMIT 1), 0) = 0 THEN 'no_consent'"
        )
        params.append(judge.purpose)
        if now is not None:
            for name, condition, values in _caps(judge, now):
                cases.append(f"WHEN {condition} THEN '{name}'")
                params += values
    sql = (
        f"SELECT q.id, q.address, CASE {' '.join(cases)} ELSE '' END AS reason FROM ("
        "SELECT c.id, (SELECT i.value FROM identity i WHERE i.contact_id = c.id AND i.kind = ? "
        "ORDER BY i.verified DESC, i.id LIMIT 1) AS address "
        f"FROM contact c WHERE c.id > ? AND c.id <= ? AND c.state = 'active' AND {where.text} LIMIT {RANGE}) q "
        "WHERE 1 = 1"
    )
    return sql, [*params, judge.address_kind, low, low + RANGE, *where.params]


def _caps(judge: Judge, now: int) -> Iterator[tuple[str, str, list[Any]]]:
    kinds = sorted(judge.brand.config.outreach.opt_in)
    marks = ", ".join("?" * len(kinds))
    sent = (
        "SELECT count(*) FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE m.contact_id = q.id "
        f"AND m.sent_at > ? AND m.state IN {COUNTED} AND r.kind IN ({marks})"
    )
    for name, cap, since, channel in (
        ("cap_week", judge.brand.config.outreach.one_to_one_per_week, judge.week_start(now), None),
        ("cap_7_days", judge.policy.per_7_days, now - 7 * MS_PER_DAY, judge.channel),
        ("cap_30_days", judge.policy.per_30_days, now - 30 * MS_PER_DAY, judge.channel),
    ):
        if cap is not None:
            own = "" if channel is None else " AND r.channel = ?"
            channels = [] if channel is None else [channel]
            yield name, f"({sent}{own}) >= CAST(? AS BIGINT)", [since, *kinds, *channels, cap]


# Addresses -------------------------------------------------------------------


def queue_addresses(brand: Brand, run: RunView, parties: Iterable[tuple[str, int | None]], holdout: int) -> None:
    """Queue a message for every address of a list, read in batches; an address that is somebody's is theirs."""
    judge = Judge(brand, run.channel, run.kind)
    rows = iter(parties)
    while batch := list(islice(rows, BATCH)):
        _queue_batch(judge, run, batch, holdout, brand.now())


@transactional
def _queue_batch(
    judge: Judge, run: RunView, batch: Sequence[tuple[str, int | None]], holdout: int, now: int
) -> None:
    parties = _known(judge, batch)
    lines = []
    for (contact, address), reason in zip(parties, judge.reasons(parties), strict=True):
        why = "holdout" if not reason and secrets.randbelow(BUCKETS) < holdout else reason
        state = "blocked" if why else "queued"
        lines.append((run.id, contact, address, secrets.randbelow(BUCKETS), state, why, 0, now))
    insert_rows(Message, _COLUMNS, lines, on_conflict="ON CONFLICT DO NOTHING")


def preview_addresses(
    brand: Brand, channel: str, kind: str, parties: Iterable[tuple[str, int | None]]
) -> QueueOutcome:
    """What sending to the addresses right now would do, caps included; nothing is written."""
    judge = Judge(brand, channel, kind)
    found: Counter[str] = Counter()
    rows = iter(parties)
    while batch := list(islice(rows, BATCH)):
        known = _known(judge, batch)
        capped = judge.capped([contact for contact, _ in known if contact is not None], brand.now())
        for (contact, _), reason in zip(known, judge.reasons(known), strict=True):
            found[reason or capped.get(contact or 0, "")] += 1
    return _outcome(found)


def _known(judge: Judge, batch: Sequence[tuple[str, int | None]]) -> list[Party]:
    owners = judge.owners([address for address, _ in batch])
    return [(owners.get(address, contact), address) for address, contact in batch]


@transactional
def queue_body(
    brand: Brand,
    run: RunView,
    address: str,
    body: str,
    *,
    contact_id: int | None,
    parts: int,
    template: str,
    params: Mapping[str, str],
    arm: str,
    link_id: int | None,
    not_before: int | None,
    expires_at: int | None,
) -> int | None:
    """Queue one message with its text; None when the run has a message for this address."""
    judge = Judge(brand, run.channel, run.kind)
    ((contact, _),) = _known(judge, [(address, contact_id)])
    (reason,) = judge.reasons([(contact, address)])
    row = execute(
        "INSERT INTO message (run_id, contact_id, address, bucket, state, reason, body, parts, template, params, "
        "arm, link_id, not_before, expires_at, updated_at) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING id",
        (
            run.id,
            contact,
            address,
            "blocked" if reason else "queued",
            reason,
            body,
            parts,
            template,
            json.dumps(dict(params), ensure_ascii=False),
            arm,
            link_id,
            not_before or 0,
            expires_at,
            brand.now(),
        ),
    ).fetchone()
    return None if row is None else int(row[0])


# Counting --------------------------------------------------------------------


def queued_of(run_id: int) -> QueueOutcome:
    """What a run holds: messages still to be sent, and those kept back by reason."""
    rows = execute(
        "SELECT CASE WHEN state = 'blocked' THEN reason ELSE '' END, count(*) FROM message WHERE run_id = ? "
        "GROUP BY 1",
        (run_id,),
    ).fetchall()
    return _outcome(Counter(dict(rows)))


def _outcome(found: Counter[str]) -> QueueOutcome:
    return QueueOutcome(found.get("", 0), {reason: count for reason, count in sorted(found.items()) if reason})
