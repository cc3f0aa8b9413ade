"""Pages for KOCs: pictures that they hand in, where a piece was published; who changed a KOC and who paid;
which month was scored to the end.
"""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        id = pw.BigAutoField()

        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Contact(Frozen):
        class Meta:
            table_name = "contact"

    class Work(Frozen):
        class Meta:
            table_name = "koc_work"

    class Member(Frozen):
        class Meta:
            table_name = "koc_member"

    class Change(Frozen):
        member = pw.ForeignKeyField(Member)
        what = pw.TextField()
        before = pw.TextField()
        after = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_change"

    class Picture(Frozen):
        work = pw.ForeignKeyField(Work, index=False)
        contact = pw.ForeignKeyField(Contact)
        sha256 = pw.TextField()
        width = pw.BigIntegerField()
        height = pw.BigIntegerField()
        data = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('draft', 'handed_in', 'past')")])
        at = pw.BigIntegerField()

        class Meta:
            table_name = "koc_picture"
            indexes = ((("work", "sha256"), True),)

    db.execute_sql("ALTER TABLE koc_run ADD COLUMN period TEXT NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE koc_work ADD COLUMN published_link TEXT NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE koc_statement ADD COLUMN paid_by TEXT NOT NULL DEFAULT ''")
    db.create_tables([Change, Picture], safe=False)
