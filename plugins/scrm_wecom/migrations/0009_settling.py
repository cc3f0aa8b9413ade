"""Changes of the corporation's tags that people are still to be given, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Settling(pw.Model):
        id = pw.BigAutoField()
        keys = pw.TextField()
        place = pw.BigIntegerField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand
            table_name = "wecom_settling"

    db.create_tables([Settling], safe=False)
