"""Products, orders, their lines and refunds. All money in integer minor units."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField, JSONField, MinorField
from .contacts import Contact


class Product(BrandModel):
    """A sellable thing; ``category`` is a path such as ``baby/diaper/pants``."""

    id = pw.BigAutoField()
    sku = pw.TextField()
    title = pw.TextField(default="")
    category = pw.TextField(default="")
    price_minor = MinorField(null=True)
    cost_minor = MinorField(null=True)
    attributes = JSONField(null=True)
    updated_at = InstantField()


class ProductAttribute(BrandModel):
    """One attribute of a product as a row, so that segments can find it."""

    product = pw.ForeignKeyField(Product)
    name = pw.TextField()
    value = pw.TextField()

    class Meta:
        primary_key = pw.CompositeKey("product", "name")


class Order(BrandModel):
    """An order, unique by (source, number). ``day`` is the brand-local day of ``paid_at``.

    ``status``: unpaid, paid, part_shipped, shipped, completed, closed,
    refunded. ``refund_minor`` is the sum of applied refunds, never above
    ``paid_minor``. ``valid`` is 1 when the order counts (paid, not closed or
    refunded, net above zero unless the brand counts zero orders). ``buyer``
    keeps the identities of the buyer as given, for late matching. ``version``
    is the source's modification instant: an older version changes nothing.
    ``digest`` tells an unchanged re-import.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    source = pw.TextField()
    number = pw.TextField()
    platform = pw.TextField(default="")
    contact = pw.ForeignKeyField(Contact, null=True)
    matched_by = pw.TextField(default="")
    buyer = JSONField(null=True)
    status = pw.TextField()
    paid_at = InstantField(null=True)
    day = pw.BigIntegerField(null=True)
    paid_minor = MinorField()
    refund_minor = MinorField(default=0)
    items = pw.BigIntegerField(default=0)
    valid = pw.BigIntegerField(default=0)
    version = InstantField(null=True)
    digest = pw.TextField()
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "orders"


class OrderLine(BrandModel):
    """A line of an order; gift lines (赠品) are kept apart from goods."""

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Order)
    position = pw.BigIntegerField()
    sku = pw.TextField(default="")
    title = pw.TextField(default="")
    qty = pw.BigIntegerField()
    paid_minor = MinorField()
    gift = pw.BigIntegerField(default=0)


class Refund(BrandModel):
    """A successful refund. ``order`` is null while the order has not arrived yet."""

    id = pw.BigAutoField()
    source = pw.TextField()
    order_number = pw.TextField()
    number = pw.TextField()
    order = pw.ForeignKeyField(Order, null=True)
    amount_minor = MinorField()
    at = InstantField()
    reason = pw.TextField(default="")
    created_at = InstantField()
