"""What the forms of the console say, handed to the services: one function for each act, thin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scrm_core.api import ConsoleQuery, Invalid

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

_PERSON = "user:"


def by(query: ConsoleQuery) -> By:
    """The user who is signed in, as whoever answers for an act."""
    return By(query.actor.removeprefix(_PERSON), query.actor)


def _steps(plugin: CardConsole, query: ConsoleQuery) -> Steps:
    """The steps as the page showed them; raises Invalid for a form that does not say which version that was."""
    return Steps(plugin.brand, plugin.settings, seen=query.whole("version"))


def _day(query: ConsoleQuery, name: str) -> int | None:
    day = query.day(name, empty=None)
    return None if day is None else day.toordinal()


# Acts ------------------------------------------------------------------------


def _create(plugin: CardConsole, query: ConsoleQuery) -> str:
    code = query.text("code")
    plugin.cards.create_campaign(
        code,
        source=query.text("source"),
        name=query.text("name"),
        automatic=False,
        first_day=_day(query, "first_day"),
        last_day=_day(query, "last_day"),
        recall_days=query.whole("recall_days", empty=None),
        contribution_days=query.whole("contribution_days", empty=None),
    )
    Steps(plugin.brand, plugin.settings).begin(code, by(query))
    return code


def _advance(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).advance(query.asked("id"), query.text("to"), by(query))


def _back(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).back(query.asked("id"), query.text("to"), by(query), reason=query.text("reason"))


def _goal(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).set_goal(query.asked("id"), query.text("primary"), by(query))


def _hook(plugin: CardConsole, query: ConsoleQuery) -> Any:
    hook = HookIn(
        kind=query.text("kind"),
        name=query.text("name"),
        product=query.text("product"),
        price_minor=query.money("price"),
        cost_minor=query.money("cost"),
        hook_minor=query.money("hook_cost"),
        share=query.percent("share", empty=None),
        share_reason=query.text("share_reason"),
    )
    return _steps(plugin, query).policy.set_hook(query.asked("id"), hook, by(query))


def _channels(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).policy.set_channels(query.asked("id"), query.lines("channels"), by(query))


def _material(plugin: CardConsole, query: ConsoleQuery) -> Any:
    given = {name.removeprefix("item-"): query.text(name) for name in query.form if name.startswith("item-")}
    values = {item: text for item, text in given.items() if text}
    if not values:
        raise Invalid("value: nothing was entered", field="value")
    return _steps(plugin, query).policy.set_materials(query.asked("id"), query.text("channel"), values, by(query))


def _fit(plugin: CardConsole, query: ConsoleQuery) -> Any:
    facts = FitIn(
        query.money("order_value", empty=None),
        query.percent("repurchase", empty=None),
        query.whole("loyalty", empty=None),
        query.whole("brand_strength", empty=None),
    )
    return _steps(plugin, query).fit.set_facts(query.asked("id"), facts, by(query))


def _trial(plugin: CardConsole, query: ConsoleQuery) -> Any:
    arms = query.lines("arms")
    if len(set(arms)) != len(arms):
        raise Invalid("arms: each arm is named once", field="arms")
    return _steps(plugin, query).trials.start(
        query.asked("id"),
        equal_weights(arms),
        by(query),
        minimum=query.whole("minimum", empty=None),
        base=query.percent("base", empty=None),
        lift=query.percent("lift", empty=None),
    )


def _trial_link(plugin: CardConsole, query: ConsoleQuery) -> Any:
    arm, channel, target = (query.text(name) for name in ("arm", "channel", "target"))
    return _steps(plugin, query).trials.add_link(query.asked("id"), arm, channel, target, by(query))


def _count(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return Steps(plugin.brand, plugin.settings).trials.result(query.asked("id"))


def _winner(plugin: CardConsole, query: ConsoleQuery) -> Any:
    trials = _steps(plugin, query).trials
    return trials.decide(query.asked("id"), query.text("arm"), by(query), reason=query.text("reason"))


def _design(plugin: CardConsole, query: ConsoleQuery) -> Any:
    items: dict[str, Any] = {
        item: query.text(item) for item in ITEMS if item not in ("size", "colours") and query.text(item)
    }
    sides = {side: query.text(side) for side in ("width_mm", "height_mm", "bleed_mm")}
    if any(sides.values()):
        items["size"] = {side: _millimetres(side, text) for side, text in sides.items() if text}
    if query.text("colours"):
        items["colours"] = query.lines("colours")
    return _steps(plugin, query).design.set_items(query.asked("id"), items, by(query))


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
    return _steps(plugin, query).proofs.make(query.asked("id"), name, by(query), content=content)


def _approve(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).proofs.approve(query.asked("id"), query.whole("number"), by(query))


def _order(plugin: CardConsole, query: ConsoleQuery) -> Any:
    proofs = _steps(plugin, query).proofs
    return proofs.order(query.asked("id"), query.whole("quantity"), by(query), printer=query.text("printer"))


def _batch(plugin: CardConsole, query: ConsoleQuery) -> Any:
    # What is printed rests on the proof and the arm that the page showed.
    _steps(plugin, query).records.hold_as_seen(query.asked("id"))
    return plugin.cards.stock.create(
        BatchIn(
            code=query.text("batch"),
            campaign=query.asked("id"),
            kind=query.text("kind"),
            printed=query.whole("printed"),
            unit_cost_minor=query.money("unit_cost"),
            arm=query.text("arm"),
            channel=query.text("channel"),
            unique="unique" in query.form,
            target=query.text("target"),
        ),
        at_once=True,
    )


def _own_batch(plugin: CardConsole, query: ConsoleQuery) -> str:
    """The batch that a form names, which is one of this campaign."""
    batch = plugin.cards.stock.batch(query.text("batch"))
    if batch.campaign != query.asked("id"):
        raise Invalid(f"batch: {batch.code!r} belongs to campaign {batch.campaign!r}", field="batch")
    return batch.code


# Cards that came and money that was spent are facts, whatever became of the steps meanwhile; each has its key, so
# that it is noted once. Counting a trial again changes nothing that anybody decided. They ask for no version.
def _receive(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return plugin.cards.move_stock(
        _own_batch(plugin, query),
        query.text("kind") or "received",
        query.whole("quantity"),
        key=query.text("key"),
        reason=query.text("reason"),
        actor=by(query).name,
        at=query.instant("at") if query.text("at") else None,
    )


def _spend(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return plugin.cards.spending.record(
        plugin.cards.campaign(query.asked("id")),
        query.text("what"),
        query.whole("quantity"),
        query.money("unit"),
        key=query.text("key"),
        actor=by(query).name,
    )


def _departments(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.set_departments(query.asked("id"), query.lines("departments"), by(query))


def _texts(plugin: CardConsole, query: ConsoleQuery) -> Any:
    faq, sop = query.text("faq"), query.text("sop")
    launches = _steps(plugin, query).launches
    return launches.set_texts(query.asked("id"), query.text("department"), by(query), faq=faq, sop=sop)


def _arrival(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.confirm_arrival(query.asked("id"), by(query))


def _acknowledge(plugin: CardConsole, query: ConsoleQuery) -> Any:
    return _steps(plugin, query).launches.acknowledge(query.asked("id"), query.text("department"), by(query))


def _launch(plugin: CardConsole, query: ConsoleQuery) -> Any:
    automatic, day = query.text("shipping") != "warehouse", _day(query, "day")
    return _steps(plugin, query).launches.launch(query.asked("id"), by(query), automatic=automatic, day=day)


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
