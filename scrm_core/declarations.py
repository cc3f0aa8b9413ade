"""What a plugin's class says is checked when the class is defined: its hooks, its declarations, the methods they name.

Each mistake is one line: file and line, class and attribute, what was expected, and what to write instead.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from . import __version__
from .db import BrandModel
from .deprecations import warn_of_declarations
from .errors import PluginError
from .hooks import HOOK_NAMES, HookSpecs
from .plugin import (
    HOOK_PREFIXES,
    NAME,
    RESERVED_NAMES,
    Job,
    Metric,
    Plugin,
    SegmentField,
    Sender,
    SignIn,
)
from .shown import (
    MENU_GROUPS,
    PANELS,
    ConsoleAct,
    ConsolePart,
    Report,
)

# A declaration that holds several: what each of them is, and how one is written.
_TUPLES: dict[str, tuple[type, str]] = {
    "models": (type, "models = (Note,)"),
    "short_names": (str, 'short_names = ("tea",)'),
    "jobs": (Job, 'jobs = (Job("nightly", 86_400, "tidy"),)'),
}
_PART = '{"today": ConsolePart("today", {"en": "Today", "zh": "今天"}, "NAME:read")}'
_TABLES: dict[str, tuple[type, str]] = {
    "settings_zh": (str, 'settings_zh = {"days": "有效天数"}'),
    "permissions": (str, 'permissions = {"NAME:read": "see it"}'),
    "reports": (Report, 'reports = {"NAME": Report("report", "Title")}'),
    "console_pages": (ConsolePart, f"console_pages = {_PART}"),
    "console_cards": (ConsolePart, f"console_cards = {_PART}"),
    "metrics": (Metric, 'metrics = {"count": Metric("Title")}'),
    "segment_fields": (SegmentField, 'segment_fields = {"count": SegmentField("counts", "number", "title")}'),
    "reward_kinds": (str, 'reward_kinds = {"kind": "what it is"}'),
    "senders": (Sender, 'senders = {"name": Sender("sms", "title", "gateway")}'),
    "sign_ins": (SignIn, 'sign_ins = {"name": SignIn("title", "begin", "finish")}'),
    "extensions": (tuple, 'extensions = {"point": (value,)}'),
}
_BLUEPRINTS = ("blueprint", "pages", "staff_pages")
_TEXTS = {
    "version": '"0.1.0"',
    "summary": '"What it does, in one line"',
    "summary_zh": '"一句话说明"',
    "requires_core": f'">={__version__},<1"',
    "migrations": '"migrations"',
    "commands": '"scrm_NAME.commands:group"',
}
_SEGMENT_KINDS = ("number", "text", "instant")
_UNITS = ("count", "minor")
_TONGUES = ("en", "zh")
_OF_THE_CORE = ("enabled", "history")  # keys of every [plugins.NAME] table


class _Place:
    """A class that is being checked; makes its errors."""

    def __init__(self, cls: type[Plugin]) -> None:
        self.cls = cls

    def error(self, attribute: str, problem: str) -> PluginError:
        return PluginError(f"{self._where(vars(self.cls).get(attribute))}: {self.cls.__name__}.{attribute}: {problem}")

    def _where(self, value: Any) -> str:
        """The place of a method, else of the class; found when there is something to tell, for it takes a while."""
        try:
            file = inspect.getsourcefile(self.cls)
            code = getattr(getattr(value, "__func__", value), "__code__", None)
            if code is not None and code.co_filename == file:
                return f"{file}:{code.co_firstlineno}"
            return f"{file}:{inspect.getsourcelines(self.cls)[1]}"
        except (OSError, TypeError):
            return self.cls.__module__


def check_class(cls: type[Plugin]) -> None:
    """Raise PluginError for the first mistake in a plugin's class; a base class without a name declares nothing."""
    place = _Place(cls)
    _check_hooks(place)
    if cls.name:
        _check_declarations(place)
        warn_of_declarations(cls)


