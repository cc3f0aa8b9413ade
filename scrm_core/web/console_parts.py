"""Pages and cards that plugins bring to the console: asked for, drawn where they bring a template, contained."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..brands import Brand
from ..clock import from_instant
from ..errors import PluginError, ScrmError
from ..plugin import Plugin
from ..shown import ConsoleAct, ConsolePart, ConsoleTemplate, ReportTable
from ..values.figures import show_figure
from ..values.money import show_minor
from .console_query import FILE_NAME, FILE_TYPES, ConsoleDone, ConsoleFile, ConsoleQuery

T = TypeVar("T")
_SHARED = Path(__file__).parent / "templates" / "console"

Shown = ReportTable | Markup | ConsoleFile


def draw(plugin: Plugin, part: ConsolePart, query: ConsoleQuery) -> Shown:
    """What a page or card of a plugin shows: a table, its template as HTML with values escaped, or a file.

    Raises whatever the plugin raises, PluginError for an answer that is none of these.
    """
    method = getattr(plugin, part.method)
    shown = method(query) if inspect.signature(method).parameters else method()
    if isinstance(shown, ReportTable):
        return shown
    if isinstance(shown, ConsoleTemplate):
        page = _environment(type(plugin)).get_template(shown.name)
        brand = plugin.brand
        hidden = Markup('<input type="hidden" name="csrf" value="{}">').format(query.csrf)
        chinese = query.language == "zh"
        given = {
            "lang": query.language,
            "brand": brand,
            "query": query,
            "csrf": hidden,
            "t": lambda en, zh: zh if chinese else en,
            "word": lambda key: shown.words.get(key, (key, key))[chinese],
        }
        return Markup(page.render({**_writers(brand), **given, **shown.context}))
    if isinstance(shown, ConsoleFile):
        if shown.content_type in FILE_TYPES and FILE_NAME.match(shown.name):
            return shown
        raise PluginError(
            f"plugin {plugin.name!r}: {part.method}() returned a file {shown.name!r} of type {shown.content_type!r}; "
            f"name it in ASCII letters and give one of {', '.join(FILE_TYPES)}",
            plugin=plugin.name,
        )
    raise PluginError(
        f"plugin {plugin.name!r}: {part.method}() returned a {type(shown).__name__}; "
        "return ReportTable(columns, rows) or ConsoleTemplate(name, {...})",
        plugin=plugin.name,
    )


def contained(plugin: Plugin, part: ConsolePart, query: ConsoleQuery, *, refusals: bool = False) -> Shown | None:
    """Like :func:`draw`; None where the plugin failed, which the log tells: the page around it is not lost.

    With ``refusals`` what it refuses on purpose (an error with a status below 500) is raised.
    """
    return _contained(plugin, lambda: draw(plugin, part, query), refusals=refusals)


def perform(plugin: Plugin, act: ConsoleAct, query: ConsoleQuery) -> ConsoleDone | None:
    """Do an act of a page in one transaction, as the current actor; None where the plugin failed, and nothing was done.

    Raises what the act refuses on purpose. Call it outside any transaction.
    """
    return _contained(plugin, lambda: _performed(plugin, act, query), refusals=True)


def _performed(plugin: Plugin, act: ConsoleAct, query: ConsoleQuery) -> ConsoleDone:
    with plugin.brand.transaction():
        done = getattr(plugin, act.method)(query)
        if isinstance(done, ConsoleDone) and (not done.page or done.page in plugin.console_pages):
            return done
        said = f"the page {done.page!r}" if isinstance(done, ConsoleDone) else f"a {type(done).__name__}"
        raise PluginError(
            f"plugin {plugin.name!r}: {act.method}() returned {said}; return ConsoleDone() or ConsoleDone(page, args) "
            "with a name of console_pages",
            plugin=plugin.name,
        )


def _contained(plugin: Plugin, work: Callable[[], T], *, refusals: bool) -> T | None:
    refused: list[ScrmError] = []

    def attempt() -> T | None:
        try:
            return work()
        except ScrmError as error:
            if not refusals or error.status >= 500:
                raise
            refused.append(error)
            return None

    done = plugin.brand.contained(plugin.name, attempt)
    if refused:
        raise refused[0]
    return done


def _writers(brand: Brand) -> dict[str, Callable[..., str]]:
    return {
        "when": lambda at: "–" if at is None else from_instant(at, brand.zone).strftime("%Y-%m-%d %H:%M"),
        "money": lambda minor: "–" if minor is None else show_minor(minor, brand.currency),
        "day": lambda day: "–" if day is None else date.fromordinal(day).isoformat(),
    }


@cache
def _environment(cls: type[Plugin]) -> Environment:
    folder = Path(inspect.getfile(cls)).resolve().parent / "templates"
    # One loader of two folders: what is not found is told with the places that were looked at.
    made = Environment(loader=FileSystemLoader([folder, _SHARED]), autoescape=True, undefined=StrictUndefined)
    made.filters["figure"] = show_figure
    return made
