"""The shapes of the API's answers, for the OpenAPI document; a test holds real answers to them.

Instants leave as ISO 8601 text in the brand's zone, money as integer minor
units of the brand's currency, contacts by their unguessable ``uid``.
"""

from __future__ import annotations

from functools import cache

from marshmallow import Schema, fields, validate

from . import answer_fields as of

OUTCOMES = ("created", "updated", "unchanged", "rejected")


class ProblemSchema(Schema):
    """An error, RFC 9457."""

    type = of.text("urn:scrm:problem:<code>")
    title = of.text("the words of the status")
    status = of.integer("the HTTP status")
    detail = of.text("what was wrong and what is expected")
    code = of.text("a stable word for programs")
    field = fields.String(metadata={"description": "the part of the input at fault, if one is"})
    request_id = of.text("names the request in the log")


@cache
def page_schema(item: type[Schema]) -> type[Schema]:
    """The schema of a page of ``item``: ``items`` and the cursor ``next`` (null on the last page)."""
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": of.text("cursor of the next page; null: this is the last", allow_none=True),
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

    index = of.integer("the row's place in the request, from 0")
    outcome = of.text(validate=validate.OneOf(OUTCOMES))
    uid = fields.String(metadata={"description": "of the order written"})
    contact = fields.String(metadata={"description": "uid of the contact"})
    lead = fields.String(metadata={"description": "the lead's stable name"})
    problem = fields.Nested(ProblemSchema, metadata={"description": "why the row was refused"})


class BatchSchema(Schema):
    """The answer to a batch: counts, and one result per row in the order of the rows."""

    created = of.integer()
    updated = of.integer()
    unchanged = of.integer()
    rejected = of.integer()
    rows = fields.List(fields.Nested(BatchRowSchema), required=True)


class LeadSchema(Schema):
    """A captured lead."""

    lead = of.text("its stable name: source and reference")
    contact = of.text("uid of the contact")
    new_lead = of.flag("false: this lead was captured before, nothing changed")
    new_contact = of.flag("the contact was not known before")


class ContactSchema(Schema):
    """A contact; figures count valid orders."""

    uid = of.text()
    name = of.text()
    origin = of.text("who told first")
    created_at = of.instant()
    updated_at = of.instant()
    lead_at = of.instant("first arrival as a lead", allow_none=True)
    lead_channel = of.text("code of the channel of the first arrival", allow_none=True)
    orders = of.integer("valid orders")
    occasions = of.integer("days with a valid order")
    money_minor = of.integer("net money of valid orders")
    first_order_at = of.instant(allow_none=True)
    last_order_at = of.instant(allow_none=True)
    cycle_days = of.integer("mean days between purchase days; null below two", allow_none=True)


class IdentitySchema(Schema):
    """An identity of a contact, masked."""

    kind = of.text()
    source = of.text("where it means something; empty: everywhere")
    masked = of.text("for people to recognise; never a key")
    verified = of.flag()
    created_at = of.instant()


class ContactTagSchema(Schema):
    """A tag that a contact has."""

    group = of.text()
    tag = of.text()
    origin = of.text("manual, synced or auto")
    at = of.instant("since when")


class ContactDetailSchema(ContactSchema):
    """A contact with identities and tags."""

    identities = fields.List(fields.Nested(IdentitySchema), required=True)
    tags = fields.List(fields.Nested(ContactTagSchema), required=True)


class TouchSchema(Schema):
    """One step of a contact's ordered chain of touches."""

    kind = of.text("lead, visit, group, order or a caller's own")
    ref = of.text()
    at = of.instant()
    channel = of.text("code, or empty")
    link = of.text("code, or empty")


class ConsentRecordSchema(Schema):
    """What a person decided once; the latest of a purpose and channel holds."""

    purpose = of.text()
    channel = of.text("empty: whatever the channel")
    granted = of.flag("given, or withdrawn")
    at = of.instant("when the person decided")
    source = of.text()


class TagGroupSchema(Schema):
    """A tag group."""

    name = of.text()
    s_level = of.flag("every active contact has exactly one tag of it")
    default = of.text("the tag that everybody begins with", allow_none=True)


class TagSchema(Schema):
    """A tag."""

    group = of.text()
    name = of.text()
    kind = of.text("business, channel or system")
    plan = of.text("the operating plan it serves")
    contacts = of.integer("how many have it")
    retired = of.flag()
    created_at = of.instant()
    last_used_at = of.instant(allow_none=True)


class TagAssignmentSchema(Schema):
    """What became of one tag of one contact."""

    outcome = of.text("updated, or unchanged when it was so already")
    contact = of.text("uid of the contact")


class OrderResultSchema(Schema):
    """What became of a posted order."""

    outcome = of.text("created, updated or unchanged")
    uid = of.text()


class OrderSchema(Schema):
    """An order."""

    uid = of.text()
    source = of.text()
    number = of.text()
    platform = of.text()
    contact = of.text("uid of the buyer; null while unknown", allow_none=True)
    status = of.text()
    paid_at = of.instant(allow_none=True)
    paid_minor = of.integer()
    refund_minor = of.integer()
    items = of.integer()
    valid = of.flag("it counts: paid, not closed, not fully refunded")
    created_at = of.instant()
    updated_at = of.instant()


