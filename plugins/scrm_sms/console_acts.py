"""What the forms of the console say, handed to the services: one function for each act, thin."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scrm_core.api import ConsoleQuery, Invalid

from .packs.service import Packs
from .plans.service import Plans
from .plans.steps import Arm, Policy
from .results import landing

if TYPE_CHECKING:
    from .console import SmsConsole

MOST_BYTES = 900_000
_NAME = re.compile(r"[^\w.-]+")


def _plans(plugin: SmsConsole, query: ConsoleQuery) -> Plans:
    """The plans as the page showed them; raises Invalid for a form that does not say which version that was."""
    return Plans(plugin.brand, plugin.settings, seen=query.whole("version"))


def _create(plugin: SmsConsole, query: ConsoleQuery) -> str:
    code = query.text("code")
    plugin.plans.create(code, actor=query.actor, name=query.text("name"))
    return code


def _goal(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    goal, kind, sender = (query.text(name) for name in ("goal", "kind", "sender"))
    return _plans(plugin, query).set_goal(query.asked("id"), goal, kind=kind, sender=sender, actor=query.actor)


def _audience(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    segment, pack = query.text("segment"), query.text("pack")
    return _plans(plugin, query).set_audience(query.asked("id"), segment=segment, pack=pack, actor=query.actor)


def _policy(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    policy = Policy(
        offer=query.text("offer"),
        hook=query.text("hook"),
        product=query.text("product"),
        cost_minor=query.money("cost", empty=0),
        margin_minor=query.money("margin", empty=0),
        claimants=query.whole("claimants", empty=0),
        budget_minor=query.money("budget", empty=0),
        materials=tuple(line.strip() for line in query.text("materials").splitlines() if line.strip()),
    )
    return _plans(plugin, query).set_policy(query.asked("id"), policy, actor=query.actor)


def _pack(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    packing = _plans(plugin, query).packing
    return packing.build(query.asked("id"), holdout=query.percent("holdout", empty=0), actor=query.actor, at_once=True)


def _landing(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    words = {name: query.text(name) for name in ("title", "activity", "text", "welcome", "button", "target")}
    return landing.set_landing(
        plugin.brand,
        query.asked("id"),
        actor=query.actor,
        starts_at=query.instant("starts_at"),
        ends_at=query.instant("ends_at"),
        seen=query.whole("version"),
        **words,
    )


def _end(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    ends_at = query.instant("ends_at")
    return landing.move_end(plugin.brand, query.asked("id"), ends_at, actor=query.actor)


def _path(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    channel, target = query.text("channel"), query.text("path_target")
    return _plans(plugin, query).paths.set_path(query.asked("id"), channel=channel, target=target, actor=query.actor)


def arms_of(query: ConsoleQuery) -> list[Arm]:
    """The texts of the form that are not empty."""
    names = ("arm", "body", "weight", "segment", "template")
    arms = []
    for values in zip(*(query.many.get(name, []) for name in names), strict=False):
        row = ConsoleQuery(form=dict(zip(names, values, strict=True)))
        # A message is one line: what a browser broke is put together again.
        body = " ".join(row.text("body").split())
        if body:
            weight = row.whole("weight", empty=0)
            arms.append(Arm(row.text("arm"), body, weight, row.text("segment"), row.text("template")))
    if not arms:
        raise Invalid("write a text", field="body")
    return arms


def _copy(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    wordings = _plans(plugin, query).wordings
    return wordings.set_copy(query.asked("id"), arms_of(query), signature=query.text("signature"), actor=query.actor)


def _test(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).interception.start(query.asked("id"), actor=query.actor)


def _approve(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).launching.approve(query.asked("id"), actor=query.actor)


def _schedule(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    at = query.text("at")
    if not at:
        raise Invalid("at: say when it starts", field="at")
    return _plans(plugin, query).launching.schedule(query.asked("id"), at, actor=query.actor)


def _now(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).launching.schedule(query.asked("id"), "now", actor=query.actor)


def _back(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    step, reason = query.text("to"), query.text("reason")
    return _plans(plugin, query).back(query.asked("id"), step, actor=query.actor, reason=reason)


# Stopping asks for no version: what is wrong with a plan that was changed meanwhile is no reason to let it go on.
def _halt(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return plugin.plans.control.pause(query.asked("id"), actor=query.actor, reason=query.text("reason"))


def _cancel(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return plugin.plans.control.cancel(query.asked("id"), actor=query.actor, reason=query.text("reason"))


def _resume(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).control.resume(query.asked("id"), actor=query.actor)


def _release(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).control.release(query.asked("id"), actor=query.actor)


def import_pack(plugin: SmsConsole, query: ConsoleQuery) -> str:
    """Read an uploaded file into a pack and seal it; the same file again is the same pack."""
    file, code = query.files.get("file"), query.text("code")
    if file is None or not file.filename:
        raise Invalid("file: choose a CSV file", field="file")
    content = file.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Invalid(f"file: more than {MOST_BYTES:,} bytes; import it with: scrm sms pack import", field="file")
    name = _NAME.sub("_", file.filename.replace("\\", "/").rpartition("/")[2])[-60:].lstrip(".") or "numbers.csv"
    with tempfile.TemporaryDirectory(prefix="scrm-pack-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        Packs(plugin.brand, plugin.settings).import_file(path, code=code, actor=query.actor)
    return code


CREATE = _create
ACTS: Mapping[str, tuple[str, Callable[[SmsConsole, ConsoleQuery], Any]]] = MappingProxyType(
    {
        "goal": ("sms:write", _goal),
        "audience": ("sms:write", _audience),
        "policy": ("sms:write", _policy),
        "pack": ("sms:write", _pack),
        "landing": ("sms:write", _landing),
        "end": ("sms:write", _end),
        "path": ("sms:write", _path),
        "copy": ("sms:write", _copy),
        "test": ("sms:send", _test),
        "approve": ("sms:approve", _approve),
        "schedule": ("sms:send", _schedule),
        "now": ("sms:send", _now),
        "back": ("sms:write", _back),
        "halt": ("sms:write", _halt),
        "cancel": ("sms:write", _cancel),
        "resume": ("sms:send", _resume),
        "release": ("sms:send", _release),
    }
)
"""The acts of a plan's page, with the permission that their routes need, by the value of their button."""
