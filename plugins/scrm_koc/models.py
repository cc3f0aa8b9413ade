"""Tables of KOC: scores and what they rest on, members, tasks, what orders are put down to, the commission ledger."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, Contact, InstantField, JSONField, Link, MinorField, Order

NAME = "koc"


class KocSignal(BrandModel):
    """What another plugin told of a person, once per event: ``measure`` is acts, answers or referrals.

    ``amount`` is 1, or -1 where the event takes an earlier one back; ``day`` is brand-local.
    """

    id = pw.BigAutoField()
    event_id = pw.BigIntegerField()
    contact = pw.ForeignKeyField(Contact)
    measure = pw.TextField()
    amount = pw.BigIntegerField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "koc_signal"


class KocPart(BrandModel):
    """One part of a person's score in one run (``batch``): its evidence and its points.

    ``value`` is the evidence in the part's unit; ``below`` of ``peers`` people had
    less and ``ties`` the same (the person included). ``points`` are hundredths.
    """

    contact = pw.ForeignKeyField(Contact)
    part = pw.TextField()
    batch = pw.TextField()
    value = pw.BigIntegerField()
    below = pw.BigIntegerField()
    ties = pw.BigIntegerField()
    peers = pw.BigIntegerField()
    points = pw.BigIntegerField()

    class Meta:
        table_name = "koc_part"
        primary_key = pw.CompositeKey("contact", "part", "batch")


class KocScore(BrandModel):
    """A person's score (hundredths of points, 0 to 10,000) of the month ``period`` (``YYYY-MM``).

    ``fresh`` is this month's alone, ``score`` has the memory in it. ``tier`` is 3
    (S), 2 (A), 1 (B) or 0 (C); ``below`` counts periods that the score lay below
    it. The ``before_`` columns are those of the period before: scoring a month
    twice gives the same.
    """

    contact = pw.ForeignKeyField(Contact, primary_key=True)
    period = pw.TextField()
    batch = pw.TextField()
    fresh = pw.BigIntegerField()
    score = pw.BigIntegerField()
    tier = pw.BigIntegerField()
    below = pw.BigIntegerField()
    before_score = pw.BigIntegerField(null=True)
    before_tier = pw.BigIntegerField(null=True)
    before_below = pw.BigIntegerField()
    at = InstantField()

    class Meta:
        table_name = "koc_score"


class KocRun(BrandModel):
    """Whose turn it is to score: one row, ``batch`` empty while nobody scores, ``at`` the last sign of life.

    ``period`` is the last month that was scored to the end; empty while it is scored again.
    """

    id = pw.BigAutoField()
    batch = pw.TextField()
    at = InstantField()
    period = pw.TextField(default="")

    class Meta:
        table_name = "koc_run"


class KocMember(BrandModel):
    """A KOC of the programme: ``code`` is what customers name, ``link`` what they open.

    ``coupon_batch`` is a batch of coupons that only this KOC hands out: using one
    counts as using the code. ``carry_minor`` (never above 0) is what the last
    statement left to be deducted. Whose it is stands in :class:`KocPerson`, so
    that the ledger outlives the person's data. ``merged_into`` is the membership
    that pays for this one since their people were merged.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    link = pw.ForeignKeyField(Link, null=True)
    coupon_batch = pw.TextField(null=True)
    followers = pw.BigIntegerField()
    rate_bp = pw.BigIntegerField(null=True)
    state = pw.TextField()
    carry_minor = MinorField()
    merged_into = pw.ForeignKeyField("self", null=True, column_name="merged_into_id")
    joined_at = InstantField()
    actor = pw.TextField(default="")

    class Meta:
        table_name = "koc_member"


class KocPerson(BrandModel):
    """Whose a membership is; one per person, gone when the person is erased."""

    id = pw.BigAutoField()
    member = pw.ForeignKeyField(KocMember)
    contact = pw.ForeignKeyField(Contact)

    class Meta:
        table_name = "koc_person"


class KocChange(BrandModel):
    """Append-only: who changed what of a KOC, from which value to which; empty for none."""

    id = pw.BigAutoField()
    member = pw.ForeignKeyField(KocMember)
    what = pw.TextField()
    before = pw.TextField()
    after = pw.TextField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "koc_change"


class KocPenalty(BrandModel):
    """Points off a person's score, once per ``key``: ``kind`` is late, violation or fraud."""

    id = pw.BigAutoField()
    contact = pw.ForeignKeyField(Contact)
    kind = pw.TextField()
    points = pw.BigIntegerField()
    key = pw.TextField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "koc_penalty"


