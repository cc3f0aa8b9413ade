"""The form of a referral campaign in the console: a draft is made with it, and changed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from scrm_core.api import (
    Conflict,
    ConsoleDone,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    at_field,
    current_actor,
    current_brand,
    seen_of,
    surfaces,
    typed_money,
    typed_time,
)

from .campaigns import Campaign
from .console_words import WORDS
from .ladder import MODES
from .paths import MECHANICS, TEMPLATES
from .schemas import GATES, PRESET, WEIGHTS, AuditBody, CampaignBody, HvaBody, RiskBody
from .service import referrals_of

TOLD = ("invites", "item", "value", "title", "stock")
"""The fields of a rung of which one at least is typed into."""
MOST_RUNGS = 50
COUNTS = ("grace_days", "attribution_days", "fresh_hours", "observation_days", "refund_days")
TEXTS = ("title", "template", "surface", "mode", "target_url", "poster")
_FIELDS = {
    "budget_minor": "budget", "audit.four_eyes_minor": "four_eyes", "hva.days": "hva_days", "hva.min_minor": "hva_min",
    "ladder": "rung-0-invites", "gates": "gate-member", "expression": "segment",
}  # fmt: skip
"""Members of a definition whose field on the form is called otherwise; of the others it is the last part."""
_PARTS = {"value_minor": "value", "min_minor": "order_min"}


class Forms:
    """The methods behind the pages ``new`` and ``change``: mixed into the plugin by :class:`.console.Pages`."""

    def show_new(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a new campaign, with what its ladder costs at worst where that was asked for."""
        return _form(query, _usual())

    def preview_new(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the campaign would give and cost; nothing is made."""
        _told(query, lambda: referrals_of(current_brand()).dry_run(read(query)))
        return ConsoleDone(again=True)

    def another_rung(self, query: ConsoleQuery) -> ConsoleDone:
        """One more rung to type into."""
        return ConsoleDone(again=True)

    def create_campaign(self, query: ConsoleQuery) -> ConsoleDone:
        """Make the campaign as a draft; sent twice it is made once."""
        campaigns = referrals_of(current_brand()).campaigns
        made = _told(query, lambda: campaigns.create(read(query), actor=current_actor()))
        return ConsoleDone("campaign", {"code": made.code, "done": "made"})

    def show_change(self, query: ConsoleQuery) -> ConsoleTemplate:
        """The form of a draft as it stands."""
        campaign = _draft(query)
        return _form(query, typed_of(campaign), campaign=campaign, seen=seen(campaign))

    def preview_change(self, query: ConsoleQuery) -> ConsoleDone:
        """Work out what the changed draft would give and cost; nothing is changed."""
        code = _draft(query).code
        _told(query, lambda: referrals_of(current_brand()).dry_run({**read(query), "code": code}, changes=code))
        return ConsoleDone(again=True)

    def change_campaign(self, query: ConsoleQuery) -> ConsoleDone:
        """Change the draft, unless somebody else did since the page was opened."""
        campaigns = referrals_of(current_brand()).campaigns
        campaign = campaigns.held(query.asked("code"))
        query.expect(seen(campaign), "somebody changed the campaign since you opened the page 已有人修改了这个活动")
        changes = {name: value for name, value in _told(query, lambda: read(query)).items() if name != "code"}
        _told(query, lambda: campaigns.change(campaign.code, changes, actor=current_actor()))
        return ConsoleDone("campaign", {"code": campaign.code, "done": "changed"})


def seen(campaign: Campaign) -> str:
    """What a campaign's definition looks like, in short: a form carries it."""
    return seen_of(campaign.state, referrals_of(current_brand()).campaigns.body(campaign))


def _draft(query: ConsoleQuery) -> Campaign:
    campaign = referrals_of(current_brand()).campaigns.get(query.asked("code"))
    if campaign.state != "draft":
        words = "the campaign was published: its rules stand 活动已发布，规则不可再改"
        raise Conflict(words, code="state")
    return campaign


def _form(query: ConsoleQuery, given: Mapping[str, str], **more: Any) -> ConsoleTemplate:
    brand, preview = current_brand(), None
    code = more["campaign"].code if "campaign" in more else ""
    if query.previews:
        body = {**read(query), "code": code} if code else read(query)
        preview = referrals_of(brand).dry_run(body, changes=code)
    shown = query.form if query.form else given
    filled = ConsoleQuery(form=shown).rows("rung", *TOLD)
    rungs = max(filled, default=-1) + 1 + (query.form.get("act") == "row" or not filled)
    chosen = dict.fromkeys(shown.get(f"rung-{nth}-kind", "") for nth in filled)
    kinds = {**chosen, **brand.rewards.kinds()}
    context = {
        "given": defaultdict(str, given), "preview": preview, "campaign": None, "seen": "", "new": not code,
        "templates": TEMPLATES, "modes": MODES, "weights": WEIGHTS, "surfaces": surfaces.SURFACES,
        "rewards": [(kind, f"{kind} · {text}" if text else kind) for kind, text in kinds.items() if kind],
        "rungs": range(min(MOST_RUNGS, rungs)), "forbidden": _forbidden(query), **more,
    }  # fmt: skip
    return ConsoleTemplate("console_form.html", context, WORDS)


def _forbidden(query: ConsoleQuery) -> str:
    """Why the campaign that was typed may not run where it is to be opened; empty when it may."""
    template, surface = query.text("template"), query.text("surface")
    if surface not in surfaces.SURFACES:
        return ""
    found = surfaces.refusals(MECHANICS.get(template, ()), surface, "zh" if query.language == "zh" else "en")
    return "; ".join(found)


def _told(query: ConsoleQuery, work: Callable[[], Any]) -> Any:
    return at_field(work, lambda member: field_of(query, member), taken="code")


def field_of(query: ConsoleQuery, member: str) -> str:
    """The field of the form that a member of a definition was typed in."""
    head, *rest = member.split(".")
    if head == "ladder" and len(rest) == 2:
        filled = query.rows("rung", *TOLD)
        nth = filled[int(rest[0])] if int(rest[0]) < len(filled) else 0
        return f"rung-{nth}-{_PARTS.get(rest[1], rest[1])}"
    if head == "gates" and len(rest) > 1:
        return _PARTS.get(rest[1], rest[1])
    if head == "risk" and len(rest) > 1:
        return f"weight-{rest[1]}"
    if head == "staff":
        return head
    return _FIELDS.get(member, member.rpartition(".")[2])


# From what was typed to a definition ---------------------------------------------------


def read(query: ConsoleQuery) -> dict[str, Any]:
    """The definition that a form says, as ``create`` takes it; raises Invalid that names the field of the form."""
    risk = _some({"hold": query.whole("hold", empty=None), "per_day": query.whole("per_day", empty=None)})
    risk["weights"] = _some({name: query.whole(f"weight-{name}", empty=None) for name in WEIGHTS})
    hva = _some({"days": query.whole("hva_days", empty=None), "min_minor": query.money("hva_min", empty=None)})
    numbers = _some({name: query.whole(name, empty=None) for name in COUNTS})
    return {
        "code": query.text("code"),
        **{name: query.text(name) for name in TEXTS},
        "starts_at": query.text("starts_at") or None,
        "ends_at": query.text("ends_at"),
        "quota": query.whole("quota", empty=None),
        "staff": query.lines("staff"),
        "ladder": [_rung(query, f"rung-{nth}-") for nth in query.rows("rung", *TOLD)],
        "gates": _gates(query) or None,
        **numbers,
        "count_after_leaving": "count_after_leaving" in query.form,
        "budget_minor": query.money("budget", empty=None),
        "audit": _some({"four_eyes_minor": query.money("four_eyes", empty=None)}),
        "risk": risk,
        "hva": hva,
    }


def _some(members: dict[str, Any]) -> dict[str, Any]:
    """What was typed; what was left empty has the usual value of a definition."""
    return {name: value for name, value in members.items() if value is not None}


def _rung(query: ConsoleQuery, at: str) -> dict[str, Any]:
    return {
        "invites": query.whole(f"{at}invites"), "kind": query.text(f"{at}kind") or "product-voucher",
        "item": query.text(f"{at}item"), "quantity": query.whole(f"{at}quantity", empty=1),
        "value_minor": query.money(f"{at}value"), "title": query.text(f"{at}title"),
        "stock": query.whole(f"{at}stock", empty=None),
    }  # fmt: skip


def _gates(query: ConsoleQuery) -> list[dict[str, Any]]:
    """The gates that were ticked, and those that a field of theirs was typed for."""
    own: dict[str, dict[str, Any]] = {
        "target": {"segment": " ".join(query.text("segment").split())},
        "joined_group": {"group": query.text("group")},
        "pack": {"plugin": query.text("plugin"), "event": query.text("event"), "match": _match(query)},
        "first_order": {"min_minor": query.money("order_min", empty=None)},
    }
    found = []
    for gate in GATES:
        members = {name: value for name, value in own.get(gate, {}).items() if value not in ("", None, {})}
        if members and f"gate-{gate}" not in query.form:
            name = _PARTS.get(next(iter(members)), next(iter(members)))
            raise Invalid(f"{name}: only with the gate {gate}, which is not ticked", field=name)
        if f"gate-{gate}" in query.form:
            found.append({"gate": gate, **members})
    return found


def _match(query: ConsoleQuery) -> dict[str, Any]:
    """What the event of a pack must say, NAME=VALUE on each line; a number is a number unless it is in quotes."""
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, query.text("match").split("\n"))):
        name, equals, text = (part.strip() for part in line.partition("="))
        try:
            value = json.loads(text) if text.startswith('"') or text.lstrip("-").isdigit() else text
        except ValueError:
            value = None
        if not equals or not name or value in ("", None):
            raise Invalid(f"match: {line[:40]!r}: write NAME=VALUE", field="match")
        found[name] = value
    return found


