"""Whether a person has done what a gate asks, proven by the brand's events, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute

from . import friends
from .definition import EVER, SINCE_CLAIMS, TASKS, Gate, Task

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..batches.service import Batch

DAY_MS = 86_400_000

_COUNT = {
    "joined": "count(*)",
    "first-order": "count(*)",
    "checked-in": "count(DISTINCT day)",
    "answered": "count(*)",
    "played": "count(*)",
}

# Orders are closed without a refund that anybody tells of.
_COUNTS = (
    " AND EXISTS (SELECT 1 FROM orders o WHERE o.valid = 1 AND o.id = CASE WHEN task = 'first-order' "
    "THEN CAST(ref AS BIGINT) END)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One task of a gate for one person: ``done`` of ``needed``, at most ``needed``."""

    task: Task
    needed: int
    done: int

    @property
    def met(self) -> bool:
        """Whether the task is done."""
        return self.done >= self.needed


@dataclass(frozen=True, slots=True)
class Progress:
    """A person before a gate; ``steps`` is empty for a batch without one."""

    steps: tuple[Step, ...]
    need: str

    @property
    def met(self) -> bool:
        """Whether the gate is open to the person."""
        if not self.steps:
            return True
        return (all if self.need == "all" else any)(step.met for step in self.steps)

    @property
    def missing(self) -> list[str]:
        """What is still to do, a phrase each; all of it, also where one of several is enough."""
        return [_phrase(step) for step in self.steps if not step.met]


class Gates:
    """The gates of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def progress(self, contact_id: int, batch: Batch) -> Progress:
        """How far a person is with a batch's gate; raises NotFound for an unknown or erased person."""
        gate = batch.gate_rule
        if gate is None:
            return Progress((), "all")
        since = batch.claim_from if batch.claim_from is not None else batch.opened_at
        return self.steps(gate, self.brand.contacts.survivor(contact_id), since, self.brand.now())

    def steps(self, gate: Gate, contact_id: int, claims_since: int | None, now: int) -> Progress:
        """A person's progress; proof counts from the gate's window on (``claims_since``: when the claims began)."""
        since = _since(gate, claims_since, now)
        return Progress(tuple(self._step(task, contact_id, since) for task in gate.tasks), gate.need)

    def _step(self, task: Task, contact_id: int, since: int | None) -> Step:
        if task.task == "tag":
            done = self._has_tag(task, contact_id)
        else:
            done = self._proven(task, contact_id, since)
            if not done and since is None:
                done = self._known(task, contact_id)
        return Step(task, task.times, min(done, task.times))

    @staticmethod
    def _proven(task: Task, contact_id: int, since: int | None) -> int:
        where, values = "", [contact_id, task.task, 0 if since is None else since]
        if task.campaign:
            where = " AND campaign = ?"
            values.append(task.campaign)
        proven = f"contact_id = ? AND task = ? AND at >= ? AND revoked_at IS NULL{where}"
        if task.task == "first-order":
            proven += _COUNTS
        if task.task == "invited":
            rows = execute(f"SELECT DISTINCT ref FROM coupon_threshold_evidence WHERE {proven}", values).fetchall()
            return len(set(friends.standing(row[0] for row in rows).values()))
        (done,) = execute(
            f"SELECT {_COUNT[task.task]} FROM coupon_threshold_evidence WHERE {proven}", values
        ).fetchone()
        return int(done)

    @staticmethod
    def _known(task: Task, contact_id: int) -> int:
        """What the brand knew before the plugin was switched on: members, and buyers with an order that counts."""
        sql = {
            "joined": "SELECT count(*) FROM membership WHERE contact_id = ? AND left_at IS NULL",
            "first-order": "SELECT count(*) FROM contact WHERE id = ? AND orders > 0",
        }.get(task.task)
        return 0 if sql is None else int(execute(sql, (contact_id,)).fetchone()[0])

    @staticmethod
    def _has_tag(task: Task, contact_id: int) -> int:
        (count,) = execute(
            "SELECT count(*) FROM contact_tag x JOIN tag t ON t.id = x.tag_id JOIN tag_group g ON g.id = t.group_id "
            "WHERE x.contact_id = ? AND g.name = ? AND t.name = ?",
            (contact_id, task.group, task.tag),
        ).fetchone()
        return int(count)


def progress_view(progress: Progress) -> dict[str, Any]:
    """Progress as JSON, for pages and the API."""
    return {
        "met": progress.met,
        "need": progress.need,
        "steps": [
            {
                "task": step.task.task,
                "title": TASKS[step.task.task],
                "campaign": step.task.campaign,
                "tag": f"{step.task.group}/{step.task.tag}" if step.task.tag else "",
                "needed": step.needed,
                "done": step.done,
                "met": step.met,
            }
            for step in progress.steps
        ],
    }


def _since(gate: Gate, claims_since: int | None, now: int) -> int | None:
    if gate.window == EVER:
        return None
    if gate.window == SINCE_CLAIMS:
        return claims_since if claims_since is not None else now
    assert gate.days is not None
    return now - gate.days * DAY_MS


def _phrase(step: Step) -> str:
    task = step.task
    what = f"{task.group}/{task.tag}" if task.task == "tag" else task.campaign
    count = f" {step.done} of {step.needed}" if step.needed > 1 else ""
    return f"{TASKS[task.task]}{count}" + (f" ({what})" if what else "")
