"""The token that processes share and the calls that they count, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Token(Frozen):
        id = pw.BigAutoField()
        app = pw.TextField(unique=True)
        token = pw.TextField()
        expires_at = pw.BigIntegerField()
        lease = pw.TextField()
        lease_until = pw.BigIntegerField()
        refused_until = pw.BigIntegerField()
        refusal = pw.TextField()

        class Meta:
            table_name = "wecom_token"

    class Api(Frozen):
        id = pw.BigAutoField()
        api = pw.TextField(unique=True)
        minute = pw.BigIntegerField()
        minute_calls = pw.BigIntegerField(constraints=[pw.Check("minute_calls >= 0")])
        hour = pw.BigIntegerField()
        hour_calls = pw.BigIntegerField(constraints=[pw.Check("hour_calls >= 0")])
        blocked_until = pw.BigIntegerField()
        strikes = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_api"

    db.create_tables([Token, Api], safe=False)
