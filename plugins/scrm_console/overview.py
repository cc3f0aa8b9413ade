"""The overview: five panels of the loop, goals, channels, the funnel, what needs a person, how plugins fare."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import flask
from flask import Response

from scrm_core.api import (
    PANELS,
    Brand,
    Chart,
    Column,
    Plugin,
    PluginError,
    ReportTable,
    StaffVisit,
    current_brand,
    permission,
    staff_visit,
)

from .figures import DAYS, Figures, Series
from .frame import inside, page, pages, words
from .kept import KEPT_MS, Kept, kept
from .parts import card_parts, cards, plugins_off, takes_query

_SHOWN_CHANNELS = 12
# What stands for the form's token and for cards of one user in a page that is kept; nobody else can write them.
_CSRF, _OWN = secrets.token_hex(16).encode(), secrets.token_hex(16).encode()


@dataclass(frozen=True, slots=True)
class Feed:
    """A plugin that feeds a panel: its metrics of :data:`DAYS` days as (title, unit, value); None: not counted yet."""

    plugin: str
    values: tuple[tuple[str, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the five: what plugins that are on feed it, and the names of installed ones that would."""

    name: str
    feeds: tuple[Feed, ...]
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs a person: a word of ``alerts``, what it is about, and the page (view) where one mends it."""

    what: str
    about: str
    view: str


@pages.get("/b/<brand>/")
@permission("reports:read")
def overview() -> Response:
    """A page that is written once for each user and minute; what is theirs of this moment alone is put in."""
    brand, visit = current_brand(), staff_visit()
    user = visit.user
    assert user is not None
    figures = kept(brand, "figures", lambda: _figures(brand))
    key = (visit.language, user.name, tuple(sorted(user.roles.items())))
    written = kept(brand, key, lambda: _written(visit, figures), of=figures).value
    if _OWN in written:
        theirs = inside("overview_cards.html", csrf=visit.csrf, cards=cards(visit, own=True))
        written = written.replace(_OWN, theirs.encode())
    return Response(written.replace(_CSRF, visit.csrf.encode()), content_type="text/html; charset=utf-8")


def _written(visit: StaffVisit, figures: Kept) -> bytes:
    # Plugins of a large brand are ranked by a job: its count says by itself as of when it is.
    counted = figures.value["contributions"][0].as_of
    shown = _inside(visit, figures.value, counted if figures.at - counted >= KEPT_MS else None)
    own = any(takes_query(plugin, part) for plugin, part in card_parts(visit))
    place = flask.url_for("console.overview")  # and no query: the page is also another address's
    marks = {"csrf": _CSRF.decode(), "own": _OWN.decode() if own else ""}
    return page("overview.html", shown=shown, as_of=figures.at, place=place, **marks).get_data()


@pages.post("/b/<brand>/refresh")
@permission("reports:read")
def refresh() -> Response:
    """Work the figures out anew: what was kept is older than this form."""
    return flask.redirect(flask.url_for("console.overview"), 303)  # type: ignore[return-value]


def _figures(brand: Brand) -> dict[str, Any]:
    """What everybody may see who sees the overview, and what only some may: the template asks."""
    figures = Figures(brand)
    goals, channels = brand.goals.report(), brand.reports.channels()
    health = brand.events.plugins()
    return {
        "series": figures.by_day(),
        "people": figures.people(),
        "funnel": figures.funnel(),
        "goals": goals,
        "channels": channels[:_SHOWN_CHANNELS],
        "contributions": brand.reports.contributions(),
        "window": brand.config.attribution_days,
        "plans": {each.name: each for each in goals.channels},
        "panels": _panels(brand, figures.metrics()),
        "plugins": health,
        "off": plugins_off(),
        "alerts": list(_alerts(brand, goals, channels, health, figures.failed_jobs())),
    }


def _inside(visit: StaffVisit, figures: dict[str, Any], counted: int | None) -> Any:
    text = words()
    found = cards(visit, own=False)
    panel = {plugin.name: plugin.panel for plugin in current_brand().plugins.values()}
    return inside(
        "overview_inside.html",
        days=DAYS,
        counted=counted,
        **{**figures, "series": [(each, by_day(each, text)) for each in figures["series"]]},
        funnel_table=funnel_table(figures["funnel"], text),
        sees=lambda name: visit.allows(name),
        pages={plugin.name: _page_of(plugin, visit) for plugin in current_brand().plugins.values()},
        in_panel={name: [each for each in found if panel[each.plugin] == name] for name in PANELS},
        cards=[each for each in found if not panel[each.plugin]],
    )


def by_day(series: Series, text: dict[str, Any]) -> ReportTable:
    """A series as a table with its line."""
    columns = (Column("day", text["day"]), Column("value", text["series"][series.name], series.kind))
    rows = [{"day": day.isoformat(), "value": value} for day, value in series.days]
    return ReportTable(columns, rows, Chart("lines", "day", ("value",)))


def funnel_table(steps: Iterable[Any], text: dict[str, Any]) -> ReportTable:
    """The funnel as a table with its picture."""
    columns = (Column("step", text["step"]), Column("people", text["count"], "count"))
    rows = [{"step": text["steps"][each.name], "people": each.people} for each in steps]
    return ReportTable(columns, rows, Chart("funnel", "step", ("people",)))


def _page_of(plugin: Plugin, visit: StaffVisit) -> str:
    """The first page of a plugin that stands in the menu of who looks: where one acts."""
    parts = plugin.console_pages.items()
    return next((name for name, part in parts if part.menu and visit.allows(part.permission)), "")


def _panels(brand: Brand, sums: dict[tuple[str, str], int]) -> list[Panel]:
    off: dict[str, list[str]] = {}
    for name in plugins_off():
        try:
            off.setdefault(brand.installation.loader.load(name).panel, []).append(name)
        except PluginError:
            continue  # broken and off: the page of plugins says so

    def feed(plugin: Plugin) -> Feed:
        found = plugin.metrics.items()
        return Feed(plugin.name, tuple((each.title, each.unit, sums.get((plugin.name, key))) for key, each in found))

    on = brand.plugins.values()
    return [
        Panel(name, tuple(feed(each) for each in on if each.panel == name), tuple(off.get(name, ()))) for name in PANELS
    ]


def _alerts(
    brand: Brand, goals: Any, channels: Any, health: Any, failed: Iterable[tuple[str, str]]
) -> Iterable[Alert]:
    """What needs a person, the worst first."""
    stopped = brand.outreach.stopped()
    if stopped:
        yield Alert("stopped", stopped, "")
    for each in health:
        if each.state == "paused":
            yield Alert("paused", each.name, "plugins")
    for each in health:
        if each.parked:
            yield Alert("parked", f"{each.name} {each.parked:,}", "events")
    for plugin, job in failed:
        yield Alert("failed", f"{plugin} {job}", "jobs")
    for each in (*goals.lines, *goals.channels):
        if each.behind:
            yield Alert("behind", each.name, "")
    for each in channels:
        if each.fallen:
            yield Alert("fallen", f"{each.name or each.code} {each.week:,} / {each.usual // 3:,}", "links")


_SEEN_WITH = {"plugins": "plugins:read", "events": "events:read", "jobs": "jobs:read", "links": "channels:read"}


@pages.app_template_global("alert_address")
def _alert_address(alert: Alert, sees: Any) -> str:
    """Where an alert is mended, for who may go there."""
    needed = _SEEN_WITH.get(alert.view)
    return flask.url_for(f"console.{alert.view}") if needed and sees(needed) else ""
