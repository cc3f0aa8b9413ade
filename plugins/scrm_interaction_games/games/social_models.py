"""What people did together: bargains and their helpers, teams and seats, gifts to members, invitations.

Every limit is a constraint: a helper once per bargain, never more seats taken
than a team has, one payment per order, one gift per person, one inviter per
invitee. Rows of people go with the person when they are erased; what the brand
owes or has promised (payments, teams, keyed hashes of who had the gift) names
no person and stays.
"""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField, MinorField


class Goods(BrandModel):
    """What a bargain or group-buy campaign has left to sell; the row exists where a stock was set."""

    campaign_id = pw.BigIntegerField(primary_key=True)
    stock_left = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_goods"


class Bargain(BrandModel):
    """Somebody's bargain (砍价), the ``nth`` of theirs in the campaign; ``contact`` is its owner.

    ``cuts`` are all cuts in minor units, fixed at the opening: cut 0 is the
    owner's, cut k the k-th helper's. ``applied`` of them, worth ``cut_minor``,
    have been made. ``bonuses_left`` extra cuts wait for helpers who are new
    customers; ``floor_minor`` counts all of them. ``state``: open, ordered (price and one piece are held until
    ``held_until``), bought for ``bought_minor`` or closed (its time was over, or
    the money went back).
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    nth = pw.BigIntegerField()
    list_minor = MinorField()
    floor_minor = MinorField()
    cuts = JSONField()
    applied = pw.BigIntegerField()
    cut_minor = MinorField()
    state = pw.TextField(default="open")
    opened_at = InstantField()
    expires_at = InstantField()
    held_until = InstantField(null=True)
    bought_at = InstantField(null=True)
    bought_minor = MinorField(null=True)
    bonuses_left = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "interaction_games_bargain"


class BargainHold(BrandModel):
    """A price of a bargain that was held for an order from ``at`` until ``until``; kept when it has lapsed."""

    id = pw.BigAutoField()
    bargain = pw.ForeignKeyField(Bargain)
    price_minor = MinorField()
    at = InstantField()
    until = InstantField()

    class Meta:
        table_name = "interaction_games_bargain_hold"


class BargainCut(BrandModel):
    """A helper's cut: the ``k``-th of its bargain, ``day`` in the brand's zone.

    ``bonus_minor`` is what a new customer's help cut besides, from the pool for newcomers.
    """

    id = pw.BigAutoField()
    bargain = pw.ForeignKeyField(Bargain)
    contact = pw.ForeignKeyField(Contact)
    k = pw.BigIntegerField()
    minor = MinorField()
    at = InstantField()
    day = pw.BigIntegerField()
    bonus_minor = MinorField(default=0)

    class Meta:
        table_name = "interaction_games_bargain_cut"


class HelperDay(BrandModel):
    """How many bargains of a campaign a helper helped on a brand-local day."""

    id = pw.BigAutoField()
    campaign_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    day = pw.BigIntegerField()
    used = pw.BigIntegerField()

    class Meta:
        table_name = "interaction_games_helper_day"


class Team(BrandModel):
    """A team (拼单): ``taken`` paid seats of ``size``; ``virtual_seats`` of them were filled by a published rule.

    ``state``: open, full, settled or failed. ``leader_reward``: none (no reward
    promised), waiting (for the refund window), paid, sold_out or lost (the
    leader's order was refunded).
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign_id = pw.BigIntegerField()
    size = pw.BigIntegerField()
    taken = pw.BigIntegerField()
    virtual_seats = pw.BigIntegerField(default=0)
    state = pw.TextField(default="open")
    opened_at = InstantField()
    expires_at = InstantField()
    full_at = InstantField(null=True)
    settled_at = InstantField(null=True)
    leader_reward = pw.TextField(default="none")

    class Meta:
        table_name = "interaction_games_team"


class Seat(BrandModel):
    """Somebody's seat: pending until ``until``, then paid, expired or refund (paid, and to be paid back).

    ``team`` is null for a pending seat that will open a team of its own.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign_id = pw.BigIntegerField()
    team = pw.ForeignKeyField(Team, null=True)
    contact = pw.ForeignKeyField(Contact)
    leader = pw.BigIntegerField(default=0)
    price_minor = MinorField()
    state = pw.TextField(default="pending")
    reason = pw.TextField(default="")
    until = InstantField()
    at = InstantField()
    paid_at = InstantField(null=True)

    class Meta:
        table_name = "interaction_games_seat"


class Payment(BrandModel):
    """An order of the shop that paid for a seat or a bargain, once per (source, number).

    ``thing`` is seat or bargain and ``thing_uid`` its uid. ``state``: paid,
    refund_due (the shop has to pay ``amount_minor`` back; ``reason`` says why)
    or refunded.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    campaign_id = pw.BigIntegerField()
    thing = pw.TextField()
    thing_uid = pw.TextField()
    team = pw.ForeignKeyField(Team, null=True)
    source = pw.TextField()
    number = pw.TextField()
    amount_minor = MinorField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    paid_at = InstantField()
    at = InstantField()
    due_at = InstantField(null=True)
    refunded_at = InstantField(null=True)
    actor = pw.TextField(default="")

    class Meta:
        table_name = "interaction_games_payment"


class MemberGift(BrandModel):
    """The gift a member got (入会有礼); one per contact, in whichever campaign."""

    id = pw.BigAutoField()
    campaign_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    prize = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_member_gift"


class GiftKey(BrandModel):
    """A keyed hash of an identity whose person had the gift: it outlives campaigns, memberships and the contact."""

    digest = pw.TextField(primary_key=True)
    at = InstantField()

    class Meta:
        table_name = "interaction_games_gift_key"


class Inviter(BrandModel):
    """Somebody who invites in a campaign (拉好友): their code, and how many of their invitees are qualified."""

    id = pw.BigAutoField()
    campaign_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    code = pw.TextField()
    qualified = pw.BigIntegerField(default=0)
    created_at = InstantField()

    class Meta:
        table_name = "interaction_games_inviter"


class Relation(BrandModel):
    """Who was invited by whom, one inviter per invitee (``contact``) and campaign.

    ``state``: locked, qualified (since ``qualified_at``, revocable until
    ``reversible_until``) or void for ``reason``.
    """

    id = pw.BigAutoField()
    campaign_id = pw.BigIntegerField()
    inviter = pw.ForeignKeyField(Inviter)
    contact = pw.ForeignKeyField(Contact)
    state = pw.TextField(default="locked")
    reason = pw.TextField(default="")
    bound_at = InstantField()
    qualified_at = InstantField(null=True)
    reversible_until = InstantField(null=True)

    class Meta:
        table_name = "interaction_games_relation"


class RelationStep(BrandModel):
    """A gate that an invitee passed, with its evidence, for example ``order shop 1001``."""

    id = pw.BigAutoField()
    relation = pw.ForeignKeyField(Relation)
    gate = pw.TextField()
    at = InstantField()
    evidence = pw.TextField()

    class Meta:
        table_name = "interaction_games_relation_step"


class Pack(BrandModel):
    """Somebody claimed the pack that an invite campaign asks for, at an instant; once per campaign and person."""

    id = pw.BigAutoField()
    campaign_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    at = InstantField()
    evidence = pw.TextField()

    class Meta:
        table_name = "interaction_games_pack"


class RungPaid(BrandModel):
    """A rung that an inviter reached, once per person; the ``nth`` time it is paid after being revoked.

    ``state``: granted, revoked (taken back), lost (reached no more, and could
    not be taken back) or sold_out (reached when none was left).
    """

    id = pw.BigAutoField()
    inviter = pw.ForeignKeyField(Inviter)
    invites = pw.BigIntegerField()
    prize = pw.TextField()
    nth = pw.BigIntegerField(default=1)
    state = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "interaction_games_rung"


SOCIAL_MODELS = (
    Goods, Bargain, BargainHold, BargainCut, HelperDay, Team, Seat, Payment, MemberGift, GiftKey, Inviter, Relation,
    RelationStep, Pack, RungPaid,
)  # fmt: skip
