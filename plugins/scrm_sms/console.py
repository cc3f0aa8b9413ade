"""Pages and cards of the console: plans, one plan step by step, its sending as it goes, number packs.

They read, and hand what a form says to the services that routes and commands
call too. Who acts is the user who is signed in; every form of a step carries
the version of the plan that its page showed, so that the second of two is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Column,
    Conflict,
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    ReportTable,
    ScrmError,
    cut_page,
    exponent_of,
    format_minor,
    from_instant,
    typed_money,
)

from .console_acts import ACTS, CREATE, import_pack
from .console_words import REASONS, STEP_WORDS, WORDS
from .copywriting.template import KINDS
from .packs.service import Packs
from .plans.book import CHANNEL, PlanView
from .plans.hours import opening_text
from .plans.service import Plans
from .plans.steps import ENDED, GOALS, HOOKS, RUNNING, STEPS, Arm, dependents, missing
from .results import landing
from .results.report import COLUMNS, flow, minor, row_of
from .results.service import Results

if TYPE_CHECKING:
    from scrm_core.api import Brand

READ, WRITE = "sms:read", "sms:write"
PAGE = 20
_LISTED = 50
_MOST_HISTORY = 20
_MEASURES = ("clicked", "added", "converted")
VIEWS = ("dry-run", "sending", "results")
_STAYING = {"landing": "path", "end": "path", "test": "test"}

PAGES = {
    "plans": ConsolePart(
        "console_plans",
        {"en": "SMS plans", "zh": "短信计划"},
        READ,
        acts={"create": ConsoleAct("console_create", WRITE)},
        group="channels",
    ),
    "plan": ConsolePart(
        "console_plan",
        {"en": "SMS plan", "zh": "短信计划"},
        READ,
        acts={name: ConsoleAct("console_act", needed) for name, (needed, _) in ACTS.items()},
        menu=False,
    ),
    "progress": ConsolePart("console_progress", {"en": "Sending", "zh": "发送"}, READ, menu=False),
    "count": ConsolePart("console_count", {"en": "Count", "zh": "计数"}, READ, menu=False),
    "preview": ConsolePart("console_preview", {"en": "Preview", "zh": "预览"}, READ, menu=False),
    "packs": ConsolePart(
        "console_packs",
        {"en": "Number packs", "zh": "号码包"},
        READ,
        acts={"import": ConsoleAct("console_import", WRITE)},
        menu=False,
    ),
    "pack": ConsolePart("console_pack", {"en": "Number pack", "zh": "号码包"}, READ, menu=False),
}
CARDS = {"sms": ConsolePart("console_card", {"en": "SMS plans", "zh": "短信计划"}, "reports:read")}


class SmsConsole:
    """The methods behind :data:`PAGES` and :data:`CARDS`."""

    brand: Brand
    settings: dict[str, Any]

    @cached_property
    def plans(self) -> Plans:
        """The plans of this brand."""
        return Plans(self.brand, self.settings)

    @cached_property
    def results(self) -> Results:
        """What the plans of this brand brought."""
        return Results(self.brand, self.settings)

    def console_card(self) -> ReportTable:
        """The newest plans with what was sent."""
        columns = (
            Column("plan", "Plan 计划"),
            Column("state", "State 状态"),
            Column("queued", "Messages 消息数", "count"),
        )
        rows = [
            {"plan": each.row.code, "state": each.run_state or each.row.state, "queued": each.queued}
            for each in self.plans.page(limit=3)
        ]
        return ReportTable(columns, rows)

    def console_plans(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Plans, newest first."""
        before = query.position("before")
        plans, older = cut_page(self.plans.page(before=before, limit=PAGE + 1), PAGE, lambda each: each.row.id)
        return _template("plans", query, {"plans": plans, "older": older, "before": before})

    def console_create(self, query: ConsoleQuery) -> ConsoleDone:
        """Make a plan."""
        return ConsoleDone("plan", {"id": CREATE(self, query), "done": "create"})

    def console_plan(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One plan at one of its steps, its dry run, its sending or its results."""
        view = self.plans.book.view(query.asked("id"), count=False)
        row = view.row
        chosen = query.args.get("step", "")
        if chosen not in (*STEPS, *VIEWS):
            chosen = row.state if row.state in STEPS else "sending"
        shown = {step: view.steps[step] for step in STEPS if step in view.steps}
        context = {
            "plan": row,
            "done": shown,
            "acts": ("create", *ACTS),
            "deeds": STEP_WORDS,
            "content": {step: shown[step].content if step in shown else None for step in STEPS},
            "run": view.run,
            "chosen": chosen,
            "order": STEPS,
            "views": VIEWS,
            "lacking": missing(shown, chosen) if chosen in STEPS else [],
            "void": [step for step in dependents(chosen) if step in shown] if chosen in STEPS else [],
            "fixed": row.state == RUNNING or row.state in ENDED,
            "ended": row.state in ENDED,
            "history": self.plans.history(row.code, last=_MOST_HISTORY)[::-1],
            "amount": typed_money,
            "price": lambda milli: self._price(milli),
            **getattr(self, f"_of_{chosen.replace('-', '_')}")(view, query),
        }
        return _template("plan", query, context)

    def console_act(self, query: ConsoleQuery) -> ConsoleDone:
        """What a form on the page of a plan does: one of :data:`.console_acts.ACTS`."""
        act = query.form["act"]
        ACTS[act][1](self, query)
        code, step = query.asked("id"), query.args.get("step", "")
        # The step that comes next is shown, except where the same page has more to do or to tell.
        there = _STAYING.get(act) or (step if step in VIEWS else "")
        return ConsoleDone(args={"id": code, "done": act, **({"step": there} if there else {})})

    def console_progress(self, query: ConsoleQuery) -> ConsoleTemplate:
        """How far a plan is, asked for again while it is being sent."""
        view = self.plans.get(query.asked("id"))
        return _template("progress", query, _progress(self.brand, view))

    def console_count(self, query: ConsoleQuery) -> ConsoleTemplate:
        """How many people an expression means, while it is typed."""
        count, problem = None, ""
        expression = query.args.get("segment", "").strip()
        try:
            count = self.brand.segments.count(expression) if expression else None
        except ScrmError as error:
            if error.status >= 500:
                raise
            problem = error.message
        return _template("count", query, {"count": count, "problem": problem})

    def console_preview(self, query: ConsoleQuery) -> ConsoleTemplate:
        """A text at its longest, while it is typed: parts, price, and what is wrong with it."""
        body = " ".join(query.args.get("body", "").split())
        found = self.plans.wordings.preview(query.asked("id"), Arm("A", body)) if body else None
        return _template("preview", query, {"found": found, "price": self._price})

    def console_packs(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Number packs, newest first."""
        before = query.position("before")
        packs, older = cut_page(Packs(self.brand, self.settings).list(after=before or None, limit=PAGE + 1), PAGE)
        return _template("packs", query, {"packs": packs, "older": older, "before": before})

    def console_import(self, query: ConsoleQuery) -> ConsoleDone:
        """Read an uploaded file into a pack."""
        return ConsoleDone("pack", {"id": import_pack(self, query)})

    def console_pack(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One pack with the rows that were dropped, by line."""
        packs = Packs(self.brand, self.settings)
        pack = packs.get(query.asked("id"))
        found = packs.dropped(pack.code, query.position("after"), _LISTED + 1)
        rows, more = cut_page(found, _LISTED, lambda each: each.line)
        return _template("pack", query, {"pack": pack, "rows": rows, "more": more})

    # What each step shows ------------------------------------------------------

    def _of_goal(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        senders = [name for name, each in self.brand.outreach.senders().items() if each.channel == CHANNEL]
        return {"goals": GOALS, "kinds": KINDS, "senders": sorted(senders), "sender": self.settings["sender"]}

    def _of_audience(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        packs = Packs(self.brand, self.settings).list(limit=_LISTED)
        return {
            "packs": [pack.code for pack in packs if pack.state == "sealed"],
            "segments": self.brand.segments.list()[:_LISTED],
        }

    def _of_policy(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        return {"hooks": HOOKS, "wanted": self.settings["materials"]}

    def _of_pack(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        return {}

    def _of_path(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        page = landing.get(view.row.code)
        return {
            "landing": page,
            "page_url": "" if page is None else landing.public_url(self.brand, page),
            "problems": landing.problems(self.brand, view.row.code, self.brand.now()),
            "channels": [each.code for each in self.brand.channels.page(limit=200)],
            "local": lambda at: from_instant(at, self.brand.zone).strftime("%Y-%m-%dT%H:%M"),
        }

    def _of_copy(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        copy = view.steps.get("copy")
        arms: list[Any] = [] if copy is None else list(copy.content.arms)
        if query.form.get("act") == "copy":
            columns = [query.many.get(name, []) for name in ("arm", "body", "weight", "segment", "template")]
            arms = [Arm(*row) for row in zip(*columns, strict=False) if any(row)]
        names = [chr(ord("A") + place) for place in range(10)]
        while len(arms) < 2 or arms[-1].body:
            if len(arms) >= len(names):
                break
            arms.append(Arm(names[len(arms)], ""))
        return {"arms": arms, "signature": self.settings["signature"]}

    def _of_test(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        return {"tests": self.plans.interception.tests(view.row.code), "seeds": len(self.settings["seed_numbers"])}

    def _of_approval(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        return {"limit": self.settings["two_persons_above"]}

    def _of_schedule(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        goal = view.steps.get("goal")
        return {"hours": opening_text(self.brand, "marketing" if goal is None else goal.content.kind)}

    def _of_dry_run(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        found = self.plans.dry_run(view.row.code) if "audience" in view.steps else None
        return {"found": found}

    def _of_sending(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        return _progress(self.brand, self.plans.get(view.row.code))

    def _of_results(self, view: PlanView, query: ConsoleQuery) -> dict[str, Any]:
        measure = query.args.get("measure", "")
        measure = measure if measure in _MEASURES else "added"
        code = view.row.code
        try:
            compared = self.results.arms_report(code, measure).rows
        except Conflict:
            # One text competes with nothing.
            compared = []
        figures, pack = self.results.figures(code), view.steps.get("pack")
        return {
            "figures": row_of(figures),
            "columns": COLUMNS[1:],
            "flow": [] if pack is None else flow(figures, pack.content.imported).rows,
            "compared": compared,
            "measures": _MEASURES,
            "measure": measure,
        }

    def _price(self, milli: int) -> str:
        """Thousandths of a minor unit as money, to the thousandth where it is less than a unit."""
        exponent = exponent_of(self.brand.currency)
        if milli >= 1_000_000:
            return format_minor(minor(milli), exponent)
        whole, _, decimals = f"{milli / 1_000 / 10**exponent:.{exponent + 3}f}".partition(".")
        shown = decimals[:exponent] + decimals[exponent:].rstrip("0")
        return f"{whole}.{shown}" if shown else whole


def _progress(brand: Brand, view: PlanView) -> dict[str, Any]:
    total = sum(view.counts.values())
    waiting = sum(count for (state, _), count in view.counts.items() if state in ("queued", "sending"))
    moving = view.row.state == RUNNING and view.run is not None and view.run.state == "running"
    schedule = view.steps.get("schedule")
    return {
        "plan": view.row,
        "run": view.run,
        "held": None if view.run is None else brand.outreach.held_until(view.run),
        "counts": sorted(view.counts.items()),
        "total": total,
        "over": total - waiting,
        "moving": moving,
        "canary": 0 if schedule is None else schedule.content.canary,
    }


def _template(name: str, query: ConsoleQuery, context: Mapping[str, Any]) -> ConsoleTemplate:
    rights = {
        "may": query.allows(WRITE),
        "may_send": query.allows("sms:send"),
        "may_approve": query.allows("sms:approve"),
    }
    return ConsoleTemplate(f"sms_console/{name}.html", {**rights, "reason_words": REASONS, **context}, WORDS)
