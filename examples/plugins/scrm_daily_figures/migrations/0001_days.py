"""The table of days, frozen as it was in the first version: a later change is a migration of its own."""

import peewee as pw


def up(migrator, db):
    class Day(pw.Model):
        day = pw.BigIntegerField(primary_key=True)
        figures = pw.TextField()
        made_at = pw.BigIntegerField()
        written_at = pw.BigIntegerField(null=True)
        posted_at = pw.BigIntegerField(null=True)

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False
            table_name = "daily_figures_day"

    db.create_tables([Day], safe=False)
