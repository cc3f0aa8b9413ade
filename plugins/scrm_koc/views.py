"""What the plugin's values look like as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from scrm_core.api import Brand, from_instant, iso

from .ledger import Entry
from .members import Member, Members
from .scoring import Explained, Scored
from .statements import Statement
from .tasks import Task
from .tracking import Attributed
from .work import Works, WorkView


def _told(value: Any, brand: Brand, *left_out: str) -> dict[str, Any]:
    """A dataclass as JSON: instants as texts, ids left out."""
    view = {}
    for name, each in asdict(value).items():
        if name == "id" or name in left_out:
            continue
        view[name] = iso(each, brand.zone) if name == "at" or name.endswith("_at") else each
    return view


def points(hundredths: int) -> float:
    """Hundredths of points as points."""
    return hundredths / 100


def score_view(scored: Scored) -> dict[str, Any]:
    """A person's score as JSON."""
    return {
        "contact": scored.contact, "score": points(scored.score), "tier": scored.tier, "period": scored.period,
        "this_month": points(scored.fresh), "last_month": None if scored.before is None else points(scored.before),
        "periods_below": scored.below, "member": scored.member,
    }  # fmt: skip


def part_view(part: Explained) -> dict[str, Any]:
    """A part of a score as JSON."""
    return {
        "factor": part.factor, "part": part.part, "points": points(part.points), "most": points(part.most),
        "evidence": part.sentence(),
    }  # fmt: skip


def member_view(member: Member, brand: Brand) -> dict[str, Any]:
    """A KOC as JSON."""
    return {**_told(member, brand, "contact_id"), "link": link_address(member, brand) or None}


def link_address(member: Member, brand: Brand) -> str:
    """The whole address of a KOC's link; empty for one who was erased."""
    return f"{brand.installation.config.base_url}/l/{member.link}" if member.link is not None else ""


def member_details(members: Members, member: Member, brand: Brand) -> dict[str, Any]:
    """A KOC with everything that was changed of them."""
    return {**member_view(member, brand), "changes": [_told(each, brand) for each in members.changes(member.id)]}


def task_view(task: Task, brand: Brand) -> dict[str, Any]:
    """A task as JSON."""
    return _due_on(_told(task, brand), task.due_at, brand)


def work_view(work: WorkView, brand: Brand) -> dict[str, Any]:
    """A piece of work as JSON."""
    return _due_on(_told(work, brand, "task_id", "member_id"), work.due_at, brand)


def _due_on(view: dict[str, Any], due_at: int, brand: Brand) -> dict[str, Any]:
    """A view with the last day in the place of the instant at which it ends."""
    last = f"{from_instant(due_at - 1, brand.zone):%Y-%m-%d}"
    return {"due_on" if name == "due_at" else name: last if name == "due_at" else each for name, each in view.items()}


def work_details(works: Works, work: WorkView, brand: Brand) -> dict[str, Any]:
    """A piece of work with its steps and what was handed in."""
    return {
        **work_view(work, brand),
        "steps": [_told(step, brand) for step in works.steps(work.id)],
        "submissions": [_told(each, brand) for each in works.submissions(work.id)],
    }


def order_view(order: Attributed, brand: Brand) -> dict[str, Any]:
    """An attributed order as JSON."""
    return _told(order, brand, "order_id")


def entry_view(entry: Entry, brand: Brand) -> dict[str, Any]:
    """An entry of the ledger as JSON."""
    return _told(entry, brand)


def statement_view(statement: Statement, brand: Brand) -> dict[str, Any]:
    """A statement as JSON."""
    return _told(statement, brand)
