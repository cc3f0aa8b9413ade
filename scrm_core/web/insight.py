"""Views of what happens inside: the event log, parked events, plugins, users and reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import fields, validate

from ..clock import iso
from ..eventlog import LoggedEvent
from ..intake.fields import Text, integer
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.import_runs import ImportView
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

    rows = call.brand.events.newest(call.limit, before=call.after)
    return 200, page_of(rows, call.limit, lambda event: event.position.event_id, shown)


def list_imports(call: Call) -> Answer:
    zone = call.brand.zone

    def shown(view: ImportView) -> dict[str, Any]:
        return {**asdict(view), "started_at": iso(view.started_at, zone), "updated_at": iso(view.updated_at, zone)}

    rows = call.brand.imports.newest(call.limit, before=call.after)
    return 200, page_of(rows, call.limit, lambda each: each.id, shown)


class RetryInputSchema(IntakeSchema):
    """Parked events of one plugin to hand to it again; ids that are not parked are passed over."""

    plugin = Text(max_length=LIMITS.name, blank=False, required=True)
    events = fields.List(integer(1), required=True, validate=validate.Length(1, LIMITS.batch_rows))


def list_parked(call: Call) -> Answer:
    return 200, {
        "items": [
            {
                "plugin": each.plugin,
                "event": each.event_id,
                "type": each.type,
                "attempts": each.attempts,
                "state": each.state,
                "next_at": iso(each.next_at, call.brand.zone) if each.state == "retry" else None,
                "error": each.error,
            }
            for each in call.brand.events.parked(call.query["plugin"])
        ]
    }


def retry_parked(call: Call) -> Answer:
    done = call.brand.events.retry(call.body["plugin"], call.body["events"], actor=call.key.actor)
    return 200, {"changed": done}


def discard_parked(call: Call) -> Answer:
    done = call.brand.events.discard(call.body["plugin"], call.body["events"], actor=call.key.actor)
    return 200, {"changed": done}


class JobInputSchema(IntakeSchema):
    """A job of a plugin, or of the core."""

    plugin = Text(max_length=LIMITS.name, blank=False, required=True)
    job = Text(max_length=LIMITS.name, blank=False, required=True)


def list_jobs(call: Call) -> Answer:
    zone = call.brand.zone
    instants = ("next_at", "started_at", "finished_at")
    rows = [asdict(view) for view in call.brand.jobs.list()]
    return 200, {"items": [{**row, **{name: iso(row[name], zone) for name in instants}} for row in rows]}


def ask_job(call: Call) -> Answer:
    return 200, {"changed": int(call.brand.jobs.ask(call.body["plugin"], call.body["job"], actor=call.key.actor))}


def list_audit(call: Call) -> Answer:
    asked = {name: call.query[name] for name in ("actor", "action", "target", "since", "until")}
    rows = call.brand.audit.page(**asked, before=call.after, limit=call.limit)
    zone = call.brand.zone
    return 200, page_of(
        rows, call.limit, lambda each: each.id, lambda each: {**asdict(each), "at": iso(each.at, zone)}
    )


def list_users(call: Call) -> Answer:
    return 200, {
        "items": [
            {
                "name": user.name,
                "role": user.roles[call.brand.id],
                "signed_in_at": iso(user.signed_in_at, call.brand.zone),
                "disabled": user.disabled_at is not None,
            }
            for user in call.brand.installation.users.list(call.brand.id)
        ]
    }


def list_plugins(call: Call) -> Answer:
    return 200, {
        "items": [
            {
                **asdict(health),
                "routes": [
                    {"methods": list(route.methods), "path": route.path, "permission": route.permission}
                    for route in routes_of(type(call.brand.plugins[health.name]))
                ],
            }
            for health in call.brand.events.plugins()
        ]
    }


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
