"""Views of what happens inside: the event log, plugins and reports."""

from __future__ import annotations

from typing import Any

from .. import eventlog
from ..clock import iso
from ..delivery import parked_counts, read_cursors
from ..eventlog import LoggedEvent
from .calls import Answer, Call
from .mounts import routes_of
from .pages import page_of


def list_events(call: Call) -> Answer:
    zone = call.brand.zone

    def shown(event: LoggedEvent) -> dict[str, Any]:
        return {
            "id": event.position.event_id,
            "type": event.type,
            "at": iso(event.at, zone),
            "recorded_at": iso(event.recorded_at, zone),
            "backfill": event.backfill,
            "data": event.data,
        }

    rows = eventlog.tail(call.limit, before=call.after)
    return 200, page_of(rows, call.limit, lambda event: event.position.event_id, shown)


def list_plugins(call: Call) -> Answer:
    cursors = {cursor.plugin: cursor for cursor in read_cursors()}
    parked = parked_counts()
    items = []
    for name, plugin in call.brand.plugins.items():
        cursor = cursors.get(name)
        items.append(
            {
                "name": name,
                "version": plugin.version,
                "summary": plugin.summary,
                "state": cursor.state if cursor is not None else "passive",
                "reason": cursor.reason if cursor is not None else "",
                "waiting": eventlog.lag(cursor.position) if cursor is not None else 0,
                "parked": parked.get(name, 0),
                "routes": [
                    {"methods": list(route.methods), "path": route.path, "permission": route.permission}
                    for route in routes_of(type(plugin))
                ],
            }
        )
    return 200, {"items": items}


def list_reports(call: Call) -> Answer:
    infos = call.brand.reports.list()
    return 200, {"items": [{"name": info.name, "title": info.title, "plugin": info.plugin} for info in infos]}


def run_report(call: Call) -> Answer:
    name = call.path["name"]
    table = call.brand.reports.run(name)
    info = next(info for info in call.brand.reports.list() if info.name == name)
    instants = [column.name for column in table.columns if column.kind == "instant"]
    rows = [
        {**row, **{column: iso(row[column], call.brand.zone) for column in instants}} for row in table.rows
    ]
    return 200, {
        "name": name,
        "title": info.title,
        "plugin": info.plugin,
        **table.record(),
        "rows": rows,
    }
