"""KOCs in the console: people with their score explained, work to review, money; each act is the service's own."""

from __future__ import annotations

from typing import ClassVar

from scrm_core.api import (
    Column,
    Conflict,
    ConsoleAct,
    ConsoleDone,
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    NotFound,
    ReportTable,
    current_actor,
    current_brand,
    cut_page,
    execute,
    new_uid,
)

from .console_forms import Forms
from .console_words import PARTS, STATES
from .service import Koc, koc_of
from .views import points

READ, MANAGE = "koc:read", "koc:manage"
REVIEW, SETTLE = "koc:review", "koc:settle"
ROWS = 30
MOST = 50
WORK_STATES = ("submitted", "published", "approved", "returned", "verified", "paid", "violated")


class Pages(Forms):
    """What KOCs show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "people": ConsolePart("show_people", {"en": "KOC: people", "zh": "KOC 人员"}, READ),
        "person": ConsolePart(
            "show_person", {"en": "KOC: a person", "zh": "KOC 详情"}, READ,
            acts={"penalty": ConsoleAct("take_points", REVIEW)}, menu=False,
        ),
        "enrol": ConsolePart(
            "show_enrol", {"en": "KOC: a new KOC", "zh": "加入 KOC"}, MANAGE,
            acts={"preview": ConsoleAct("preview_enrol", MANAGE), "enrol": ConsoleAct("enrol_person", MANAGE)},
            menu=False,
        ),
        "change": ConsolePart(
            "show_change", {"en": "KOC: change a KOC", "zh": "修改 KOC"}, MANAGE,
            acts={"preview": ConsoleAct("preview_change", MANAGE), "change": ConsoleAct("change_koc", MANAGE)},
            menu=False,
        ),
        "tasks": ConsolePart("show_tasks", {"en": "KOC: tasks", "zh": "KOC 任务"}, READ),
        "task": ConsolePart(
            "show_task", {"en": "KOC: a task", "zh": "KOC 任务详情"}, READ,
            acts={
                "preview": ConsoleAct("preview_invite", MANAGE), "invite": ConsoleAct("invite_kocs", MANAGE),
                "close": ConsoleAct("close_task", MANAGE),
            },
            menu=False,
        ),
        "new-task": ConsolePart(
            "show_new_task", {"en": "KOC: a new task", "zh": "新建 KOC 任务"}, MANAGE,
            acts={"preview": ConsoleAct("preview_task", MANAGE), "create": ConsoleAct("create_task", MANAGE)},
            menu=False,
        ),
        "change-task": ConsolePart(
            "show_change_task", {"en": "KOC: change a task", "zh": "修改 KOC 任务"}, MANAGE,
            acts={"preview": ConsoleAct("preview_task_change", MANAGE), "change": ConsoleAct("change_task", MANAGE)},
            menu=False,
        ),
        "works": ConsolePart("show_works", {"en": "KOC: work to review", "zh": "KOC 稿件审核"}, READ),
        "work": ConsolePart(
            "show_work", {"en": "KOC: a piece of work", "zh": "KOC 稿件"}, READ,
            acts={
                name: ConsoleAct(f"{name}_work", REVIEW) for name in ("approve", "return", "verify", "violate")
            },
            menu=False,
        ),
        "money": ConsolePart(
            "show_money", {"en": "KOC: settlement", "zh": "KOC 结算"}, READ,
            acts={"settle": ConsoleAct("settle_step", SETTLE), "paid": ConsoleAct("say_paid", SETTLE)},
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "koc": ConsolePart("show_totals", {"en": "KOC", "zh": "KOC"}, "reports:read"),
    }

    # People ---------------------------------------------------------------------------

    def show_people(self, query: ConsoleQuery) -> ConsoleTemplate:
        """KOCs, oldest first; and the fifty best candidates by their score."""
        here, after = _here(), query.position("after")
        shown, older = cut_page(here.members.page(after=after, limit=ROWS + 1), ROWS)
        best = [] if after else here.scores.candidates(limit=MOST, members=False)
        names = here.brand.contacts.names([*(m.contact_id for m in shown), *(s.contact_id for s in best)])
        context = {
            "members": shown, "candidates": best, "names": names, "points": points, "after": after, "older": older,
        }  # fmt: skip
        return ConsoleTemplate("console_people.html", context, STATES)

    def show_person(self, query: ConsoleQuery) -> ConsoleTemplate:
        """A person's score, every point explained, and what was taken off."""
        here = _here()
        person = here.brand.contacts.get(query.asked("uid"))
        try:
            score, parts = here.scores.get(person.id), here.scores.explain(person.id)
        except NotFound:
            score, parts = None, []
        member = here.members.find(person.id)
        context = {
            "person": person,
            "score": score,
            "explained": parts,
            "member": member,
            "balance": None if member is None else here.statements.balance(member.id),
            "penalties": here.penalties.of(person.id),
            "points": points,
            "key": query.form.get("key") or new_uid(here.brand.now()),
        }
        return ConsoleTemplate("console_person.html", context, STATES | PARTS)

    def take_points(self, query: ConsoleQuery) -> ConsoleDone:
        """Take points off a score by hand, once per form."""
        here = _here()
        person = here.brand.contacts.get(query.asked("uid"))
        off, key = query.whole("points"), query.chosen("key")
        here.penalties.fraud(person.id, off, key=key, reason=query.text("reason"), actor=current_actor())
        return ConsoleDone(args={"uid": person.uid, "done": "taken"})

    # Work -----------------------------------------------------------------------------

    def show_works(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Work of a state, oldest first; without one what waits for a reviewer."""
        here, after = _here(), query.position("after")
        state = query.args.get("state", "submitted")
        if state not in WORK_STATES:
            raise NotFound("there is nothing at this address")
        shown, older = cut_page(here.works.page(state=state, after=after, limit=ROWS + 1), ROWS)
        context = {"works": shown, "shown": state, "states": WORK_STATES, "after": after, "older": older}
        return ConsoleTemplate("console_works.html", context, STATES)

    def show_work(self, query: ConsoleQuery) -> ConsoleTemplate | ConsoleFile:
        """A piece of work with what was handed in and its steps; or one of its pictures."""
        here = _here()
        work = here.works.get(query.asked("uid"))
        sha256 = query.asked("picture")
        if sha256:
            content = here.pictures.bytes_of(work.id, sha256)
            return ConsoleFile("picture.jpg", "image/jpeg", content)
        submissions = here.works.submissions(work.id)
        context = {
            "work": work,
            "task": here.tasks.by_id(work.task_id),
            "submissions": submissions[::-1],
            "steps": here.works.steps(work.id),
            "latest": submissions[-1] if submissions else None,
        }
        return ConsoleTemplate("console_work.html", context, STATES)

    def approve_work(self, query: ConsoleQuery) -> ConsoleDone:
        """Approve what was handed in, with its quality."""
        quality = query.whole("quality")
        return _moved(query, "approve", quality=quality, digest=_digest(query))

    def return_work(self, query: ConsoleQuery) -> ConsoleDone:
        """Return what was handed in, with the reason."""
        return _moved(query, "return", reason=query.text("reason"), digest=_digest(query))

    def verify_work(self, query: ConsoleQuery) -> ConsoleDone:
        """Verify what was published: fee and reward are paid."""
        return _moved(query, "verify")

    def violate_work(self, query: ConsoleQuery) -> ConsoleDone:
        """Find a violation, with the reason: fee and reward are taken back."""
        return _moved(query, "violate", reason=query.text("reason"))

    # Money ----------------------------------------------------------------------------

    def show_money(self, query: ConsoleQuery) -> ConsoleTemplate:
        """What a settlement would pay by the ledger, and the statements, newest first."""
        here, before = _here(), query.position("before")
        shown, older = cut_page(here.statements.newest(before=before, limit=ROWS + 1), ROWS)
        waiting = [] if before else here.statements.unsettled(limit=MOST + 1)
        context = {
            "waiting": waiting[:MOST],
            "more": len(waiting) > MOST,
            "statements": shown,
            "before": before,
            "older": older,
        }
        return ConsoleTemplate("console_money.html", context, STATES)

    def settle_step(self, query: ConsoleQuery) -> ConsoleDone:
        """One step of a settlement; the page says when there is more to do, and pressing again goes on."""
        made, more = _here().statements.step(actor=current_actor())
        return ConsoleDone(args={"done": "settled", "count": str(len(made)), "more": "1" if more else ""})

    def say_paid(self, query: ConsoleQuery) -> ConsoleDone:
        """Say that a statement was paid, with the reference of the payment."""
        number = query.chosen("number")
        if not number:
            raise Invalid("number: choose a statement 请选择结算单", field="number")
        _here().statements.pay(number, reference=query.text("reference"), actor=current_actor())
        return ConsoleDone(args={"done": "paid"})

    def show_totals(self) -> ReportTable:
        """Work to review, statements to pay, KOCs at work; nothing of a single person."""
        row = execute(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM koc_work WHERE state = 'submitted' LIMIT 1001) a), "
            "(SELECT count(*) FROM (SELECT 1 FROM koc_statement WHERE state = 'due' LIMIT 1001) b), "
            "(SELECT count(*) FROM koc_member WHERE state = 'active')"
        ).fetchone()
        columns = (
            Column("review", "Work to review 待审稿件", "count"),
            Column("due", "Statements to pay 待支付结算单", "count"),
            Column("active", "KOCs at work 合作中", "count"),
        )
        return ReportTable(columns, [dict(zip(("review", "due", "active"), map(int, row), strict=True))])


def _here() -> Koc:
    return koc_of(current_brand())


def _digest(query: ConsoleQuery) -> str:
    """Which submission whoever sent the form had read; the service reads none as "whatever was handed in"."""
    digest = query.chosen("digest")
    if not digest:
        raise Conflict("the form does not say what you had read; look at the work again 请重新查看稿件", code="changed")
    return digest


def _moved(
    query: ConsoleQuery, action: str, *, reason: str = "", quality: int | None = None, digest: str = ""
) -> ConsoleDone:
    """Take a step with a piece of work as whoever sent the form saw it."""
    works = _here().works
    work = works.get(query.asked("uid"))
    query.expect(work.state, f"the work is {work.state} meanwhile 已有人处理: {STATES[work.state][1]}")
    works.move(work.uid, action, actor=current_actor(), reason=reason, quality=quality, digest=digest)
    return ConsoleDone(args={"uid": work.uid, "done": "moved"})