# Hooks -----------------------------------------------------------------------


def _check_hooks(place: _Place) -> None:
    # What stands beside Plugin among the bases is looked at with the class: it is checked nowhere else.
    beside = [base for base in place.cls.__mro__ if base is place.cls or not issubclass(base, HookSpecs)]
    for name, value in [each for base in reversed(beside[:-1]) for each in vars(base).items()]:
        if isinstance(value, property) or not callable(getattr(value, "__func__", value)):
            continue
        marked = hasattr(getattr(value, "__func__", value), "scrm_impl")
        if not name.startswith(HOOK_PREFIXES):
            if marked:
                raise place.error(name, f"@hookimpl, but no hook has this name; {_near_hook(name)}")
            continue
        if name not in HOOK_NAMES:
            raise place.error(name, f"no such hook; {_near_hook(name)} (rename the method if it is not meant as one)")
        _check_hook(place, name, value, marked)


def _near_hook(name: str) -> str:
    close = difflib.get_close_matches(name, HOOK_NAMES, n=1)
    return f"did you mean {close[0]!r}?" if close else f"hooks are {', '.join(HOOK_NAMES)}"


def _check_hook(place: _Place, name: str, value: Any, marked: bool) -> None:
    spec = inspect.signature(getattr(HookSpecs, name))
    words = [f"{p.name}: {p.annotation}" if p.annotation is not p.empty else p.name for p in spec.parameters.values()]
    written = f"write def {name}({', '.join(words)})"
    if isinstance(value, staticmethod | classmethod) or not inspect.isfunction(value):
        raise place.error(name, f"a hook is a plain method; {written}")
    if not marked:
        raise place.error(name, "looks like a hook but lacks @hookimpl; add it above the method")
    if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
        raise place.error(name, "a hook is not async: declare a job for slow work")
    options = value.scrm_impl  # type: ignore[attr-defined]
    if options.get("wrapper") or options.get("hookwrapper"):
        raise place.error(name, "hook wrappers are not supported: implement the hook itself")
    given = list(inspect.signature(value).parameters.values())
    if [p.name for p in given] != list(spec.parameters) or any(p.default is not p.empty for p in given):
        raise place.error(name, f"takes exactly ({', '.join(spec.parameters)}), without defaults; {written}")
    (_, argument) = spec.parameters.values()
    if _type_name(given[1].annotation) in _ARGUMENTS - {argument.annotation}:
        found = _type_name(given[1].annotation)
        raise place.error(name, f"gets {argument.annotation}, not {found}; {written}")
    if getattr(value, "scrm_backfill", False) and not name.startswith("on_"):
        raise place.error(name, "backfill=True is for on_* hooks, which hear of the past; write @hookimpl")


