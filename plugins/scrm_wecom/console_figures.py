"""What pages of the console show beside what services read: counts and lists, each bounded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scrm_core.api import execute, fetch_in

from . import tasks
from .client.limits import HOUR_MS, MINUTE_MS
from .drafts import SILENT
from .labels import DISPUTED, UNMADE
from .schemas import NAME
from .sends import SENDER

LIMITED = frozenset({"status_3", "veto: wecom_quota", "cap_week", "cap_7_days", "cap_30_days"})
"""Codes and reasons of messages that a limit kept back: WeCom's for a customer, and the brand's own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a page; ``id`` is what the page behind it begins with."""

    id: int
    told: Mapping[str, Any]


# Connection -----------------------------------------------------------------------


def token_state(settings: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Whether the access token is there: ``state`` is none, good, old or refused. The token itself is not read."""
    application = "\0".join((settings["api"].rstrip("/"), settings["corp_id"], settings["secret"]))
    row = execute(
        "SELECT expires_at, refused_until, refusal FROM wecom_token WHERE app = ?",
        (hashlib.sha256(application.encode()).hexdigest()[:32],),
    ).fetchone()
    if row is None:
        return {"state": "none", "until": None, "refusal": ""}
    expires_at, refused_until, refusal = row
    if refused_until > now:
        return {"state": "refused", "until": refused_until, "refusal": refusal}
    return {"state": "good" if expires_at > now else "old", "until": expires_at or None, "refusal": ""}


def busy_apis(now: int) -> list[dict[str, Any]]:
    """APIs that are left alone first, then those called most in this hour."""
    minute, hour = now // MINUTE_MS, now // HOUR_MS
    rows = execute(
        "SELECT api, blocked_until, CASE WHEN minute = ? THEN minute_calls ELSE 0 END, "
        "CASE WHEN hour = ? THEN hour_calls ELSE 0 END AS calls FROM wecom_api "
        "WHERE blocked_until > ? OR hour = ? ORDER BY blocked_until DESC, calls DESC, api LIMIT 20",
        (minute, hour, now, hour),
    ).fetchall()
    return [
        {"api": api, "blocked": until if until > now else None, "minute": of_minute, "hour": of_hour}
        for api, until, of_minute, of_hour in rows
    ]


