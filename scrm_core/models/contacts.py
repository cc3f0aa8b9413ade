"""Contacts: who they are, what they agreed to, where they came from."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField, JSONField, MinorField


class Contact(BrandModel):
    """A person as the brand knows them. ``uid`` is the unguessable id used outside.

    ``orders``, ``occasions``, ``money`` and the first/last columns are
    maintained from valid orders (paid, not closed, net money above zero unless
    the brand counts zero orders). ``occasions`` counts distinct purchase days,
    ``cycle_days`` is the mean number of days between them (null below two).
    ``lead_at`` is the first time the person became a friend or lead.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    name = pw.TextField(default="")
    state = pw.TextField(default="active")  # active | merged | erased
    merged_into = pw.ForeignKeyField("self", null=True, column_name="merged_into_id")
    origin = pw.TextField(default="")
    created_at = InstantField()
    updated_at = InstantField()
    lead_at = InstantField(null=True)
    lead_channel_id = pw.BigIntegerField(null=True)
    orders = pw.BigIntegerField(default=0)
    occasions = pw.BigIntegerField(default=0)
    money = MinorField(default=0)
    first_order_at = InstantField(null=True)
    last_order_at = InstantField(null=True)
    first_day = pw.BigIntegerField(null=True)
    last_day = pw.BigIntegerField(null=True)
    cycle_days = pw.BigIntegerField(null=True)


class Identity(BrandModel):
    """One typed identity of a contact; unique per (kind, namespace, value).

    ``namespace`` is empty for world-wide kinds (phone, unionid) and names the
    source for kinds that mean something only there (buyer, openid, member).
    """

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    kind = pw.TextField()
    namespace = pw.TextField(default="")
    value = pw.TextField()
    verified = pw.BigIntegerField(default=0)
    origin = pw.TextField(default="")
    created_at = InstantField()


class ContactMerge(BrandModel):
    """A recorded merge; ``moved`` holds what is needed to undo it."""

    id = pw.BigAutoField()
    winner = pw.ForeignKeyField(Contact)
    loser = pw.ForeignKeyField(Contact)
    at = InstantField()
    actor = pw.TextField(default="")
    reason = pw.TextField(default="")
    moved = JSONField()
    undone_at = InstantField(null=True)


class Consent(BrandModel):
    """Append-only: the latest row per (contact, purpose, channel) is in force; none means no."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    purpose = pw.TextField()
    channel = pw.TextField(default="")
    granted = pw.BigIntegerField()
    at = InstantField()
    recorded_at = InstantField()
    source = pw.TextField(default="")
    text_version = pw.TextField(default="")
    actor = pw.TextField(default="")
    evidence = JSONField(null=True)


class Suppression(BrandModel):
    """A keyed hash of an identity that must never come back or be written to."""

    id = pw.BigAutoField()
    digest = pw.TextField()
    kind = pw.TextField()
    reason = pw.TextField()
    at = InstantField()


class Erasure(BrandModel):
    """The receipt of an erased person, without anything that identifies them."""

    id = pw.BigAutoField()
    uid = pw.TextField()
    at = InstantField()
    receipt = JSONField()


class Touch(BrandModel):
    """One step of a contact's ordered chain of touches: ad, page, group, live room, lead, order."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    kind = pw.TextField()
    ref = pw.TextField(default="")
    channel_id = pw.BigIntegerField(null=True)
    link_id = pw.BigIntegerField(null=True)
    at = InstantField()
    key = pw.TextField()


class ChatGroup(BrandModel):
    """A chat group (社群) of the brand."""

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField(default="")
    owner = pw.TextField(default="")
    source = pw.TextField(default="")
    created_at = InstantField()


class GroupMember(BrandModel):
    """A contact's stay in a chat group; open while ``left_at`` is null, one open stay at a time."""

    id = pw.BigAutoField()
    group = pw.ForeignKeyField(ChatGroup)
    contact = pw.ForeignKeyField(Contact)
    joined_at = InstantField()
    left_at = InstantField(null=True)
    source = pw.TextField(default="")


class Membership(BrandModel):
    """A contact's membership (会员); open while ``left_at`` is null, one open at a time."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    identity = pw.TextField(default="")
    joined_at = InstantField()
    left_at = InstantField(null=True)
    source = pw.TextField(default="")