def _type_name(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return str(text).rpartition(".")[2]


_ARGUMENTS = {
    list(inspect.signature(getattr(HookSpecs, name)).parameters.values())[1].annotation for name in HOOK_NAMES
}

# Declarations ----------------------------------------------------------------


def _check_declarations(place: _Place) -> None:
    cls = place.cls
    _check_name(place)
    _check_misspelt(place)
    for attribute, example in _TEXTS.items():
        value = getattr(cls, attribute)
        optional = attribute in ("migrations", "commands", "summary_zh") and value == getattr(Plugin, attribute)
        if not optional and not (isinstance(value, str) and value):
            found = f"found {value!r}; " if value else ""
            raise place.error(attribute, f"{found}must be declared as a text: {attribute} = {example}")
    if cls.panel not in ("", *PANELS):
        raise place.error("panel", f"found {cls.panel!r}; must be {', '.join(PANELS[:-1])} or {PANELS[-1]}")
    _check_core(place)
    _check_shapes(place)
    _check_settings(place)
    _check_short_names(place)
    _check_jobs(place)
    for report in cls.reports.values():
        _check_method(place, "reports", report.method)
    for name, segment_field in cls.segment_fields.items():
        _check_word(place, "segment_fields", name, "kind", segment_field.kind, _SEGMENT_KINDS)
        _check_method(place, "segment_fields", segment_field.contacts)
    _check_metrics(place)
    for attribute in ("console_pages", "console_cards"):
        for name, part in getattr(cls, attribute).items():
            _check_part(place, attribute, name, part)
    for name in cls.permissions:
        if not name.startswith(f"{cls.name}:"):
            own = f"{cls.name}:{name.rpartition(':')[2]}"
            raise place.error("permissions", f"{name!r} must begin with {cls.name + ':'!r}; write {own!r}")
    _check_models(place)
    for sender in cls.senders.values():
        _check_method(place, "senders", sender.gateway)
    for name, sign_in in cls.sign_ins.items():
        if not NAME.match(name):
            raise place.error("sign_ins", f"{name!r} must match {_pattern()}")
        _check_method(place, "sign_ins", sign_in.begin, "return_address", "state")
        _check_method(place, "sign_ins", sign_in.finish, "args")
        if sign_in.offered:
            _check_method(place, "sign_ins", sign_in.offered, "agent")
    if cls.commands is not None and not all(cls.commands.partition(":")):
        raise place.error("commands", f"found {cls.commands!r}; must name module and group: {_TEXTS['commands']}")
    if cls.reward_kinds and cls.issue_reward is Plugin.issue_reward:
        raise place.error("reward_kinds", "declares reward kinds but does not override issue_reward(); write it")
    collects = cls.collect_personal_data is not Plugin.collect_personal_data
    if collects and cls.erase_personal_data is Plugin.erase_personal_data:
        raise place.error("collect_personal_data", "needs erase_personal_data() beside it, which forgets the same")


def _pattern() -> str:
    return NAME.pattern.removesuffix(r"\Z")


def _check_name(place: _Place) -> None:
    name = place.cls.name
    if not isinstance(name, str):
        raise place.error("name", f"found {name!r}; must be a text: name = \"tea\"")
    if not NAME.match(name):
        better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        hint = f"; write name = {_quoted(better)}" if NAME.match(better) else ""
        raise place.error("name", f"{name!r} must match {_pattern()}{hint}")
    if name in RESERVED_NAMES:
        raise place.error("name", f"{name!r} is reserved by the core; choose another, such as {_quoted('my-' + name)}")


def _quoted(text: str) -> str:
    return f'"{text}"'


def _check_misspelt(place: _Place) -> None:
    """A declaration under another name would do nothing, and say nothing."""
    declared = {name.lower(): name for name in vars(Plugin)["__annotations__"]}
    for attribute, value in vars(place.cls).items():
        if attribute.startswith("_") or attribute in declared.values() or inspect.isroutine(value):
            continue
        near = difflib.get_close_matches(attribute.lower(), declared, n=1, cutoff=0.85)
        if near and _could_be(declared[near[0]], value):
            meant = declared[near[0]]
            raise place.error(attribute, f"no such declaration; did you mean {meant!r}? If not, call it _{attribute}")


def _could_be(declaration: str, value: Any) -> bool:
    """Whether a value looks like what a declaration holds."""
    if declaration in _TABLES:
        return isinstance(value, dict)
    if declaration in _TUPLES:
        return isinstance(value, tuple | list | _TUPLES[declaration][0])
    if declaration == "Settings":
        return isinstance(value, type) and issubclass(value, Schema)
    if declaration in _BLUEPRINTS:
        return _is_blueprint(value)
    return isinstance(value, bool if declaration == "history" else str)


def _is_blueprint(value: Any) -> bool:
    # By name: a plugin without routes must not import Flask.
    return any(base.__name__ == "Blueprint" for base in type(value).__mro__)


def _check_core(place: _Place) -> None:
    try:
        SpecifierSet(place.cls.requires_core)
    except InvalidSpecifier:
        found = place.cls.requires_core
        raise place.error(
            "requires_core", f"found {found!r}; must be a version specifier: requires_core = {_TEXTS['requires_core']}"
        ) from None


def _check_shapes(place: _Place) -> None:
    cls = place.cls
    for attribute, (kind, example) in _TUPLES.items():
        value = getattr(cls, attribute)
        if not isinstance(value, tuple | list):
            raise place.error(attribute, f"found {_shown(value)}; must be a tuple, also of one: {example}")
        for each in value:
            if not isinstance(each, kind):
                raise place.error(attribute, f"found {_shown(each)} in it; write {example}")
    for attribute, (kind, example) in _TABLES.items():
        value = getattr(cls, attribute)
        if not isinstance(value, dict):
            raise place.error(attribute, f"found {_shown(value)}; must be a dict: {example}")
        for key, each in value.items():
            if not isinstance(key, str) or not isinstance(each, kind):
                raise place.error(attribute, f"{key!r} is {_shown(each)}; write {example}")
    for attribute in _BLUEPRINTS:
        value = getattr(cls, attribute)
        if value is not None and not _is_blueprint(value):
            raise place.error(
                attribute, f'found {_shown(value)}; must be a blueprint: flask.Blueprint("{cls.name}", __name__)'
            )


def _shown(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _check_settings(place: _Place) -> None:
    settings = place.cls.Settings
    for key in place.cls.settings_zh:
        if key not in getattr(settings, "_declared_fields", {}):
            raise place.error("settings_zh", f"{key!r} is no key of Settings; describe one of its keys, or take it out")
    if settings is None:
        return
    if not (isinstance(settings, type) and issubclass(settings, Schema)):
        raise place.error("Settings", f"found {_shown(settings)}; must be a marshmallow schema: class Settings(Schema)")
    if settings.opts.unknown in (EXCLUDE, INCLUDE):
        raise place.error("Settings", "must refuse unknown keys: take `unknown` out of its Meta, or write RAISE")
    for key in _OF_THE_CORE:
        if key in settings._declared_fields:
            raise place.error("Settings", f"{key!r} is the core's own key of every plugin's table; choose another name")


def _check_short_names(place: _Place) -> None:
    cls = place.cls
    if cls.short_names and cls.commands is None:
        raise place.error("short_names", "are words for its commands, and it declares none")
    for name in cls.short_names:
        if not NAME.match(name) or name in RESERVED_NAMES:
            raise place.error("short_names", f"{name!r} is reserved by the core, or not written as a plugin's name is")


def _check_jobs(place: _Place) -> None:
    names: set[str] = set()
    for job in place.cls.jobs:
        _check_method(place, "jobs", job.method)
        if type(job.every_seconds) is not int:
            found = f"{job.name!r} runs every {job.every_seconds!r}"
            raise place.error("jobs", f"{found}; write whole seconds, such as 3_600")
        if job.every_seconds < 60:
            raise place.error("jobs", f"{job.name!r} runs every {job.every_seconds} s; 60 s is the least")
        if job.name in names:
            raise place.error("jobs", f"two jobs are called {job.name!r}: rename one")
        names.add(job.name)


def _check_part(place: _Place, attribute: str, name: str, part: ConsolePart) -> None:
    """A page or card of the console: its name is part of an address, its words are there in both languages."""
    from .services.keys import CORE_SCOPES

    if not NAME.match(name):
        raise place.error(attribute, f"{name!r} must match {_pattern()}; it is part of an address")
    _check_console_method(place, attribute, part.method)
    title = part.title
    if not isinstance(title, Mapping) or not all(isinstance(title.get(each), str) and title[each] for each in _TONGUES):
        raise place.error(attribute, f'{name!r} has the title {title!r}; write {{"en": "Today", "zh": "今天"}}')
    if part.group not in MENU_GROUPS:
        raise place.error(attribute, f"{name!r} is in the group {part.group!r}; write one of {', '.join(MENU_GROUPS)}")
    if part.acts and attribute == "console_cards":
        raise place.error(attribute, f"{name!r} has acts, and a card only shows; declare a page and link to it")
    for word, act in part.acts.items():
        if not isinstance(act, ConsoleAct) or not NAME.match(word):
            example = f'{{"stop": ConsoleAct("stop", "{place.cls.name}:write")}}'
            raise place.error(attribute, f"{name!r} has the act {word!r}; write {example}")
        _check_method(place, attribute, act.method, "query")
    for permission in (part.permission, *(act.permission for act in part.acts.values())):
        if permission not in place.cls.permissions and permission not in CORE_SCOPES:
            raise place.error(
                attribute,
                f"{name!r} needs {permission!r}, which neither `permissions` declares nor the core has; "
                f'write permissions = {{"{place.cls.name}:read": "see it"}}',
            )


def _check_console_method(place: _Place, attribute: str, method: str) -> None:
    """It takes nothing, or a :class:`ConsoleQuery`."""
    found = getattr(place.cls, method, None) if isinstance(method, str) else None
    asks = inspect.isfunction(found) and len(inspect.signature(found).parameters) > 1
    _check_method(place, attribute, method, *(("query",) if asks else ()))


def _check_metrics(place: _Place) -> None:
    cls = place.cls
    for name, metric in cls.metrics.items():
        _check_word(place, "metrics", name, "unit", metric.unit, _UNITS)
    collects = cls.collect_metrics is not Plugin.collect_metrics
    if cls.metrics and not collects:
        raise place.error("metrics", "declares metrics but has no collect_metrics(); write it with @hookimpl")
    if collects and not cls.metrics:
        raise place.error("collect_metrics", f"its values belong to no metric; declare {_TABLES['metrics'][1]}")


def _check_word(place: _Place, attribute: str, name: str, part: str, found: str, allowed: Sequence[str]) -> None:
    if found not in allowed:
        choice = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise place.error(attribute, f"{name!r} has the {part} {found!r}; must be {choice}")


def _check_models(place: _Place) -> None:
    cls = place.cls
    for model in cls.models:
        if not issubclass(model, BrandModel):
            found = model.__name__
            raise place.error("models", f"{found} is no table of a brand; write class {found}(BrandModel)")
    if cls.models and cls.migrations is None:
        raise place.error(
            "migrations", 'models are declared but no migrations folder creates them; write migrations = "migrations"'
        )
    prefix = cls.name.replace("-", "_") + "_"
    for model in cls.models:
        table = model._meta.table_name
        if not table.startswith(prefix):
            raise place.error(
                "models", f"table {table!r} must begin with {prefix!r}; write table_name = {_quoted(prefix + table)} "
                f"in the Meta of {model.__name__}",
            )  # fmt: skip


def _check_method(place: _Place, attribute: str, method: str, *arguments: str) -> None:
    """A declaration names a method that can be called with these arguments."""
    if not isinstance(method, str):
        name = getattr(method, "__name__", "NAME")
        raise place.error(attribute, f"found {_shown(method)}; a method is named by a text: {_quoted(name)}")
    found: Callable[..., Any] | None = getattr(place.cls, method, None)
    if not callable(found):
        own = [name for name, value in vars(place.cls).items() if inspect.isroutine(value)]
        near = difflib.get_close_matches(method, own, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; write def {method}({', '.join(('self', *arguments))})"
        raise place.error(attribute, f"names method {method!r}, which the class does not have{hint}")
    if inspect.iscoroutinefunction(found):
        raise place.error(method, f"named in {attribute}: must not be async; write def")
    if inspect.isfunction(found):
        try:
            inspect.signature(found).bind(None, *arguments)
        except TypeError:
            raise place.error(
                method, f"named in {attribute}, which calls it with ({', '.join(('self', *arguments))}); take no others"
            ) from None
