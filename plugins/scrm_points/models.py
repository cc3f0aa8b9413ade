"""Tables of points: accounts, the ledger's entries, the lots they are spent from, orders that earn, holds."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField, MinorField, Order


class PointsAccount(BrandModel):
    """What a person has (余额) or owes: ``balance`` - ``debt`` is the sum of their entries, and one of both is 0.

    The row is kept up by conditional updates in the transaction that writes the
    entry; the table refuses a balance or a debt below 0.
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    balance = pw.BigIntegerField(default=0)
    debt = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "points_account"


class PointsEntry(BrandModel):
    """Append-only: points that came (``amount`` above 0) or went, once per ``key``.

    ``reverses`` is the entry that this one takes back, whole or in part.
    ``lots`` says from which lots points were taken, or into which they were put
    back, as ``[[lot, points], ...]``. ``contact`` is null once the person was erased.
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact, null=True)
    kind = pw.TextField()
    amount = pw.BigIntegerField()
    key = pw.TextField()
    reverses = pw.ForeignKeyField("self", null=True, column_name="reverses_id")
    order = pw.ForeignKeyField(Order, null=True)
    lots = JSONField(null=True)
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "points_entry"


class PointsLot(BrandModel):
    """What is left of the points that one entry brought; they lapse at ``expires_at`` (null: never)."""

    id = pw.BigAutoField()
    entry = pw.ForeignKeyField(PointsEntry)
    contact = pw.ForeignKeyField(Contact)
    remaining = pw.BigIntegerField()
    expires_at = InstantField(null=True)

    class Meta:
        table_name = "points_lot"


class PointsOrder(BrandModel):
    """An order that earns ``points``; ``entry`` is null while its buyer is unknown.

    ``reversed`` points were taken back for ``refunded_minor`` of ``paid_minor``.
    """

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Order)
    points = pw.BigIntegerField()
    paid_minor = MinorField()
    refunded_minor = MinorField(default=0)
    reversed = pw.BigIntegerField(default=0)
    entry = pw.ForeignKeyField(PointsEntry, null=True)

    class Meta:
        table_name = "points_order"


class PointsHold(BrandModel):
    """Points set aside for a checkout: ``state`` held, spent, released or expired.

    A held one goes back at ``until``. A spent one names its order by ``source``
    and ``number``; ``returned`` points went back for the order's refunds.
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    key = pw.TextField()
    points = pw.BigIntegerField()
    state = pw.TextField()
    until = InstantField()
    source = pw.TextField(default="")
    number = pw.TextField(default="")
    returned = pw.BigIntegerField(default=0)
    entry = pw.ForeignKeyField(PointsEntry)

    class Meta:
        table_name = "points_hold"


MODELS = (PointsAccount, PointsEntry, PointsLot, PointsOrder, PointsHold)
