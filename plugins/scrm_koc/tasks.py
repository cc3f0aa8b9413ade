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
    from_instant,
    new_uid,
    page_size,
    transactional,
)

from .briefs import LABEL, check_brief
from .models import KocTask
from .worst import task_worst

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .members import Member, Members

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
        """Make a task of checked values (``TaskBody``); the same again answers the task as it is.

        Raises Invalid for a brief that demands praise, a last day that is over, a
        sample of nothing, a SKU that is no product and was never sold, or an unknown
        reward; Conflict when the code is another task's or no plugin issues the reward.
        """
        columns, now = self._columns(given), self.brand.now()
        made = execute(
            f"INSERT INTO koc_task (code, {', '.join(columns)}, state, actor, created_at) "
            f"VALUES (?, {', '.join('?' * len(columns))}, 'open', ?, ?) ON CONFLICT (code) DO NOTHING RETURNING id",
            (given["code"], *columns.values(), clean_text(actor, field="actor"), now),
        ).fetchone()
        task = self.get(given["code"])
        told = {**given, "title": columns["title"], "brief": columns["brief"]}
        if made is not None:
            self.brand.audit.note(actor, "koc_task.create", _target(task.code))
        elif any(told[name] != value for name, value in self.given(task).items()):
            raise Conflict(f"the task code {task.code!r} is taken", code="task_exists")
        return task

    def dry_run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a task of checked values would pay at worst; writes nothing. Raises what :meth:`create` does.

        ``taken`` says that a task has the code already.
        """
        self._columns(given)
        taken = execute("SELECT 1 FROM koc_task WHERE code = ?", (given["code"],)).fetchone() is not None
        return {**task_worst(self.brand, given), "taken": taken}

    @transactional
    def change(self, code: str, changes: Mapping[str, Any], *, actor: str) -> Task:
        """Change members of a task (``TaskChangeBody``); what is left out stays.

        Until somebody is invited all but the code may change; then the last day alone, to a later one, which also holds
        for the work that is still to be handed in. Raises Invalid as :meth:`create` does, Conflict (``task_over``) for
        a closed task and (``invited``) for what KOCs have been told already.
        """
        task = self.hold(code)
        given, changed = self._changed(task, changes)
        if not changed:
            return task
        columns = self._columns(given) if not self.invited(task.id) else {"due_at": self._end(given["due_on"])}
        sets = ", ".join(f"{name} = ?" for name in columns)
        execute(f"UPDATE koc_task SET {sets} WHERE id = ?", (*columns.values(), task.id))
        execute(
            "UPDATE koc_work SET due_at = ? WHERE task_id = ? AND due_at < ? AND late_at IS NULL AND state IN "
            "('invited', 'accepted', 'sample_sent', 'received', 'returned')",
            (columns["due_at"], task.id, columns["due_at"]),
        )
        self.brand.audit.note(actor, "koc_task.change", _target(code), {"changed": changed})
        return self.get(code)

    def dry_change(self, code: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What the changed task would pay at worst; writes nothing. Raises what :meth:`change` does."""
        given, _ = self._changed(self.get(code), changes)
        return {**task_worst(self.brand, given), "taken": True}

    def _changed(self, task: Task, changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """A task with its changes, as ``create`` takes it, and which they are; refuses what may not change."""
        before = self.given(task)
        given = {**before, **changes}
        changed = sorted(name for name in changes if given[name] != before[name])
        if task.state != "open":
            raise Conflict(f"the task {task.code!r} is closed", code="task_over")
        if changed and not self.invited(task.id):
            self._columns(given)
        elif [name for name in changed if name != "due_on"]:
            told = ", ".join(name for name in changed if name != "due_on")
            raise Conflict(f"KOCs were invited to {task.code!r} as it is: {told} stays", code="invited")
        elif given["due_on"] < before["due_on"]:
            raise Invalid("KOCs were invited: the last day is only put off", field="due_on")
        elif changed and self._end(given["due_on"]) <= self.brand.now():
            raise Invalid("the last day for handing in is over", field="due_on")
        return given, changed

    def _columns(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A task's columns of checked values, but for its code; raises Invalid, and Conflict for the reward."""
        title = clean_text(given["title"], field="title", max_length=200)
        brief = clean_text(given["brief"], field="brief", max_length=20_000, multiline=True)
        for field, text in (("title", title), ("brief", brief)):
            if not text:
                raise Invalid(f"{field}: nothing is written there", field=field)
        check_brief(f"{title}\n{brief}")
        due_at = self._end(given["due_on"])
        if due_at <= self.brand.now():
            raise Invalid("the last day for handing in is over", field="due_on")
        if given["sample"] and not given["sku"]:
            raise Invalid("a sample is of a SKU: name it", field="sku")
        if given["sku"] and not self._known(given["sku"]):
            raise Invalid(f"no product {given['sku']!r}, and no order of it", field="sku")
        reward = given["reward"]
        if reward is not None:
            self.brand.rewards.check(reward["kind"], reward["item"])
        return {
            "kind": given["kind"], "title": title, "brief": brief, "sku": given["sku"], "sample": int(given["sample"]),
            "sample_cost_minor": given["sample_cost_minor"], "due_at": due_at, "keep_days": given["keep_days"],
            "fee_minor": given["fee_minor"], "reward": KocTask.reward.db_value(reward),
        }  # fmt: skip

    def _end(self, due_on: date) -> int:
        """The end of a task's last day."""
        return day_start(due_on.toordinal() + 1, self.brand.zone)

    def given(self, task: Task) -> dict[str, Any]:
        """A task as it was given, as ``create`` takes it."""
        names = ("code", "kind", "title", "brief", "sku", "sample", "sample_cost_minor", "keep_days", "fee_minor")
        told = {name: getattr(task, name) for name in names}
        return {**told, "due_on": self.last_day(task), "reward": task.reward}

    def last_day(self, task: Task) -> date:
        """The last day for handing in."""
        return from_instant(task.due_at - 1, self.brand.zone).date()

    @staticmethod
    def _known(sku: str) -> bool:
        """Whether goods are the brand's: a product, or sold before anybody told the products."""
        query = "SELECT 1 FROM product WHERE sku = ? UNION ALL SELECT 1 FROM order_line WHERE sku = ? LIMIT 1"
        return execute(query, (sku, sku)).fetchone() is not None

    def hold(self, code: str) -> Task:
        """The task with this code, which no other transaction changes or gives to KOCs until this one ends."""
        execute("UPDATE koc_task SET state = state WHERE code = ?", (code,))
        return self.get(code)

    @staticmethod
    def invited(task_id: int) -> bool:
        """Whether the task was given to anybody."""
        return execute("SELECT 1 FROM koc_work WHERE task_id = ? LIMIT 1", (task_id,)).fetchone() is not None

    @transactional
    def close(self, code: str, *, actor: str) -> Task:
        """Invite nobody any more; work that goes on goes on."""
        task = self.get(code)
        if execute("UPDATE koc_task SET state = 'closed' WHERE id = ? AND state = 'open'", (task.id,)).rowcount:
            self.brand.audit.note(actor, "koc_task.close", _target(code))
        return self.get(code)

    @transactional
    def invite(self, code: str, members: Sequence[str], *, actor: str) -> list[str]:
        """Give a task to KOCs, once each; returns the uid of each one's work, in their order.

        Raises NotFound for an unknown code, Conflict for a closed or past task or a KOC who has left.
        """
        task, now = self.hold(code), self.brand.now()
        self._check_open(task)
        uids, new = [], 0
        for each in members:
            member = self._at_work(each)
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
                new += 1
                execute(
                    "INSERT INTO koc_step (work_id, before, state, reason, actor, at) "
                    "VALUES (?, '', 'invited', '', ?, ?)",
                    (made[0], clean_text(actor, field="actor"), now),
                )
            uids.append(str(self._work(task.id, member.id)))
        if new:
            self.brand.audit.note(actor, "koc_task.invite", _target(code), {"kocs": new})
        return uids

    def dry_invite(self, code: str, members: Sequence[str]) -> dict[str, Any]:
        """What giving the task to these KOCs would pay at worst; writes nothing. Raises what :meth:`invite` does.

        Who has the task already is not counted.
        """
        task = self.get(code)
        self._check_open(task)
        found = {member.id for member in map(self._at_work, members)}
        new = sum(self._work(task.id, member_id) is None for member_id in found)
        return task_worst(self.brand, self.given(task), kocs=new)

    def _check_open(self, task: Task) -> None:
        if task.state != "open" or task.due_at <= self.brand.now():
            raise Conflict(f"the task {task.code!r} is over", code="task_over")

    def _at_work(self, code: str) -> Member:
        """The KOC who would do a task that is given to this code; raises NotFound, Conflict for who is not at work."""
        member = self.members.standing(self.members.get(code).id)
        if member.state != "active" or member.contact_id is None:
            raise Conflict(f"the KOC {member.code} is {member.state}", code="not_active")
        return member

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

    def newest(self, *, before: int = 0, limit: int = 50) -> list[Task]:
        """Tasks with ids below ``before`` (0: all), newest first, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        where = "WHERE id < ? " if before else ""
        asked = (before, limit) if before else (limit,)
        return [_task(row) for row in execute(f"{_TASK}{where}ORDER BY id DESC LIMIT ?", asked).fetchall()]

    @staticmethod
    def counts(task_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """How many pieces of work on each of these tasks are in each state."""
        found: dict[int, dict[str, int]] = {task_id: {} for task_id in task_ids}
        if found:
            marks = ", ".join("?" * len(found))
            for task_id, state, count in execute(
                f"SELECT task_id, state, count(*) FROM koc_work WHERE task_id IN ({marks}) GROUP BY task_id, state",
                tuple(found),
            ).fetchall():
                found[task_id][state] = int(count)
        return found

    def page(self, *, after: int = 0, limit: int = 50) -> list[Task]:
        """Tasks with ids above ``after``, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        return [_task(row) for row in execute(f"{_TASK}WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()]


def _target(code: str) -> str:
    """A task as the audit log names it."""
    return f"koc_task:{code}"


def _task(row: tuple[Any, ...]) -> Task:
    values = list(row)
    values[6], values[11] = bool(row[6]), KocTask.reward.python_value(row[11])
    return Task(*values)