class OrderLineSchema(Schema):
    """A line of an order."""

    sku = of.text()
    title = of.text()
    qty = of.integer()
    paid_minor = of.integer()
    gift = of.flag()


class OrderRefundSchema(Schema):
    """A refund applied to an order."""

    number = of.text()
    amount_minor = of.integer()
    at = of.instant()
    reason = of.text()


class OrderDetailSchema(OrderSchema):
    """An order with lines and refunds."""

    lines = fields.List(fields.Nested(OrderLineSchema), required=True)
    refunds = fields.List(fields.Nested(OrderRefundSchema), required=True)


class RefundResultSchema(Schema):
    """What became of a posted refund."""

    outcome = of.text("created, waiting (its order is not here yet) or unchanged")
    total_minor = of.integer("refunds of the order so far; null while waiting", allow_none=True)


class TagNameSchema(Schema):
    """A tag by group and name."""

    group = of.text()
    tag = of.text()


class ChannelSchema(Schema):
    """A channel."""

    code = of.text()
    name = of.text()
    kind = of.text()
    tags = fields.List(
        fields.Nested(TagNameSchema), required=True, metadata={"description": "given to everybody who comes through it"}
    )
    created_at = of.instant()


class LinkSchema(Schema):
    """A short link."""

    code = of.text()
    url = of.text("where it answers")
    channel = of.text("code of its channel")
    target = of.text("where it leads")
    variant = of.text()
    campaign = of.text()
    owner = of.text("the plugin that made it, or empty")
    created_at = of.instant()
    expires_at = of.instant(allow_none=True)
    disabled_at = of.instant(allow_none=True)


class RewardSchema(Schema):
    """A row of the reward ledger; a reversal has negative amounts and names what it reverses."""

    uid = of.text()
    kind = of.text()
    item = of.text("which one of its kind; empty where there is only one")
    contact = of.text("uid of the contact; null once erased", allow_none=True)
    quantity = of.integer()
    cost_minor = of.integer("of all of the quantity")
    grant_key = of.text()
    issuer = of.text("the plugin that issues the kind")
    issued = fields.Dict(
        keys=fields.String(), required=True, allow_none=True, metadata={"description": "what the plugin answered"}
    )
    reason = of.text()
    at = of.instant()
    reverses = of.text("uid of the grant taken back", allow_none=True)
    reversed_by = of.text("uid of the reversal", allow_none=True)


class CartLineSchema(Schema):
    """A line of a priced cart."""

    id = of.text()
    sku = of.text()
    qty = of.integer()
    unit_minor = of.integer()
    gift = of.flag("added by a plugin, costs nothing")
    payable_minor = of.integer("what is left of the line after its discounts")


class CartDiscountSchema(Schema):
    """What a plugin takes off."""

    plugin = of.text()
    offer = of.text("what it comes from: a coupon, a promotion")
    title = of.text()
    payer = of.text("who bears it")
    shares = fields.List(fields.Integer(), required=True, metadata={"description": "per line, in the lines' order"})
    shipping_minor = of.integer("off the shipping")


class CartRefusalSchema(Schema):
    """A code that does not apply."""

    code = of.text()
    reason = of.text("for programs")
    message = of.text("for people")


class CartSchema(Schema):
    """A priced cart."""

    lines = fields.List(fields.Nested(CartLineSchema), required=True)
    goods_minor = of.integer("the goods before discounts")
    shipping_minor = of.integer("the shipping before discounts")
    discount_minor = of.integer("everything taken off")
    payable_minor = of.integer("what is left to pay")
    discounts = fields.List(fields.Nested(CartDiscountSchema), required=True)
    refusals = fields.List(fields.Nested(CartRefusalSchema), required=True)


class RunSchema(Schema):
    """A run of messages."""

    owner = of.text("the plugin whose run it is")
    code = of.text()
    channel = of.text()
    kind = of.text("marketing, brand, notice or test")
    sender = of.text()
    state = of.text("draft, running, paused, done, canceled or expired")
    reason = of.text("why it is paused or ended")
    start_at = of.instant()
    held_until = of.instant("until when quiet hours hold messages of it; null: they hold none", allow_none=True)
    released = of.integer("the share that may go, in hundredths of a percent")
    messages = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "how many messages are in each state"},
    )


class SuppressedSchema(Schema):
    """An entry of the do-not-contact list."""

    channel = of.text("empty: on no channel")
    address = of.text("masked")
    scope = of.text("commercial or all")
    reason = of.text()
    since = of.instant()


class ChangedSchema(Schema):
    """How many entries changed."""

    changed = of.integer()


class StoppedSchema(Schema):
    """Why nothing is sent at present."""

    stopped = of.text("empty while the brand sends")


class SegmentSchema(Schema):
    """A saved segment."""

    name = of.text()
    expression = of.text("in the segment language")
    created_at = of.instant()
    updated_at = of.instant()


class SegmentCountSchema(Schema):
    """How many contacts fulfil an expression."""

    count = of.integer()


class SegmentMemberSchema(Schema):
    """A contact in a segment."""

    uid = of.text("the contact")
    name = of.text()
