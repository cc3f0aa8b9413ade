"""Plugins of the brand: how they fare, and the pages and cards that they bring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    NotFound,
    Plugin,
    PluginError,
    ReportTable,
    ScrmError,
    StaffVisit,
    any_role,
    console_act,
    console_part,
    current_actor,
    current_brand,
    own_transactions,
    permission,
    staff_visit,
)

from .files import table_file
from .frame import page, pages, refusal, words


@dataclass(frozen=True, slots=True)
class Card:
    """A card or page of a plugin; ``shown`` is None where the plugin failed, ``csv`` its file."""

    plugin: str
    title: str
    shown: Any
    key: str
    csv: str


def cards(visit: StaffVisit, *, own: bool) -> list[Card]:
    """The cards that the brand's plugins bring, in the order of its file, each that the user may see.

    ``own``: those whose method takes a query, and so may show everybody something else; else the others, which know
    nothing of who looks.
    """
    query = _query(visit) if own else ConsoleQuery(visit.language)
    return [
        _card("card", plugin, name, part, console_part(plugin, part, query))
        for plugin in current_brand().plugins.values()
        for name, part in plugin.console_cards.items()
        if visit.allows(part.permission) and own == takes_query(plugin, part)
    ]


def card_parts(visit: StaffVisit) -> list[tuple[Plugin, ConsolePart]]:
    """The cards that the user may see, undrawn, each with its plugin."""
    return [
        (plugin, part)
        for plugin in current_brand().plugins.values()
        for part in plugin.console_cards.values()
        if visit.allows(part.permission)
    ]


def takes_query(plugin: Plugin, part: ConsolePart) -> bool:
    """Whether a part is told who looks."""
    return bool(signature(getattr(plugin, part.method)).parameters)


def _card(kind: str, plugin: Plugin, name: str, part: ConsolePart, shown: Any) -> Card:
    csv = flask.url_for("console.part_file", kind=kind, plugin=plugin.name, name=name)
    if kind == "x" and request.query_string:
        csv += f"?{request.query_string.decode()}"
    return Card(plugin.name, part.title[staff_visit().language], shown, f"{kind}-{plugin.name}-{name}", csv)


def summary_of(name: str) -> str:
    """What an installed plugin is, in its own words; where it cannot be used, why."""
    try:
        found = current_brand().installation.loader.load(name)
        return (found.summary_zh if staff_visit().language == "zh" else "") or found.summary
    except PluginError as error:
        return str(error)


def plugins_off() -> list[str]:
    """Names of plugins that are installed and not on for this brand."""
    brand = current_brand()
    return [name for name in brand.installation.loader.candidates() if name not in brand.plugins]


@pages.get("/b/<brand>/x/<plugin>/<name>")
@any_role
def part(plugin: str, name: str) -> Response:
    """A page that a plugin brings; the permission is the page's own."""
    found, _ = _declared("x", plugin, name)
    return _shown(found, name, _query(staff_visit()))


@pages.get("/b/<brand>/x/<plugin>/<name>.csv", defaults={"kind": "x"})
@pages.get("/b/<brand>/card/<plugin>/<name>.csv", defaults={"kind": "card"})
@any_role
def part_file(kind: str, plugin: str, name: str) -> Response:
    """The table of a page or card as a file, under the same permission."""
    found, declared = _declared(kind, plugin, name)
    shown = console_part(found, declared, _query(staff_visit()), refusals=True)
    if not isinstance(shown, ReportTable):
        raise NotFound("there is no table at this address")
    return table_file(current_brand(), shown, f"{plugin}-{name}")


@pages.post("/b/<brand>/x/<plugin>/<name>")
@own_transactions
@any_role
def act(plugin: str, name: str) -> Response:
    """What a form on such a page does; refused, the page is shown again with what was typed."""
    visit = staff_visit()
    found, declared = _declared("x", plugin, name)
    wanted = declared.acts.get(request.form.get("act", ""))
    if wanted is None:
        raise NotFound("there is nothing at this address")
    visit.demand(wanted.permission)
    query = _query(visit)
    try:
        done = console_act(found, wanted, query)
    except ScrmError as error:
        return _shown(found, name, replace(query, refused=error), error.status)
    if done is None:
        return page("part.html", 500, card=_card("x", found, name, declared, None), refused=())
    if done.again:
        return _shown(found, name, query)
    there = flask.url_for("console.part", plugin=plugin, name=done.page or name, **done.args)
    return flask.redirect(there, 303)  # type: ignore[return-value]


def _declared(kind: str, plugin: str, name: str) -> tuple[Plugin, ConsolePart]:
    """A plugin that is on and its page (``x``) or card, where the user may see it."""
    found = current_brand().plugins.get(plugin)
    parts = {} if found is None else found.console_pages if kind == "x" else found.console_cards
    declared = parts.get(name)
    if found is None or declared is None:
        raise NotFound("there is nothing at this address")
    staff_visit().demand(declared.permission)
    return found, declared


def _query(visit: StaffVisit) -> ConsoleQuery:
    return ConsoleQuery(
        visit.language,
        current_actor(),
        args=request.args.to_dict(),
        form=request.form.to_dict(),
        many=request.form.to_dict(flat=False),
        files=request.files.to_dict(),
        allows=visit.allows,
        csrf=visit.csrf,
    )


def _shown(plugin: Plugin, name: str, query: ConsoleQuery, status: int = 200) -> Response:
    declared = plugin.console_pages[name]
    shown = console_part(plugin, declared, query, refusals=True)
    if isinstance(shown, ConsoleFile):
        return _file(shown)
    card = _card("x", plugin, name, declared, shown)
    refused = [] if query.refused is None else dict.fromkeys((refusal(query.refused), query.refused.message))
    inside = "part_inside.html" if "inside" in query.args else "part.html"
    return page(inside, 500 if shown is None else status, card=card, refused=refused)


def _file(file: ConsoleFile) -> Response:
    """A picture is shown where a page has it, anything else is kept; neither may do anything in the browser."""
    answer = Response(file.content, content_type=file.content_type)
    how = "inline" if file.content_type.startswith("image/") else "attachment"
    answer.headers["Content-Disposition"] = f'{how}; filename="{file.name}"'
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer


@pages.get("/b/<brand>/plugins")
@permission("plugins:read")
def plugins() -> Response:
    return page(
        "plugins.html",
        plugins=[replace(each, summary=summary_of(each.name)) for each in current_brand().events.plugins()],
        off=[(name, summary_of(name)) for name in plugins_off()],
        may_set=staff_visit().allows("settings:read"),
        may_pause=staff_visit().allows("events:write"),
        done=request.args.get("done", ""),
    )


@pages.post("/b/<brand>/plugins/pause")
@permission("events:write")
def pause() -> Response:
    """Hand out no events to a plugin, or again: the same acts as ``scrm plugin pause`` and ``resume``."""
    events, plugin, actor = current_brand().events, request.form.get("plugin", ""), current_actor()
    if "resume" in request.form:
        events.resume(plugin, actor=actor)
    else:
        events.pause(plugin, words()["paused_by"].format(actor), actor=actor)
    done = "resumed" if "resume" in request.form else "paused"
    return flask.redirect(flask.url_for("console.plugins", done=done), 303)  # type: ignore[return-value]
