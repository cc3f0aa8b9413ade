"""The shapes of the API's answers, for the OpenAPI document; a test holds real answers to them.

Instants leave as ISO 8601 text in the brand's zone, money as integer minor
units of the brand's currency, contacts by their unguessable ``uid``.
"""

from __future__ import annotations

from functools import cache
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


@cache
def page_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a page of ``item``: ``items`` and the cursor ``next`` (null on the last page)."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": _text("cursor of the next page; null: this is the last", allow_none=True),
        },
        name=item.__name__.removesuffix("Schema") + "Page",
    )


@cache
def list_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a short list that needs no pages."""
    return Schema.from_dict(
        {"items": fields.List(fields.Nested(item), required=True)}, name=item.__name__.removesuffix("Schema") + "List"
    )


class BatchRowSchema(Schema):
    """What became of one row of a batch."""

    index = _integer("the row's place in the request, from 0")
    outcome = _text(validate=validate.OneOf(OUTCOMES))
    uid = fields.String(metadata={"description": "of the order written"})
    contact = fields.String(metadata={"description": "uid of the contact"})
    lead = fields.String(metadata={"description": "the lead's stable name"})
    problem = fields.Nested(ProblemSchema, metadata={"description": "why the row was refused"})


class BatchSchema(Schema):
    """The answer to a batch: counts, and one result per row in the order of the rows."""

    created = _integer()
    updated = _integer()
    unchanged = _integer()
    rejected = _integer()
    rows = fields.List(fields.Nested(BatchRowSchema), required=True)


class LeadSchema(Schema):
    """A captured lead."""

    lead = _text("its stable name: source and reference")
    contact = _text("uid of the contact")
    new_lead = _flag("false: this lead was captured before, nothing changed")
    new_contact = _flag("the contact was not known before")


class ContactSchema(Schema):
    """A contact; figures count valid orders."""

    uid = _text()
    name = _text()
    origin = _text("who told first")
    created_at = _instant()
    updated_at = _instant()
    lead_at = _instant("first arrival as a lead", allow_none=True)
    lead_channel = _text("code of the channel of the first arrival", allow_none=True)
    orders = _integer("valid orders")
    occasions = _integer("days with a valid order")
    money_minor = _integer("net money of valid orders")
    first_order_at = _instant(allow_none=True)
    last_order_at = _instant(allow_none=True)
    cycle_days = _integer("mean days between purchase days; null below two", allow_none=True)


class IdentitySchema(Schema):
    """An identity of a contact, masked."""

    kind = _text()
    source = _text("where it means something; empty: everywhere")
    masked = _text("for people to recognise; never a key")
    verified = _flag()
    created_at = _instant()


class ContactTagSchema(Schema):
    """A tag that a contact has."""

    group = _text()
    tag = _text()
    origin = _text("manual, synced or auto")
    at = _instant("since when")


class ContactDetailSchema(ContactSchema):
    """A contact with identities and tags."""

    identities = fields.List(fields.Nested(IdentitySchema), required=True)
    tags = fields.List(fields.Nested(ContactTagSchema), required=True)


class TouchSchema(Schema):
    """One step of a contact's ordered chain of touches."""

    kind = _text("lead, visit, group, order or a caller's own")
    ref = _text()
    at = _instant()
    channel = _text("code, or empty")
    link = _text("code, or empty")


class TagGroupSchema(Schema):
    """A tag group."""

    name = _text()
    s_level = _flag("every active contact has exactly one tag of it")
    default = _text("the tag that everybody begins with", allow_none=True)


class TagSchema(Schema):
    """A tag."""

    group = _text()
    name = _text()
    kind = _text("business, channel or system")
    plan = _text("the operating plan it serves")
    contacts = _integer("how many have it")
    retired = _flag()
    created_at = _instant()
    last_used_at = _instant(allow_none=True)


class TagAssignmentSchema(Schema):
    """What became of one tag of one contact."""

    outcome = _text("updated, or unchanged when it was so already")
    contact = _text("uid of the contact")


class OrderResultSchema(Schema):
    """What became of a posted order."""

    outcome = _text("created, updated or unchanged")
    uid = _text()


class OrderSchema(Schema):
    """An order."""

    uid = _text()
    source = _text()
    number = _text()
    platform = _text()
    contact = _text("uid of the buyer; null while unknown", allow_none=True)
    status = _text()
    paid_at = _instant(allow_none=True)
    paid_minor = _integer()
    refund_minor = _integer()
    items = _integer()
    valid = _flag("it counts: paid, not closed, not fully refunded")
    created_at = _instant()
    updated_at = _instant()


class OrderLineSchema(Schema):
    """A line of an order."""

    sku = _text()
    title = _text()
    qty = _integer()
    paid_minor = _integer()
    gift = _flag()


class OrderRefundSchema(Schema):
    """A refund applied to an order."""

    number = _text()
    amount_minor = _integer()
    at = _instant()
    reason = _text()


class OrderDetailSchema(OrderSchema):
    """An order with lines and refunds."""

    lines = fields.List(fields.Nested(OrderLineSchema), required=True)
    refunds = fields.List(fields.Nested(OrderRefundSchema), required=True)


class RefundResultSchema(Schema):
    """What became of a posted refund."""

    outcome = _text("created, waiting (its order is not here yet) or unchanged")
    total_minor = _integer("refunds of the order so far; null while waiting", allow_none=True)


class TagNameSchema(Schema):
    """A tag by group and name."""

    group = _text()
    tag = _text()


class ChannelSchema(Schema):
    """A channel."""

    code = _text()
    name = _text()
    kind = _text()
    tags = fields.List(
        fields.Nested(TagNameSchema), required=True, metadata={"description": "given to everybody who comes through it"}
    )
    created_at = _instant()


