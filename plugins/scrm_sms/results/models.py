"""Tables of results: landing pages, presses of their button, adds, requests of ours, rescue."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, Link

from ..plans.models import Plan


class MessageRow(BrandModel):
    """The core's message, as far as a foreign key needs it."""

    id = pw.BigAutoField()

    class Meta:
        table_name = "message"


class Landing(BrandModel):
    """The landing page (落地页) of a plan, found by its unguessable ``token``.

    The activity runs in [``starts_at``, ``ends_at``). ``target`` is where the
    button leads; ``{state}`` in it stands for the code of the visitor's link.
    ``direct`` counts presses of visitors who came without a link of the plan.
    """

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    token = pw.TextField()
    title = pw.TextField()
    activity = pw.TextField()
    starts_at = InstantField()
    ends_at = InstantField()
    text = pw.TextField()
    welcome = pw.TextField()
    button = pw.TextField()
    target = pw.TextField()
    direct = pw.BigIntegerField(default=0)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "sms_landing"


class Press(BrandModel):
    """The button was pressed by whoever came with this link, for the first time."""

    id = pw.BigAutoField()
    landing = pw.ForeignKeyField(Landing)
    link = pw.ForeignKeyField(Link)
    at = InstantField()

    class Meta:
        table_name = "sms_press"


class Add(BrandModel):
    """A person who came (加友) through a plan, once per plan, by the earliest lead.

    ``method`` says what leads from the lead to the plan: ``link`` (the
    recipient's own link or the plan's) or ``recipient`` (the person got the
    message and came without naming another way). ``message`` is null for the
    plan's own link opened by somebody who got no message.
    """

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    contact = pw.ForeignKeyField(Contact)
    message = pw.ForeignKeyField(MessageRow, null=True)
    method = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "sms_add"


class FriendRequest(BrandModel):
    """We asked a person to be friends, by their number (主动加友), once per plan.

    ``number`` is a keyed hash: the number itself is not kept. ``result`` is
    empty while nobody answered, then accepted or declined.
    """

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    number = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    staff = pw.TextField(default="")
    result = pw.TextField(default="")
    at = InstantField()
    decided_at = InstantField(null=True)

    class Meta:
        table_name = "sms_request"


class Rescue(BrandModel):
    """A person of low intent (C 群) for a rescue plan, once per plan; ``at`` is when they got the tag.

    ``message`` is what they were sent; null while the plan cannot take them,
    and ``reason`` then says why. ``link`` is the link in that message.
    """

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    contact = pw.ForeignKeyField(Contact)
    at = InstantField()
    message = pw.ForeignKeyField(MessageRow, null=True)
    link = pw.ForeignKeyField(Link, null=True)
    reason = pw.TextField(default="")

    class Meta:
        table_name = "sms_rescue"


class RescueExit(BrandModel):
    """A person lost the tag of low intent; once per event of the log."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    event = pw.BigIntegerField()
    at = InstantField()

    class Meta:
        table_name = "sms_rescue_exit"


RESULT_MODELS = (Landing, Press, Add, FriendRequest, Rescue, RescueExit)
