"""The shapes of the API's answers, for the OpenAPI document; a test holds real answers to them.

Instants leave as ISO 8601 text in the brand's zone, money as integer minor
units of the brand's currency, contacts by their unguessable ``uid``.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

OUTCOMES = ("created", "updated", "unchanged", "rejected")


def _text(description: str = "", **kwargs: Any) -> fields.String:
    return fields.String(required=True, metadata={"description": description} if description else {}, **kwargs)


def _integer(description: str = "", **kwargs: Any) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description} if description else {}, **kwargs)


def _flag(description: str = "") -> fields.Boolean:
    return fields.Boolean(required=True, metadata={"description": description} if description else {})


def _instant(description: str = "", **kwargs: Any) -> fields.String:
    return fields.String(required=True, metadata={"format": "date-time", "description": description}, **kwargs)


def _any(description: str) -> fields.Dict:
    return fields.Dict(keys=fields.String(), required=True, metadata={"description": description})


class ProblemSchema(Schema):
    """An error, RFC 9457."""

    type = _text("urn:scrm:problem:<code>")
    title = _text("the words of the status")
    status = _integer("the HTTP status")
    detail = _text("what was wrong and what is expected")
    code = _text("a stable word for programs")
    field = fields.String(metadata={"description": "the part of the input at fault, if one is"})
    request_id = _text("names the request in the log")


def page_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a page of ``item``: ``items`` and the cursor ``next`` (null on the last page)."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": _text("cursor of the next page; null: this is the last", allow_none=True),
        },
        name=item.__name__.removesuffix("Schema") + "Page",
    )


def list_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a short list that needs no pages."""
    return Schema.from_dict(
        {"items": fields.List(fields.Nested(item), required=True)}, name=item.__name__.removesuffix("Schema") + "List"
    )


def batch_schema(name: str) -> type[Schema]:
    """The schema of the answer to a batch: counts, and one result per row in the order of the rows."""
    row = Schema.from_dict(
        {
            "index": _integer("the row's place in the request, from 0"),
            "outcome": _text(validate=validate.OneOf(OUTCOMES)),
            "uid": fields.String(metadata={"description": "of the thing written"}),
            "contact": fields.String(allow_none=True, metadata={"description": "uid of the contact"}),
            "problem": fields.Nested(ProblemSchema, metadata={"description": "why the row was refused"}),
        },
        name=f"{name}BatchRow",
    )
    return Schema.from_dict(
        {**{outcome: _integer() for outcome in OUTCOMES}, "rows": fields.List(fields.Nested(row), required=True)},
        name=f"{name}BatchAnswer",
    )


class SegmentSchema(Schema):
    """A saved segment."""

    name = _text()
    expression = _text("in the segment language")
    created_at = _instant()
    updated_at = _instant()


class SegmentCountSchema(Schema):
    """How many contacts fulfil an expression."""

    count = _integer()


class SegmentMemberSchema(Schema):
    """A contact in a segment."""

    uid = _text("the contact")
    name = _text()


class EventSchema(Schema):
    """An event of the log."""

    id = _integer("unique and stable in this brand")
    type = _text("for example order.paid")
    at = _instant("when it happened")
    recorded_at = _instant("when it was written")
    backfill = _flag("written as history by an import")
    data = _any("ids and values of the event")


class PluginRouteSchema(Schema):
    """A route of a plugin, below the plugin's path."""

    methods = fields.List(fields.String(), required=True)
    path = _text()
    permission = _text("the scope it needs")


class PluginSchema(Schema):
    """An enabled plugin and how it fares."""

    name = _text()
    version = _text()
    summary = _text()
    state = _text("active, paused, or passive (it listens to no events)")
    reason = _text("why it is paused")
    waiting = _integer("events not yet handed to it")
    parked = _integer("events it could not handle")
    routes = fields.List(fields.Nested(PluginRouteSchema), required=True)


class ReportInfoSchema(Schema):
    """A report that can be asked for."""

    name = _text()
    title = _text()
    plugin = _text("who answers")


class ReportColumnSchema(Schema):
    """A column of a report."""

    name = _text()
    title = _text()
    kind = _text("text, count, money, rate or instant")


class ReportSchema(ReportInfoSchema):
    """A report: columns and rows; a figure that cannot be computed is null."""

    columns = fields.List(fields.Nested(ReportColumnSchema), required=True)
    rows = fields.List(fields.Dict(keys=fields.String()), required=True)
