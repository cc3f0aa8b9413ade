"""Tables of swaps: partners' profiles, deals, what was done about them, people that came, overlaps."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField


class SwapProfile(BrandModel):
    """What a partner told of itself last."""

    partner = pw.TextField(primary_key=True)
    body = JSONField()
    at = InstantField()

    class Meta:
        table_name = "cross_brand_swap_profile"


class SwapDeal(BrandModel):
    """A deal with a partner. ``side`` is ``a`` where this brand offered first.

    ``state``: open (a proposal stands; ``turn`` says who answers: us or them),
    accepted (we took theirs, their confirmation is on its way), agreed, declined,
    settling, settled or disputed. ``received`` counts what came to this brand in the
    deal's unit; ``given`` is what the partner told of its own, ``told`` its whole
    last telling, ``told_seq`` the number of that; ``sent``, ``seq`` and ``sent_at``
    are of this brand's own. ``open_in`` is 0 while this brand
    received more than the limit above what it gave, ``open_out`` the partner's.
    ``amends`` is the statement (JSON) that one side offers in a dispute.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    partner = pw.TextField()
    side = pw.TextField()
    state = pw.TextField()
    turn = pw.TextField()
    version = pw.BigIntegerField()
    text = pw.TextField()
    digest = pw.TextField()
    answer_until = InstantField()
    unit = pw.TextField()
    quota = pw.BigIntegerField()
    imbalance = pw.BigIntegerField()
    from_at = InstantField()
    until_at = InstantField()
    target = pw.TextField(default="")
    link = pw.TextField(default="")
    words = pw.TextField(default="")
    show_url = pw.TextField(default="")
    show_words = pw.TextField(default="")
    clicks = pw.BigIntegerField(default=0)
    shown = pw.BigIntegerField(default=0)
    received = pw.BigIntegerField(default=0)
    given = pw.BigIntegerField(default=0)
    open_in = pw.BigIntegerField(default=1)
    open_out = pw.BigIntegerField(default=1)
    seq = pw.BigIntegerField(default=0)
    sent_at = InstantField(default=0)
    told_seq = pw.BigIntegerField(default=0)
    told = JSONField(null=True)
    sent = pw.TextField(default="")
    statement = pw.TextField(default="")
    reason = pw.TextField(default="")
    created_at = InstantField()
    amends = pw.TextField(default="")

    class Meta:
        table_name = "cross_brand_swap_deal"


class SwapStep(BrandModel):
    """Append-only: what either side did about a deal, also what was refused and why."""

    id = pw.BigAutoField()
    deal = pw.TextField()
    partner = pw.TextField()
    by = pw.TextField()
    act = pw.TextField()
    version = pw.BigIntegerField(default=0)
    digest = pw.TextField(default="")
    message = pw.TextField(default="")
    actor = pw.TextField(default="")
    refused = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "cross_brand_swap_step"


class SwapArrival(BrandModel):
    """A person that came by a deal, once, new to this brand. ``counted`` is 1 while it counts in the deal's unit.

    ``lost_at`` is when the person left again. ``void_by`` is the merge that showed that they had been known or
    had come before, ``void_counted`` whether they counted until then: an undone merge gives it back.
    """

    id = pw.BigAutoField()
    deal = pw.ForeignKeyField(SwapDeal)
    contact = pw.ForeignKeyField(Contact)
    key = pw.TextField()
    at = InstantField()
    lost_at = InstantField(null=True)
    ordered_at = InstantField(null=True)
    order_id = pw.BigIntegerField(null=True)
    counted = pw.BigIntegerField(default=0)
    void_by = pw.BigIntegerField(null=True)
    void_counted = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "cross_brand_swap_arrival"


class SwapShown(BrandModel):
    """Append-only: exposures that this brand gave to a deal, once per key."""

    id = pw.BigAutoField()
    deal = pw.ForeignKeyField(SwapDeal)
    key = pw.TextField()
    quantity = pw.BigIntegerField()
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "cross_brand_swap_shown"


class SwapOverlap(BrandModel):
    """A run that estimates how many people both audiences share.

    ``state``: asked, computing (our sketch is owed), waiting (for theirs), done or
    refused. ``secret`` and ``theirs`` are forgotten when the run ends.
    """

    id = pw.BigAutoField()
    run = pw.TextField()
    partner = pw.TextField()
    asked_by = pw.TextField()
    k = pw.BigIntegerField()
    state = pw.TextField()
    secret = pw.TextField(default="")
    public = pw.TextField(default="")
    other = pw.TextField(default="")
    theirs = pw.TextField(default="")
    estimate = pw.BigIntegerField(null=True)
    error_bp = pw.BigIntegerField(null=True)
    reason = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "cross_brand_swap_overlap"


MODELS = (SwapProfile, SwapDeal, SwapStep, SwapArrival, SwapShown, SwapOverlap)
