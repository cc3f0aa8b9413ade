"""Tables of the seven steps: where a campaign stands, what was entered, who signed what, what happened."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, InstantField, JSONField

from ..models import CardCampaign


class StepPlan(BrandModel):
    """A campaign that is taken through the steps; ``version`` grows with every write to it."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    step = pw.TextField()
    version = pw.BigIntegerField(default=1)
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "package_card_step_plan"


class StepItem(BrandModel):
    """Something a step needs, as entered; ``subject`` is the channel or department it is for, or empty."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    step = pw.TextField()
    item = pw.TextField()
    subject = pw.TextField(default="")
    value = JSONField()
    at = InstantField()

    class Meta:
        table_name = "package_card_step_item"


class StepSignoff(BrandModel):
    """Somebody answered for something: one in force per campaign, ``act`` and ``subject``.

    ``through`` is the API key (``key:...``) or ``operator`` for the command
    line. A sign-off is never removed: it becomes void at ``void_at``.
    """

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    act = pw.TextField()
    subject = pw.TextField(default="")
    who = pw.TextField()
    through = pw.TextField()
    at = InstantField()
    detail = JSONField(null=True)
    void_at = InstantField(null=True)
    void_reason = pw.TextField(default="")

    class Meta:
        table_name = "package_card_step_signoff"


class StepTrial(BrandModel):
    """An A/B trial of a campaign; ``experiment`` is the name of core's experiment."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    number = pw.BigIntegerField()
    experiment = pw.TextField()
    started_at = InstantField()
    ended_at = InstantField(null=True)
    void_at = InstantField(null=True)

    class Meta:
        table_name = "package_card_step_trial"


class StepLink(BrandModel):
    """The tracked link of one arm on one channel; ``link`` is its code."""

    id = pw.BigAutoField()
    trial = pw.ForeignKeyField(StepTrial)
    arm = pw.TextField()
    channel = pw.TextField()
    link = pw.TextField()

    class Meta:
        table_name = "package_card_step_link"


class StepProof(BrandModel):
    """The file of a proof, base64 in ``data``; the proof's sign-off names it by its digest."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    sha256 = pw.TextField()
    content_type = pw.TextField()
    data = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "package_card_step_proof"


class StepHistory(BrandModel):
    """What was done to a campaign's steps; the database refuses to change or remove a row."""

    id = pw.BigAutoField()
    campaign = pw.ForeignKeyField(CardCampaign)
    at = InstantField()
    who = pw.TextField()
    through = pw.TextField()
    action = pw.TextField()
    from_step = pw.TextField(default="")
    to_step = pw.TextField(default="")
    what = JSONField(null=True)
    reason = pw.TextField(default="")

    class Meta:
        table_name = "package_card_step_history"


STEP_MODELS = (StepPlan, StepItem, StepSignoff, StepTrial, StepLink, StepProof, StepHistory)
