"""What the rules have already done."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, Order, Visit


class RuleHit(BrandModel):
    """A rule met an event; unique per (rule, event), so a replay never repeats it.

    ``contact`` is null while the buyer of the event's order or the person of its
    visit is unknown: the tag is set once they are known. ``tagged`` is 1 when the rule has set its tag (or
    found it there); a person may remove the tag later and it stays removed.
    """

    id = pw.BigAutoField()
    rule = pw.TextField()
    event_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact, null=True)
    order = pw.ForeignKeyField(Order, null=True)
    visit = pw.ForeignKeyField(Visit, null=True)
    tagged = pw.BigIntegerField()
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "tag_rules_hit"


MODELS = (RuleHit,)