class KocTask(BrandModel):
    """A brief (任务): review 测评, seeding 种草 or share 分享, and what doing it pays.

    ``sku`` names goods that a KOC must have used; with ``sample`` the brand sends
    them. ``fee_minor`` goes to the ledger, ``reward`` (kind, item, quantity) is granted.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    kind = pw.TextField()
    title = pw.TextField()
    brief = pw.TextField()
    sku = pw.TextField(default="")
    sample = pw.BigIntegerField()
    sample_cost_minor = MinorField()
    due_at = InstantField()
    keep_days = pw.BigIntegerField()
    fee_minor = MinorField()
    reward = JSONField(null=True)
    state = pw.TextField()
    actor = pw.TextField(default="")
    created_at = InstantField()

    class Meta:
        table_name = "koc_task"


class KocWork(BrandModel):
    """A task in one KOC's hands: ``state`` as the machine of ``work.py`` allows; ``late_at`` once it was late.

    ``published_link`` is where the KOC says that the piece stands.
    """

    id = pw.BigAutoField()
    uid = pw.TextField()
    task = pw.ForeignKeyField(KocTask)
    member = pw.ForeignKeyField(KocMember)
    state = pw.TextField()
    due_at = InstantField()
    late_at = InstantField(null=True)
    published_at = InstantField(null=True)
    published_link = pw.TextField(default="")
    created_at = InstantField()

    class Meta:
        table_name = "koc_work"


class KocStep(BrandModel):
    """Append-only: which state a piece of work came to, from which, why and by whom."""

    id = pw.BigAutoField()
    work = pw.ForeignKeyField(KocWork)
    before = pw.TextField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()

    class Meta:
        table_name = "koc_step"


class KocSubmission(BrandModel):
    """What a KOC handed in: ``images`` are references with the SHA-256 of each picture, ``digest`` is of all of it.

    ``state`` is submitted, approved or returned; ``quality`` is 1 to 5 once approved.
    """

    id = pw.BigAutoField()
    work = pw.ForeignKeyField(KocWork)
    contact = pw.ForeignKeyField(Contact)
    text = pw.TextField()
    images = JSONField()
    link = pw.TextField(default="")
    marker = pw.TextField(default="")
    sells = pw.BigIntegerField()
    digest = pw.TextField()
    state = pw.TextField()
    quality = pw.BigIntegerField(null=True)
    reason = pw.TextField(default="")
    reviewer = pw.TextField(default="")
    at = InstantField()
    reviewed_day = pw.BigIntegerField(null=True)

    class Meta:
        table_name = "koc_submission"


class KocPicture(BrandModel):
    """A picture that a KOC sent on their page: re-encoded as JPEG, ``data`` in base64, ``sha256`` of its bytes.

    ``state`` is draft until a submission takes it along: handed_in.
    """

    id = pw.BigAutoField()
    work = pw.ForeignKeyField(KocWork)
    contact = pw.ForeignKeyField(Contact)
    sha256 = pw.TextField()
    width = pw.BigIntegerField()
    height = pw.BigIntegerField()
    data = pw.TextField()
    state = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "koc_picture"


class KocUse(BrandModel):
    """What was told of an order, before or after it came: ``via`` code, link, told, or other (another scheme pays it).

    ``opened_at`` is when the buyer opened the KOC's link.
    """

    id = pw.BigAutoField()
    source = pw.TextField()
    number = pw.TextField()
    via = pw.TextField()
    member = pw.ForeignKeyField(KocMember, null=True)
    scheme = pw.TextField(default="")
    opened_at = InstantField(null=True)
    at = InstantField()

    class Meta:
        table_name = "koc_use"


class KocOrder(BrandModel):
    """Whom an order is put down to, once per order: ``via`` code, link or told.

    ``state`` is open until completion and refund window are over, then earned;
    void says in ``reason`` why it pays nothing. ``earned_minor`` is the sum of its
    ``entries`` entries. ``base_minor`` is the part of ``paid_minor`` that counts.
    """

    id = pw.BigAutoField()
    order = pw.ForeignKeyField(Order)
    member = pw.ForeignKeyField(KocMember)
    via = pw.TextField()
    programme = pw.TextField()
    situation = pw.BigIntegerField()
    first_only = pw.BigIntegerField()
    paid_minor = MinorField()
    base_minor = MinorField()
    rate_bp = pw.BigIntegerField()
    state = pw.TextField()
    reason = pw.TextField(default="")
    completed_at = InstantField(null=True)
    earned_minor = MinorField()
    entries = pw.BigIntegerField()
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "koc_order"


class KocStatement(BrandModel):
    """A settlement of one member's entries: ``opening`` + ``total`` = ``payable`` + ``carry``.

    ``opening`` and ``carry`` are never above 0, ``payable`` never below. ``state`` is
    due, paid, or carried where nothing is to be paid. ``actor`` made it, ``paid_by`` said that it was paid.
    """

    id = pw.BigAutoField()
    number = pw.TextField()
    member = pw.ForeignKeyField(KocMember)
    opening_minor = MinorField()
    total_minor = MinorField()
    payable_minor = MinorField()
    carry_minor = MinorField()
    entries = pw.BigIntegerField()
    state = pw.TextField()
    reference = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()
    paid_at = InstantField(null=True)
    paid_by = pw.TextField(default="")

    class Meta:
        table_name = "koc_statement"


class KocEntry(BrandModel):
    """Append-only, once per ``key``: ``kind`` earn, clawback, fee, reversal or adjust.

    ``base_minor`` is what was left of the order's base when the entry was made.
    ``statement`` is set once, by the settlement that took the entry.
    """

    id = pw.BigAutoField()
    member = pw.ForeignKeyField(KocMember)
    kind = pw.TextField()
    amount_minor = MinorField()
    key = pw.TextField()
    order = pw.ForeignKeyField(Order, null=True)
    base_minor = MinorField()
    rate_bp = pw.BigIntegerField()
    statement = pw.ForeignKeyField(KocStatement, null=True)
    reason = pw.TextField(default="")
    actor = pw.TextField(default="")
    at = InstantField()
    day = pw.BigIntegerField()

    class Meta:
        table_name = "koc_entry"


MODELS = (
    KocSignal,
    KocPart,
    KocScore,
    KocRun,
    KocMember,
    KocPerson,
    KocChange,
    KocPenalty,
    KocTask,
    KocWork,
    KocStep,
    KocSubmission,
    KocPicture,
    KocUse,
    KocOrder,
    KocStatement,
    KocEntry,
)
