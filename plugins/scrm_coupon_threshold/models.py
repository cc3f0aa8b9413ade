"""Tables of threshold coupons: batches, codes, coupons, holds, redemptions, shops, proofs of tasks.

Transactions that change a batch and a coupon of it change the batch first, so
that two of them never wait for each other.
"""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField, MinorField

NAME = "coupon-threshold"
"""The plugin's name; the names of its tables begin with it."""


class Batch(BrandModel):
    """A coupon batch (券批次): one rule with its stock, limits, budget, validity and claim gate.

    ``rule`` is the JSON that ``rules.read_rule`` reads, ``scope`` the lines the
    coupon is good for. ``step``, ``stack_group``, ``exclusive`` and ``basis``
    say how it goes together with other discounts, ``payer`` who bears it.
    ``channels`` and ``stores`` list where it may be used; empty lists: everywhere.
    ``gate`` is the claim threshold (领取门槛), null without one.

    ``state``: draft, open, paused or closed. ``validity``: absolute
    ([``valid_from``, ``valid_to``) for every coupon), or rolling, natural or
    next-day, which count ``valid_days`` from the claim. Claims are taken in
    [``claim_from``, ``claim_to``); null leaves that end open.

    ``stock_total`` null means no limit, 0 means none. ``codes`` 0: a code is made
    for each coupon; 1: it takes the next code of the pool; 2: the pool's codes
    were handed out, and whoever enters one has the coupon. Limits are coupons:
    ``per_person`` in a lifetime, ``per_person_day`` and ``per_day`` (每日放量) on
    one calendar day of the brand, ``per_device`` from one browser,
    ``per_network_day`` from one network on one day; null means no limit.

    ``budget_minor`` caps the discount; ``budget_used_minor`` is always the sum of
    ``reserved_minor`` of the batch's coupons. With ``promise`` 1 a claim reserves
    ``promise_minor`` at once, otherwise the first reservation is made at the hold.

    Brakes, which may change at any time: ``per_minute`` claims by people in one
    minute; ``speed_bp`` times the even use of the budget, in basis points, and not
    before ``speed_from_minor``, pause it by themselves with a ``pause_reason``.

    ``return_policy`` says what a refund in full gives back: live (a coupon that
    has not expired), extend (also an expired one, for ``extend_days`` more) or
    never. ``issued`` counts coupons ever claimed; rule and limits are frozen from the first one on.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    title = pw.TextField()
    terms = pw.TextField(default="")
    rule = JSONField()
    scope = JSONField()
    step = pw.TextField(default="shop")
    stack_group = pw.TextField(default="")
    exclusive = pw.BigIntegerField(default=0)
    basis = pw.TextField(default="after_item")
    payer = pw.TextField(default="shop")
    channels = JSONField()
    stores = JSONField()
    gate = JSONField(null=True)
    state = pw.TextField(default="draft")
    validity = pw.TextField()
    valid_from = InstantField(null=True)
    valid_to = InstantField(null=True)
    valid_days = pw.BigIntegerField(null=True)
    claim_from = InstantField(null=True)
    claim_to = InstantField(null=True)
    stock_total = pw.BigIntegerField(null=True)
    stock_left = pw.BigIntegerField(null=True)
    codes = pw.BigIntegerField(default=0)
    per_person = pw.BigIntegerField(null=True)
    per_person_day = pw.BigIntegerField(null=True)
    per_day = pw.BigIntegerField(null=True)
    per_device = pw.BigIntegerField(null=True)
    per_network_day = pw.BigIntegerField(null=True)
    per_minute = pw.BigIntegerField(null=True)
    speed_bp = pw.BigIntegerField(null=True)
    speed_from_minor = MinorField(null=True)
    pause_reason = pw.TextField(default="")
    budget_minor = MinorField(null=True)
    budget_used_minor = MinorField(default=0)
    promise = pw.BigIntegerField(default=0)
    promise_minor = MinorField(default=0)
    return_policy = pw.TextField(default="live")
    extend_days = pw.BigIntegerField(default=0)
    issued = pw.BigIntegerField(default=0)
    created_at = InstantField()
    opened_at = InstantField(null=True)
    closed_at = InstantField(null=True)

    class Meta:
        table_name = "coupon_threshold_batch"


class BatchDay(BrandModel):
    """How many coupons of a batch were claimed on one calendar day of the brand."""

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(Batch)
    day = pw.BigIntegerField()
    issued = pw.BigIntegerField()

    class Meta:
        table_name = "coupon_threshold_day"


class ClaimMark(BrandModel):
    """How many coupons of a batch went to a ``subject`` in a ``period``.

    ``device:`` and ``network:`` with a keyed hash, or ``minute``. The period is
    0 for ever (device), a day (network) or a minute since 1970.
    """

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(Batch)
    subject = pw.TextField()
    period = pw.BigIntegerField()
    issued = pw.BigIntegerField()

    class Meta:
        table_name = "coupon_threshold_mark"


class PoolCode(BrandModel):
    """A code of a batch's pool, unique in the brand; ``taken`` is 0 while it is only issued, 1 once a coupon has it."""

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(Batch)
    code = pw.TextField()
    taken = pw.BigIntegerField(default=0)

    class Meta:
        table_name = "coupon_threshold_code"


