"""What a plugin should be, tried on a plugin: ``assert_plugin_ok`` in a test, ``scrm plugin check`` by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError, PluginError, ScrmError
from ..facts import EVENT_TYPES
from ..places import place_in, raised_at, said
from ..plugin import Plugin
from .app import App
from .checks import ASK_PRESENT, CHECKS, REMEDY, Trial
from .shop import HandlerFailed


@dataclass(frozen=True, slots=True)
class Finding:
    """One point of the checklist that a plugin does not meet, and what to do."""

    check: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.check}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


def assert_plugin_ok(
    cls: type[Plugin],
    *others: type[Plugin],
    settings: Mapping[str, Any] | None = None,
    brand_toml: str = "",
    without: Iterable[str] = (),
) -> None:
    """Fail with every point of the checklist that a plugin does not meet.

    ``others`` are plugins that it needs beside it; ``settings`` and ``brand_toml``
    are as :class:`App` takes them. ``without`` names checks to leave out; say
    beside it why.
    """
    found = check_plugin(cls, *others, settings=settings, brand_toml=brand_toml, without=without)
    if found:
        raise AssertionError("\n".join([f"{cls.name} does not meet the checklist:", *(f"- {each}" for each in found)]))


def check_plugin(
    cls: type[Plugin],
    *others: type[Plugin],
    settings: Mapping[str, Any] | None = None,
    brand_toml: str = "",
    without: Iterable[str] = (),
    loaded: frozenset[str] | None = None,
) -> list[Finding]:
    """The points of the checklist that a plugin does not meet; ValueError for an unknown check in ``without``.

    ``loaded`` are the modules that importing the plugin loaded behind scrm_core.api, for who has just seen it;
    without it the plugin is imported once more, in another process.
    """
    left_out = set(without)
    if left_out - CHECKS.keys():
        raise ValueError(f"no check {', '.join(sorted(left_out - CHECKS.keys()))}; there are {', '.join(CHECKS)}")
    given = dict(settings or {})
    by_plugin = any(isinstance(given.get(each.name), Mapping) for each in (*others, cls))
    try:
        app = App(*others, cls, settings=given if by_plugin else {cls.name: given}, brand_toml=brand_toml)
    except ScrmError as exc:
        return list(_refused(exc))
    found: dict[str, Finding] = {}  # by problem: what breaks one check may break the next
    with app:
        trial = Trial(cls, app, loaded)
        with trial.imported_elsewhere("import-cost" not in left_out):
            for name, check in CHECKS.items():
                if name not in left_out:
                    try:
                        for problem, fix in check(trial):
                            found.setdefault(problem, Finding(name, problem, fix))
                    except KeyboardInterrupt:
                        raise
                    except BaseException as exc:  # noqa: BLE001  a plugin's code runs in it, and may raise anything
                        problem = _raised(exc, trial)
                        remedy = REMEDY if type(exc) is not PluginError else ""
                        if isinstance(exc, HandlerFailed) and exc.parked.error.startswith(_UNKNOWN):
                            remedy = ASK_PRESENT
                        found.setdefault(problem, Finding(name, problem, remedy))
    return list(found.values())


_UNKNOWN = ("NotFound: no contact ", "NotFound: no such contact")
_FILE = re.compile(r"^/\S*/brands/\w+\.toml: ")  # of the app's own folder: nobody could mend it


def _refused(exc: ScrmError) -> Iterable[Finding]:
    """Why there is no app with the plugin: its migrations or its class, else its settings."""
    cause = exc if isinstance(exc, PluginError) else exc.__cause__
    if isinstance(cause, PluginError):
        yield Finding("migrations" if "migration" in str(cause) else "class", str(cause), "")
        return
    how = "give the settings that the plugin needs (settings= in a test, else --settings FILE), or mend it"
    for problem in exc.problems if isinstance(exc, ConfigError) else (str(exc),):
        yield Finding("settings", _FILE.sub("", problem), how)


def _raised(exc: BaseException, trial: Trial) -> str:
    """What a check raised, in one line, with the place in the plugin's own files where there is one."""
    place = ""
    if isinstance(exc, HandlerFailed):
        place, hook = place_in(exc.parked.traceback, trial.home), EVENT_TYPES[exc.parked.type][1]
        words = f"{hook} fails: {' '.join(exc.parked.error.split())}"
    elif isinstance(exc, ScrmError | AssertionError):
        hook = exc.extra.get("hook") if isinstance(exc, PluginError) else None
        if hook:
            place = raised_at(exc, trial.home) or _place_of(getattr(trial.cls, hook, None))
        words = " ".join(str(exc).partition("\nassert ")[0].split())  # pytest writes the assertion below its words
    else:
        place, words = raised_at(exc, trial.home), said(exc)
    return f"{place + ': ' if place else ''}{words}"


def _place_of(method: Any) -> str:
    """Where a method stands: an answer that nothing was raised for has no other place."""
    code = getattr(method, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""
