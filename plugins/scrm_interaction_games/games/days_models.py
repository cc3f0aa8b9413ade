"""What people did day by day: signed days and milestones, grabs, plants and the care they got.

Limits are constraints: one signed day per person and date, one grab per person
and day, never more taken from a drop than it holds.
"""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField

from ..models import Campaign


class SignedDay(BrandModel):
    """A signed day of a check-in campaign; unique per (campaign, contact, day).

    ``made_up`` is 1 for a day made up later (补签); ``acted_day`` is the brand-local
    day on which it was done: make-ups are counted by its month.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    day = pw.BigIntegerField()
    made_up = pw.BigIntegerField(default=0)
    acted_day = pw.BigIntegerField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_signed_day"


class MilestonePaid(BrandModel):
    """A milestone (a number of consecutive days) that was paid for a signed day; never twice for the same day.

    ``prize`` is the code of what was given, empty when it was sold out then.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    milestone = pw.BigIntegerField()
    day = pw.BigIntegerField()
    prize = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "interaction_games_milestone"


class GrabDrop(BrandModel):
    """The stock of one drop of a daily grab on one brand-local day; ``taken`` never exceeds ``stock``."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    day = pw.BigIntegerField()
    minute = pw.BigIntegerField()
    stock = pw.BigIntegerField()
    taken = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "interaction_games_drop"


class Grab(BrandModel):
    """What somebody grabbed; unique per (campaign, contact, day)."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    drop = pw.ForeignKeyField(GrabDrop)
    day = pw.BigIntegerField()
    prize = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_grab"


class Plant(BrandModel):
    """Somebody's plant in a nurture campaign; unique per (campaign, contact).

    ``growth`` and ``water`` are drops. ``idle_since`` is the instant up to which
    idle production was collected. ``cared_day`` is the last day of care, for
    withering. ``reserved_until`` is set while the prize is set aside under
    ``reservations``, the number of times it was (a reservation that lapsed is
    followed by another). ``acts`` counts writes: raising it locks the row.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    growth = pw.BigIntegerField(default=0)
    water = pw.BigIntegerField(default=0)
    idle_since = InstantField()
    cared_day = pw.BigIntegerField()
    reserved_until = InstantField(null=True)
    reservations = pw.BigIntegerField(default=0)
    finished_at = InstantField(null=True)
    acts = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "interaction_games_plant"


class Care(BrandModel):
    """One turn of a source of water, begun or gathered; ``key`` is unique in its campaign.

    ``amount`` is 0 until it is gathered. A turn that needs time (browse a page
    for so many seconds) is begun first and gathered later under the same key.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(Campaign)
    contact = pw.ForeignKeyField(Contact)
    source = pw.TextField()
    key = pw.TextField()
    day = pw.BigIntegerField()
    begun_at = InstantField()
    gathered_at = InstantField(null=True)
    amount = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "interaction_games_care"


DAYS_MODELS = (SignedDay, MilestonePaid, GrabDrop, Grab, Plant, Care)
