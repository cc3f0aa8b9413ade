"""Tables of the plugin: callbacks as they came, which member of staff has which customer, what the client shares."""

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


class WecomToken(BrandModel):
    """The access token of an application (``app``: a hash of it and its secret), see :mod:`.client.tokens`.

    ``lease`` says who fetches a new one until ``lease_until``; ``refusal`` is why
    WeCom gave none, which is believed until ``refused_until``.
    """

    id = pw.BigAutoField()
    app = pw.TextField()
    token = pw.TextField()
    expires_at = InstantField()
    lease = pw.TextField()
    lease_until = InstantField()
    refused_until = InstantField()
    refusal = pw.TextField()

    class Meta:
        table_name = "wecom_token"


class WecomApi(BrandModel):
    """How often an API was called in a minute and an hour (counted from the epoch), and until when it is left alone."""

    id = pw.BigAutoField()
    api = pw.TextField()
    minute = pw.BigIntegerField()
    minute_calls = pw.BigIntegerField()
    hour = pw.BigIntegerField()
    hour_calls = pw.BigIntegerField()
    blocked_until = InstantField()
    strikes = pw.BigIntegerField()

    class Meta:
        table_name = "wecom_api"


MODELS = (WecomCallback, WecomFollow, WecomToken, WecomApi)
