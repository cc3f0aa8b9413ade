"""The chat archive: how far it was read, and what could not be, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Archive(Frozen):
        id = pw.BigAutoField()
        seq = pw.BigIntegerField()
        lease_until = pw.BigIntegerField()
        error = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_archive"

    class Unread(Frozen):
        id = pw.BigAutoField()
        seq = pw.BigIntegerField(unique=True)
        note = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "wecom_unread"

    db.create_tables([Archive, Unread], safe=False)
