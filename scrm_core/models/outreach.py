"""What is sent to people and what comes back: runs, messages, inbound messages, do-not-contact."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField, JSONField
from .contacts import Contact
from .marketing import Link


class OutreachRun(BrandModel):
    """A run of messages; see :class:`scrm_core.outreach.types.RunView`.

    ``checked_at`` is when a worker last looked at the running run, ``next_at``
    when the next message may go, ``claimed`` how many have gone since it was last
    resumed and ``forgiven`` how many had failed then. ``held_by`` are the quiet hours
    that last held messages of it (null: none), ``held_until`` when the first of these may go,
    ``rests_until`` the ``next_at`` that they set, which a pace or a gateway may have moved since.
    """

    id = pw.BigAutoField()
    owner = pw.TextField()
    code = pw.TextField()
    channel = pw.TextField()
    kind = pw.TextField()
    sender = pw.TextField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    start_at = InstantField()
    grace_ms = pw.BigIntegerField()
    pace = pw.BigIntegerField(null=True)
    next_at = InstantField(default=0)
    checked_at = InstantField(default=0)
    released = pw.BigIntegerField(default=0)
    failure_limit = pw.BigIntegerField(null=True)
    failure_minimum = pw.BigIntegerField()
    standing = pw.BigIntegerField(default=0)
    claimed = pw.BigIntegerField(default=0)
    forgiven = pw.BigIntegerField(default=0)
    created_at = InstantField()
    finished_at = InstantField(null=True)
    held_by = pw.TextField(null=True)
    held_until = InstantField(null=True)
    rests_until = InstantField(null=True)

    class Meta:
        table_name = "outreach_run"


class Message(BrandModel):
    """A message of a run. ``bucket`` (0 to 9,999) is drawn by lot: shares of a run are released by it.

    ``uid`` is given when it is claimed for sending; ``sent_at`` is the instant
    of the claim, ``final_at`` that of the receipt. The address goes when the person is erased.
    ``held_by`` are the quiet hours by which ``not_before`` was set (null: it was not, or no more).
    """

    id = pw.BigAutoField()
    uid = pw.TextField(null=True)
    run = pw.ForeignKeyField(OutreachRun)
    contact = pw.ForeignKeyField(Contact, null=True)
    address = pw.TextField(null=True)
    bucket = pw.BigIntegerField()
    state = pw.TextField()
    reason = pw.TextField()
    code = pw.TextField(default="")
    arm = pw.TextField(default="")
    link = pw.ForeignKeyField(Link, null=True)
    body = pw.TextField(null=True)
    parts = pw.BigIntegerField(default=1)
    template = pw.TextField(default="")
    params = JSONField(null=True)
    ref = pw.TextField(default="")
    attempts = pw.BigIntegerField(default=0)
    not_before = InstantField()
    expires_at = InstantField(null=True)
    lease_until = InstantField(null=True)
    sent_at = InstantField(null=True)
    final_at = InstantField(null=True)
    updated_at = InstantField()
    held_by = pw.TextField(null=True)


class MessageIn(BrandModel):
    """A message that came in; unique by the gateway's reference. ``handled`` names what it was taken for."""

    id = pw.BigAutoField()
    channel = pw.TextField()
    ref = pw.TextField()
    address = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    recipient = pw.TextField(default="")
    text = pw.TextField()
    handled = pw.TextField(default="")
    answers = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "message_in"


class DoNotContact(BrandModel):
    """An address not to write to. ``scope``: commercial messages, or all; open until lifted."""

    id = pw.BigAutoField()
    channel = pw.TextField()
    address = pw.TextField()
    scope = pw.TextField()
    reason = pw.TextField()
    actor = pw.TextField(default="")
    evidence = pw.TextField(default="")
    at = InstantField()
    lifted_at = InstantField(null=True)
    lifted_by = pw.TextField(default="")

    class Meta:
        table_name = "do_not_contact"
