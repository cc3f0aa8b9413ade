"""Callbacks and relations, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # indexes are named after their table: unique in a brand

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Callback(Frozen):
        id = pw.BigAutoField()
        key = pw.TextField(unique=True)
        event = pw.TextField()
        change = pw.TextField()
        external = pw.TextField()
        body = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('new', 'done', 'kept', 'refused')")])
        note = pw.TextField()
        at = pw.BigIntegerField()
        received_at = pw.BigIntegerField(index=True)

        class Meta:
            table_name = "wecom_callback"

    class Follow(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact)
        external = pw.TextField()
        staff = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('half', 'active', 'lost')")])
        source = pw.TextField()
        since = pw.BigIntegerField(null=True)
        lost_at = pw.BigIntegerField(null=True)
        lost_by = pw.TextField(constraints=[pw.Check("lost_by IN ('', 'customer', 'staff', 'transfer', 'sync')")])

        class Meta:
            table_name = "wecom_follow"
            indexes = ((("external", "staff"), True), (("staff", "state"), False))
            constraints = [pw.Check("(state = 'lost') = (lost_at IS NOT NULL)")]

    db.create_tables([Callback, Follow], safe=False)
    db.execute_sql("CREATE INDEX wecom_callback_external ON wecom_callback (external) WHERE external <> ''")
    db.execute_sql("CREATE INDEX wecom_callback_waiting ON wecom_callback (state, id) WHERE state <> 'done'")
