"""Tables of awards by hand, welfare campaigns, the content log and who took part in which mode."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, MinorField


class Award(BrandModel):
    """An award (奖励) by hand or after a message: ``state`` pending, issued or refused.

    ``what``: question 问答, order-show 晒单, chat 聊天 (found by a rule) or other.
    ``rule`` and ``message_in_id`` say which message met which rule. ``actor``
    proposed it, ``decided_by`` approved or refused it. ``day`` is the brand-local
    day of ``at``. ``reward`` is the uid in the core's ledger of rewards.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    key = pw.TextField()
    contact = pw.ForeignKeyField(Contact)
    what = pw.TextField()
    mode = pw.TextField()
    kind = pw.TextField()
    item = pw.TextField(default="")
    quantity = pw.BigIntegerField(default=1)
    cost_minor = MinorField(default=0)
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    state = pw.TextField()
    reward = pw.TextField(default="")
    rule = pw.TextField(default="")
    message_in_id = pw.BigIntegerField(null=True)
    decided_by = pw.TextField(default="")
    decided_at = InstantField(null=True)
    decision = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_award"


class AwardDay(BrandModel):
    """How many awards an actor gave on a brand-local day, and what they cost: the limits count here."""

    id = pw.BigAutoField()
    actor = pw.TextField()
    day = pw.BigIntegerField()
    given = pw.BigIntegerField()
    cost_minor = MinorField()

    class Meta:
        table_name = "interaction_games_award_day"


class Welfare(BrandModel):
    """A welfare campaign (福利活动): gifts for an occasion until their cost has reached ``cap_minor``.

    ``occasion`` is holiday, season or launch and ``occasion_name`` which one.
    ``unit_cost_minor`` is what one gift costs; ``basket_minor`` the order that a
    gift rides on, 0 for none. ``audience`` is a segment expression or empty,
    ``claim`` 1 when people come for it themselves. ``state``: draft, open,
    stopped (``stop_reason`` says why) or ended.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    title = pw.TextField()
    occasion = pw.TextField()
    occasion_name = pw.TextField()
    mode = pw.TextField()
    kind = pw.TextField()
    item = pw.TextField(default="")
    quantity = pw.BigIntegerField(default=1)
    unit_cost_minor = MinorField()
    basket_minor = MinorField(default=0)
    cap_minor = MinorField()
    spent_minor = MinorField(default=0)
    granted = pw.BigIntegerField(default=0)
    audience = pw.TextField(default="")
    claim = pw.BigIntegerField(default=0)
    starts_at = InstantField()
    ends_at = InstantField()
    state = pw.TextField()
    stop_reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    created_at = InstantField()

    class Meta:
        table_name = "interaction_games_welfare"


class WelfareGrant(BrandModel):
    """A gift of a welfare campaign: one per person and campaign. ``serial`` is part of its grant key."""

    id = pw.BigAutoField()
    welfare = pw.ForeignKeyField(Welfare)
    contact = pw.ForeignKeyField(Contact)
    serial = pw.TextField()
    reward = pw.TextField(default="")
    cost_minor = MinorField()
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_welfare_grant"


class WelfareChange(BrandModel):
    """Append-only: who opened, stopped, ended or raised the cap of a welfare campaign, and why."""

    id = pw.BigAutoField()
    welfare = pw.ForeignKeyField(Welfare)
    what = pw.TextField()
    cap_minor = MinorField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "interaction_games_welfare_change"


class Content(BrandModel):
    """A piece of content (内容) that was shown: ``kind`` marketing, interaction, care or daily.

    ``mode`` is the mode of interaction of an interaction, empty for the others.
    """

    id = pw.BigAutoField()
    key = pw.TextField()
    day = pw.BigIntegerField()
    kind = pw.TextField()
    mode = pw.TextField(default="")
    title = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "interaction_games_content"


class Participation(BrandModel):
    """A person took part in a mode of interaction on a brand-local day; ``at`` is the first time that day."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    mode = pw.TextField()
    day = pw.BigIntegerField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_participation"


class Activation(BrandModel):
    """A template of group activation (群内活动) was used in a group on a brand-local day."""

    id = pw.BigAutoField()
    code = pw.TextField()
    template = pw.TextField()
    group_code = pw.TextField()
    day = pw.BigIntegerField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_activation"


AWARD_MODELS = (Award, AwardDay, Welfare, WelfareGrant, WelfareChange, Content, Participation, Activation)
"""Every table of this room, for the plugin's ``models``."""
