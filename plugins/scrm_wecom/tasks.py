"""What has to be asked of WeCom, or told to it: a row each, done by the job, once however often it was wanted.

A task is its kind and what it is about (``customer`` and an external user id, a
``chat``, the ``tags``, ``push`` and a relation). Wanting it again while it waits
adds nothing; wanting it while it is being done has it done once more. A chat group
is read a moment behind the last change that was told, everything else at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import NotFound, execute, insert_rows, transactional

from .acts import noted
from .models import WecomTask

if TYPE_CHECKING:
    from scrm_core.api import Brand

CONTACT_EVENT, CHAT_EVENT, TAG_EVENT = "change_external_contact", "change_external_chat", "change_external_tag"
_READ_CUSTOMER = frozenset({"add_external_contact", "add_half_external_contact", "edit_external_contact"})
_ADDS = {(CONTACT_EVENT, "add_external_contact"), (CONTACT_EVENT, "add_half_external_contact")}
_READ_CHAT = frozenset({"create", "update"})
CHAT_MS = 2_000
"""WeCom writes a chat group a moment after it tells of it (dev:92277)."""

CHAT_WISHES = 10
"""So many changes put off the read of a group: one that changes without end is read too, and once more behind that."""

CUSTOMER, CHAT, TAGS, PUSH = "customer", "chat", "tags", "push"
RETRIED = 200
"""How many refused relations one retry takes."""

_COLUMNS = ("kind", "ref", "asked", "due_at", "lease_until", "attempts", "error")
_AGAIN = (
    "ON CONFLICT (kind, ref) DO UPDATE SET asked = wecom_task.asked + 1, "
    f"due_at = CASE WHEN wecom_task.kind = '{CHAT}' AND wecom_task.asked < {CHAT_WISHES} "
    "OR wecom_task.due_at > excluded.due_at THEN excluded.due_at ELSE wecom_task.due_at END"
)

LEASE_MS = 120_000
PATIENT_MS = 600_000
"""How long a task waits that only people can help: a permission, a secret."""

LONGEST_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task; ``asked`` counts how often it was wanted, so that what came meanwhile is not forgotten."""

    id: int
    kind: str
    ref: str
    asked: int
    attempts: int


def want(brand: Brand, kind: str, ref: str = "", *, after_ms: int = 0) -> None:
    """Have a task done, not before ``after_ms`` from now."""
    want_many(brand, [(kind, ref, after_ms)])


def want_many(brand: Brand, wishes: Iterable[tuple[str, str, int]]) -> None:
    """Have tasks done: of each kind, ref, and how many milliseconds from now at the earliest."""
    now = brand.now()
    rows = [(kind, ref, 1, now + after_ms, 0, 0, "") for kind, ref, after_ms in sorted(set(wishes))]
    insert_rows(WecomTask, _COLUMNS, rows, on_conflict=_AGAIN)


def want_spread(kind: str, refs: Sequence[str], at: int, every_ms: int) -> None:
    """Have many tasks done one behind the other from an instant on; those that wait already stay where they are."""
    rows = [(kind, ref, 1, at + place * every_ms, 0, 0, "") for place, ref in enumerate(refs)]
    insert_rows(WecomTask, _COLUMNS, rows, on_conflict="ON CONFLICT (kind, ref) DO NOTHING")


def asks(event: str, change: str, external: str, chat_id: str) -> tuple[str, str, int] | None:
    """The task that reads from WeCom what a callback speaks of, as :func:`want_many` takes it; None for no such."""
    if event == CONTACT_EVENT and change in _READ_CUSTOMER and external:
        return CUSTOMER, external, 0
    if event == CHAT_EVENT and change in _READ_CHAT and chat_id:
        return CHAT, chat_id, CHAT_MS
    # One tag changes seldom, and a list of all of them is one call: what was missed is made up for.
    return (TAGS, "", 0) if event == TAG_EVENT else None


def may_be_two(event: str, change: str) -> bool:
    """True where two of these within a second may be one text, and each may ask for something of its own.

    Somebody who adds does so once in a second: that text once more is WeCom's own repetition, and its first is read.
    """
    return (event, change) not in _ADDS


def read_anew(brand: Brand, event: str, change: str, external: str, chat_id: str) -> None:
    """Have what a callback speaks of read from WeCom; callbacks are hints, and reading twice harms nothing."""
    wish = asks(event, change, external, chat_id)
    if wish is not None:
        want_many(brand, [wish])


