"""Writes the parts of the documentation that the code already says.

A page marks such a part with two comments::

    <!-- generated: limits -->
    <!-- end -->

``python docs/generate.py`` fills every part anew; a test runs it with
``--check``, which writes nothing and fails on the first difference.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_type_hints

HERE = Path(__file__).resolve().parent
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; bars and line breaks inside cells are made harmless."""
    lines = ["| " + " | ".join(headings) + " |"]
    lines.append("|" + " --- |" * (lines[0].count(" | ") + 1))
    for row in rows:
        cells = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def limits() -> str:
    """Every limit of the framework."""
    from scrm_core.limits import table as limit_rows

    rows = ((f"`{name}`", f"{value:,}", unit, why) for name, value, unit, why in limit_rows())
    return table(("name", "value", "unit", "of what"), rows)


def prose(text: str) -> str:
    """A docstring as Markdown: Sphinx roles become code, double backquotes single ones."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda m: f"`{m[1].rsplit('.', 1)[-1]}`", inspect.cleandoc(text))
    return text.replace("``", "`")


def type_name(annotation: Any) -> str:
    """A type as a reader writes it."""
    plain = isinstance(annotation, type) and not hasattr(annotation, "__args__")
    return annotation.__name__ if plain else str(annotation)


def hooks() -> str:
    """Every hook with its contract and the fields of its argument."""
    from scrm_core.hooks import HOOK_NAMES, HookSpecs

    parts = []
    explained: set[type] = set()
    for name in HOOK_NAMES:
        spec = getattr(HookSpecs, name)
        hints = {k: v for k, v in get_type_hints(spec).items() if k != "return"}
        ((argument, fact),) = hints.items()
        parts.append(f"### {name}\n\n`def {name}(self, {argument}: {fact.__name__})`\n\n{prose(spec.__doc__)}\n")
        if fact not in explained:
            explained.add(fact)
            fields = [(f"`{f.name}`", f"`{type_name(f.type)}`") for f in dataclasses.fields(fact)]
            parts.append(f"**{fact.__name__}**: {prose(fact.__doc__ or '')}\n\n{table(('field', 'type'), fields)}")
    return "\n".join(parts)


def settings(schema: type[Any]) -> str:
    """The keys of a table of a configuration file."""
    from marshmallow import missing

    rows = []
    for name, item in schema().fields.items():
        default = "required" if item.required else ""
        if not item.required and item.load_default is not missing:
            default = f"`{toml(item.load_default)}`"
        rows.append((f"`{name}`", default, item.metadata.get("description", "")))
    return table(("key", "default", "meaning"), rows)


def toml(value: Any) -> str:
    """A default as one writes it in a TOML file."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def project_settings() -> str:
    """``scrm.toml``."""
    from scrm_core.config import ProjectSchema

    return settings(ProjectSchema)


def brand_settings() -> str:
    """The tables of ``brands/<id>.toml``."""
    from marshmallow import fields

    from scrm_core.config import BrandSchema

    parts = []
    for name, item in BrandSchema().fields.items():
        if isinstance(item, fields.Nested):
            parts.append(f"### `[{name}]`\n\n{settings(type(item.schema))}")
    return "\n".join(parts)


GENERATORS: dict[str, Callable[[], str]] = {
    "limits": limits,
    "hooks": hooks,
    "project-settings": project_settings,
    "brand-settings": brand_settings,
}


def filled(text: str) -> str:
    """A page with every generated part written anew."""
    return PART.sub(lambda m: f"{m[1]}\n{GENERATORS[m[2]]()}\n{m[3]}", text)


def main(arguments: list[str]) -> int:
    """Fill all pages, or with ``--check`` name those that differ; returns the exit code."""
    stale = []
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text("utf-8")
        new = filled(text)
        if new != text:
            stale.append(page.name)
            if "--check" not in arguments:
                page.write_text(new, "utf-8")
    if stale and "--check" in arguments:
        print(f"{', '.join(stale)}: not what the code says; run: python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