def last_callback() -> int | None:
    """When the newest callback came; None where none did."""
    row = execute("SELECT received_at FROM wecom_callback ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else row[0]


def callback_counts() -> dict[str, int]:
    """How many callbacks wait, are of kinds that nobody here knows, or were refused."""
    rows = execute("SELECT state, count(*) FROM wecom_callback WHERE state <> 'done' GROUP BY state").fetchall()
    return {"new": 0, "kept": 0, "refused": 0, **dict(rows)}


def callback_kinds() -> list[dict[str, Any]]:
    """Kinds of the callbacks that were kept or refused, those with most first."""
    rows = execute(
        "SELECT state, event, change, count(*) AS came, max(received_at) FROM wecom_callback "
        "WHERE state <> 'done' AND state <> 'new' GROUP BY state, event, change "
        "ORDER BY came DESC, event, change LIMIT 20"
    ).fetchall()
    return [dict(zip(("state", "event", "change", "count", "last"), row, strict=True)) for row in rows]


# Staff ----------------------------------------------------------------------------

_NOBODY = (
    "NOT EXISTS (SELECT 1 FROM wecom_follow o WHERE o.contact_id = f.contact_id AND o.state IN ('half', 'active'))"
)
_LISTED = "(SELECT max(sync_id) FROM wecom_stretch)"


def listed(limit: int) -> list[str]:
    """Members of staff whom the newest sync listed, by their ids."""
    rows = execute(
        f"SELECT staff FROM wecom_stretch WHERE sync_id = {_LISTED} AND error = '' ORDER BY staff LIMIT ?", (limit,)
    ).fetchall()
    return [row[0] for row in rows]


def members(offset: int, limit: int) -> list[dict[str, Any]]:
    """Members of staff with their customers, those with most first.

    ``left``: the newest sync did not list them or passed them over, and they had customers before it.
    """
    rows = execute(
        "SELECT p.staff, coalesce(f.active, 0) AS active, coalesce(f.half, 0), coalesce(f.lost, 0), "
        "CASE WHEN s.id IS NULL AND f.began < (SELECT max(started_at) FROM wecom_sync) THEN 1 ELSE 0 END "
        f"FROM (SELECT staff FROM wecom_follow UNION SELECT staff FROM wecom_stretch WHERE sync_id = {_LISTED}) p "
        "LEFT JOIN (SELECT staff, sum(CASE WHEN state = 'active' THEN 1 ELSE 0 END) AS active, "
        "sum(CASE WHEN state = 'half' THEN 1 ELSE 0 END) AS half, "
        "sum(CASE WHEN state = 'lost' THEN 1 ELSE 0 END) AS lost, "
        "min(since) AS began FROM wecom_follow GROUP BY staff) f ON f.staff = p.staff "
        f"LEFT JOIN wecom_stretch s ON s.staff = p.staff AND s.sync_id = {_LISTED} AND s.error = '' "
        "ORDER BY active DESC, p.staff LIMIT ? OFFSET ?",
        (limit, offset),
    ).fetchall()
    return [
        {"staff": staff, "active": int(active), "half": int(half), "lost": int(lost), "left": bool(left)}
        for staff, active, half, lost, left in rows
    ]


def staff_totals() -> dict[str, int]:
    """Members, relations that stand, those of members who left, and customers whom nobody has any more."""
    staff, active = execute(
        "SELECT count(*), coalesce(sum(active), 0) FROM (SELECT staff, "
        "sum(CASE WHEN state = 'active' THEN 1 ELSE 0 END) AS active FROM wecom_follow GROUP BY staff) AS each"
    ).fetchone()
    (left,) = execute(
        "SELECT count(*) FROM wecom_follow f WHERE f.state = 'active' "
        "AND f.since < (SELECT max(started_at) FROM wecom_sync) "
        f"AND f.staff NOT IN (SELECT staff FROM wecom_stretch WHERE sync_id = {_LISTED} AND error = '') "
        "AND EXISTS (SELECT 1 FROM wecom_stretch)"
    ).fetchone()
    (alone,) = execute(
        f"SELECT count(DISTINCT f.contact_id) FROM wecom_follow f WHERE f.state = 'lost' AND {_NOBODY}"
    ).fetchone()
    return {"staff": staff, "active": int(active), "left": left, "alone": alone}


def of_member(staff: str, after: int, limit: int) -> list[Row]:
    """Relations of a member of staff, oldest first."""
    rows = execute(
        "SELECT id, contact_id, state, source, since, lost_at, lost_by FROM wecom_follow "
        "WHERE staff = ? AND id > ? ORDER BY id LIMIT ?",
        (staff, after, limit),
    ).fetchall()
    names = ("contact", "state", "source", "since", "lost_at", "lost_by")
    return [Row(row[0], dict(zip(names, row[1:], strict=True))) for row in rows]


def channel_names(states: Sequence[str]) -> dict[str, str]:
    """The names of the channels that States lead to, by State: a short link's comes first; others are missing."""
    wanted = sorted({state for state in states if state})
    found = fetch_in("SELECT code, name, code FROM channel WHERE code IN ({in})", wanted)
    found += fetch_in(
        "SELECT l.code, c.name, c.code FROM link l JOIN channel c ON c.id = l.channel_id WHERE l.code IN ({in})", wanted
    )
    return {state: name or code for state, name, code in found}


def alone(after: int, limit: int) -> list[Row]:
    """Customers whom no member of staff has any more, with when the last relation ended."""
    rows = execute(
        "SELECT f.contact_id, max(f.lost_at), count(*) FROM wecom_follow f WHERE f.state = 'lost' "
        f"AND f.contact_id > ? AND {_NOBODY} GROUP BY f.contact_id ORDER BY f.contact_id LIMIT ?",
        (after, limit),
    ).fetchall()
    return [Row(row[0], {"contact": row[0], "lost_at": row[1], "had": row[2]}) for row in rows]


# Tags -----------------------------------------------------------------------------


def tag_map(after: int, limit: int) -> list[Row]:
    """Tags of the corporation and the brand's tags that they are."""
    rows = execute(
        "SELECT w.id, w.group_name, w.name, g.name, t.name, t.retirement_id FROM wecom_tag w "
        "JOIN tag t ON t.id = w.tag_id JOIN tag_group g ON g.id = t.group_id WHERE w.id > ? ORDER BY w.id LIMIT ?",
        (after, limit),
    ).fetchall()
    names = ("there_group", "there", "here_group", "here", "retired")
    return [Row(row[0], dict(zip(names, row[1:], strict=True))) for row in rows]


def disputed(limit: int) -> list[dict[str, Any]]:
    """Some of them, the newest first: the contact, the member, and each group's value there and here."""
    rows = execute(
        f"SELECT f.id, f.contact_id, f.staff, f.tags FROM {DISPUTED} ORDER BY f.id DESC LIMIT ?", (limit,)
    ).fetchall()
    keys = sorted({key for row in rows for key in json.loads(row[3])})
    there = {
        key: told
        for key, *told in fetch_in(
            "SELECT w.key, g.id, g.name, t.name FROM wecom_tag w JOIN tag t ON t.id = w.tag_id "
            "JOIN tag_group g ON g.id = t.group_id WHERE g.s_level = 1 AND w.key IN ({in})",
            keys,
        )
    }
    here = {
        (contact, group): name
        for contact, group, name in fetch_in(
            "SELECT ct.contact_id, ct.s_group_id, t.name FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id "
            "WHERE ct.s_group_id IS NOT NULL AND ct.contact_id IN ({in})",
            sorted({row[1] for row in rows}),
        )
    }
    return [
        {"contact": contact, "staff": staff, "values": [
            (group, name, here.get((contact, group_id), ""))
            for group_id, group, name in (there[key] for key in json.loads(tags) if key in there)
            if name != here.get((contact, group_id))
        ]}
        for _, contact, staff, tags in rows
    ]  # fmt: skip


def unmade_tags() -> list[dict[str, Any]]:
    """Tags that only the brand has and that wait to be made in WeCom, with how many relations want them."""
    rows = execute(
        "SELECT key, count(*) FROM wecom_mark WHERE substr(key, 1, 4) = 'tag:' GROUP BY key ORDER BY key LIMIT 50"
    ).fetchall()
    names = _brand_tags([row[0] for row in rows])
    return [{"name": names.get(key, key), "count": count} for key, count in rows]


def push_counts() -> tuple[int, int]:
    """Relations whose tags wait to be told to WeCom, and those of them that WeCom has refused."""
    row = execute(
        "SELECT count(*), coalesce(sum(CASE WHEN error <> '' THEN 1 ELSE 0 END), 0) FROM wecom_task WHERE kind = 'push'"
    ).fetchone()
    return int(row[0]), int(row[1])


def pushes(after: int, limit: int, *, refused: bool) -> list[Row]:
    """Relations whose tags wait to be told to WeCom, oldest first: which tags, and why not yet."""
    waiting = tasks.pushes(after, limit, refused=refused)
    follows = [each.follow for each in waiting]
    known = fetch_in("SELECT id, staff, contact_id FROM wecom_follow WHERE id IN ({in})", follows)
    pairs = {row[0]: row[1:] for row in known}
    marks = sorted(fetch_in("SELECT follow_id, key, wanted FROM wecom_mark WHERE follow_id IN ({in})", follows))
    keys = sorted({key for _, key, _ in marks})
    names = _brand_tags(keys) | _corp_tags(keys)
    found = []
    for each in waiting:
        staff, contact = pairs.get(each.follow, ("", None))
        tags = [(names.get(key, key), bool(wanted)) for owner, key, wanted in marks if owner == each.follow]
        told = {"follow": each.follow, "staff": staff, "contact": contact, "tags": tags, "due_at": each.due_at,
                "attempts": each.attempts, "error": each.error}  # fmt: skip
        found.append(Row(each.id, told))
    return found


def _brand_tags(keys: Sequence[str]) -> dict[str, str]:
    ids = [int(key.removeprefix(UNMADE)) for key in keys if key.startswith(UNMADE)]
    rows = fetch_in(
        "SELECT t.id, g.name, t.name FROM tag t JOIN tag_group g ON g.id = t.group_id WHERE t.id IN ({in})", ids
    )
    return {f"{UNMADE}{row[0]}": f"{row[1]} / {row[2]}" for row in rows}


def _corp_tags(keys: Sequence[str]) -> dict[str, str]:
    rows = fetch_in("SELECT key, group_name, name FROM wecom_tag WHERE key IN ({in})", keys)
    return {row[0]: f"{row[1]} / {row[2]}" for row in rows}


# Group sends and moments ----------------------------------------------------------


def sends(before: int, limit: int) -> list[Row]:
    """Group sends, the newest first, with what became of their messages."""
    rows = execute(
        "SELECT s.id, s.code, s.content, s.expression, s.actor, s.at, r.id, r.kind, r.state, r.reason, r.code "
        "FROM wecom_send s JOIN outreach_run r ON r.owner = ? AND r.code = 'send-' || s.code AND r.sender = ? "
        "WHERE s.id < ? ORDER BY s.id DESC LIMIT ?",
        (NAME, SENDER, before or 2**62, limit),
    ).fetchall()
    figures = send_figures([row[6] for row in rows])
    return [
        Row(row[0], {"code": row[1], "text": _words(row[2]), "expression": row[3], "actor": row[4], "at": row[5],
                     "kind": row[7], "state": row[8], "reason": row[9], "run": row[10],
                     "figures": figures[row[6]]})
        for row in rows
    ]  # fmt: skip


def send_figures(runs: Sequence[int]) -> dict[int, dict[str, int]]:
    """Per run its messages: all, to be handed over, with the staff, sent, kept back by a limit, failed, unknown."""
    found = {run: dict.fromkeys(("all", "waits", "staff", "sent", "limited", "failed", "unknown"), 0) for run in runs}
    for run, state, reason, code, count in fetch_in(
        "SELECT run_id, state, reason, code, count(*) FROM message WHERE run_id IN ({in}) "
        "GROUP BY run_id, state, reason, code",
        list(runs),
    ):
        found[run]["all"] += count
        if state == "delivered":
            found[run]["sent"] += count
        elif state == "sent" or (state == "unknown" and reason == SILENT):
            found[run]["staff"] += count
        elif state in ("queued", "sending"):
            found[run]["waits"] += count
        elif state == "unknown":
            found[run]["unknown"] += count
        elif code in LIMITED or reason in LIMITED:
            found[run]["limited"] += count
        else:
            found[run]["failed"] += count
    return found


def moments(before: int, limit: int) -> list[Row]:
    """Moments, the newest first."""
    rows = execute(
        "SELECT id, code, content, staff, tags, state, note, actor, at, next_at FROM wecom_moment WHERE id < ? "
        "ORDER BY id DESC LIMIT ?",
        (before or 2**62, limit),
    ).fetchall()
    return [
        Row(row[0], {"code": row[1], "text": _words(row[2]), "staff": json.loads(row[3]),
                     "tags": _corp_tags(json.loads(row[4])), "state": row[5], "note": row[6], "actor": row[7],
                     "at": row[8], "next_at": row[9]})
        for row in rows
    ]  # fmt: skip


def moments_on(day: int) -> int:
    """How many moments a day has."""
    row = execute("SELECT posts FROM wecom_moment_day WHERE day = ?", (day,)).fetchone()
    return 0 if row is None else int(row[0])


def _words(content: str) -> str:
    told = json.loads(content)
    pieces = [told.get("text", {}).get("content", "")]
    pieces += [f"[{each['msgtype']}]" for each in told.get("attachments", [])]
    return " ".join(piece for piece in pieces if piece)


# Chat archive ---------------------------------------------------------------------


def archive_state() -> dict[str, Any]:
    """How far the chat archive was read, why it waits, and the newest records that could not be read."""
    row = execute("SELECT seq, lease_until, error, at FROM wecom_archive WHERE id = 1").fetchone()
    (count,) = execute("SELECT count(*) FROM wecom_unread").fetchone()
    unread = execute("SELECT seq, note, at FROM wecom_unread ORDER BY id DESC LIMIT 20").fetchall()
    seq, lease_until, error, since = row or (0, 0, "", None)
    return {"seq": seq, "lease_until": lease_until, "error": error, "since": since, "count": count, "unread": unread}