class Hold(BrandModel):
    """Coupons kept for one checkout in flight (下单占用) until ``held_until``; once per ``key``.

    ``state``: held, released, redeemed or expired. ``answer`` is what the first
    call was told and every repetition is told again; ``gifts`` the stock taken
    for it, as ``[{"batch": id, "sku": "...", "qty": 1}]``.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    key = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    source = pw.TextField(default="")
    order_number = pw.TextField(default="")
    state = pw.TextField(default="held")
    at = InstantField()
    held_until = InstantField()
    lines = JSONField()
    gifts = JSONField()
    answer = JSONField()

    class Meta:
        table_name = "coupon_threshold_hold"


class Coupon(BrandModel):
    """A coupon (券): one right of one person. ``uid`` is the unguessable id used outside.

    ``state``: claimed, held, used, expired or void. It moves forward;
    only a hold that ends unused goes back to claimed. ``contact`` is null for a
    coupon whose owner was erased. ``nth`` numbers the coupons of one person and
    batch from 1; it is unique, so that a limit holds under concurrency. A
    voided coupon gives its number back by taking ``-id``, and a coupon that a
    refund gave back has minus the id of the used coupon it ``returns``.

    It is good in [``valid_from``, ``valid_to``); a null ``valid_to`` never ends.
    ``reserved_minor`` is what it holds of the batch's budget now: the promise
    from the claim, the discount from the hold on, 0 once it is void, expired or returned.
    ``sku`` binds a product voucher (商品券) to one article. ``gated`` is 1
    when its batch had a claim gate that its owner met. ``day`` is the
    brand-local day of the claim.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    code = pw.TextField()
    batch = pw.ForeignKeyField(Batch)
    contact = pw.ForeignKeyField(Contact, null=True)
    nth = pw.BigIntegerField()
    state = pw.TextField()
    valid_from = InstantField()
    valid_to = InstantField(null=True)
    claimed_at = InstantField()
    day = pw.BigIntegerField()
    source = pw.TextField()
    actor = pw.TextField(default="")
    reason = pw.TextField(default="")
    grant_key = pw.TextField()
    gated = pw.BigIntegerField(default=0)
    sku = pw.TextField(default="")
    reserved_minor = MinorField(default=0)
    hold = pw.ForeignKeyField(Hold, null=True)
    held_until = InstantField(null=True)
    returns = pw.ForeignKeyField("self", null=True)
    ended_at = InstantField(null=True)

    class Meta:
        table_name = "coupon_threshold_coupon"


class GiftStock(BrandModel):
    """How many of a gift article a batch may still give away (赠品库存)."""

    id = pw.BigAutoField()
    batch = pw.ForeignKeyField(Batch)
    sku = pw.TextField()
    stock_total = pw.BigIntegerField()
    stock_left = pw.BigIntegerField()

    class Meta:
        table_name = "coupon_threshold_gift"


class Store(BrandModel):
    """A shop (门店) that redeems coupons."""

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField(default="")
    state = pw.TextField(default="active")
    created_at = InstantField()

    class Meta:
        table_name = "coupon_threshold_store"


