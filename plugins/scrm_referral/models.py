"""Tables of referral: campaigns, inviters, candidates, relations and their steps, traits, stock, rungs, reviews."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, MinorField


class ReferralCampaign(BrandModel):
    """A campaign: ``definition`` is its checked JSON; ``state`` is draft, open or closed.

    ``accepted`` places of ``quota`` are taken (null: no limit), ``seated`` counts every
    acceptance there ever was: it deals out staff. ``spent_minor`` of ``budget_minor`` is granted.
    ``ladders_at``: when the ladders of the mode ``highest``, known at the end only, were made due.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    state = pw.TextField()
    definition = pw.TextField()
    quota = pw.BigIntegerField(null=True)
    accepted = pw.BigIntegerField(default=0)
    seated = pw.BigIntegerField(default=0)
    applied = pw.BigIntegerField(default=0)
    budget_minor = MinorField(null=True)
    spent_minor = MinorField(default=0)
    salt = pw.TextField()
    actor = pw.TextField(default="")
    created_at = InstantField()
    published_at = InstantField(null=True)
    closed_at = InstantField(null=True)
    ladders_at = InstantField(null=True)

    class Meta:
        table_name = "referral_campaign"


class ReferralInviter(BrandModel):
    """Somebody who signed up: ``state`` is accepted, waiting or left; ``code`` is the personal link's, once accepted.

    ``contact`` is null once the person was erased: amounts stay, the person does not.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(ReferralCampaign)
    contact = pw.ForeignKeyField(Contact, null=True)
    state = pw.TextField()
    code = pw.TextField(null=True)
    staff = pw.TextField(default="")
    applied_at = InstantField()
    accepted_at = InstantField(null=True)
    left_at = InstantField(null=True)
    version = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "referral_inviter"


class ReferralCandidate(BrandModel):
    """A known person opened somebody's invitation at ``at``: no more than a candidate until a qualified touch."""

    id = pw.BigAutoField()
    inviter = pw.ForeignKeyField(ReferralInviter)
    contact = pw.ForeignKeyField(Contact)
    at = InstantField()

    class Meta:
        table_name = "referral_candidate"


class ReferralRelation(BrandModel):
    """An invitee and whose they are, one per campaign: ``state`` is locked, held, qualified or void.

    ``since`` is the first touch less ``fresh_hours``: what they did from then on may be new; ``score`` and
    ``signals`` (JSON) say why somebody is held, ``cleared`` that a person looked at it.
    ``refunds`` counts first orders that went back, ``over_cap`` says that the inviter's day was full.
    ``was_added`` and ``was_hva`` keep what an erased person counted as in the figures.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign = pw.ForeignKeyField(ReferralCampaign)
    inviter = pw.ForeignKeyField(ReferralInviter)
    contact = pw.ForeignKeyField(Contact, null=True)
    state = pw.TextField()
    reason = pw.TextField(default="")
    source = pw.TextField()
    staff = pw.TextField(default="")
    bound_at = InstantField()
    bound_day = pw.BigIntegerField()
    since = InstantField()
    qualified_at = InstantField(null=True)
    qualified_day = pw.BigIntegerField(null=True)
    reversible_until = InstantField(null=True)
    score = pw.BigIntegerField(default=0)
    signals = pw.TextField(default="[]")
    cleared = pw.BigIntegerField(default=0)
    refunds = pw.BigIntegerField(default=0)
    over_cap = pw.BigIntegerField(default=0)
    was_added = pw.BigIntegerField(default=0)
    was_hva = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "referral_relation"


class ReferralStep(BrandModel):
    """A gate that an invitee passed, at the instant of the event itself, and what proves it.

    ``order_id`` is the core's id of the first order: it says nothing of a person and outlives an erasure.
    """

    id = pw.BigAutoField()
    relation = pw.ForeignKeyField(ReferralRelation)
    gate = pw.TextField()
    at = InstantField()
    evidence = pw.TextField()
    event_id = pw.BigIntegerField(null=True)
    order_id = pw.BigIntegerField(null=True)

    class Meta:
        table_name = "referral_step"


class ReferralPack(BrandModel):
    """A newcomer pack that somebody claimed, kept because only an event tells of it; ``event_id`` is its proof."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(ReferralCampaign)
    contact = pw.ForeignKeyField(Contact)
    at = InstantField()
    event_id = pw.BigIntegerField()

    class Meta:
        table_name = "referral_pack"


class ReferralTrait(BrandModel):
    """A keyed hash of something two people should not share: device, network, address or payer."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(ReferralCampaign)
    contact = pw.ForeignKeyField(Contact)
    kind = pw.TextField()
    digest = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "referral_trait"


class ReferralStock(BrandModel):
    """How many of a rung there are in a campaign (``stock``) and how many are out (``taken``)."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(ReferralCampaign)
    invites = pw.BigIntegerField()
    stock = pw.BigIntegerField()
    taken = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "referral_stock"


class ReferralRung(BrandModel):
    """A rung of the ladder that somebody reached for the ``nth`` time, once per person.

    ``state``: due (staff looks), approved (waits for the observation, money or the
    issuer, see ``reason``), granted (with a ``reason``: to be taken back as soon as its
    issuer can be asked), refused, withdrawn (before the grant), revoked (taken back),
    lost (it was used already).
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    inviter = pw.ForeignKeyField(ReferralInviter)
    invites = pw.BigIntegerField()
    nth = pw.BigIntegerField()
    kind = pw.TextField()
    item = pw.TextField()
    quantity = pw.BigIntegerField(default=1)
    value_minor = MinorField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    due_at = InstantField()
    granted_at = InstantField(null=True)
    granted_day = pw.BigIntegerField(null=True)

    class Meta:
        table_name = "referral_rung"


class ReferralFigures(BrandModel):
    """A large campaign's figures (JSON) as they were counted at ``counted_at``; no person is in them."""

    campaign = pw.ForeignKeyField(ReferralCampaign, primary_key=True)
    counted_at = InstantField()
    figures = pw.TextField()

    class Meta:
        table_name = "referral_figures"


class ReferralReview(BrandModel):
    """Append-only: who said what about a rung or a held invitee; each person once."""

    id = pw.BigAutoField()
    rung = pw.ForeignKeyField(ReferralRung, null=True)
    relation = pw.ForeignKeyField(ReferralRelation, null=True)
    verdict = pw.TextField()
    reason = pw.TextField(default="")
    actor = pw.TextField()
    person = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "referral_review"


MODELS = (
    ReferralCampaign, ReferralInviter, ReferralCandidate, ReferralRelation, ReferralStep, ReferralPack,
    ReferralTrait, ReferralStock, ReferralRung, ReferralFigures, ReferralReview,
)  # fmt: skip
