"""Tags, their groups, and who has which."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField
from .contacts import Contact


class TagGroup(BrandModel):
    """A group of tags. An S-level group (S级) is exclusive and universal.

    Exclusive: ``unique (contact_id, s_group_id)`` on contact_tag. Universal: a
    trigger gives every new contact the default tag, and another refuses to
    delete an active contact's last value; changing the value is an update.
    """

    id = pw.BigAutoField()
    name = pw.TextField()
    s_level = pw.BigIntegerField(default=0)
    default_tag_id = pw.BigIntegerField(null=True)
    created_at = InstantField()


class TagRetirement(BrandModel):
    """One bulk retirement of unused tags, with its undo."""

    id = pw.BigAutoField()
    at = InstantField()
    actor = pw.TextField(default="")
    reason = pw.TextField(default="")
    undone_at = InstantField(null=True)


class Tag(BrandModel):
    """A tag. A business tag names its operating plan; ``kind`` is business, channel or system."""

    id = pw.BigAutoField()
    group = pw.ForeignKeyField(TagGroup)
    name = pw.TextField()
    kind = pw.TextField(default="business")
    plan = pw.TextField(default="")
    created_at = InstantField()
    last_used_at = InstantField(null=True)
    retirement = pw.ForeignKeyField(TagRetirement, null=True)


class ContactTag(BrandModel):
    """A contact has a tag; ``origin`` is synced, manual or auto. ``s_group_id`` only for S-level groups."""

    contact = pw.ForeignKeyField(Contact)
    tag = pw.ForeignKeyField(Tag)
    s_group_id = pw.BigIntegerField(null=True)
    origin = pw.TextField()
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        primary_key = pw.CompositeKey("contact", "tag")
