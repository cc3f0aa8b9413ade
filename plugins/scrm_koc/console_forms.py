"""Forms of KOCs in the console: tasks made, changed, given and closed; people enrolled and changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from scrm_core.api import (
    Conflict,
    ConsoleDone,
    ConsoleQuery,
    ConsoleTemplate,
    ContactView,
    Invalid,
    NotFound,
    at_field,
    current_actor,
    current_brand,
    cut_page,
    find_contact,
    load_body,
    seen_of,
    typed_money,
    typed_percent,
)

from .console_words import STATES, WORDS
from .members import Member
from .schemas import KINDS, InviteBody, MemberBody, MemberChangeBody, TaskBody, TaskChangeBody
from .service import Koc, koc_of
from .tasks import Task

ROWS = 30
MEMBER_STATES = ("active", "paused", "left")
_FIELDS = {
    "fee_minor": "fee", "sample_cost_minor": "sample_cost", "reward": "reward_kind", "reward.kind": "reward_kind",
    "reward.item": "reward_item", "item": "reward_item", "reward.quantity": "reward_quantity", "rate_bp": "rate",
}  # fmt: skip
"""Members of a body whose field on the form is called otherwise; of the others it is the first part."""


class Forms:
    """The methods behind the pages that begin and change something: mixed into :class:`.console.Pages`."""

    # Tasks ----------------------------------------------------------------------------

    def show_tasks(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Tasks, newest first, with what became of them."""
        tasks, before = _here().tasks, query.position("before")
        shown, older = cut_page(tasks.newest(before=before, limit=ROWS + 1), ROWS)
        counts = tasks.counts([task.id for task in shown])
        context = {"tasks": shown, "counts": counts, "last_day": tasks.last_day, "before": before, "older": older}
        return ConsoleTemplate("console_tasks.html", context, WORDS)

    def show_task(self, query: ConsoleQuery) -> ConsoleTemplate:
        """A task, the work on it, and what giving it to some KOCs would pay where that was asked for."""
        here, after = _here(), query.position("after")
        task = here.tasks.get(query.asked("code"))
        shown, older = cut_page(here.works.page(task=task.code, after=after, limit=ROWS + 1), ROWS)
        preview = None
        if query.previews:
            preview = here.tasks.dry_invite(task.code, _invited(query))
        context = {
            "task": task, "works": shown, "counts": here.tasks.counts([task.id])[task.id], "after": after,
            "older": older, "preview": preview, "seen": seen(task), "over": task.due_at <= here.brand.now(),
            "last_day": here.tasks.last_day,
        }  # fmt: skip
        return ConsoleTemplate("console_task.html", context, WORDS)

    def preview_invite(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what giving the task to these KOCs would pay at worst; nobody is invited."""
        task = _here().tasks.get(query.asked("code"))
        _told(lambda: _here().tasks.dry_invite(task.code, _invited(query)))
        return ConsoleDone(again=True)

    def invite_kocs(self, query: ConsoleQuery) -> ConsoleDone:
        """Give the task to KOCs, once each, unless it was changed since the page was opened."""
        task = _held(query)
        uids = _told(lambda: _here().tasks.invite(task.code, _invited(query), actor=current_actor()))
        return ConsoleDone(args={"code": task.code, "done": "invited", "count": str(len(set(uids)))})

    def close_task(self, query: ConsoleQuery) -> ConsoleDone:
        """Invite nobody any more."""
        task = _held(query)
        _here().tasks.close(task.code, actor=current_actor())
        return ConsoleDone(args={"code": task.code, "done": "closed"})

    def show_new_task(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a new task, with what it would pay at worst where that was asked for."""
        return _task_form(query, {}, lambda: _here().tasks.dry_run(read_task(query)))

    def preview_task(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the task would pay at worst; nothing is made."""
        _told(lambda: _here().tasks.dry_run(read_task(query)))
        return ConsoleDone(again=True)

    def create_task(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the task; sent twice it is made once."""
        made = _told(lambda: _here().tasks.create(read_task(query), actor=current_actor()))
        return ConsoleDone("task", {"code": made.code, "done": "made"})

    def show_change_task(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a task as it stands: all of it until somebody is invited, then its last day."""
        tasks = _here().tasks
        task = tasks.get(query.asked("code"))
        frozen = tasks.invited(task.id)
        context = {"task": task, "frozen": frozen, "seen": seen(task, frozen)}
        dry = lambda: tasks.dry_change(task.code, _task_changes(query, frozen))  # noqa: E731
        return _task_form(query, typed_of(tasks.given(task)), dry, **context)

    def preview_task_change(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the changed task would pay at worst; nothing is changed."""
        tasks = _here().tasks
        task = tasks.get(query.asked("code"))
        _told(lambda: tasks.dry_change(task.code, _task_changes(query, tasks.invited(task.id))))
        return ConsoleDone(again=True)

    def change_task(self, query: ConsoleQuery) -> ConsoleDone:
        """Change the task, unless somebody else did, or invited a KOC, since the page was opened."""
        tasks = _here().tasks
        task = tasks.hold(query.asked("code"))
        frozen = tasks.invited(task.id)
        query.expect(seen(task, frozen), _CHANGED)
        _told(lambda: tasks.change(task.code, _task_changes(query, frozen), actor=current_actor()))
        return ConsoleDone("task", {"code": task.code, "done": "changed"})

    # People ---------------------------------------------------------------------------

    def show_enrol(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form with which a person becomes a KOC, with what orders would pay them where that was asked for."""
        given = {"contact": query.asked("uid"), "followers": "0"}
        return _member_form(query, given, lambda: _dry_enrol(query))

    def preview_enrol(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what orders would pay the KOC; nobody is enrolled."""
        _told(lambda: _dry_enrol(query), query)
        return ConsoleDone(again=True)

    def enrol_person(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the person a KOC; sent twice they are enrolled once."""
        members = _here().members

        def enrol() -> Member:
            body = read_member(query)
            return members.enrol(_person(body.pop("contact")).id, body.pop("target"), actor=current_actor(), **body)

        made = _told(enrol, query)
        return ConsoleDone("person", {"uid": made.contact or "", "done": "enrolled"})

    def show_change(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of what may change of a KOC."""
        here = _here()
        member = here.members.get(query.asked("code"))
        given = {
            "followers": str(member.followers), "state": member.state, "coupon_batch": member.coupon_batch or "",
            "rate": typed_percent(member.rate_bp),
        }  # fmt: skip
        dry = lambda: here.dry_rate(member.code, _member_changes(query)["rate_bp"])  # noqa: E731
        return _member_form(query, given, dry, member=member, seen=seen_member(member))

    def preview_change(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what orders would pay the KOC; nothing is changed."""
        code = query.asked("code")
        _told(lambda: _here().dry_rate(code, _member_changes(query)["rate_bp"]), query)
        return ConsoleDone(again=True)

    def change_koc(self, query: ConsoleQuery) -> ConsoleDone:
        """Change the KOC, unless somebody else did since the page was opened."""
        members = _here().members
        member = members.hold(query.asked("code"))
        query.expect(seen_member(member), "somebody changed the KOC since you opened the page 已有人修改了这位 KOC")
        changes = _told(lambda: _member_changes(query), query)
        made = _told(lambda: members.change(member.code, actor=current_actor(), **changes), query, member.id)
        return ConsoleDone("person", {"uid": made.contact or "", "done": "changed"})


_CHANGED = "somebody changed the task since you opened the page 已有人修改了这个任务"


def _here() -> Koc:
    return koc_of(current_brand())


def seen(task: Task, *more: object) -> str:
    """What a task looks like, in short: a form carries it."""
    return seen_of(task.state, _here().tasks.given(task), *more)


def seen_member(member: Member) -> str:
    """What may change of a KOC, in short: a form carries it."""
    return seen_of(member.state, member.followers, member.rate_bp, member.coupon_batch)


def _held(query: ConsoleQuery) -> Task:
    task = _here().tasks.hold(query.asked("code"))
    query.expect(seen(task), _CHANGED)
    return task


def _told(work: Callable[[], Any], query: ConsoleQuery | None = None, but: int = 0) -> Any:
    try:
        return at_field(work, _field_of, task_exists="code", no_issuer="reward_kind", not_active="members")
    except Conflict as error:
        if error.code != "taken" or query is None:
            raise
        field = _here().members.taken(query.text("code").upper(), query.text("coupon_batch"), but) or "code"
        raise Invalid(error.message, field=field, code=error.code) from error


def _field_of(member: str) -> str:
    return _FIELDS.get(member, member.partition(".")[0])


def _form(
    query: ConsoleQuery, given: Mapping[str, str], dry: Callable[[], Any], template: str, **more: Any
) -> ConsoleTemplate:
    preview = dry() if query.previews else None
    context = {"given": defaultdict(str, given), "preview": preview, "seen": "", **more}
    return ConsoleTemplate(template, context, WORDS)


def _task_form(query: ConsoleQuery, given: Mapping[str, str], dry: Callable[[], Any], **more: Any) -> ConsoleTemplate:
    kinds = sorted({*current_brand().rewards.kinds(), given.get("reward_kind", "")} - {""})
    context = {"kinds": KINDS, "rewards": kinds, "task": None, "frozen": False, **more}
    return _form(query, given, dry, "console_task_form.html", **context)


def _member_form(
    query: ConsoleQuery, given: Mapping[str, str], dry: Callable[[], Any], **more: Any
) -> ConsoleTemplate:
    context = {"member": None, "member_states": [(each, STATES[each]) for each in MEMBER_STATES], **more}
    return _form(query, given, dry, "console_member_form.html", **context)


# From what was typed to bodies ---------------------------------------------------------


def read_task(query: ConsoleQuery) -> dict[str, Any]:
    """The task that a form says, as ``create`` takes it; raises Invalid."""
    return load_body(TaskBody(), {"code": query.text("code"), **_task_fields(query)})


def _task_fields(query: ConsoleQuery) -> dict[str, Any]:
    kind, item = query.text("reward_kind"), query.text("reward_item")
    quantity = query.whole("reward_quantity", empty=1)
    return {
        "kind": query.text("kind"), "title": query.text("title"), "brief": query.text("brief"),
        "due_on": query.text("due_on"), "sku": query.text("sku"), "sample": "sample" in query.form,
        "sample_cost_minor": query.money("sample_cost", empty=0), "keep_days": query.whole("keep_days", empty=0),
        "fee_minor": query.money("fee", empty=0),
        "reward": {"kind": kind, "item": item, "quantity": quantity} if kind or item else None,
    }  # fmt: skip


def _task_changes(query: ConsoleQuery, frozen: bool) -> dict[str, Any]:
    changes = {"due_on": query.text("due_on")} if frozen else _task_fields(query)
    return load_body(TaskChangeBody(), changes)


def typed_of(given: Mapping[str, Any]) -> dict[str, str]:
    """What the fields of a task's form hold before anybody types."""
    reward = given["reward"] or {}
    return {
        **{name: given[name] for name in ("code", "kind", "title", "brief", "sku")},
        "due_on": f"{given['due_on']:%Y-%m-%d}", "sample": "on" if given["sample"] else "",
        "sample_cost": typed_money(given["sample_cost_minor"] or None),
        "fee": typed_money(given["fee_minor"] or None),
        "keep_days": str(given["keep_days"] or ""), "reward_kind": reward.get("kind", ""),
        "reward_item": reward.get("item", ""), "reward_quantity": str(reward.get("quantity", "")),
    }  # fmt: skip


def _invited(query: ConsoleQuery) -> list[str]:
    """The codes of KOCs that were typed, each of them a KOC's."""
    codes = load_body(InviteBody(), {"members": query.lines("members")})["members"]
    members = _here().members
    for code in codes:
        try:
            members.get(code)
        except NotFound as error:
            raise Invalid(error.message, field="members") from error
    return list(codes)


def read_member(query: ConsoleQuery) -> dict[str, Any]:
    """The KOC that a form says, as the body of POST ``/members``; raises Invalid."""
    body = {"contact": query.text("contact"), "target": query.text("target"), "code": query.text("code").upper()}
    if not body["code"]:
        del body["code"]  # one is drawn
    return load_body(MemberBody(), {**body, **_member_fields(query)})


def _member_fields(query: ConsoleQuery) -> dict[str, Any]:
    return {
        "coupon_batch": query.text("coupon_batch") or None, "followers": query.whole("followers", empty=0),
        "rate_bp": query.percent("rate", empty=None),
    }  # fmt: skip


def _member_changes(query: ConsoleQuery) -> dict[str, Any]:
    return load_body(MemberChangeBody(), {**_member_fields(query), "state": query.text("state")})


def _person(who: str) -> ContactView:
    try:
        return find_contact(current_brand(), who)
    except (NotFound, Invalid) as error:
        raise Invalid(error.message, field="contact") from error


def _dry_enrol(query: ConsoleQuery) -> dict[str, Any]:
    body = read_member(query)
    person = _person(body.pop("contact"))
    return {**_here().dry_enrol(person.id, body.pop("target"), **body), "person": person}
