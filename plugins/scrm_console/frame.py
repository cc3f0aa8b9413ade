"""The frame of every page: menu by permission, brand switcher, language, refusals; and how values are written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import flask
from flask import Response
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from scrm_core.api import (
    MENU_GROUPS,
    NOT_SENT,
    Brand,
    NotFound,
    ReportTable,
    ScrmError,
    StaffVisit,
    from_instant,
    show_figure,
    show_minor,
    staff_visit,
)

from .charts import drawn, shades
from .words import WORDS

pages = flask.Blueprint(
    "console", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)

_BOTH = re.compile(r"(?P<english>[^\u2e80-\uffff]+?) (?P<chinese>[^\s\u2e80-\uffff]*[\u2e80-\uffff].*)\Z", re.S)
"""English first, then Chinese, which may begin with a Latin word: ``Orders led by KOCs KOC带来订单``."""

MENU = {
    "brand": {"overview": "reports:read", "reports": "reports:read", "experiments": "reports:read"},
    "people": {
        "contacts": "contacts:read",
        "segments": "segments:read",
        "orders": "orders:read",
        "rewards": "rewards:read",
    },
    "channels": {"links": "channels:read"},
    "house": {
        "imports": "imports:read",
        "events": "events:read",
        "jobs": "jobs:read",
        "plugins": "plugins:read",
        "keys": "keys:read",
        "users": "users:read",
        "audit": "audit:read",
    },
}
"""The console's own pages of each group of the menu, with the permission of each; plugins' stand behind them."""

_BELOW = {
    f"console.{view}": f"console.{page}"
    for page, views in {
        "overview": ("refresh",),
        "reports": ("report", "timeline"),
        "contacts": ("contact", "search", "merge", "erase", "consent"),
        "orders": ("find_order", "order"),
        "rewards": ("rewards_of", "reverse_reward"),
        "imports": ("send_file", "sent_file", "act_on_file"),
        "links": ("link", "create_link", "create_channel", "end_link"),
        "plugins": ("settings", "preview_settings", "write_settings"),
        "keys": ("create_key",),
        "users": ("create_user", "give_role", "act_on_user"),
        "segments": ("check_segment", "save_segment", "rename_segment"),
    }.items()
    for view in views
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu."""

    title: str
    address: str
    here: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of the menu below one heading; ``here`` where the page that is shown belongs to it."""

    name: str
    entries: tuple[Entry, ...]
    here: bool


def home(visit: StaffVisit, brand: Brand) -> str:
    """The first page of a brand that the user may see."""
    for name, permission in (page for group in MENU.values() for page in group.items()):
        if visit.allows(permission, brand.id):
            return flask.url_for(f"console.{name}", brand=brand.id)
    raise NotFound("there is no page here for this role")


def words() -> dict[str, Any]:
    """The words of the current request's language."""
    return WORDS[staff_visit().language]


def in_language(title: str) -> str:
    """A plugin's title in the page's language: ``Cards shipped 发卡数`` has both; one in a single language stays."""
    both = _BOTH.match(title)
    if both is None:
        return title
    return both["chinese" if staff_visit().language == "zh" else "english"]


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Render one of the console's templates in its frame."""
    visit = staff_visit()
    frame = _values(visit)
    if visit.brand is not None:
        frame.update(
            menu=_menu(visit, visit.brand),
            others=[(each.name, home(visit, each)) for each in visit.brands() if each.id != visit.brand.id],
        )
    return flask.make_response(flask.render_template(f"console/{template}", **{**frame, **context}), status)


def inside(template: str, **context: Any) -> Markup:
    """A piece of a page that may be shown to others in the same language who may do the same: it holds no form."""
    frame = {**_values(staff_visit()), "csrf": "", "visit": None}
    return Markup(flask.render_template(f"console/{template}", **{**frame, **context}))


def _values(visit: StaffVisit) -> dict[str, Any]:
    brand, text = visit.brand, words()
    frame: dict[str, Any] = {"visit": visit, "brand": brand, "lang": visit.language, "t": text, "csrf": visit.csrf}
    frame.update({name.partition(".")[2]: _asset(name) for name in ("console.css", "console.js")})
    if brand is not None:
        frame.update(
            when=partial(when, brand),
            every=every,
            in_language=in_language,
            why=why,
            money=partial(show_minor, currency=brand.currency),
            cell=partial(cell, brand),
            drawn=partial(drawn, cell=partial(cell, brand)),
            shades=shades,
        )
    return frame


