"""What plugin authors may still use but should not: each name with since when, until when, and what instead.

A name is written as an author writes it: ``scrm_core.api.NAME`` for what is
imported, ``Plugin.NAME`` for a declaration, a hook or another method of a
plugin's class. Both warn by themselves once they are in :data:`DEPRECATIONS`;
anything else calls :func:`warn`. A test fails when a name should be gone.
docs/compatibility.md says what is promised.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from packaging.version import Version

API = "scrm_core.api."
CLASS = "Plugin."
_CORE = str(Path(__file__).resolve().parent) + "/"


class ScrmDeprecationWarning(DeprecationWarning):
    """A plugin uses what a later version will not have; pytest shows it, and ``scrm plugin check``."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """``since`` and ``removed_in`` are versions of the framework; ``target`` is what the old name stands for, if any.

    ``instead`` says what to write. ``target`` is ``module:attribute``, for names of ``scrm_core.api`` alone.
    """

    since: str
    removed_in: str
    instead: str
    target: str = ""


DEPRECATIONS: dict[str, Deprecation] = {}


def overdue(version: str) -> list[str]:
    """What breaks the promise at a version, a sentence each: names that should be gone, or that go too soon."""
    told = []
    now = Version(Version(version).base_version)
    for name, each in DEPRECATIONS.items():
        since, removed = Version(each.since), Version(each.removed_in)
        if removed <= now:
            told.append(f"{name} was to be removed in {each.removed_in}: remove it, and its line in DEPRECATIONS")
        if removed.release[:2] <= since.release[:2]:
            told.append(f"{name} goes in {each.removed_in}, which is no later minor version than {each.since}")
    return told


def warn(name: str) -> None:
    """Warn of a deprecated name at the line outside the framework that uses it; KeyError for a name that is none."""
    each = DEPRECATIONS[name]
    words = f"{name} is deprecated since {each.since} and goes in {each.removed_in}; {each.instead}"
    warnings.warn(words, ScrmDeprecationWarning, stacklevel=_outside())


def _outside() -> int:
    """The ``stacklevel`` of the innermost line that is not the framework's own nor Python's import machinery."""
    level, frame = 1, sys._getframe(1)
    inner: FrameType | None = frame
    while inner is not None and inner.f_code.co_filename.startswith((_CORE, "<frozen importlib")):
        level, inner = level + 1, inner.f_back
    return level


def named(name: str) -> Any:
    """What a deprecated name of ``scrm_core.api`` stands for, after a warning; AttributeError when there is none."""
    each = DEPRECATIONS.get(API + name)
    if each is None or not each.target:
        raise AttributeError(f"module 'scrm_core.api' has no attribute {name!r}")
    warn(API + name)
    from importlib import import_module

    module, _, attribute = each.target.partition(":")
    return getattr(import_module(module), attribute)


def warn_of_declarations(cls: type[Any]) -> None:
    """Warn of each deprecated declaration or method that a plugin's class writes down."""
    for name in DEPRECATIONS:
        if name.startswith(CLASS) and name.removeprefix(CLASS) in vars(cls):
            warn(name)
