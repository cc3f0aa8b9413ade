"""The plugin's table. A migration in ``migrations/`` makes it."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, Order


class Gift(BrandModel):
    """A coupon that an order earned; ``at`` is when it was last tried to give it.

    ``state``: given; refused (``why``, tried again daily); taken-back; kept (it was used before its order went back).
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    order = pw.ForeignKeyField(Order)
    grant_key = pw.TextField()
    state = pw.TextField()
    why = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "nth_order_gift"
