"""Forms of coupons in the console: a batch is made, and changed as far as it may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from scrm_core.api import (
    ConsoleDone,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    at_field,
    current_actor,
    current_brand,
    execute,
    seen_of,
    typed_money,
    typed_percent,
    typed_time,
)

from .batches.codes import CODES
from .batches.definition import RETURN_POLICIES
from .batches.service import Batch
from .batches.validity import KINDS as VALIDITIES
from .batches.views import definition_view
from .claims.voiding import lock_batch
from .console_words import WORDS
from .gates.definition import MOST_TASKS, TASKS
from .rules import BASES, STEPS
from .rules.kinds import MOST_STEPS
from .service import coupons_of

RULES = (
    "threshold", "cash", "ladder", "repeat", "percent", "pieces", "second-half", "cheapest-free", "gift", "exchange",
    "shipping",
)  # fmt: skip
"""The kinds of rules that the form offers; ``points`` are a member's own and no coupon's."""
LIMITS = ("per_person", "per_person_day", "per_day", "per_device", "per_network_day")
SCOPE_LISTS = ("skus", "categories", "exclude_skus", "exclude_categories")
LISTS = (*SCOPE_LISTS, "tags", "channels", "stores", "bought")
TIMES = ("valid_from", "valid_to", "claim_from", "claim_to")
SCOPE_TICKS = ("exclude_special", "first_order", "automatic")
_FIELDS = {
    "rule": "kind", "rule.kind": "kind", "rule.min_minor": "min", "rule.off_minor": "off", "rule.zhe": "rate",
    "rule.rate_bp": "rate", "rule.cap_minor": "cap", "rule.max_times": "times", "rule.n": "n", "rule.sku": "sku",
    "rule.qty": "qty", "rule.gift_sku": "gift_sku", "rule.stock": "gift_stock", "rule.skus": "bought",
    "rule.steps": "step-0-min", "validity.kind": "validity", "validity.days": "days", "validity.from": "valid_from",
    "validity.to": "valid_to", "budget_minor": "budget", "promise_minor": "promised", "returns.policy": "returns",
    "returns.extend_days": "extend_days", "brakes.per_minute": "per_minute", "brakes.speed_bp": "speed",
    "brakes.from_minor": "speed_from", "gate": "task-0-task", "gate.tasks": "task-0-task", "gate.days": "gate_days",
    "gate.window": "window", "scope.tags": "tags",
}  # fmt: skip
"""Members of a definition whose field on the form is called otherwise; of the others it is the last part."""
_PARTS = {"min_minor": "min", "off_minor": "off"}


class Forms:
    """The methods behind the pages ``new`` and ``change``: mixed into the plugin by :class:`.console.Pages`."""

    def show_new(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a new batch, with what it would cost at worst where that was asked for."""
        return _form(query, {}, dry=read)

    def preview_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the batch would cost at worst; nothing is made."""
        _told(query, lambda: coupons_of(current_brand()).batches.dry_run(read(query)))
        return ConsoleDone(again=True)

    def another_row(self, query: ConsoleQuery) -> ConsoleDone:
        """One more step or task to type into."""
        return ConsoleDone(again=True)

    def create_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the batch as a draft; sent twice it is made once."""
        batches = coupons_of(current_brand()).batches
        made = _told(query, lambda: batches.create(read(query), actor=current_actor()))
        return ConsoleDone("batch", {"code": made.code, "done": "made"})

    def show_change(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a batch as it stands: all of it until a coupon is out, then what may still change."""
        batch = coupons_of(current_brand()).batches.get(query.asked("code"))
        fixed = frozen(batch)
        context = {"batch": batch, "frozen": fixed, "seen": seen(batch, fixed)}
        return _form(query, typed_of(batch), dry=lambda asked: _changes(asked, batch), **context)

    def preview_change(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the changed batch would cost at worst; nothing is changed."""
        batches = coupons_of(current_brand()).batches
        batch = batches.get(query.asked("code"))
        _told(query, lambda: batches.dry_run(_changes(query, batch)))
        return ConsoleDone(again=True)

    def change_batch(self, query: ConsoleQuery) -> ConsoleDone:
        """Change the batch, unless somebody else did since the page was opened."""
        batches = coupons_of(current_brand()).batches
        batch = _held(query)
        changes = {name: value for name, value in _changes(query, batch).items() if name != "code"}
        _told(query, lambda: batches.update(batch.code, changes, actor=current_actor()))
        return ConsoleDone("batch", {"code": batch.code, "done": "changed"})


def frozen(batch: Batch) -> bool:
    """Whether only the title, the brakes and a longer validity may change, or the form cannot say the rule."""
    used = execute("SELECT 1 FROM coupon_threshold_coupon WHERE batch_id = ? LIMIT 1", (batch.id,)).fetchone()
    return bool(batch.issued) or used is not None or batch.rule["kind"] not in RULES


def seen(batch: Batch, fixed: bool) -> str:
    """What a batch's definition looks like, in short, and whether all of it may change: a form carries it."""
    return seen_of(batch.state, fixed, definition_view(batch, current_brand().zone))


def _held(query: ConsoleQuery) -> Batch:
    batches, code = coupons_of(current_brand()).batches, query.asked("code")
    lock_batch(batches.get(code).id)
    batch = batches.get(code)
    query.expect(
        seen(batch, frozen(batch)),
        "somebody changed the batch, or got its first coupon, since you opened the page 已有人修改了批次或领取了首张券",
    )
    return batch


def _form(
    query: ConsoleQuery, given: Mapping[str, str], *, dry: Callable[[ConsoleQuery], dict[str, Any]], **more: Any
) -> ConsoleTemplate:
    preview = coupons_of(current_brand()).batches.dry_run(dry(query)) if query.previews else None
    context = {
        "given": defaultdict(str, given), "preview": preview, "rules": RULES,
        "validities": VALIDITIES, "codes": CODES, "tasks": TASKS,
        "returns": RETURN_POLICIES, "limits": LIMITS, "scope_lists": SCOPE_LISTS, "scope_ticks": SCOPE_TICKS,
        "stages": STEPS, "bases": BASES, "steps": query.rows_shown("step", "min", "off", given=given, most=MOST_STEPS),
        "asks": query.rows_shown("task", "task", given=given, most=MOST_TASKS), "batch": None, "frozen": False,
        "seen": "", **more,
    }  # fmt: skip
    return ConsoleTemplate("console_form.html", context, WORDS)


def _told(query: ConsoleQuery, work: Callable[[], Any]) -> Any:
    return at_field(work, lambda member: field_of(query, member), batch_exists="code")


def field_of(query: ConsoleQuery, member: str) -> str:
    """The field of the form that a member of a definition was typed in."""
    for name, row, told in (("rule.steps", "step", ("min", "off")), ("gate.tasks", "task", ("task",))):
        head, _, rest = member.partition(f"{name}.")
        place, _, part = rest.partition(".")
        if not head and place.isdigit():
            filled = query.rows(row, *told)
            nth = filled[int(place)] if int(place) < len(filled) else 0
            return f"{row}-{nth}-{_PARTS.get(part, part) or told[0]}"
    return _FIELDS.get(member, member.rpartition(".")[2])


# From what was typed to a definition ---------------------------------------------------


def read(query: ConsoleQuery) -> dict[str, Any]:
    """The definition that a form says, as ``create`` takes it; raises Invalid that names the field of the form."""
    return {
        "code": query.text("code"),
        "title": query.text("title"),
        "terms": query.text("terms"),
        "rule": _rule(query),
        "scope": _scope(query),
        "stacking": {
            "step": query.text("step") or None, "group": query.text("group"), "exclusive": "exclusive" in query.form,
            "basis": query.text("basis") or "after_item", "payer": query.text("payer") or "shop",
        },
        "channels": query.lines("channels"),
        "stores": query.lines("stores"),
        "gate": _gate(query),
        "validity": _validity(query),
        "claim_from": query.text("claim_from") or None,
        "claim_to": query.text("claim_to") or None,
        "stock": query.whole("stock", empty=None),
        "codes": query.text("codes") or "made",
        "limits": _limits(query),
        "brakes": _brakes(query),
        "budget_minor": query.money("budget", empty=None),
        "promise": "promise" in query.form,
        "promise_minor": query.money("promised", empty=None),
        "returns": {
            "policy": query.text("returns") or "live", "extend_days": query.whole("extend_days", empty=0),
        },
    }  # fmt: skip


def _changes(query: ConsoleQuery, batch: Batch) -> dict[str, Any]:
    """The definition of a batch with what its form changes of it; a field that nobody touched says what it said.

    Read again it might not: a SKU may hold a comma, the group of a tag a slash, a time a part of a second, or an hour
    that comes twice when clocks are put back.
    """
    view, shown = definition_view(batch, current_brand().zone), typed_of(batch)
    untouched = {name for name, text in shown.items() if text and query.text(name) == text.strip()}
    times = {**view, "valid_from": view["validity"].get("from"), "valid_to": view["validity"].get("to")}
    exact = {name: times[name] for name in TIMES if name in untouched}
    form = {name: text for name, text in query.form.items() if name not in LISTS or name not in untouched}
    typed = replace(query, form={**form, **exact})
    if not frozen(batch):
        return {**_with_stored(typed, view, untouched), "code": batch.code}
    free = {"title": query.text("title"), "brakes": _brakes(query), "validity": _validity(typed, batch.validity)}
    if query.form.get("act") == "change":
        return free
    return {**view, **free}


def _with_stored(query: ConsoleQuery, view: dict[str, Any], untouched: Collection[str]) -> dict[str, Any]:
    """What a form without its untouched lists says, and these, and the tags of untouched tasks, as they are stored."""
    found = read(query)
    found["scope"] |= {name: view["scope"][name] for name in (*SCOPE_LISTS, "tags") if name in untouched}
    found |= {name: view[name] for name in ("channels", "stores") if name in untouched}
    if "bought" in untouched:
        found["rule"]["skus"] = view["rule"]["skus"]
    for place, nth in enumerate(query.rows("task", "task")):
        if f"task-{nth}-tag" in untouched:
            stored = view["gate"]["tasks"][nth]
            found["gate"]["tasks"][place] |= {"group": stored["group"], "tag": stored["tag"]}
    return found


def _rule(query: ConsoleQuery) -> dict[str, Any]:
    rule: dict[str, Any] = {"kind": query.text("kind")}
    amounts = {"min_minor": "min", "off_minor": "off", "cap_minor": "cap"}
    counts = {"max_times": "times", "n": "n", "qty": "qty", "stock": "gift_stock"}
    rule |= {member: query.money(name, empty=None) for member, name in amounts.items()}
    rule |= {member: query.whole(name, empty=None) for member, name in counts.items()}
    rule |= {"sku": query.text("sku"), "gift_sku": query.text("gift_sku"), "skus": query.lines("bought")}
    rate = query.text("rate")
    rule |= {"zhe": rate} if "折" in rate else {"rate_bp": query.percent("rate", empty=None)}
    steps = [
        {"min_minor": query.money(f"step-{nth}-min"), "off_minor": query.money(f"step-{nth}-off")}
        for nth in query.rows("step", "min", "off")
    ]
    # What the kind does not take is refused by the rule itself, where something was typed.
    return {name: value for name, value in {**rule, "steps": steps}.items() if value not in (None, "", [])}


def _scope(query: ConsoleQuery) -> dict[str, Any]:
    tags = []
    for text in query.lines("tags"):
        group, slash, tag = text.partition("/")
        if not (slash and group.strip() and tag.strip()):
            raise Invalid(f"tags: {text[:40]!r}: write a tag as GROUP/TAG", field="tags")
        tags.append({"group": group.strip(), "tag": tag.strip()})
    lists: dict[str, Any] = {name: query.lines(name) for name in SCOPE_LISTS}
    return {**lists, **{name: name in query.form for name in SCOPE_TICKS}, "tags": tags}


def _gate(query: ConsoleQuery) -> dict[str, Any] | None:
    tasks = []
    for nth in query.rows("task", "task"):
        at = f"task-{nth}"
        group, _, tag = query.text(f"{at}-tag").partition("/")
        tasks.append(
            {
                "task": query.text(f"{at}-task"), "times": query.whole(f"{at}-times", empty=1),
                "campaign": query.text(f"{at}-campaign"), "group": group.strip(), "tag": tag.strip(),
            }
        )  # fmt: skip
    if not tasks:
        return None
    days = query.whole("gate_days", empty=None)
    return {"tasks": tasks, "need": query.text("need") or "all", "window": query.text("window") or "ever", "days": days}


def _validity(query: ConsoleQuery, kind: str = "") -> dict[str, Any]:
    return {
        "kind": kind or query.text("validity"),
        "days": query.whole("days", empty=None),
        "from": query.text("valid_from") or None,
        "to": query.text("valid_to") or None,
    }


def _limits(query: ConsoleQuery) -> dict[str, Any]:
    return {name: query.whole(name, empty=None) for name in LIMITS}


def _brakes(query: ConsoleQuery) -> dict[str, Any]:
    return {
        "per_minute": query.whole("per_minute", empty=None),
        "speed_bp": query.percent("speed", empty=None),
        "from_minor": query.money("speed_from", empty=None),
    }


# From a batch to what its form shows ---------------------------------------------------


def typed_of(batch: Batch) -> dict[str, str]:
    """What the fields of a batch's form hold before anybody types."""
    brand = current_brand()
    view = definition_view(batch, brand.zone)
    rule, stacking, gate, limits = view["rule"], view["stacking"], view["gate"] or {}, view["limits"]

    def plain(value: Any) -> str:
        return "" if value is None or value is False else str(value)

    found = {
        "code": batch.code, "title": batch.title, "terms": batch.terms, "kind": rule["kind"],
        "min": typed_money(rule.get("min_minor")), "off": typed_money(rule.get("off_minor")),
        "cap": typed_money(rule.get("cap_minor")), "rate": typed_percent(rule.get("rate_bp")),
        "times": plain(rule.get("max_times")), "n": plain(rule.get("n")), "qty": plain(rule.get("qty")),
        "gift_stock": plain(rule.get("stock")), "sku": plain(rule.get("sku")), "gift_sku": plain(rule.get("gift_sku")),
        "bought": "\n".join(rule.get("skus", ())), "step": stacking["step"], "group": stacking["group"],
        "exclusive": plain(stacking["exclusive"]), "basis": stacking["basis"], "payer": stacking["payer"],
        "channels": "\n".join(batch.channels), "stores": "\n".join(batch.stores), "need": gate.get("need", "all"),
        "window": gate.get("window", "ever"), "gate_days": plain(gate.get("days")), "validity": batch.validity,
        "days": plain(batch.valid_days), "valid_from": typed_time(view["validity"].get("from")),
        "valid_to": typed_time(view["validity"].get("to")), "claim_from": typed_time(view["claim_from"]),
        "claim_to": typed_time(view["claim_to"]), "stock": plain(view["stock"]), "codes": view["codes"],
        "budget": typed_money(batch.budget_minor), "promise": plain(view["promise"]),
        "promised": typed_money(view["promise_minor"]), "returns": batch.return_policy,
        "extend_days": plain(batch.extend_days or None), "per_minute": plain(batch.per_minute),
        "speed": typed_percent(batch.speed_bp), "speed_from": typed_money(batch.speed_from_minor),
        "tags": "\n".join(f"{each['group']}/{each['tag']}" for each in batch.scope.get("tags", ())),
    }  # fmt: skip
    found |= {name: plain(limits[name]) for name in LIMITS}
    found |= {name: "\n".join(batch.scope.get(name, ())) for name in SCOPE_LISTS}
    found |= {name: plain(batch.scope.get(name)) for name in SCOPE_TICKS}
    for nth, step in enumerate(rule.get("steps", ())):
        found |= {f"step-{nth}-min": typed_money(step["min_minor"]), f"step-{nth}-off": typed_money(step["off_minor"])}
    for nth, task in enumerate(gate.get("tasks", ())):
        tag = f"{task['group']}/{task['tag']}" if task.get("tag") else ""
        found |= {
            f"task-{nth}-task": task["task"], f"task-{nth}-times": plain(task.get("times")),
            f"task-{nth}-campaign": task.get("campaign", ""), f"task-{nth}-tag": tag,
        }  # fmt: skip
    return found
