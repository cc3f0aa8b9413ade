"""Acquisition links, what they may still bring, and who came through one, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Link(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        staff = pw.TextField()
        departments = pw.TextField()
        skip_verify = pw.BigIntegerField(constraints=[pw.Check("skip_verify IN (0, 1)")])
        state_told = pw.TextField()
        state = pw.TextField(
            constraints=[
                pw.Check("state IN ('waiting', 'making', 'unknown', 'live', 'broken', 'deleting', 'deleted', 'failed')")
            ]
        )
        paused = pw.BigIntegerField(constraints=[pw.Check("paused IN (0, 1)")])
        note = pw.TextField()
        link_id = pw.TextField(null=True, unique=True)
        url = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        asked_at = pw.BigIntegerField()
        next_at = pw.BigIntegerField(null=True)
        cursor = pw.TextField()
        read_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "wecom_link"
            indexes = ((("next_at",), False),)

    class Quota(Frozen):
        id = pw.BigAutoField()
        total = pw.BigIntegerField()
        balance = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_link_quota"

    db.create_tables([Link, Quota], safe=False)
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE wecom_follow ADD COLUMN link {whole} NOT NULL DEFAULT 0")
    db.execute_sql(f"ALTER TABLE wecom_follow ADD COLUMN spoke {whole} NOT NULL DEFAULT 0")
    db.execute_sql("CREATE INDEX wecom_follow_link ON wecom_follow (link) WHERE link > 0")