@transactional
def claim(brand: Brand) -> Task | None:
    """The next task that is due, under a lease; None when there is none."""
    now = brand.now()
    row = execute(
        "SELECT id, kind, ref, asked, attempts FROM wecom_task WHERE due_at <= ? AND lease_until <= ? "
        "ORDER BY due_at, id LIMIT 1",
        (now, now),
    ).fetchone()
    if row is None:
        return None
    taken = execute(
        "UPDATE wecom_task SET lease_until = ?, attempts = attempts + 1 WHERE id = ? AND lease_until <= ?",
        (now + LEASE_MS, row[0], now),
    )
    return Task(*row) if taken.rowcount else None


def done(brand: Brand, task: Task) -> None:
    """Forget a task that was done, unless it was wanted again meanwhile; in the transaction of what it changed."""
    if task.kind == CHAT:
        row = execute("DELETE FROM wecom_task WHERE id = ? RETURNING asked", (task.id,)).fetchone()
        if row is not None and (row[0] != task.asked or task.asked > CHAT_WISHES):
            want(brand, CHAT, task.ref, after_ms=CHAT_MS)  # its last change may not have been written yet
        return
    execute("DELETE FROM wecom_task WHERE id = ? AND asked = ?", (task.id, task.asked))
    execute("UPDATE wecom_task SET lease_until = 0, attempts = 0, error = '' WHERE id = ?", (task.id,))


@transactional
def put_off(brand: Brand, task: Task, error: str, until: int | None = None) -> None:
    """Try a task again later: at ``until``, or after a pause that grows with its attempts."""
    pause = min(LONGEST_MS, 30_000 * 2 ** min(task.attempts, 10))
    due = brand.now() + pause if until is None else until
    execute(
        "UPDATE wecom_task SET due_at = ?, lease_until = 0, error = ? WHERE id = ?", (due, error[:500], task.id)
    )


def push_error(follow: str) -> str | None:
    """Why the tags of a relation were refused; empty: they were not, None: they do not wait any more."""
    row = execute("SELECT error FROM wecom_task WHERE kind = 'push' AND ref = ?", (follow,)).fetchone()
    return None if row is None else str(row[0])


@dataclass(frozen=True, slots=True)
class Push:
    """A relation (``follow``) whose tags wait to be told to WeCom; ``error`` is why it refused them."""

    id: int
    follow: int
    due_at: int
    attempts: int
    error: str


def pushes(after: int, limit: int, *, refused: bool = False) -> list[Push]:
    """Relations whose tags wait, or those that WeCom refused alone, oldest first."""
    only = " AND error <> ''" if refused else ""
    rows = execute(
        f"SELECT id, ref, due_at, attempts, error FROM wecom_task WHERE kind = 'push' AND id > ?{only} "
        "ORDER BY id LIMIT ?",
        (after, limit),
    ).fetchall()
    return [Push(row[0], int(row[1]), *row[2:]) for row in rows]


@transactional
def retry(brand: Brand, follow: str | None = None, *, actor: str = "") -> int:
    """Tell WeCom tags again at once: of a relation, or of those that it refused, the oldest first; returns of how many.

    Raises NotFound for a relation whose tags do not wait.
    """
    if follow is not None:
        if push_error(follow) is None:
            raise NotFound("the tags of this relation do not wait any more")
        want(brand, PUSH, follow)
        noted(brand, actor, "wecom_tags.retry", follow)
        return 1
    rows = execute(
        "SELECT ref FROM wecom_task WHERE kind = 'push' AND error <> '' ORDER BY id LIMIT ?", (RETRIED,)
    ).fetchall()
    for (refused,) in rows:
        want(brand, PUSH, refused)
    noted(brand, actor, "wecom_tags.retry", detail={"relations": len(rows)})
    return len(rows)


def forget(external: str) -> None:
    """Nothing is asked about an erased person."""
    execute("DELETE FROM wecom_task WHERE kind = 'customer' AND ref = ?", (external,))


def count(kind: str) -> int:
    """How many tasks of a kind wait."""
    return int(execute("SELECT count(*) FROM wecom_task WHERE kind = ?", (kind,)).fetchone()[0])


def waiting() -> list[tuple[str, int, str]]:
    """Kinds of tasks that wait: how many, and the latest error of one."""
    rows = execute(
        "SELECT kind, count(*), max(error) FROM wecom_task GROUP BY kind ORDER BY kind"
    ).fetchall()
    return [tuple(row) for row in rows]
