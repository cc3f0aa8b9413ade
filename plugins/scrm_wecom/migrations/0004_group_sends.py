"""Group sends and the tasks that WeCom made of them, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Send(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        content = pw.TextField()
        expression = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_send"

    class Errand(Frozen):
        id = pw.BigAutoField()
        msgid = pw.TextField(unique=True)
        customers = pw.BigIntegerField()
        made_at = pw.BigIntegerField()
        next_at = pw.BigIntegerField(null=True)
        error = pw.TextField()

        class Meta:
            table_name = "wecom_errand"
            indexes = ((("next_at",), False),)

    db.create_tables([Send, Errand], safe=False)
