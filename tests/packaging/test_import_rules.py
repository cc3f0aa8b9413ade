"""Who may import whom, read from the syntax trees. docs/design.md gives the reasons."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "scrm_core"
PLUGINS = {folder.name for folder in (ROOT / "plugins").iterdir() if folder.name.startswith("scrm_")}


def imports(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Absolute dotted names of everything a module imports, also inside functions.

    ``from a import b`` counts as both ``a`` and ``a.b``, since b may be a module.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return names


def reaches(names: set[str], *targets: str) -> list[str]:
    """Those of ``names`` that are one of the targets or lie inside one."""
    return sorted(n for n in names if any(n == t or n.startswith(t + ".") for t in targets))


@cache
def modules(folder: Path, package: str) -> list[tuple[str, set[str]]]:
    """Every module below a folder with what it imports; ``package`` is the folder's dotted name."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join([package, *(parts[:-1] if is_package else parts)])
        found.append((name, imports(path.read_text("utf-8"), name, is_package=is_package)))
    return found


def core_modules() -> list[tuple[str, set[str]]]:
    return modules(CORE, "scrm_core")


def offenders(prefixes: tuple[str, ...], *targets: str) -> list[str]:
    """``module imports target`` for each forbidden import of the modules under the prefixes."""
    return [
        f"{name} imports {', '.join(bad)}"
        for name, names in core_modules()
        if reaches({name}, *prefixes) and (bad := reaches(names, *targets))
    ]


def test_views_and_commands_import_neither_database_nor_models():
    floors = ("scrm_core.db", "scrm_core.models", "peewee", "playhouse")
    assert offenders(("scrm_core.web", "scrm_core.cli"), *floors) == []


def test_services_import_neither_views_nor_commands():
    assert offenders(("scrm_core.services",), "scrm_core.web", "scrm_core.cli") == []


def test_the_database_floor_imports_nothing_above_it():
    allowed = ("scrm_core.db", "scrm_core.errors", "scrm_core.limits", "scrm_core.clock")
    above = []
    for name, names in core_modules():
        if reaches({name}, "scrm_core.db"):
            inside = set(reaches(names, "scrm_core"))
            above += [f"{name} imports {n}" for n in inside - set(reaches(inside, *allowed)) - {"scrm_core"}]
    assert above == []


def test_models_import_only_the_database_floor():
    above = (
        "scrm_core.services", "scrm_core.web", "scrm_core.cli", "scrm_core.intake", "scrm_core.brands",
        "scrm_core.installation",
    )  # fmt: skip
    assert offenders(("scrm_core.models",), *above) == []


def test_values_and_the_segment_language_touch_no_table():
    pure = ("scrm_core.values", "scrm_core.intake.checkers", "scrm_core.intake.schemas", "scrm_core.intake.csvfile")
    assert offenders(pure, "scrm_core.db", "scrm_core.models", "scrm_core.services", "peewee") == []


def test_the_core_never_imports_a_plugin():
    assert offenders(("scrm_core",), *PLUGINS) == []


@pytest.mark.parametrize("plugin", sorted(PLUGINS))
def test_a_plugin_imports_from_the_core_only_its_public_door(plugin):
    wrong = []
    for name, names in modules(ROOT / "plugins" / plugin, plugin):
        inside = set(reaches(names, "scrm_core"))
        wrong += [f"{name} imports {n}" for n in inside - set(reaches(inside, "scrm_core.api"))]
    assert wrong == []


@pytest.mark.parametrize("plugin", sorted(PLUGINS))
def test_a_plugin_imports_no_other_plugin(plugin):
    others = PLUGINS - {plugin}
    wrong = [
        f"{name} imports {bad}"
        for name, names in modules(ROOT / "plugins" / plugin, plugin)
        for bad in reaches(names, *others)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import scrm_core.models.orders", "scrm_core.models.orders"),
        ("from ..models import Order", "scrm_core.models"),
        ("from .. import models", "scrm_core.models"),
        ("def f():\n    from scrm_core import db", "scrm_core.db"),
    ],
)
def test_the_reader_of_imports_sees_every_form(source, found):
    names = imports(source, "scrm_core.web.orders")
    assert found in reaches(names, "scrm_core.db", "scrm_core.models")


def test_the_reader_of_imports_resolves_a_package_from_itself():
    assert "scrm_core.web.views" in imports("from .views import x", "scrm_core.web", is_package=True)
