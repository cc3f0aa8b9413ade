"""Invitations, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Invite(pw.Model):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        link = pw.TextField()
        text = pw.TextField()
        channel = pw.TextField()
        expression = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand
            table_name = "wecom_invite"

    db.create_tables([Invite], safe=False)
