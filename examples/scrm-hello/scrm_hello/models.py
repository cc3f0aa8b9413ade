"""The plugin's tables. A migration in ``migrations/`` makes each of them."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField


class Greeting(BrandModel):
    """One greeting. The foreign key makes it a person's: a merge moves it, an erasure deletes it."""

    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    text = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "hello_greeting"
