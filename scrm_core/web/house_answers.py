"""The shapes of what the API answers of the house: imports, events, jobs, acts, users, plugins and reports.

Those of people and their orders are in :mod:`.answers`.
"""

from __future__ import annotations

from marshmallow import Schema, fields

from . import answer_fields as of


class ImportSchema(Schema):
    """An import of a file."""

    id = of.integer()
    kind = of.text("leads, contacts, orders, tags, products or refunds")
    source = of.text()
    name = of.text("of the file")
    state = of.text("running (also one that was broken off: the same file goes on) or done")
    rows = of.integer("committed so far")
    created = of.integer()
    updated = of.integer()
    unchanged = of.integer()
    rejected = of.integer()
    kept = of.integer("rejected rows that can still be read")
    share = fields.Float(
        required=True, allow_none=True, metadata={"description": "of the file read, 0 to 1; null where nobody knows"}
    )
    started_at = of.instant()
    updated_at = of.instant("the last batch")


class EventSchema(Schema):
    """An event of the log."""

    id = of.integer("unique and stable in this brand")
    type = of.text("for example order.paid")
    at = of.instant("when it happened")
    recorded_at = of.instant("when it was written")
    backfill = of.flag("written as history by an import")
    data = of.members("ids and values of the event")


class ParkedSchema(Schema):
    """An event that a plugin could not handle."""

    plugin = of.text()
    event = of.integer("the event's id")
    type = of.text("for example order.paid")
    attempts = of.integer()
    state = of.text("retry (it is tried again by itself) or held (a person has to look)")
    next_at = of.instant("when it is tried next; null where it is held", allow_none=True)
    error = of.text("what the plugin raised; phones and tokens are masked")


class JobSchema(Schema):
    """A periodic job."""

    plugin = of.text("whose it is; core for the framework's own")
    name = of.text()
    every_seconds = of.integer()
    next_at = of.instant("when it runs next")
    state = of.text("of the newest run: running, done or failed; empty while there was none")
    started_at = of.instant("the newest run", allow_none=True)
    finished_at = of.instant(allow_none=True)
    error = of.text("what the newest run raised; phones and tokens are masked")
    asked_by = of.text("who asked for a run that has not begun")


class AuditSchema(Schema):
    """An act."""

    id = of.integer()
    at = of.instant()
    actor = of.text("user:NAME, key:ID, operator (a command), or a plugin")
    action = of.text("such as segment.save")
    target = of.text("the thing by kind and id")
    detail = fields.Dict(
        required=True, allow_none=True, metadata={"description": "ids and counts; null where there is nothing to say"}
    )


class UserSchema(Schema):
    """A user with a role in the brand."""

    name = of.text()
    role = of.text("owner, operator, clerk or analyst")
    signed_in_at = of.instant("the last time", allow_none=True)
    disabled = of.flag("may not sign in")


class PluginRouteSchema(Schema):
    """A route of a plugin, below the plugin's path."""

    methods = fields.List(fields.String(), required=True)
    path = of.text()
    permission = of.text("the scope it needs")


class PluginSchema(Schema):
    """An enabled plugin and how it fares."""

    name = of.text()
    version = of.text()
    summary = of.text()
    state = of.text("active, paused, or passive (it listens to no events)")
    reason = of.text("why it is paused")
    waiting = of.integer("events not yet handed to it")
    parked = of.integer("events it could not handle")
    routes = fields.List(fields.Nested(PluginRouteSchema), required=True)


class ReportInfoSchema(Schema):
    """A report that can be asked for."""

    name = of.text()
    title = of.text()
    plugin = of.text("who answers")


class ReportColumnSchema(Schema):
    """A column of a report."""

    name = of.text()
    title = of.text()
    kind = of.text("text, count, money, rate or instant")


class ReportSchema(ReportInfoSchema):
    """A report: columns and rows; a figure that cannot be computed is null."""

    columns = fields.List(fields.Nested(ReportColumnSchema), required=True)
    rows = fields.List(fields.Dict(keys=fields.String()), required=True)
