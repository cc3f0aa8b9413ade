"""Full syncs that are wanted, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class SyncWish(pw.Model):
        id = pw.BigAutoField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        due_at = pw.BigIntegerField()
        error = pw.TextField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand
            table_name = "wecom_sync_wish"

    db.create_tables([SyncWish], safe=False)
