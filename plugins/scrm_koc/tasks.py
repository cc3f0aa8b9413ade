"""Tasks (任务): the brief that KOCs get, and who got it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    clean_text,
    day_start,
    execute,
    new_uid,
    page_size,
    transactional,
)

from .briefs import LABEL, check_brief
from .models import KocTask

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .members import Members

MOST_ROWS = 500
_TASK = (
    "SELECT id, code, kind, title, brief, sku, sample, sample_cost_minor, due_at, keep_days, fee_minor, reward, state, "
    "created_at FROM koc_task "
)


@dataclass(frozen=True, slots=True)
class Task:
    """A task; ``due_at`` is the end of its last day. ``label`` must stand beside every purchase link."""

    id: int
    code: str
    kind: str
    title: str
    brief: str
    sku: str
    sample: bool
    sample_cost_minor: int
    due_at: int
    keep_days: int
    fee_minor: int
    reward: dict[str, Any] | None
    state: str
    created_at: int
    label: str = LABEL


class Tasks:
    """One brand's tasks; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, members: Members) -> None:
        self.brand = brand
        self.members = members

    @transactional
    def create(self, given: Mapping[str, Any], *, actor: str) -> Task:
        """Make a task of checked values (``TaskBody``).

        Raises Invalid for a brief that demands praise, a last day that is over, a
        sample of nothing, a SKU that is no product and was never sold, or an unknown
        reward; Conflict when the code is taken or no plugin issues the reward.
        """
        title = clean_text(given["title"], field="title", max_length=200)
        brief = clean_text(given["brief"], field="brief", max_length=20_000, multiline=True)
        check_brief(f"{title}\n{brief}")
        due: date = given["due_on"]
        due_at = day_start(due.toordinal() + 1, self.brand.zone)
        if due_at <= self.brand.now():
            raise Invalid("the last day for handing in is over", field="due_on")
        if given["sample"] and not given["sku"]:
            raise Invalid("a sample is of a SKU: name it", field="sku")
        if given["sku"] and not self._known(given["sku"]):
            raise Invalid(f"no product {given['sku']!r}, and no order of it", field="sku")
        reward = given["reward"]
        if reward is not None:
            self.brand.rewards.check(reward["kind"], reward["item"])
        made = execute(
            "INSERT INTO koc_task (code, kind, title, brief, sku, sample, sample_cost_minor, due_at, keep_days, "
            "fee_minor, reward, state, actor, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?) "
            "ON CONFLICT (code) DO NOTHING RETURNING id",
            (
                given["code"], given["kind"], title, brief, given["sku"], int(given["sample"]),
                given["sample_cost_minor"], due_at, given["keep_days"], given["fee_minor"],
                KocTask.reward.db_value(reward), clean_text(actor, field="actor"), self.brand.now(),
            ),
        ).fetchone()  # fmt: skip
        if made is None:
            raise Conflict(f"the task code {given['code']!r} is taken", code="task_exists")
        return self.get(given["code"])

    @staticmethod
    def _known(sku: str) -> bool:
        """Whether goods are the brand's: a product, or sold before anybody told the products."""
        query = "SELECT 1 FROM product WHERE sku = ? UNION ALL SELECT 1 FROM order_line WHERE sku = ? LIMIT 1"
        return execute(query, (sku, sku)).fetchone() is not None

    @transactional
    def close(self, code: str) -> Task:
        """Invite nobody any more; work that goes on goes on."""
        task = self.get(code)
        execute("UPDATE koc_task SET state = 'closed' WHERE id = ?", (task.id,))
        return self.get(code)

    @transactional
    def invite(self, code: str, members: Sequence[str], *, actor: str) -> list[str]:
        """Give a task to KOCs, once each; returns the uid of each one's work, in their order.

        Raises NotFound for an unknown code, Conflict for a closed or past task or a KOC who has left.
        """
        task, now = self.get(code), self.brand.now()
        if task.state != "open" or task.due_at <= now:
            raise Conflict(f"the task {code!r} is over", code="task_over")
        uids = []
        for each in members:
            member = self.members.standing(self.members.get(each).id)
            if member.state != "active" or member.contact_id is None:
                raise Conflict(f"the KOC {member.code} is {member.state}", code="not_active")
            known = self._work(task.id, member.id)
            if known is not None:
                uids.append(known)
                continue
            made = execute(
                "INSERT INTO koc_work (uid, task_id, member_id, state, due_at, created_at) "
                "VALUES (?, ?, ?, 'invited', ?, ?) ON CONFLICT (task_id, member_id) DO NOTHING RETURNING id",
                (new_uid(now), task.id, member.id, task.due_at, now),
            ).fetchone()
            if made is not None:
                execute(
                    "INSERT INTO koc_step (work_id, before, state, reason, actor, at) "
                    "VALUES (?, '', 'invited', '', ?, ?)",
                    (made[0], clean_text(actor, field="actor"), now),
                )
            uids.append(str(self._work(task.id, member.id)))
        return uids

    @staticmethod
    def _work(task_id: int, member_id: int) -> str | None:
        """The uid of a KOC's work on a task, also under a membership that was merged into theirs."""
        row = execute(
            "SELECT w.uid FROM koc_work w JOIN koc_member m ON m.id = w.member_id WHERE w.task_id = ? "
            "AND coalesce(m.merged_into_id, m.id) = ? ORDER BY w.id LIMIT 1",
            (task_id, member_id),
        ).fetchone()
        return str(row[0]) if row is not None else None

    # Reading ------------------------------------------------------------------

    def get(self, code: str) -> Task:
        """The task with this code; raises NotFound."""
        row = execute(f"{_TASK}WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no task {code!r}")
        return _task(row)

    def by_id(self, task_id: int) -> Task:
        """The task with this id."""
        return _task(execute(f"{_TASK}WHERE id = ?", (task_id,)).fetchone())

    def page(self, *, after: int = 0, limit: int = 50) -> list[Task]:
        """Tasks with ids above ``after``, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        return [_task(row) for row in execute(f"{_TASK}WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()]


def _task(row: tuple[Any, ...]) -> Task:
    values = list(row)
    values[6], values[11] = bool(row[6]), KocTask.reward.python_value(row[11])
    return Task(*values)