# From a campaign to what its form shows -----------------------------------------------


def typed_of(campaign: Campaign) -> dict[str, str]:
    """What the fields of a draft's form hold before anybody types."""
    body = referrals_of(current_brand()).campaigns.body(campaign)
    found = {name: str(body[name]) for name in (*TEXTS, *COUNTS)}
    found |= {
        "code": campaign.code, "starts_at": typed_time(body["starts_at"]), "ends_at": typed_time(body["ends_at"]),
        "quota": _plain(body["quota"]), "staff": "\n".join(body["staff"]), "budget": typed_money(body["budget_minor"]),
        "count_after_leaving": "on" if body["count_after_leaving"] else "",
        "four_eyes": typed_money(body["audit"]["four_eyes_minor"]), "hold": str(body["risk"]["hold"]),
        "per_day": _plain(body["risk"]["per_day"]), "hva_days": str(body["hva"]["days"]),
        "hva_min": typed_money(body["hva"]["min_minor"]),
    }  # fmt: skip
    found |= {f"weight-{name}": str(weight) for name, weight in body["risk"]["weights"].items()}
    for gate in body["gates"]:
        found[f"gate-{gate['gate']}"] = "on"
        found |= {name: gate[name] for name in ("segment", "group", "plugin", "event") if name in gate}
        if gate["gate"] == "first_order":
            found["order_min"] = typed_money(gate["min_minor"])
        if "match" in gate:
            found["match"] = "\n".join(f"{name}={_value(value)}" for name, value in gate["match"].items())
    return found | _ladder(body["ladder"])


