"""The tables of plugins: migrations are looked at before they run; what goes wrong in one is told with its place."""

from __future__ import annotations

import re
from pathlib import Path

from playhouse.migrations import MigrationError

from .brands import Brand
from .db.faults import is_fault
from .db.migrations import migrate
from .errors import PluginError, ScrmError
from .places import raised_at, said
from .plugin import Plugin

_FIRST = "0001_tables.py"


def migrate_plugins(brand: Brand) -> list[str]:
    """Apply what is pending of every plugin of a brand; names as ``plugin/migration``.

    Raises PluginError for a folder that is missing or holds what would never run, and for a migration that fails.
    """
    applied: list[str] = []
    for name, plugin in brand.plugins.items():
        directory = type(plugin).migrations_path()
        if directory is None:
            continue
        problem = _problem(type(plugin), directory)
        if problem:
            raise PluginError(f"plugin {name!r}: {problem}", plugin=name)
        try:
            applied += [f"{name}/{each}" for each in migrate(brand.handle, name, directory)]
        except (ScrmError, KeyboardInterrupt):
            raise
        except BaseException as exc:  # SystemExit too: no migration ends a server whose brand's file was changed
            if is_fault(exc):
                raise
            place = raised_at(exc, directory) or str(directory)
            raise PluginError(f"{place}: a migration of plugin {name!r} fails: {said(exc)}{_remedy(exc)}") from exc
    return applied


def _problem(cls: type[Plugin], directory: Path) -> str:
    if not directory.is_dir():
        return f"its migrations folder {directory} is not there; make it, with {_FIRST} in it"
    numbers: dict[int, str] = {}
    files = sorted(path.name for path in directory.glob("*.py") if not path.name.startswith("_"))
    if cls.models and not files:
        return f"no migration is in {directory}; write {_FIRST}"
    for file in files:
        number = re.match(r"\d+", file)
        if number is None:
            return f"{directory / file} would never run: its name begins with its number; call it 0001_{file}"
        other = numbers.setdefault(int(number[0]), file)
        if other != file:
            return f"{directory / file} has the number of {other}; give it the next one"
    return ""


def _remedy(exc: Exception) -> str:
    wrong = isinstance(exc, MigrationError) or (isinstance(exc, TypeError) and "up()" in str(exc))
    return "; write def up(migrator, db)" if wrong else ""
