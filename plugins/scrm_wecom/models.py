"""Tables of the plugin: callbacks as they came, and which member of staff has which customer."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField


class WecomCallback(BrandModel):
    """A callback, once per ``key``, which is made of every field that it has.

    ``state``: new (waits for the worker), done, kept (of a kind that nobody here
    knows) or refused (``note`` says why). ``body`` is the decrypted XML; it and
    ``external`` are empty where the person was erased. ``at`` is WeCom's time.
    """

    id = pw.BigAutoField()
    key = pw.TextField()
    event = pw.TextField()
    change = pw.TextField()
    external = pw.TextField()
    body = pw.TextField()
    state = pw.TextField()
    note = pw.TextField(default="")
    at = InstantField()
    received_at = InstantField()

    class Meta:
        table_name = "wecom_callback"


class WecomFollow(BrandModel):
    """A member of staff (``staff``, their userid) and a customer (``external``): the relation of the pair.

    ``state``: half (the customer added, the member has not added back), active or
    lost. ``since`` is when it began, null where only its end was told;
    ``lost_by``: customer (流失), staff, transfer, or sync (found missing).
    ``source`` is the State that it came with (渠道参数).
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    external = pw.TextField()
    staff = pw.TextField()
    state = pw.TextField()
    source = pw.TextField(default="")
    since = InstantField(null=True)
    lost_at = InstantField(null=True)
    lost_by = pw.TextField(default="")

    class Meta:
        table_name = "wecom_follow"


MODELS = (WecomCallback, WecomFollow)
