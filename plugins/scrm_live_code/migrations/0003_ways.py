"""Contact ways of codes, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Code(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "live_code_code"

    class Way(Frozen):
        id = pw.BigAutoField()
        code = pw.ForeignKeyField(Code, unique=True)
        maker = pw.TextField()
        config_id = pw.TextField()
        qr = pw.TextField()
        users = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('wanted', 'making', 'made', 'failed')")])
        note = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "live_code_way"

    db.create_tables([Way], safe=False)