def _usual() -> dict[str, str]:
    """What a new form holds: what a definition has that names nothing."""
    counts = {name: str(CampaignBody().fields[name].load_default) for name in COUNTS}
    hva, four_eyes = HvaBody().load({}), AuditBody().load({})["four_eyes_minor"]
    return counts | _ladder(PRESET) | {
        "gate-member": "on", "gate-first_order": "on", "hold": str(RiskBody().load({})["hold"]),
        "four_eyes": typed_money(four_eyes), "hva_days": str(hva["days"]), "hva_min": typed_money(hva["min_minor"]),
    }  # fmt: skip


def _ladder(rungs: Any) -> dict[str, str]:
    found = {}
    for nth, rung in enumerate(rungs):
        row = {
            "invites": str(rung["invites"]), "kind": rung["kind"], "item": rung["item"],
            "quantity": str(rung["quantity"]), "value": typed_money(rung["value_minor"]), "title": rung["title"],
            "stock": _plain(rung.get("stock")),
        }  # fmt: skip
        found |= {f"rung-{nth}-{name}": text for name, text in row.items()}
    return found


def _value(value: str | int) -> str:
    """A value of an event as it is typed: a text that looks like a number is in quotes."""
    quoted = isinstance(value, str) and (value.startswith('"') or value.lstrip("-").isdigit() or value != value.strip())
    return json.dumps(value, ensure_ascii=False) if quoted else str(value)


def _plain(value: int | None) -> str:
    return "" if value is None else str(value)
