"""Moments and how many were posted a day, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Day(Frozen):
        id = pw.BigAutoField()
        day = pw.BigIntegerField(unique=True)
        posts = pw.BigIntegerField(constraints=[pw.Check("posts >= 0")])

        class Meta:
            table_name = "wecom_moment_day"

    class Moment(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        content = pw.TextField()
        tags = pw.TextField()
        staff = pw.TextField()
        state = pw.TextField(
            constraints=[pw.Check("state IN ('waiting', 'making', 'asked', 'made', 'failed', 'unknown')")]
        )
        note = pw.TextField()
        jobid = pw.TextField()
        moment_id = pw.TextField()
        day = pw.BigIntegerField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        next_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "wecom_moment"
            indexes = ((("next_at",), False),)

    db.create_tables([Day, Moment], safe=False)
