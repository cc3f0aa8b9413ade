"""Batches, codes, coupons, holds, redemptions, shops and proofs, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    sqlite = db.param == "?"

    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = sqlite  # SQLite alone has strict tables
            legacy_table_names = False  # index names begin with their table's: they are unique in a brand

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Batch(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        title = pw.TextField()
        terms = pw.TextField()
        rule = pw.TextField()
        scope = pw.TextField()
        step = pw.TextField()
        stack_group = pw.TextField()
        exclusive = pw.BigIntegerField(constraints=[pw.Check("exclusive IN (0, 1)")])
        basis = pw.TextField(constraints=[pw.Check("basis IN ('original', 'after_item', 'after_previous')")])
        payer = pw.TextField()
        channels = pw.TextField()
        stores = pw.TextField()
        gate = pw.TextField(null=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('draft', 'open', 'paused', 'closed')")])
        validity = pw.TextField(constraints=[pw.Check("validity IN ('absolute', 'rolling', 'natural', 'next-day')")])
        valid_from = pw.BigIntegerField(null=True)
        valid_to = pw.BigIntegerField(null=True)
        valid_days = pw.BigIntegerField(null=True, constraints=[pw.Check("valid_days > 0")])
        claim_from = pw.BigIntegerField(null=True)
        claim_to = pw.BigIntegerField(null=True)
        stock_total = pw.BigIntegerField(null=True, constraints=[pw.Check("stock_total >= 0")])
        stock_left = pw.BigIntegerField(null=True, constraints=[pw.Check("stock_left >= 0")])
        codes = pw.BigIntegerField(constraints=[pw.Check("codes IN (0, 1, 2)")])
        per_person = pw.BigIntegerField(null=True, constraints=[pw.Check("per_person >= 0")])
        per_person_day = pw.BigIntegerField(null=True, constraints=[pw.Check("per_person_day >= 0")])
        per_day = pw.BigIntegerField(null=True, constraints=[pw.Check("per_day >= 0")])
        per_device = pw.BigIntegerField(null=True, constraints=[pw.Check("per_device >= 0")])
        per_network_day = pw.BigIntegerField(null=True, constraints=[pw.Check("per_network_day >= 0")])
        per_minute = pw.BigIntegerField(null=True, constraints=[pw.Check("per_minute > 0")])
        speed_bp = pw.BigIntegerField(null=True, constraints=[pw.Check("speed_bp >= 10000")])
        speed_from_minor = pw.BigIntegerField(null=True, constraints=[pw.Check("speed_from_minor >= 0")])
        pause_reason = pw.TextField()
        budget_minor = pw.BigIntegerField(null=True, constraints=[pw.Check("budget_minor >= 0")])
        budget_used_minor = pw.BigIntegerField(constraints=[pw.Check("budget_used_minor >= 0")])
        promise = pw.BigIntegerField(constraints=[pw.Check("promise IN (0, 1)")])
        promise_minor = pw.BigIntegerField(constraints=[pw.Check("promise_minor >= 0")])
        return_policy = pw.TextField(constraints=[pw.Check("return_policy IN ('live', 'extend', 'never')")])
        extend_days = pw.BigIntegerField(constraints=[pw.Check("extend_days >= 0")])
        issued = pw.BigIntegerField(constraints=[pw.Check("issued >= 0")])
        created_at = pw.BigIntegerField()
        opened_at = pw.BigIntegerField(null=True)
        closed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "coupon_threshold_batch"
            constraints = [
                pw.Check("(stock_total IS NULL) = (stock_left IS NULL)"),
                pw.Check("stock_left <= stock_total"),
                pw.Check("budget_used_minor <= budget_minor"),
                pw.Check("(speed_bp IS NULL) = (speed_from_minor IS NULL)"),
                pw.Check("speed_bp IS NULL OR (budget_minor IS NOT NULL AND coalesce(claim_to, valid_to) IS NOT NULL)"),
                pw.Check("valid_from < valid_to"),
                pw.Check("claim_from < claim_to"),
                pw.Check("(validity = 'absolute') = (valid_days IS NULL)"),
            ]

    class BatchDay(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(Batch, index=False)
        day = pw.BigIntegerField()
        issued = pw.BigIntegerField(constraints=[pw.Check("issued >= 0")])

        class Meta:
            table_name = "coupon_threshold_day"
            indexes = ((("batch", "day"), True),)

    class ClaimMark(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(Batch, index=False)
        subject = pw.TextField()
        period = pw.BigIntegerField()
        issued = pw.BigIntegerField(constraints=[pw.Check("issued >= 0")])

        class Meta:
            table_name = "coupon_threshold_mark"
            indexes = ((("batch", "subject", "period"), True),)

    class PoolCode(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(Batch, index=False)
        code = pw.TextField(unique=True)
        taken = pw.BigIntegerField(constraints=[pw.Check("taken IN (0, 1)")])

        class Meta:
            table_name = "coupon_threshold_code"

    class Hold(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        key = pw.TextField(unique=True)
        contact = pw.ForeignKeyField(Contact, null=True)
        source = pw.TextField()
        order_number = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('held', 'released', 'redeemed', 'expired')")])
        at = pw.BigIntegerField()
        held_until = pw.BigIntegerField()
        lines = pw.TextField()
        gifts = pw.TextField()
        answer = pw.TextField()

        class Meta:
            table_name = "coupon_threshold_hold"
            constraints = [pw.Check("at < held_until")]
            indexes = ((("source", "order_number"), False),)

    class Coupon(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        code = pw.TextField(unique=True)
        batch = pw.ForeignKeyField(Batch, index=False)
        contact = pw.ForeignKeyField(Contact, null=True)
        nth = pw.BigIntegerField(constraints=[pw.Check("nth <> 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('claimed', 'held', 'used', 'expired', 'void')")])
        valid_from = pw.BigIntegerField()
        valid_to = pw.BigIntegerField(null=True)
        claimed_at = pw.BigIntegerField()
        day = pw.BigIntegerField()
        source = pw.TextField()
        actor = pw.TextField()
        reason = pw.TextField()
        grant_key = pw.TextField(unique=True)
        gated = pw.BigIntegerField(constraints=[pw.Check("gated IN (0, 1)")])
        sku = pw.TextField()
        reserved_minor = pw.BigIntegerField(constraints=[pw.Check("reserved_minor >= 0")])
        hold = pw.ForeignKeyField(Hold, null=True, index=False)
        held_until = pw.BigIntegerField(null=True)
        returns = pw.ForeignKeyField("self", null=True, unique=True)
        ended_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "coupon_threshold_coupon"
            constraints = [
                pw.Check("valid_from < valid_to"),
                pw.Check("state <> 'held' OR (hold_id IS NOT NULL AND held_until IS NOT NULL)"),
                pw.Check("state NOT IN ('expired', 'void') OR reserved_minor = 0"),
            ]
            indexes = ((("batch", "contact", "nth"), True), (("batch", "day"), False))

    class GiftStock(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(Batch, index=False)
        sku = pw.TextField()
        stock_total = pw.BigIntegerField(constraints=[pw.Check("stock_total >= 0")])
        stock_left = pw.BigIntegerField(constraints=[pw.Check("stock_left >= 0")])

        class Meta:
            table_name = "coupon_threshold_gift"
            constraints = [pw.Check("stock_left <= stock_total")]
            indexes = ((("batch", "sku"), True),)

    class Store(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('active', 'closed')")])
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_store"

    class Clerk(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        store = pw.ForeignKeyField(Store, null=True)
        contact = pw.ForeignKeyField(Contact, null=True)
        role = pw.TextField(constraints=[pw.Check("role IN ('clerk', 'manager')")])
        digest = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('active', 'closed')")])
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_clerk"

    class Terminal(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        store = pw.ForeignKeyField(Store)
        state = pw.TextField(constraints=[pw.Check("state IN ('active', 'closed')")])
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_terminal"

    class Redemption(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        key = pw.TextField(unique=True)
        coupon = pw.ForeignKeyField(Coupon)
        batch = pw.ForeignKeyField(Batch, index=False)
        contact = pw.ForeignKeyField(Contact, null=True)
        hold = pw.ForeignKeyField(Hold, null=True)
        source = pw.TextField()
        order_number = pw.TextField()
        terminal = pw.ForeignKeyField(Terminal, null=True, index=False)
        ticket = pw.TextField()
        store = pw.ForeignKeyField(Store, null=True, index=False)
        clerk = pw.ForeignKeyField(Clerk, null=True, index=False)
        device = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()
        amount_minor = pw.BigIntegerField()
        discount_minor = pw.BigIntegerField()
        shipping_minor = pw.BigIntegerField()
        items = pw.BigIntegerField()
        shares = pw.TextField()
        reverses = pw.ForeignKeyField("self", null=True, unique=True)
        reason = pw.TextField()

        class Meta:
            table_name = "coupon_threshold_redemption"
            constraints = [
                pw.Check(
                    "(reverses_id IS NULL AND amount_minor >= 0 AND discount_minor >= 0 AND shipping_minor >= 0 "
                    "AND items >= 0) OR (reverses_id IS NOT NULL AND amount_minor <= 0 AND discount_minor <= 0 "
                    "AND shipping_minor <= 0 AND items <= 0)"
                )
            ]
            indexes = (
                (("source", "order_number"), False),
                (("batch", "day"), False),
                (("store", "at"), False),
                (("clerk", "at"), False),
            )

    class Sale(Frozen):
        id = pw.BigAutoField()
        source = pw.TextField()
        order_number = pw.TextField()
        contact = pw.ForeignKeyField(Contact, null=True)
        policy = pw.TextField(constraints=[pw.Check("policy IN ('allocation', 'recompute')")])
        goods_minor = pw.BigIntegerField(constraints=[pw.Check("goods_minor >= 0")])
        shipping_minor = pw.BigIntegerField(constraints=[pw.Check("shipping_minor >= 0")])
        discount_minor = pw.BigIntegerField(constraints=[pw.Check("discount_minor >= 0")])
        paid_minor = pw.BigIntegerField(constraints=[pw.Check("paid_minor >= 0")])
        refunded_minor = pw.BigIntegerField(constraints=[pw.Check("refunded_minor >= 0")])
        lines = pw.TextField()
        version = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_sale"
            constraints = [pw.Check("refunded_minor <= paid_minor")]
            indexes = ((("source", "order_number"), True),)

    class SaleRefund(Frozen):
        id = pw.BigAutoField()
        sale = pw.ForeignKeyField(Sale, on_delete="CASCADE")
        key = pw.TextField(unique=True)
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor >= 0")])
        shipping_minor = pw.BigIntegerField(constraints=[pw.Check("shipping_minor >= 0")])
        lines = pw.TextField()
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_refund"

    class SigningKey(Frozen):
        id = pw.BigAutoField()
        secret = pw.TextField(unique=True)
        created_at = pw.BigIntegerField()
        retired_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "coupon_threshold_key"

    class Attempt(Frozen):
        id = pw.BigAutoField()
        subject = pw.TextField(unique=True)
        failures = pw.BigIntegerField(constraints=[pw.Check("failures >= 0")])
        since = pw.BigIntegerField()
        locked_until = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "coupon_threshold_attempt"

    class Evidence(Frozen):
        id = pw.BigAutoField()
        event_id = pw.BigIntegerField(unique=True)
        contact = pw.ForeignKeyField(Contact, null=True, index=False)
        task = pw.TextField(
            constraints=[
                pw.Check("task IN ('joined', 'first-order', 'checked-in', 'invited', 'answered', 'played')")
            ]
        )
        campaign = pw.TextField()
        ref = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()
        revoked_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "coupon_threshold_evidence"
            indexes = ((("contact", "task", "day"), False), (("task", "ref"), False))

    class Renumbered(Frozen):
        id = pw.BigAutoField()
        merge_id = pw.BigIntegerField()
        coupon = pw.ForeignKeyField(Coupon, on_delete="CASCADE", index=False)
        nth = pw.BigIntegerField()

        class Meta:
            table_name = "coupon_threshold_renumbered"
            indexes = ((("merge_id", "coupon"), True),)

    db.create_tables(
        [
            Batch, BatchDay, ClaimMark, PoolCode, Hold, Coupon, GiftStock, Store, Clerk, Terminal, Redemption, Sale,
            SaleRefund, SigningKey, Attempt, Evidence, Renumbered,
        ],
        safe=False,
    )  # fmt: skip
    # The next free code of a pool, coupons whose time is over, and holds that run out, each by its own small index.
    db.execute_sql("CREATE INDEX coupon_threshold_code_free ON coupon_threshold_code (batch_id, id) WHERE taken = 0")
    db.execute_sql(
        "CREATE INDEX coupon_threshold_coupon_ending ON coupon_threshold_coupon (valid_to) WHERE state = 'claimed'"
    )
    db.execute_sql(
        "CREATE INDEX coupon_threshold_coupon_held ON coupon_threshold_coupon (hold_id) WHERE state = 'held'"
    )
    db.execute_sql("CREATE INDEX coupon_threshold_hold_open ON coupon_threshold_hold (held_until) WHERE state = 'held'")
    # A coupon is redeemed at most once, and a till's ticket once; reversals are rows of their own.
    db.execute_sql(
        "CREATE UNIQUE INDEX coupon_threshold_redemption_once ON coupon_threshold_redemption (coupon_id) "
        "WHERE reverses_id IS NULL"
    )
    db.execute_sql(
        "CREATE UNIQUE INDEX coupon_threshold_redemption_ticket ON coupon_threshold_redemption (terminal_id, ticket) "
        "WHERE terminal_id IS NOT NULL AND reverses_id IS NULL"
    )
