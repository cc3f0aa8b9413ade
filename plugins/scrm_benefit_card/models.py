"""Tables of benefit cards: pools, their cards, to whom a card was given, and gifts for the recipients of an SMS."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, MinorField


class BenefitCardPool(BrandModel):
    """Cards of one kind (卡池), such as video membership for a month; ``state`` is open or closed.

    ``face_minor`` and ``cost_minor`` are those of a card whose row of a file says nothing else.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    title = pw.TextField()
    terms = pw.TextField(default="")
    link = pw.TextField(default="")
    face_minor = MinorField()
    cost_minor = MinorField()
    warn_below = pw.BigIntegerField()
    state = pw.TextField()
    actor = pw.TextField()
    created_at = InstantField()

    class Meta:
        table_name = "benefit_card_pool"


class BenefitCardCard(BrandModel):
    """A card: ``sealed`` holds its code and PIN, ``mark`` is the keyed hash that no two cards share.

    ``seal`` names the key of both. ``state`` is stock, given, revealed or lost (taken back after it was seen).
    ``expires_day`` is the last day on which it is good; cards without an end have the calendar's last day.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    pool = pw.ForeignKeyField(BenefitCardPool)
    mark = pw.TextField()
    sealed = pw.TextField()
    seal = pw.TextField()
    expires_day = pw.BigIntegerField()
    face_minor = MinorField()
    cost_minor = MinorField()
    state = pw.TextField()
    actor = pw.TextField()
    created_at = InstantField()

    class Meta:
        table_name = "benefit_card_card"


class BenefitCardIssue(BrandModel):
    """That a card was given, once per grant key: ``state`` given, revealed, returned (to the pool) or lost.

    Whose it is stands in :class:`BenefitCardOwner`, so that the money's ledger outlives the person's data.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    card = pw.ForeignKeyField(BenefitCardCard)
    grant_key = pw.TextField()
    state = pw.TextField()
    given_at = InstantField()
    day = pw.BigIntegerField()
    revealed_at = InstantField(null=True)
    revealed_day = pw.BigIntegerField(null=True)
    ended_at = InstantField(null=True)
    ended_day = pw.BigIntegerField(null=True)
    reason = pw.TextField(default="")

    class Meta:
        table_name = "benefit_card_issue"


class BenefitCardGift(BrandModel):
    """A card for each recipient of a plan's messages (短信礼); ``owner`` is the plugin whose plan it is.

    ``until`` is the last day on which it is claimed.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    pool = pw.ForeignKeyField(BenefitCardPool)
    title = pw.TextField()
    owner = pw.TextField()
    plan = pw.TextField()
    until = pw.BigIntegerField()
    state = pw.TextField()
    actor = pw.TextField()
    created_at = InstantField()

    class Meta:
        table_name = "benefit_card_gift"


class BenefitCardOwner(BrandModel):
    """Whose a given card is; of one gift a person has one."""

    id = pw.BigAutoField()
    issue = pw.ForeignKeyField(BenefitCardIssue)
    gift = pw.ForeignKeyField(BenefitCardGift, null=True)
    contact = pw.ForeignKeyField(Contact)

    class Meta:
        table_name = "benefit_card_owner"


MODELS = (BenefitCardPool, BenefitCardCard, BenefitCardIssue, BenefitCardGift, BenefitCardOwner)
