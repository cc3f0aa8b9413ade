"""The points ledger, frozen as it was in the first version."""

import peewee as pw

KINDS = "'grant', 'earn', 'adjust', 'spend', 'return', 'reversal', 'lapse', 'settle', 'erase'"

# What an entry says of points is never changed; merging and erasing people change whose it is, and its reason.
# Entries are deleted only when somebody is erased while the plugin is switched off: nothing may stand in the way.
FIXED = "kind, amount, key, order_id, lots, at, day"
SQLITE_TRIGGERS = (
    f"CREATE TRIGGER points_entry_fixed BEFORE UPDATE OF {FIXED} ON points_entry "
    "BEGIN SELECT RAISE(ABORT, 'points entries are only ever added'); END",
)
POSTGRES_TRIGGERS = (
    "CREATE OR REPLACE FUNCTION points_entry_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION 'points entries are only ever added' USING ERRCODE = 'check_violation'; END $$",
    f"CREATE TRIGGER points_entry_fixed BEFORE UPDATE OF {FIXED} ON points_entry "
    "FOR EACH ROW EXECUTE FUNCTION points_entry_fixed()",
)


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Order(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "orders"

    class Account(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact, unique=True)
        balance = pw.BigIntegerField(constraints=[pw.Check("balance >= 0")])
        debt = pw.BigIntegerField(constraints=[pw.Check("debt >= 0")])

        class Meta:
            table_name = "points_account"
            constraints = [pw.Check("balance = 0 OR debt = 0")]

    class Entry(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact, null=True, index=False)
        kind = pw.TextField(constraints=[pw.Check(f"kind IN ({KINDS})")])
        amount = pw.BigIntegerField(constraints=[pw.Check("amount <> 0 OR kind = 'settle'")])
        key = pw.TextField(unique=True)
        reverses = pw.ForeignKeyField("self", null=True, column_name="reverses_id", on_delete="SET NULL")
        order = pw.ForeignKeyField(Order, null=True)
        lots = pw.TextField(null=True)
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "points_entry"
            indexes = ((("contact", "id"), False), (("day", "kind"), False))

    class Lot(Frozen):
        id = pw.BigAutoField()
        entry = pw.ForeignKeyField(Entry, unique=True)
        contact = pw.ForeignKeyField(Contact, index=False)
        remaining = pw.BigIntegerField(constraints=[pw.Check("remaining >= 0")])
        expires_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "points_lot"
            indexes = ((("contact", "expires_at"), False),)

    class EarningOrder(Frozen):
        id = pw.BigAutoField()
        order = pw.ForeignKeyField(Order, unique=True)
        points = pw.BigIntegerField(constraints=[pw.Check("points > 0")])
        paid_minor = pw.BigIntegerField(constraints=[pw.Check("paid_minor > 0")])
        refunded_minor = pw.BigIntegerField(constraints=[pw.Check("refunded_minor >= 0")])
        reversed = pw.BigIntegerField(constraints=[pw.Check("reversed >= 0")])
        entry = pw.ForeignKeyField(Entry, null=True, index=False, on_delete="SET NULL")

        class Meta:
            table_name = "points_order"
            constraints = [pw.Check("reversed <= points"), pw.Check("refunded_minor <= paid_minor")]

    class Hold(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact)
        key = pw.TextField(unique=True)
        points = pw.BigIntegerField(constraints=[pw.Check("points > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('held', 'spent', 'released', 'expired')")])
        until = pw.BigIntegerField()
        source = pw.TextField()
        number = pw.TextField()
        returned = pw.BigIntegerField(constraints=[pw.Check("returned >= 0")])
        entry = pw.ForeignKeyField(Entry, unique=True)

        class Meta:
            table_name = "points_hold"
            constraints = [pw.Check("returned <= points")]
            indexes = ((("source", "number"), False),)

    db.create_tables([Account, Entry, Lot, EarningOrder, Hold], safe=False)
    db.execute_sql("CREATE INDEX points_lot_lapsing ON points_lot (expires_at) WHERE remaining > 0")
    db.execute_sql("CREATE INDEX points_order_waiting ON points_order (order_id) WHERE entry_id IS NULL")
    db.execute_sql("CREATE INDEX points_hold_open ON points_hold (until) WHERE state = 'held'")
    for statement in SQLITE_TRIGGERS if db.param == "?" else POSTGRES_TRIGGERS:
        db.execute_sql(statement)
