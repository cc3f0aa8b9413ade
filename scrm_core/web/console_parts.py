"""Pages and cards that plugins bring to the console: asked for, drawn where they bring a template, contained."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..errors import PluginError
from ..plugin import ConsolePart, ConsoleTemplate, Plugin, ReportTable


def draw(plugin: Plugin, part: ConsolePart, language: str) -> ReportTable | Markup:
    """What a page or card of a plugin shows: a table, or its template as HTML; values in it are escaped.

    Raises whatever the plugin raises, PluginError for an answer that is neither.
    """
    shown = getattr(plugin, part.method)()
    if isinstance(shown, ReportTable):
        return shown
    if isinstance(shown, ConsoleTemplate):
        page = _environment(type(plugin)).get_template(shown.name)
        return Markup(page.render(**shown.context, lang=language, brand=plugin.brand))
    raise PluginError(
        f"plugin {plugin.name!r}: {part.method}() returned a {type(shown).__name__}; "
        "return ReportTable(columns, rows) or ConsoleTemplate(name, {...})",
        plugin=plugin.name,
    )


def contained(plugin: Plugin, part: ConsolePart, language: str) -> ReportTable | Markup | None:
    """Like :func:`draw`; None where the plugin failed, which the log tells: the page around it is not lost."""
    return plugin.brand.contained(plugin.name, lambda: draw(plugin, part, language))


@cache
def _environment(cls: type[Plugin]) -> Environment:
    folder = Path(inspect.getfile(cls)).resolve().parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
