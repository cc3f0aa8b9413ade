"""Tables of KOC, frozen as they were in the first version."""

import peewee as pw

KINDS = "'earn', 'clawback', 'fee', 'reversal', 'adjust'"
STATES = (
    "'invited', 'declined', 'lapsed', 'accepted', 'sample_sent', 'received', 'submitted', 'returned', 'approved', "
    "'published', 'verified', 'paid', 'violated', 'withdrawn'"
)

# What an entry says is never changed: only the statement that settles it is set, once.
FIXED = "member_id, kind, amount_minor, key, order_id, base_minor, rate_bp, at, day"
REFUSED = "entries of the commission ledger are only ever added"
SQLITE_TRIGGERS = (
    f"CREATE TRIGGER koc_entry_fixed BEFORE UPDATE OF {FIXED} ON koc_entry BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    "CREATE TRIGGER koc_entry_settled BEFORE UPDATE OF statement_id ON koc_entry WHEN OLD.statement_id IS NOT NULL "
    "BEGIN SELECT RAISE(ABORT, 'an entry is settled once'); END",
    f"CREATE TRIGGER koc_entry_kept BEFORE DELETE ON koc_entry BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
)
POSTGRES_TRIGGERS = (
    "CREATE OR REPLACE FUNCTION koc_entry_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'check_violation'; END $$",
    f"CREATE TRIGGER koc_entry_fixed BEFORE UPDATE OF {FIXED} ON koc_entry "
    "FOR EACH ROW EXECUTE FUNCTION koc_entry_fixed()",
    "CREATE TRIGGER koc_entry_settled BEFORE UPDATE OF statement_id ON koc_entry FOR EACH ROW "
    "WHEN (OLD.statement_id IS NOT NULL) EXECUTE FUNCTION koc_entry_fixed()",
    "CREATE TRIGGER koc_entry_kept BEFORE DELETE ON koc_entry FOR EACH ROW EXECUTE FUNCTION koc_entry_fixed()",
)


