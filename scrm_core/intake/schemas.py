"""The shapes of incoming rows, one schema per kind, for the API and for files alike.

A schema is made for a brand's zone (wall-clock times without an offset are in
it) and region (phone numbers without a country code are of it). Unknown keys
are refused. Every optional key that is absent loads as None, which always
means "not given" and never "delete".

``loader(kind, zone, region)`` gives the fast checker of a kind; the result is a
plain dict with exactly the fields of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import RAISE, Schema, fields, validate

from scrm_core.errors import Invalid
from scrm_core.intake.checkers import checker_for
from scrm_core.intake.fields import Flag, Identity, Instant, Number, Text, integer, minor
from scrm_core.limits import LIMITS
from scrm_core.values.identities import KINDS

STATUSES = ("unpaid", "paid", "part_shipped", "shipped", "completed", "closed", "refunded")
"""The canonical order statuses; every platform's own words are mapped to these."""

ORIGINS = ("manual", "synced", "auto")
"""Who set a tag: a person, another system, or a rule."""


class IntakeSchema(Schema):
    """Base of all row schemas: refuses unknown keys, knows zone and region."""

    class Meta:
        unknown = RAISE

    def __init__(self, *, zone: ZoneInfo | None = None, region: str = "CN", **kwargs: Any) -> None:
        self.zone = zone or ZoneInfo("UTC")
        self.region = region
        super().__init__(**kwargs)

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if isinstance(field_obj, Instant):
            field_obj.zone = self.zone
        elif isinstance(field_obj, Identity):
            field_obj.region = self.region


def _identity(kind: str) -> Identity:
    return Identity(kind, load_default=None)


class PersonSchema(IntakeSchema):
    """The identities a row may name; ``source`` is where buyer, openid and member mean something."""

    source = Text(max_length=LIMITS.name, load_default=None)
    phone = _identity("phone")
    external_userid = _identity("external_userid")
    unionid = _identity("unionid")
    openid = _identity("openid")
    buyer = _identity("buyer")
    member = _identity("member")


class ConsentSchema(IntakeSchema):
    """A consent given together with a lead; ``text_version`` names the exact words that were shown."""

    purpose = Text(max_length=LIMITS.name, blank=False, required=True)
    channel = Text(max_length=LIMITS.name, load_default="")
    granted = Flag(load_default=True)
    text_version = Text(max_length=LIMITS.name, load_default="")


class LeadSchema(PersonSchema):
    """A lead (线索): a person who arrived, through which channel, when, with which state.

    ``state`` is what the entry carried, for example the serial of a package card;
    ``link`` is the code of a short link; ``key`` makes the lead unique for its sender;
    ``fields`` are further texts given with it, such as answers of a form.
    """

    channel = Text(max_length=LIMITS.name, load_default=None)
    link = Text(max_length=LIMITS.name, load_default=None)
    state = Text(max_length=LIMITS.name, load_default=None)
    name = Text(max_length=LIMITS.name, load_default=None)
    at = Instant(load_default=None)
    key = Text(max_length=LIMITS.name, load_default=None)
    consents = fields.Nested(ConsentSchema, many=True, load_default=None, validate=validate.Length(max=50))
    further = fields.Dict(
        keys=Text(max_length=LIMITS.name, blank=False),
        values=Text(multiline=True),
        data_key="fields",
        attribute="fields",
        load_default=None,
        validate=validate.Length(max=50),
        metadata={"description": "further texts given with the lead"},
    )


class ContactSchema(PersonSchema):
    """A contact to create or update by its identities."""

    name = Text(max_length=LIMITS.name, load_default=None)
    at = Instant(load_default=None)


class LineSchema(IntakeSchema):
    """A line of an order; ``paid_minor`` is after sharing the discounts of the whole order."""

    sku = Text(max_length=LIMITS.name, load_default="")
    title = Text(max_length=LIMITS.name, load_default="")
    qty = integer(1, required=True)
    paid_minor = minor(load_default=0)
    gift = Flag(load_default=False)


class OrderSchema(PersonSchema):
    """An order. ``paid_minor`` is what the buyer paid, in minor units; refunds come separately.

    ``items`` counts goods without gifts. ``updated_at`` is the modification
    instant at the source: an older version of an order changes nothing.
    """

    source = Text(max_length=LIMITS.name, blank=False, required=True)
    number = Number(required=True)
    platform = Text(max_length=LIMITS.name, load_default=None)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    paid_at = Instant(load_default=None)
    paid_minor = minor(required=True)
    items = integer(0, load_default=None)
    updated_at = Instant(load_default=None)
    name = Text(max_length=LIMITS.name, load_default=None)
    lines = fields.Nested(LineSchema, many=True, load_default=None, validate=validate.Length(max=LIMITS.batch_rows))


class RefundSchema(IntakeSchema):
    """A successful refund; it may arrive before its order."""

    source = Text(max_length=LIMITS.name, blank=False, required=True)
    order_number = Number(required=True)
    number = Number(required=True)
    amount_minor = minor(1, required=True)
    at = Instant(load_default=None)
    reason = Text(multiline=True, load_default=None)


class TagSchema(PersonSchema):
    """A tag to set on, or take from, the contact that has the identities or the ``contact`` uid.

    A tag that does not exist yet is made when ``plan`` names the operating plan
    (运营方案) that it serves.
    """

    contact = Text(max_length=LIMITS.name, load_default=None)
    group = Text(max_length=LIMITS.name, blank=False, required=True)
    tag = Text(max_length=LIMITS.name, blank=False, required=True)
    remove = Flag(load_default=False)
    plan = Text(load_default=None)
    origin = fields.String(load_default="manual", validate=validate.OneOf(ORIGINS))
    at = Instant(load_default=None)


class ProductSchema(IntakeSchema):
    """A product; ``category`` is a path such as ``baby/diaper/pants``."""

    sku = Number(required=True)
    title = Text(max_length=LIMITS.name, load_default=None)
    category = Text(max_length=LIMITS.name, load_default=None)
    price_minor = minor(load_default=None)
    cost_minor = minor(load_default=None)
    attributes = fields.Dict(
        keys=Text(max_length=LIMITS.name, blank=False),
        values=Text(max_length=LIMITS.name),
        load_default=None,
        validate=validate.Length(max=100),
    )


SCHEMAS: Mapping[str, type[IntakeSchema]] = {
    "leads": LeadSchema,
    "contacts": ContactSchema,
    "orders": OrderSchema,
    "refunds": RefundSchema,
    "tags": TagSchema,
    "products": ProductSchema,
}
"""The kinds of rows, as the import command and the batch endpoints name them."""

IDENTITY_FIELDS = KINDS
"""Row keys that hold identities."""


@lru_cache(maxsize=256)
def loader(kind: str, zone: ZoneInfo, region: str = "CN") -> Callable[[Any], dict[str, Any]]:
    """The checker of a kind for a zone and region: raises marshmallow's ValidationError."""
    schema = SCHEMAS.get(kind)
    if schema is None:
        raise Invalid(f"unknown kind {kind!r}; known are {', '.join(SCHEMAS)}", code="kind")
    return checker_for(schema(zone=zone, region=region))