class Clerk(BrandModel):
    """A person who redeems in a shop: clerk 店员 or manager 店长; ``store`` null works everywhere.

    ``digest`` is a keyed hash of the personal number (PIN). ``contact`` is the clerk as a customer, where known.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField(default="")
    store = pw.ForeignKeyField(Store, null=True)
    contact = pw.ForeignKeyField(Contact, null=True)
    role = pw.TextField(default="clerk")
    digest = pw.TextField(default="")
    state = pw.TextField(default="active")
    created_at = InstantField()

    class Meta:
        table_name = "coupon_threshold_clerk"


class Terminal(BrandModel):
    """A till or handset of a shop (收银终端)."""

    id = pw.BigAutoField()
    code = pw.TextField()
    store = pw.ForeignKeyField(Store)
    state = pw.TextField(default="active")
    created_at = InstantField()

    class Meta:
        table_name = "coupon_threshold_terminal"


class Redemption(BrandModel):
    """A redemption (核销) or the linked entry that takes one back; append-only.

    Online it names an order (``source``, ``order_number``), in a shop a
    ``terminal`` with its ``ticket``, unique together. A coupon is redeemed at
    most once; a reversal is a row of its own with the amounts negated, linked
    by ``reverses``, one at most. ``amount_minor`` is the price of the goods
    before this discount, ``shares`` the discount of each line, in order.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    key = pw.TextField()
    coupon = pw.ForeignKeyField(Coupon)
    batch = pw.ForeignKeyField(Batch)
    contact = pw.ForeignKeyField(Contact, null=True)
    hold = pw.ForeignKeyField(Hold, null=True)
    source = pw.TextField(default="")
    order_number = pw.TextField(default="")
    terminal = pw.ForeignKeyField(Terminal, null=True)
    ticket = pw.TextField(default="")
    store = pw.ForeignKeyField(Store, null=True)
    clerk = pw.ForeignKeyField(Clerk, null=True)
    device = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()
    amount_minor = MinorField()
    discount_minor = MinorField()
    shipping_minor = MinorField(default=0)
    items = pw.BigIntegerField(default=0)
    shares = JSONField()
    reverses = pw.ForeignKeyField("self", null=True)
    reason = pw.TextField(default="")

    class Meta:
        table_name = "coupon_threshold_redemption"


class Sale(BrandModel):
    """An order that used coupons, as its refunds need it: what was paid per line after all shares.

    ``refunded_minor`` never exceeds ``paid_minor``: the table refuses it. ``lines`` is the JSON that
    ``rules`` refunds by; ``version`` counts changes, for compare-and-set.
    """

    id = pw.BigAutoField()
    source = pw.TextField()
    order_number = pw.TextField()
    contact = pw.ForeignKeyField(Contact, null=True)
    policy = pw.TextField(default="allocation")
    goods_minor = MinorField()
    shipping_minor = MinorField(default=0)
    discount_minor = MinorField()
    paid_minor = MinorField()
    refunded_minor = MinorField(default=0)
    lines = JSONField()
    version = pw.BigIntegerField(default=0)
    at = InstantField()

    class Meta:
        table_name = "coupon_threshold_sale"


class SaleRefund(BrandModel):
    """Append-only: one refund of a sale, once per ``key``; ``lines`` says which units came back."""

    id = pw.BigAutoField()
    sale = pw.ForeignKeyField(Sale)
    key = pw.TextField()
    amount_minor = MinorField()
    shipping_minor = MinorField(default=0)
    lines = JSONField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "coupon_threshold_refund"


class SigningKey(BrandModel):
    """A secret that signs the short-lived tokens of coupon QR codes; the newest that is not retired signs."""

    id = pw.BigAutoField()
    secret = pw.TextField()
    created_at = InstantField()
    retired_at = InstantField(null=True)

    class Meta:
        table_name = "coupon_threshold_key"


class Attempt(BrandModel):
    """Wrong codes typed by one subject (a keyed hash of an account, device or address) since ``since``."""

    id = pw.BigAutoField()
    subject = pw.TextField()
    failures = pw.BigIntegerField()
    since = InstantField()
    locked_until = InstantField(null=True)

    class Meta:
        table_name = "coupon_threshold_attempt"


class Evidence(BrandModel):
    """Proof from the event log that a person did a task; once per event, taken back by a refund.

    ``task``: joined, first-order, checked-in, invited, answered or played, in
    ``campaign`` where the event names one. ``ref`` is what it is about: an
    order's id, an invited friend (``contact 77``). ``day`` is the brand-local day it counts for.
    ``contact`` is null while the buyer of an order is unknown.
    """

    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact, null=True)
    task = pw.TextField()
    campaign = pw.TextField(default="")
    ref = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()
    revoked_at = InstantField(null=True)

    class Meta:
        table_name = "coupon_threshold_evidence"


class Renumbered(BrandModel):
    """A coupon that a merge of its owners gave a new number: what undoing the merge gives back."""

    id = pw.BigAutoField()
    merge_id = pw.BigIntegerField()
    coupon = pw.ForeignKeyField(Coupon, on_delete="CASCADE")
    nth = pw.BigIntegerField()

    class Meta:
        table_name = "coupon_threshold_renumbered"


MODELS = (
    Batch,
    BatchDay,
    ClaimMark,
    PoolCode,
    Hold,
    Coupon,
    GiftStock,
    Store,
    Clerk,
    Terminal,
    Redemption,
    Sale,
    SaleRefund,
    SigningKey,
    Attempt,
    Evidence,
    Renumbered,
)
"""Everything the plugin keeps."""