def attachment(text: str, name: str) -> Response:
    """A CSV file to be kept; ``name`` is ours."""
    answer = Response("\ufeff" + text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def fragment(template: str, **context: Any) -> Response:
    """A part of a page, which the console's script puts into it."""
    return page(template, **context)


def _menu(visit: StaffVisit, brand: Brand) -> list[Group]:
    """The pages that the user may see, in their groups; a group of none is left out."""
    here = _BELOW.get(visit.request.endpoint or "", visit.request.endpoint)
    found: dict[str, list[Entry]] = {
        group: [
            Entry(words()["menu"][name], flask.url_for(f"console.{name}"), here == f"console.{name}")
            for name, permission in MENU.get(group, {}).items()
            if visit.allows(permission)
        ]
        for group in MENU_GROUPS
    }
    for group, entry in _of_plugins(visit, brand):
        found[group].append(entry)
    at = _group_of_plugin(visit, brand) if here == "console.part" else ""
    return [
        Group(group, tuple(entries), group == at or any(each.here for each in entries))
        for group, entries in found.items()
        if entries
    ]


def _of_plugins(visit: StaffVisit, brand: Brand) -> Iterator[tuple[str, Entry]]:
    """The pages that the brand's plugins bring, each with its group."""
    given = visit.request.view_args or {}
    here = (given.get("plugin"), given.get("name")) if visit.request.endpoint == "console.part" else None
    for plugin in brand.plugins.values():
        for name, part in plugin.console_pages.items():
            if part.menu and visit.allows(part.permission):
                address = flask.url_for("console.part", plugin=plugin.name, name=name)
                yield part.group, Entry(part.title[visit.language], address, here == (plugin.name, name))


def _group_of_plugin(visit: StaffVisit, brand: Brand) -> str:
    """The group of a plugin's page that is shown; one that stands in no menu belongs where its plugin's pages begin."""
    given = visit.request.view_args or {}
    plugin = brand.plugins.get(given.get("plugin", ""))
    pages = {} if plugin is None else plugin.console_pages
    shown = pages.get(given.get("name", ""))
    if shown is not None and not shown.menu:
        shown = next((each for each in pages.values() if each.menu), shown)
    return "" if shown is None else shown.group


def _asset(name: str) -> str:
    return flask.url_for("console.static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((Path(__file__).parent / "static" / name).read_bytes()).hexdigest()[:10]


# Values ------------------------------------------------------------------------


def when(brand: Brand, instant: int | None) -> str:
    """An instant as the brand's clocks show it, to the minute."""
    return "–" if instant is None else from_instant(instant, brand.zone).strftime("%Y-%m-%d %H:%M")


def every(seconds: int) -> str:
    """A period in the largest unit that measures it whole."""
    units = words()["units"]
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return str(units[name]).format(seconds // size)
    return str(units["second"]).format(seconds)


def why(reason: str) -> str:
    """Why a message was not sent, in the language of the page; the code of a plugin that has no words here is shown."""
    if reason in NOT_SENT:
        return NOT_SENT[reason][staff_visit().language == "zh"]
    told = words()["per"]
    kind, _, code = reason.partition(": ")
    return str(told["reasons"].get(reason) or (told["veto"].format(code) if kind == "veto" else reason))


@pages.app_template_filter("checked_setting")
def checked(problem: str) -> str:
    """What a check of a setting says, in the language of the page as far as words for it are known."""
    for pattern, told in words()["set"]["checks"].items():
        found = re.search(f"{pattern}$", problem)
        if found is not None:
            return f"{problem[: found.start()]}{told.format(*found.groups())}"
    return problem


def cell(brand: Brand, kind: str, value: Any) -> str:
    """A value of a report's column."""
    if value is None:
        return "–"
    if kind == "money":
        return show_minor(value, brand.currency)
    if kind == "rate":
        return f"{float(value):.1%}"
    if kind == "instant":
        return when(brand, value)
    return show_figure(value) if kind == "count" and isinstance(value, int) else str(value)


def table(shown: Any) -> bool:
    """Whether what a plugin shows is a table, and not a piece of HTML."""
    return isinstance(shown, ReportTable)


pages.app_template_test("table")(table)

# Refusals ------------------------------------------------------------------------


@pages.app_errorhandler(ScrmError)
def refused(error: ScrmError) -> Response:
    """A refusal as a page; what broke inside is told in general words, the log has the rest."""
    visit = staff_visit()
    if error.code == "csrf" and visit.kept is not None:
        return page("kept.html", error.status, kept=visit.kept)
    answer = page("problem.html", error.status, message=refusal(error), home=_way_out(visit))
    if error.status in (429, 503):
        answer.headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    return answer


def refusal(error: ScrmError) -> str:
    """A refusal in words for the page; those of what broke inside are general."""
    told = words()["refusals"]
    return str(told.get(error.code) or (error.message if error.status < 500 else told["error"]))


@pages.app_errorhandler(HTTPException)
def not_understood(error: HTTPException) -> Response:
    """What Flask refuses by itself: a method, a size, a body that cannot be read."""
    told = words()["refusals"]
    return page("problem.html", error.code or 400, message=told["malformed"], home=_way_out(staff_visit()))


def _way_out(visit: StaffVisit) -> str:
    try:
        return home(visit, visit.brand) if visit.brand is not None else visit.root
    except ScrmError:
        return visit.root
