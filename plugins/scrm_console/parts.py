"""Plugins of the brand: how they fare, and the pages and cards that they bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    NotFound,
    StaffVisit,
    any_role,
    console_part,
    current_actor,
    current_brand,
    permission,
    staff_visit,
)

from .frame import page, pages, words


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a plugin; ``shown`` is None where the plugin failed."""

    plugin: str
    title: str
    shown: Any


def cards(visit: StaffVisit) -> list[Card]:
    """The cards that the brand's plugins bring, in the order of its file, each that the user may see."""
    return [
        Card(plugin.name, part.title[visit.language], console_part(plugin, part, visit.language))
        for plugin in current_brand().plugins.values()
        for part in plugin.console_cards.values()
        if visit.allows(part.permission)
    ]


def plugins_off() -> list[str]:
    """Names of plugins that are installed and not on for this brand."""
    brand = current_brand()
    return [name for name in brand.installation.loader.candidates() if name not in brand.plugins]


@pages.get("/b/<brand>/x/<plugin>/<name>")
@any_role
def part(plugin: str, name: str) -> Response:
    """A page that a plugin brings; the permission is the page's own."""
    visit, found = staff_visit(), current_brand().plugins.get(plugin)
    declared = None if found is None else found.console_pages.get(name)
    if found is None or declared is None:
        raise NotFound("there is nothing at this address")
    visit.demand(declared.permission)
    shown = console_part(found, declared, visit.language)
    status = 500 if shown is None else 200
    return page("part.html", status, card=Card(plugin, declared.title[visit.language], shown))


@pages.get("/b/<brand>/plugins")
@permission("plugins:read")
def plugins() -> Response:
    return page(
        "plugins.html",
        plugins=current_brand().events.plugins(),
        off=plugins_off(),
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
