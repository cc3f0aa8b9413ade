"""Where codes hang and who shares them, and people asked by phone, frozen as they were in the first version."""

import peewee as pw


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

    class Code(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "live_code_code"

    class Ask(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact)
        mode = pw.TextField(constraints=[pw.Check("mode IN ('active', 'passive')")])
        code = pw.ForeignKeyField(Code)
        staff = pw.TextField()
        day = pw.BigIntegerField()
        at = pw.BigIntegerField()
        added_at = pw.BigIntegerField(null=True)
        actor = pw.TextField()

        class Meta:
            table_name = "live_code_ask"
            indexes = ((("contact", "mode", "code", "day"), True), (("at",), False))

    db.create_tables([Ask], safe=False)
    for column in ("place", "store", "sharer_role", "sharer"):
        db.execute_sql(f"ALTER TABLE live_code_code ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
