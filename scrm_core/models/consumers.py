"""Customers on pages: who is signed in where, one-person links, phone codes, and what limits them."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField
from .contacts import Contact


class ConsumerSession(BrandModel):
    """A browser that speaks for a contact until ``expires_at``, or until it is ended.

    ``via`` is how the person proved who they are; ``strong`` is 1 when the proof
    was possession of a phone or an account, 0 for what others may know.
    """

    id = pw.BigAutoField()
    uid = pw.TextField(unique=True)
    contact = pw.ForeignKeyField(Contact)
    via = pw.TextField()
    strong = pw.BigIntegerField()
    device = pw.TextField()
    created_at = InstantField()
    expires_at = InstantField()
    ended_at = InstantField(null=True)

    class Meta:
        table_name = "consumer_session"


class ConsumerLink(BrandModel):
    """A one-person link (专属链接): ``digest`` is the keyed hash of its token. State: open, used or dead."""

    id = pw.BigAutoField()
    digest = pw.TextField(unique=True)
    contact = pw.ForeignKeyField(Contact)
    path = pw.TextField()
    state = pw.TextField(default="open")
    tries = pw.BigIntegerField(default=0)
    created_at = InstantField()
    expires_at = InstantField()
    used_at = InstantField(null=True)

    class Meta:
        table_name = "consumer_link"


class ConsumerCode(BrandModel):
    """A code sent to a phone (验证码): phone, code and browser are keyed hashes. State: open, used or dead."""

    id = pw.BigAutoField()
    uid = pw.TextField(unique=True)
    phone = pw.TextField()
    code = pw.TextField()
    device = pw.TextField()
    state = pw.TextField(default="open")
    tries = pw.BigIntegerField(default=0)
    created_at = InstantField()
    expires_at = InstantField()

    class Meta:
        table_name = "consumer_code"


class ConsumerCount(BrandModel):
    """How often something was done in a window of time: what limits codes per phone and network."""

    key = pw.TextField()
    since = InstantField()
    count = pw.BigIntegerField()
    ends_at = InstantField()

    class Meta:
        table_name = "consumer_count"
        primary_key = pw.CompositeKey("key", "since")


class ConsumerState(BrandModel):
    """A sign-in elsewhere that came back: its state is used up."""

    nonce = pw.TextField(primary_key=True)
    at = InstantField()

    class Meta:
        table_name = "consumer_state"
