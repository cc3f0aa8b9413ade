"""Channels, links and visits; rewards; segments, experiments and metric rollups."""

from __future__ import annotations

import peewee as pw

from ..db import BrandModel, InstantField, JSONField, MinorField
from .contacts import Contact


class Channel(BrandModel):
    """A real channel; its code is unique. ``tags`` are tag ids given to contacts that come through it."""

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField(default="")
    kind = pw.TextField(default="")
    tags = JSONField(null=True)
    created_at = InstantField()


class Link(BrandModel):
    """A short link with an unguessable code. ``owner`` is the plugin that made it, or empty."""

    id = pw.BigAutoField()
    code = pw.TextField()
    channel = pw.ForeignKeyField(Channel)
    target = pw.TextField()
    variant = pw.TextField(default="")
    owner = pw.TextField(default="")
    campaign = pw.TextField(default="")
    created_at = InstantField()
    expires_at = InstantField(null=True)
    disabled_at = InstantField(null=True)


class Visit(BrandModel):
    """A link was opened. ``visitor`` is a random cookie value; bots are kept but flagged.

    ``times`` is above 1 where retention has made one row of several of a day; ``at`` is then the first.
    """

    id = pw.BigAutoField()
    link = pw.ForeignKeyField(Link)
    at = InstantField()
    visitor = pw.TextField(default="")
    bot = pw.BigIntegerField(default=0)
    contact = pw.ForeignKeyField(Contact, null=True)
    times = pw.BigIntegerField(default=1)


class Reward(BrandModel):
    """Append-only ledger of granted rewards; a reversal is a row linked to its origin."""

    id = pw.BigAutoField()
    uid = pw.TextField()
    kind = pw.TextField()
    contact = pw.ForeignKeyField(Contact)
    quantity = pw.BigIntegerField(default=1)
    cost_minor = MinorField(default=0)
    grant_key = pw.TextField()
    issuer = pw.TextField()
    issued = JSONField(null=True)
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    reverses = pw.ForeignKeyField("self", null=True, column_name="reverses_id")
    item = pw.TextField(default="")


class Segment(BrandModel):
    """A named segment expression."""

    id = pw.BigAutoField()
    name = pw.TextField()
    expression = pw.TextField()
    created_at = InstantField()
    updated_at = InstantField()


class Experiment(BrandModel):
    """An experiment: arms with weights that sum to 10,000, fixed once people are exposed."""

    id = pw.BigAutoField()
    name = pw.TextField()
    salt = pw.TextField()
    arms = JSONField()
    minimum = pw.BigIntegerField()
    owner = pw.TextField(default="")
    created_at = InstantField()
    ended_at = InstantField(null=True)


class Exposure(BrandModel):
    """A person met an arm; once per experiment."""

    experiment = pw.ForeignKeyField(Experiment)
    person = pw.TextField()
    arm = pw.TextField()
    at = InstantField()

    class Meta:
        primary_key = pw.CompositeKey("experiment", "person")


class Outcome(BrandModel):
    """A person did what the experiment measures; once per metric."""

    experiment = pw.ForeignKeyField(Experiment)
    person = pw.TextField()
    metric = pw.TextField()
    at = InstantField()
    value = pw.BigIntegerField(default=1)

    class Meta:
        primary_key = pw.CompositeKey("experiment", "person", "metric")


class MetricDay(BrandModel):
    """A plugin's metric for one brand-local day and dimension."""

    plugin = pw.TextField()
    metric = pw.TextField()
    day = pw.BigIntegerField()
    dimension = pw.TextField(default="")
    value = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("plugin", "metric", "day", "dimension")