class LinkSchema(Schema):
    """A short link."""

    code = _text()
    url = _text("where it answers")
    channel = _text("code of its channel")
    target = _text("where it leads")
    variant = _text()
    campaign = _text()
    owner = _text("the plugin that made it, or empty")
    created_at = _instant()
    expires_at = _instant(allow_none=True)
    disabled_at = _instant(allow_none=True)


class RewardSchema(Schema):
    """A row of the reward ledger; a reversal has negative amounts and names what it reverses."""

    uid = _text()
    kind = _text()
    item = _text("which one of its kind; empty where there is only one")
    contact = _text("uid of the contact; null once erased", allow_none=True)
    quantity = _integer()
    cost_minor = _integer("of all of the quantity")
    grant_key = _text()
    issuer = _text("the plugin that issues the kind")
    issued = fields.Dict(
        keys=fields.String(), required=True, allow_none=True, metadata={"description": "what the plugin answered"}
    )
    reason = _text()
    at = _instant()
    reverses = _text("uid of the grant taken back", allow_none=True)
    reversed_by = _text("uid of the reversal", allow_none=True)


class CartLineSchema(Schema):
    """A line of a priced cart."""

    id = _text()
    sku = _text()
    qty = _integer()
    unit_minor = _integer()
    gift = _flag("added by a plugin, costs nothing")
    payable_minor = _integer("what is left of the line after its discounts")


class CartDiscountSchema(Schema):
    """What a plugin takes off."""

    plugin = _text()
    offer = _text("what it comes from: a coupon, a promotion")
    title = _text()
    payer = _text("who bears it")
    shares = fields.List(fields.Integer(), required=True, metadata={"description": "per line, in the lines' order"})
    shipping_minor = _integer("off the shipping")


class CartRefusalSchema(Schema):
    """A code that does not apply."""

    code = _text()
    reason = _text("for programs")
    message = _text("for people")


class CartSchema(Schema):
    """A priced cart."""

    lines = fields.List(fields.Nested(CartLineSchema), required=True)
    goods_minor = _integer("the goods before discounts")
    shipping_minor = _integer("the shipping before discounts")
    discount_minor = _integer("everything taken off")
    payable_minor = _integer("what is left to pay")
    discounts = fields.List(fields.Nested(CartDiscountSchema), required=True)
    refusals = fields.List(fields.Nested(CartRefusalSchema), required=True)


class RunSchema(Schema):
    """A run of messages."""

    owner = _text("the plugin whose run it is")
    code = _text()
    channel = _text()
    kind = _text("marketing, brand, notice or test")
    sender = _text()
    state = _text("draft, running, paused, done, canceled or expired")
    reason = _text("why it is paused or ended")
    start_at = _instant()
    released = _integer("the share that may go, in hundredths of a percent")
    messages = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "how many messages are in each state"},
    )


class SuppressedSchema(Schema):
    """An entry of the do-not-contact list."""

    channel = _text("empty: on no channel")
    address = _text("masked")
    scope = _text("commercial or all")
    reason = _text()
    since = _instant()


class ChangedSchema(Schema):
    """How many entries changed."""

    changed = _integer()


class StoppedSchema(Schema):
    """Why nothing is sent at present."""

    stopped = _text("empty while the brand sends")


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


class ImportSchema(Schema):
    """An import of a file."""

    id = _integer()
    kind = _text("leads, contacts, orders, tags, products or refunds")
    source = _text()
    name = _text("of the file")
    state = _text("running (also one that was broken off: the same file goes on) or done")
    rows = _integer("committed so far")
    created = _integer()
    updated = _integer()
    unchanged = _integer()
    rejected = _integer()
    kept = _integer("rejected rows that can still be read")
    share = fields.Float(
        required=True, allow_none=True, metadata={"description": "of the file read, 0 to 1; null where nobody knows"}
    )
    started_at = _instant()
    updated_at = _instant("the last batch")


class EventSchema(Schema):
    """An event of the log."""

    id = _integer("unique and stable in this brand")
    type = _text("for example order.paid")
    at = _instant("when it happened")
    recorded_at = _instant("when it was written")
    backfill = _flag("written as history by an import")
    data = _any("ids and values of the event")


class ParkedSchema(Schema):
    """An event that a plugin could not handle."""

    plugin = _text()
    event = _integer("the event's id")
    type = _text("for example order.paid")
    attempts = _integer()
    state = _text("retry (it is tried again by itself) or held (a person has to look)")
    next_at = _instant("when it is tried next; null where it is held", allow_none=True)
    error = _text("what the plugin raised; phones and tokens are masked")


class JobSchema(Schema):
    """A periodic job."""

    plugin = _text("whose it is; core for the framework's own")
    name = _text()
    every_seconds = _integer()
    next_at = _instant("when it runs next")
    state = _text("of the newest run: running, done or failed; empty while there was none")
    started_at = _instant("the newest run", allow_none=True)
    finished_at = _instant(allow_none=True)
    error = _text("what the newest run raised; phones and tokens are masked")
    asked_by = _text("who asked for a run that has not begun")


class AuditSchema(Schema):
    """An act."""

    id = _integer()
    at = _instant()
    actor = _text("user:NAME, key:ID, operator (a command), or a plugin")
    action = _text("such as segment.save")
    target = _text("the thing by kind and id")
    detail = fields.Dict(
        required=True, allow_none=True, metadata={"description": "ids and counts; null where there is nothing to say"}
    )


class UserSchema(Schema):
    """A user with a role in the brand."""

    name = _text()
    role = _text("owner, operator, clerk or analyst")
    signed_in_at = _instant("the last time", allow_none=True)
    disabled = _flag("may not sign in")


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
