"""Reports: every one of the core and of plugins, with its chart, table and file; and metrics over time."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

from flask import Response, request

from scrm_core.api import (
    Brand,
    Chart,
    Column,
    Invalid,
    NotFound,
    ReportTable,
    current_brand,
    day_start,
    execute,
    month_starts,
    permission,
)

from .figures import Figures
from .files import table_file
from .frame import in_language, page, pages, words
from .overview import by_day, funnel_table

PERIODS = {"7": 7, "28": 28, "90": 90, "weeks": 12, "months": 12}
"""How many days, weeks or months each period of the page over time shows, the last one not over."""

_OWN = ("leads", "orders", "revenue")


@pages.get("/b/<brand>/reports")
@permission("reports:read")
def reports() -> Response:
    return page("reports.html", reports=current_brand().reports.list())


@pages.get("/b/<brand>/reports/<name>")
@permission("reports:read")
def report(name: str) -> Response:
    title, plugin, shown = _run(name)
    return page("report.html", 500 if shown is None else 200, name=name, title=title, plugin=plugin, shown=shown)


@pages.get("/b/<brand>/reports/<name>.csv")
@permission("reports:read")
def report_file(name: str) -> Response:
    """A report, a series of the overview, or its funnel, as a file."""
    brand, text = current_brand(), words()
    if name == "funnel":
        table: ReportTable | None = funnel_table(Figures(brand).funnel(), text)
    elif name in _OWN:
        table = next(by_day(each, text) for each in Figures(brand).by_day() if each.name == name)
    else:
        table = _run(name)[2]
    if table is None:
        raise NotFound("there is no table at this address")
    return table_file(brand, table, name)


def _run(name: str) -> tuple[str, str, ReportTable | None]:
    """Title, plugin and table of a report; no table where the plugin failed."""
    brand = current_brand()
    found = next((each for each in brand.reports.list() if each.name == name), None)
    if found is None:
        raise NotFound("there is nothing at this address")
    if found.plugin == "core":
        return words()["rep"]["titles"].get(name, found.title), found.plugin, brand.reports.run(name)
    return found.title, found.plugin, brand.contained(found.plugin, lambda: brand.reports.run(name))


@pages.get("/b/<brand>/timeline")
@permission("reports:read")
def timeline() -> Response:
    metric, period, shown = _timeline()
    return page(
        "timeline.html",
        shown=shown,
        metric=metric,
        metrics=_metrics(current_brand()),
        period=period,
        periods=list(PERIODS),
    )


@pages.get("/b/<brand>/timeline.csv")
@permission("reports:read")
def timeline_file() -> Response:
    metric, period, shown = _timeline()
    return table_file(current_brand(), shown, f"{metric}-{period}")


def _metrics(brand: Brand) -> dict[str, tuple[str, str]]:
    """What can be seen over time: title and kind by name; ``plugin.metric`` for a plugin's."""
    kinds = {"minor": "money", "count": "count"}
    found = {name: (words()["series"][name], "money" if name == "revenue" else "count") for name in _OWN}
    for plugin in brand.plugins.values():
        for name, metric in plugin.metrics.items():
            found[f"{plugin.name}.{name}"] = (in_language(metric.title), kinds[metric.unit])
    return found


def _timeline() -> tuple[str, str, ReportTable]:
    brand = current_brand()
    metric, period = request.args.get("metric", "leads"), request.args.get("period", "28")
    known = _metrics(brand)
    if metric not in known or period not in PERIODS:
        raise Invalid("there is no such metric or period", field="metric" if metric not in known else "period")
    bounds = _bounds(brand, period)
    title, kind = known[metric]
    values = _values(brand, metric, bounds)
    head = words()["day"] if period.isdigit() else words()["rep"]["period"]
    rows: list[dict[str, Any]] = [
        {"day": _name(first, period), "value": value} for first, value in zip(bounds, values, strict=False)
    ]
    return metric, period, ReportTable(
        (Column("day", head), Column("value", title, kind)), rows, Chart("lines", "day", ("value",))
    )  # fmt: skip


def _bounds(brand: Brand, period: str) -> list[int]:
    """The first days of the periods, and the day behind the last; weeks begin on Mondays."""
    today = date.fromordinal(brand.day(brand.now()))
    count = PERIODS[period]
    if period == "months":
        return [first.toordinal() for first in month_starts(today, count)]
    step = 7 if period == "weeks" else 1
    last = today.toordinal() - (today.weekday() if step == 7 else 0) + step
    return [last - step * back for back in range(count, -1, -1)]


def _name(first: int, period: str) -> str:
    day = date.fromordinal(first)
    return f"{day:%Y-%m}" if period == "months" else day.isoformat()


def _values(brand: Brand, metric: str, bounds: list[int]) -> list[int | None]:
    """The metric in each period; a plugin's that was not counted on any of its days is unknown."""
    if metric == "leads":
        starts = [day_start(day, brand.zone) for day in bounds]
        # One range of the index for each period, in one statement.
        one = "SELECT ? AS place, count(*) FROM contact WHERE lead_at >= ? AND lead_at < ? AND state = 'active'"
        spans = [(nth, first, starts[nth + 1]) for nth, first in enumerate(starts[:-1])]
        rows = execute(
            f"{' UNION ALL '.join(one.replace('? AS', f'{nth} AS', 1) for nth, _, _ in spans)} ORDER BY 1",
            tuple(value for _, first, end in spans for value in (first, end)),
        ).fetchall()
        return [int(count) for _, count in rows]
    if metric in _OWN:
        figure = "count(*)" if metric == "orders" else "sum(paid_minor - refund_minor)"
        found = execute(
            f"SELECT day, {figure} FROM orders WHERE paid_at >= ? AND paid_at < ? AND valid = 1 GROUP BY day",
            (day_start(bounds[0], brand.zone), day_start(bounds[-1], brand.zone)),
        ).fetchall()
        known: dict[int, int] = {int(day): int(value) for day, value in found}
        return [sum(known.get(day, 0) for day in range(*span)) for span in pairwise(bounds)]
    plugin, _, name = metric.partition(".")
    counted: dict[int, int] = {}
    for each in brand.metrics.read(plugin, name, bounds[0], bounds[-1] - 1):
        counted[each.day] = counted.get(each.day, 0) + each.value
    return [
        sum(counted[day] for day in range(*span) if day in counted)
        if any(day in counted for day in range(*span))
        else None
        for span in pairwise(bounds)
    ]
