"""What the forms of the console say, handed to the services: one function for each act, thin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scrm_core.api import ConsoleQuery, Invalid, exponent_of, parse_minor

from .schemas import instant
from .steps.design import ITEMS
from .steps.fit import FitIn
from .steps.machine import Steps
from .steps.policy import HookIn
from .steps.proofs import MOST_BYTES
from .steps.records import By
from .steps.trial import equal_weights
from .stock.batches import BatchIn

if TYPE_CHECKING:
    from .console import CardConsole

_MOST_DIGITS = 15
_PERSON = "user:"


def by(query: ConsoleQuery) -> By:
    """The user who is signed in, as whoever answers for an act."""
    return By(query.actor.removeprefix(_PERSON), query.actor)


def _steps(plugin: CardConsole, query: ConsoleQuery) -> Steps:
    """The steps as the page showed them; raises Invalid for a form that does not say which version that was."""
    return Steps(plugin.brand, plugin.settings, seen=query.whole("version"))


def _code(query: ConsoleQuery) -> str:
    return query.args.get("id", "")


def _text(query: ConsoleQuery, name: str) -> str:
    # Browsers send line ends as CR LF; a text has one character for each.
    return query.form.get(name, "").replace("\r\n", "\n").strip()


def _whole(query: ConsoleQuery, name: str, default: int | None = None) -> int:
    found = _whole_or_none(query, name)
    if found is None and default is not None:
        return default
    if found is None:
        raise Invalid(f"{name}: a whole number is expected", field=name)
    return found


def _whole_or_none(query: ConsoleQuery, name: str) -> int | None:
    text = _text(query, name)
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
    return int(text)


def _money(plugin: CardConsole, query: ConsoleQuery, name: str) -> int:
    found = _money_or_none(plugin, query, name)
    if found is None:
        raise Invalid(f"{name}: an amount is expected", field=name)
    return found


def _money_or_none(plugin: CardConsole, query: ConsoleQuery, name: str) -> int | None:
    try:
        return parse_minor(_text(query, name), exponent_of(plugin.brand.currency))
    except Invalid as error:
        raise Invalid(f"{name}: {error.message}", field=name) from None


def _share_or_none(query: ConsoleQuery, name: str) -> int | None:
    """Per cent as people write them, in hundredths of a percent: 5.25 is 525."""
    text = _text(query, name)
    if not text:
        return None
    try:
        found = parse_minor(text.rstrip("%％ "))
    except Invalid:
        found = None
    if found is None:
        raise Invalid(f"{name}: {text[:40]!r} is no share in per cent such as 5.5", field=name)
    return found


def _day(query: ConsoleQuery, name: str) -> int | None:
    text = _text(query, name)
    if not text:
        return None
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise Invalid(f"{name}: {text[:40]!r} is no day such as 2026-03-01", field=name) from None


def _listed(query: ConsoleQuery, name: str) -> list[str]:
    """One a line, or parted by commas of either width."""
    text = _text(query, name)
    for comma in "，、,":
        text = text.replace(comma, "\n")
    return [line.strip() for line in text.splitlines() if line.strip()]


# Acts ------------------------------------------------------------------------


def _create(plugin: CardConsole, query: ConsoleQuery) -> str:
    code = _text(query, "code")
    plugin.cards.create_campaign(
        code,
        source=_text(query, "source"),
        name=_text(query, "name"),
        automatic=False,
        first_day=_day(query, "first_day"),
        last_day=_day(query, "last_day"),
        recall_days=_whole_or_none(query, "recall_days"),
        contribution_days=_whole_or_none(query, "contribution_days"),
    )
    Steps(plugin.brand, plugin.settings).begin(code, by(query))
    return code


def _advance(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).advance(_code(query), _text(query, "to"), by(query))


def _back(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).back(_code(query), _text(query, "to"), by(query), reason=_text(query, "reason"))


def _goal(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).set_goal(_code(query), _text(query, "primary"), by(query))


def _hook(plugin: CardConsole, query: ConsoleQuery) -> Any:
    hook = HookIn(
        kind=_text(query, "kind"),
        name=_text(query, "name"),
        product=_text(query, "product"),
        price_minor=_money(plugin, query, "price"),
        cost_minor=_money(plugin, query, "cost"),
        hook_minor=_money(plugin, query, "hook_cost"),
        share=_share_or_none(query, "share"),
        share_reason=_text(query, "share_reason"),
    )
    return _steps(plugin, query).policy.set_hook(_code(query), hook, by(query))


def _channels(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).policy.set_channels(_code(query), _listed(query, "channels"), by(query))


def _material(plugin: CardConsole, query: ConsoleQuery) -> Any:
    given = {name.removeprefix("item-"): _text(query, name) for name in query.form if name.startswith("item-")}
    values = {item: text for item, text in given.items() if text}
    if not values:
        raise Invalid("value: nothing was entered", field="value")
    return _steps(plugin, query).policy.set_materials(_code(query), _text(query, "channel"), values, by(query))


def _fit(plugin: CardConsole, query: ConsoleQuery) -> Any:
    facts = FitIn(
        _money_or_none(plugin, query, "order_value"),
        _share_or_none(query, "repurchase"),
        _whole_or_none(query, "loyalty"),
        _whole_or_none(query, "brand_strength"),
    )
    return _steps(plugin, query).fit.set_facts(_code(query), facts, by(query))


def _trial(plugin: CardConsole, query: ConsoleQuery) -> Any:
    arms = _listed(query, "arms")
    if len(set(arms)) != len(arms):
        raise Invalid("arms: each arm is named once", field="arms")
    return _steps(plugin, query).trials.start(
        _code(query),
        equal_weights(arms),
        by(query),
        minimum=_whole_or_none(query, "minimum"),
        base=_share_or_none(query, "base"),
        lift=_share_or_none(query, "lift"),
    )


def _trial_link(plugin: CardConsole, query: ConsoleQuery) -> Any:
    arm, channel, target = (_text(query, name) for name in ("arm", "channel", "target"))
    return _steps(plugin, query).trials.add_link(_code(query), arm, channel, target, by(query))


def _count(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return Steps(plugin.brand, plugin.settings).trials.result(_code(query))


def _winner(plugin: CardConsole, query: ConsoleQuery) -> Any:
    trials = _steps(plugin, query).trials
    return trials.decide(_code(query), _text(query, "arm"), by(query), reason=_text(query, "reason"))


def _design(plugin: CardConsole, query: ConsoleQuery) -> Any:
    items: dict[str, Any] = {
        item: _text(query, item) for item in ITEMS if item not in ("size", "colours") and _text(query, item)
    }
    sides = {side: _text(query, side) for side in ("width_mm", "height_mm", "bleed_mm")}
    if any(sides.values()):
        items["size"] = {side: _millimetres(side, text) for side, text in sides.items() if text}
    if _text(query, "colours"):
        items["colours"] = _listed(query, "colours")
    return _steps(plugin, query).design.set_items(_code(query), items, by(query))


def _millimetres(side: str, text: str) -> float:
    try:
        return float(text[:20])
    except ValueError:
        raise Invalid(f"{side}: {text[:20]!r} is no length in millimetres", field=side) from None


def _proof(plugin: CardConsole, query: ConsoleQuery) -> Any:
    file = query.files.get("file")
    if file is None or not file.filename:
        raise Invalid("file: choose the proof, a PNG, a JPEG or a PDF", field="file")
    content = file.stream.read(MOST_BYTES + 1)
    name = file.filename.replace("\\", "/").rpartition("/")[2]
    return _steps(plugin, query).proofs.make(_code(query), name, by(query), content=content)


def _approve(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).proofs.approve(_code(query), _whole(query, "number"), by(query))


def _order(plugin: CardConsole, query: ConsoleQuery) -> Any:
    proofs = _steps(plugin, query).proofs
    return proofs.order(_code(query), _whole(query, "quantity"), by(query), printer=_text(query, "printer"))


def _batch(plugin: CardConsole, query: ConsoleQuery) -> Any:
    # What is printed rests on the proof and the arm that the page showed.
    _steps(plugin, query).records.hold_as_seen(_code(query))
    return plugin.cards.stock.create(
        BatchIn(
            code=_text(query, "batch"),
            campaign=_code(query),
            kind=_text(query, "kind"),
            printed=_whole(query, "printed"),
            unit_cost_minor=_money(plugin, query, "unit_cost"),
            arm=_text(query, "arm"),
            channel=_text(query, "channel"),
            unique="unique" in query.form,
            target=_text(query, "target"),
        )
    )


def _own_batch(plugin: CardConsole, query: ConsoleQuery) -> str:
    """The batch that a form names, which is one of this campaign."""
    batch = plugin.cards.stock.batch(_text(query, "batch"))
    if batch.campaign != _code(query):
        raise Invalid(f"batch: {batch.code!r} belongs to campaign {batch.campaign!r}", field="batch")
    return batch.code


# Cards that came and money that was spent are facts, whatever became of the steps meanwhile; each has its key, so
# that it is noted once. Counting a trial again changes nothing that anybody decided. They ask for no version.
def _receive(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return plugin.cards.move_stock(
        _own_batch(plugin, query),
        _text(query, "kind") or "received",
        _whole(query, "quantity"),
        key=_text(query, "key"),
        reason=_text(query, "reason"),
        actor=by(query).name,
        at=instant(_text(query, "at"), plugin.brand.zone, "at") if _text(query, "at") else None,
    )


def _spend(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return plugin.cards.spending.record(
        plugin.cards.campaign(_code(query)),
        _text(query, "what"),
        _whole(query, "quantity"),
        _money(plugin, query, "unit"),
        key=_text(query, "key"),
        actor=by(query).name,
    )


def _departments(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.set_departments(_code(query), _listed(query, "departments"), by(query))


def _texts(plugin: CardConsole, query: ConsoleQuery) -> Any:
    faq, sop = _text(query, "faq"), _text(query, "sop")
    launches = _steps(plugin, query).launches
    return launches.set_texts(_code(query), _text(query, "department"), by(query), faq=faq, sop=sop)


def _arrival(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.confirm_arrival(_code(query), by(query))


def _acknowledge(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.acknowledge(_code(query), _text(query, "department"), by(query))


def _launch(plugin: CardConsole, query: ConsoleQuery) -> Any:
    automatic = _text(query, "shipping") != "warehouse"
    return _steps(plugin, query).launches.launch(_code(query), by(query), automatic=automatic, day=_day(query, "day"))


CREATE = _create
ACTS: Mapping[str, Callable[[CardConsole, ConsoleQuery], Any]] = MappingProxyType(
    {
        "advance": _advance,
        "back": _back,
        "goal": _goal,
        "hook": _hook,
        "channels": _channels,
        "material": _material,
        "fit": _fit,
        "trial": _trial,
        "trial-link": _trial_link,
        "count": _count,
        "winner": _winner,
        "design": _design,
        "proof": _proof,
        "approve": _approve,
        "order": _order,
        "batch": _batch,
        "receive": _receive,
        "spend": _spend,
        "departments": _departments,
        "texts": _texts,
        "arrival": _arrival,
        "acknowledge": _acknowledge,
        "launch": _launch,
    }
)
"""The acts of a campaign's page, by the value of their button."""

APPROVING = ("winner", "approve", "launch")
"""Acts that need the permission to approve, as their routes do."""
