"""How many callbacks were refused at the door in an hour, frozen as it was in the first version."""

import peewee as pw


def up(migrator, db):
    class Refusal(pw.Model):
        id = pw.BigAutoField()
        hour = pw.BigIntegerField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('signature', 'corporation', 'time', 'form', 'size')")])
        count = pw.BigIntegerField()
        last_at = pw.BigIntegerField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand
            table_name = "wecom_refusal"
            indexes = ((("hour", "kind"), True),)

    db.create_tables([Refusal], safe=False)
