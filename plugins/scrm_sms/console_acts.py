"""What the forms of the console say, handed to the services: one function for each act, thin."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scrm_core.api import ConsoleQuery, Invalid, exponent_of, parse_minor

from .packs.service import Packs
from .plans.service import Plans
from .plans.steps import Arm, Policy
from .results import landing
from .results.schemas import instant_of

if TYPE_CHECKING:
    from .console import SmsConsole

MOST_BYTES = 900_000
_MOST_DIGITS = 15
_NAME = re.compile(r"[^\w.-]+")


def _plans(plugin: SmsConsole, query: ConsoleQuery) -> Plans:
    """The plans as the page showed them; raises Invalid for a form that does not say which version that was."""
    return Plans(plugin.brand, plugin.settings, seen=query.whole("version"))


def _code(query: ConsoleQuery) -> str:
    return query.args.get("id", "")


def _text(query: ConsoleQuery, name: str) -> str:
    # Browsers send line ends as CR LF; a text has one character for each.
    return query.form.get(name, "").replace("\r\n", "\n").strip()


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
    return int(text)


def _whole(query: ConsoleQuery, name: str) -> int:
    text = _text(query, name)
    return _number(text, name) if text else 0


def _money(plugin: SmsConsole, query: ConsoleQuery, name: str) -> int:
    try:
        found = parse_minor(_text(query, name), exponent_of(plugin.brand.currency))
    except Invalid as error:
        raise Invalid(f"{name}: {error.message}", field=name) from None
    return 0 if found is None else found


def _share(query: ConsoleQuery, name: str) -> int:
    """Per cent as people write them, in hundredths of a percent: 5.25 is 525."""
    try:
        found = parse_minor(_text(query, name).rstrip("%％ "))
    except Invalid:
        raise Invalid(f"{name}: {_text(query, name)[:40]!r} is no share in per cent such as 5.5", field=name) from None
    return 0 if found is None else found


def _create(plugin: SmsConsole, query: ConsoleQuery) -> str:
    code = _text(query, "code")
    plugin.plans.create(code, actor=query.actor, name=_text(query, "name"))
    return code


def _goal(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    goal, kind, sender = (_text(query, name) for name in ("goal", "kind", "sender"))
    return _plans(plugin, query).set_goal(_code(query), goal, kind=kind, sender=sender, actor=query.actor)


def _audience(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    segment, pack = _text(query, "segment"), _text(query, "pack")
    return _plans(plugin, query).set_audience(_code(query), segment=segment, pack=pack, actor=query.actor)


def _policy(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    policy = Policy(
        offer=_text(query, "offer"),
        hook=_text(query, "hook"),
        product=_text(query, "product"),
        cost_minor=_money(plugin, query, "cost"),
        margin_minor=_money(plugin, query, "margin"),
        claimants=_whole(query, "claimants"),
        budget_minor=_money(plugin, query, "budget"),
        materials=tuple(line.strip() for line in _text(query, "materials").splitlines() if line.strip()),
    )
    return _plans(plugin, query).set_policy(_code(query), policy, actor=query.actor)


def _pack(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    packing = _plans(plugin, query).packing
    return packing.build(_code(query), holdout=_share(query, "holdout"), actor=query.actor, at_once=True)


def _landing(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    zone = plugin.brand.zone
    words = {name: _text(query, name) for name in ("title", "activity", "text", "welcome", "button", "target")}
    return landing.set_landing(
        plugin.brand,
        _code(query),
        actor=query.actor,
        starts_at=instant_of(_text(query, "starts_at"), "starts_at", zone),
        ends_at=instant_of(_text(query, "ends_at"), "ends_at", zone),
        seen=query.whole("version"),
        **words,
    )


def _end(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    ends_at = instant_of(_text(query, "ends_at"), "ends_at", plugin.brand.zone)
    return landing.move_end(plugin.brand, _code(query), ends_at, actor=query.actor)


def _path(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    channel, target = _text(query, "channel"), _text(query, "path_target")
    return _plans(plugin, query).paths.set_path(_code(query), channel=channel, target=target, actor=query.actor)


def arms_of(query: ConsoleQuery) -> list[Arm]:
    """The texts of the form that are not empty."""
    columns = [query.many.get(name, []) for name in ("arm", "body", "weight", "segment", "template")]
    arms = []
    for name, body, weight, segment, template in zip(*columns, strict=False):
        if body.strip():
            share = _number(weight.strip(), "weight") if weight.strip() else 0
            # A message is one line: what a browser broke is put together again.
            line = " ".join(body.split())
            arms.append(Arm(name.strip(), line, share, segment.strip(), template.strip()))
    if not arms:
        raise Invalid("write a text", field="body")
    return arms


def _copy(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    wordings = _plans(plugin, query).wordings
    return wordings.set_copy(_code(query), arms_of(query), signature=_text(query, "signature"), actor=query.actor)


def _test(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).interception.start(_code(query), actor=query.actor)


def _approve(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).launching.approve(_code(query), actor=query.actor)


def _schedule(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    at = _text(query, "at")
    if not at:
        raise Invalid("at: say when it starts", field="at")
    return _plans(plugin, query).launching.schedule(_code(query), at, actor=query.actor)


def _now(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).launching.schedule(_code(query), "now", actor=query.actor)


def _back(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    step, reason = _text(query, "to"), _text(query, "reason")
    return _plans(plugin, query).back(_code(query), step, actor=query.actor, reason=reason)


# Stopping asks for no version: what is wrong with a plan that was changed meanwhile is no reason to let it go on.
def _halt(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return plugin.plans.control.pause(_code(query), actor=query.actor, reason=_text(query, "reason"))


def _cancel(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return plugin.plans.control.cancel(_code(query), actor=query.actor, reason=_text(query, "reason"))


def _resume(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).control.resume(_code(query), actor=query.actor)


def _release(plugin: SmsConsole, query: ConsoleQuery) -> Any:
    return _plans(plugin, query).control.release(_code(query), actor=query.actor)


def import_pack(plugin: SmsConsole, query: ConsoleQuery) -> str:
    """Read an uploaded file into a pack and seal it; the same file again is the same pack."""
    file, code = query.files.get("file"), _text(query, "code")
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