def up(migrator, db):
    class Frozen(pw.Model):
        id = pw.BigAutoField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Contact(Frozen):
        class Meta:
            table_name = "contact"

    class Order(Frozen):
        class Meta:
            table_name = "orders"

    class Link(Frozen):
        class Meta:
            table_name = "link"

    class Signal(Frozen):
        event_id = pw.BigIntegerField(unique=True)
        contact = pw.ForeignKeyField(Contact)
        measure = pw.TextField(constraints=[pw.Check("measure IN ('acts', 'answers', 'referrals')")])
        amount = pw.BigIntegerField(constraints=[pw.Check("amount IN (1, -1)")])
        day = pw.BigIntegerField()

        class Meta:
            table_name = "koc_signal"
            indexes = ((("measure", "day"), False),)

    class Part(Frozen):
        id = None
        contact = pw.ForeignKeyField(Contact, index=False)
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

    class Score(Frozen):
        id = None
        contact = pw.ForeignKeyField(Contact, primary_key=True)
        period = pw.TextField(index=True)
        batch = pw.TextField()
        fresh = pw.BigIntegerField(constraints=[pw.Check("fresh BETWEEN 0 AND 10000")])
        score = pw.BigIntegerField(constraints=[pw.Check("score BETWEEN 0 AND 10000")])
        tier = pw.BigIntegerField(constraints=[pw.Check("tier BETWEEN 0 AND 3")])
        below = pw.BigIntegerField(constraints=[pw.Check("below >= 0")])
        before_score = pw.BigIntegerField(null=True)
        before_tier = pw.BigIntegerField(null=True)
        before_below = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_score"
            indexes = ((("score", "contact"), False),)

    class Run(Frozen):
        batch = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_run"

    class Member(Frozen):
        code = pw.TextField(unique=True)
        link = pw.ForeignKeyField(Link, null=True, unique=True)
        coupon_batch = pw.TextField(null=True, unique=True)
        followers = pw.BigIntegerField(constraints=[pw.Check("followers >= 0")])
        rate_bp = pw.BigIntegerField(null=True, constraints=[pw.Check("rate_bp BETWEEN 0 AND 10000")])
        state = pw.TextField(constraints=[pw.Check("state IN ('active', 'paused', 'left')")])
        carry_minor = pw.BigIntegerField(constraints=[pw.Check("carry_minor <= 0")])
        merged_into = pw.ForeignKeyField("self", null=True, column_name="merged_into_id")
        joined_at = pw.BigIntegerField()
        actor = pw.TextField()

        class Meta:
            table_name = "koc_member"

    class Person(Frozen):
        member = pw.ForeignKeyField(Member, unique=True)
        contact = pw.ForeignKeyField(Contact, unique=True)

        class Meta:
            table_name = "koc_person"

    class Penalty(Frozen):
        contact = pw.ForeignKeyField(Contact)
        kind = pw.TextField(constraints=[pw.Check("kind IN ('late', 'violation', 'fraud')")])
        points = pw.BigIntegerField(constraints=[pw.Check("points > 0")])
        key = pw.TextField(unique=True)
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "koc_penalty"

    class Task(Frozen):
        code = pw.TextField(unique=True)
        kind = pw.TextField(constraints=[pw.Check("kind IN ('review', 'seeding', 'share')")])
        title = pw.TextField()
        brief = pw.TextField()
        sku = pw.TextField()
        sample = pw.BigIntegerField()
        sample_cost_minor = pw.BigIntegerField(constraints=[pw.Check("sample_cost_minor >= 0")])
        due_at = pw.BigIntegerField()
        keep_days = pw.BigIntegerField(constraints=[pw.Check("keep_days >= 0")])
        fee_minor = pw.BigIntegerField(constraints=[pw.Check("fee_minor >= 0")])
        reward = pw.TextField(null=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'closed')")])
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_task"

    class Work(Frozen):
        uid = pw.TextField(unique=True)
        task = pw.ForeignKeyField(Task, index=False)
        member = pw.ForeignKeyField(Member)
        state = pw.TextField(constraints=[pw.Check(f"state IN ({STATES})")])
        due_at = pw.BigIntegerField()
        late_at = pw.BigIntegerField(null=True)
        published_at = pw.BigIntegerField(null=True)
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_work"
            indexes = ((("task", "member"), True), (("state", "due_at"), False))

    class Step(Frozen):
        work = pw.ForeignKeyField(Work)
        before = pw.TextField()
        state = pw.TextField()
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_step"

    class Submission(Frozen):
        work = pw.ForeignKeyField(Work)
        contact = pw.ForeignKeyField(Contact)
        text = pw.TextField()
        images = pw.TextField()
        link = pw.TextField()
        marker = pw.TextField()
        sells = pw.BigIntegerField()
        digest = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('submitted', 'approved', 'returned')")])
        quality = pw.BigIntegerField(null=True, constraints=[pw.Check("quality BETWEEN 1 AND 5")])
        reason = pw.TextField()
        reviewer = pw.TextField()
        at = pw.BigIntegerField()
        reviewed_day = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "koc_submission"

    class Use(Frozen):
        source = pw.TextField()
        number = pw.TextField()
        via = pw.TextField(constraints=[pw.Check("via IN ('code', 'link', 'told', 'other')")])
        member = pw.ForeignKeyField(Member, null=True)
        scheme = pw.TextField()
        opened_at = pw.BigIntegerField(null=True)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_use"
            indexes = ((("source", "number", "via"), True),)

    class Attributed(Frozen):
        order = pw.ForeignKeyField(Order, unique=True)
        member = pw.ForeignKeyField(Member)
        via = pw.TextField(constraints=[pw.Check("via IN ('code', 'link', 'told')")])
        programme = pw.TextField()
        situation = pw.BigIntegerField(constraints=[pw.Check("situation BETWEEN 1 AND 3")])
        first_only = pw.BigIntegerField()
        paid_minor = pw.BigIntegerField(constraints=[pw.Check("paid_minor > 0")])
        base_minor = pw.BigIntegerField(constraints=[pw.Check("base_minor BETWEEN 0 AND paid_minor")])
        rate_bp = pw.BigIntegerField(constraints=[pw.Check("rate_bp BETWEEN 0 AND 10000")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'earned', 'void')")])
        reason = pw.TextField()
        completed_at = pw.BigIntegerField(null=True)
        earned_minor = pw.BigIntegerField(constraints=[pw.Check("earned_minor BETWEEN 0 AND base_minor")])
        entries = pw.BigIntegerField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField(index=True)

        class Meta:
            table_name = "koc_order"

    class Statement(Frozen):
        number = pw.TextField(unique=True)
        member = pw.ForeignKeyField(Member)
        opening_minor = pw.BigIntegerField(constraints=[pw.Check("opening_minor <= 0")])
        total_minor = pw.BigIntegerField()
        payable_minor = pw.BigIntegerField(constraints=[pw.Check("payable_minor >= 0")])
        carry_minor = pw.BigIntegerField(constraints=[pw.Check("carry_minor <= 0")])
        entries = pw.BigIntegerField(constraints=[pw.Check("entries > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('due', 'paid', 'carried')")])
        reference = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()
        paid_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "koc_statement"
            constraints = [pw.Check("opening_minor + total_minor = payable_minor + carry_minor")]

    class Entry(Frozen):
        member = pw.ForeignKeyField(Member)
        kind = pw.TextField(constraints=[pw.Check(f"kind IN ({KINDS})")])
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor <> 0")])
        key = pw.TextField(unique=True)
        order = pw.ForeignKeyField(Order, null=True)
        base_minor = pw.BigIntegerField()
        rate_bp = pw.BigIntegerField()
        statement = pw.ForeignKeyField(Statement, null=True)
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField(index=True)

        class Meta:
            table_name = "koc_entry"

    tables = [
        Signal, Part, Score, Run, Member, Person, Penalty, Task, Work, Step, Submission, Use, Attributed, Statement,
        Entry,
    ]  # fmt: skip
    db.create_tables(tables, safe=False)
    db.execute_sql("CREATE INDEX koc_entry_unsettled ON koc_entry (member_id) WHERE statement_id IS NULL")
    db.execute_sql("CREATE INDEX koc_order_open ON koc_order (order_id) WHERE state = 'open'")
    for statement in SQLITE_TRIGGERS if db.param == "?" else POSTGRES_TRIGGERS:
        db.execute_sql(statement)
