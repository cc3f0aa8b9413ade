"""Number packs, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Pack(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('importing', 'open', 'sealing', 'sealed')")])
        file = pw.TextField()
        digest = pw.TextField()
        columns = pw.TextField()
        foreign_allowed = pw.BigIntegerField(constraints=[pw.Check("foreign_allowed IN (0, 1)")])
        rows = pw.BigIntegerField()
        accepted = pw.BigIntegerField(constraints=[pw.Check("accepted >= 0")])
        dropped = pw.TextField()
        undated = pw.BigIntegerField()
        matched = pw.BigIntegerField()
        content = pw.TextField()
        created_at = pw.BigIntegerField()
        created_by = pw.TextField()
        sealed_at = pw.BigIntegerField(null=True)
        sealed_by = pw.TextField()

        class Meta:
            table_name = "sms_pack"

    class PackNumber(Frozen):
        id = pw.BigAutoField()
        pack = pw.ForeignKeyField(Pack, index=False)
        address = pw.TextField()
        contact = pw.ForeignKeyField(Contact, null=True, index=False)
        line = pw.BigIntegerField()
        name = pw.TextField()
        ordered_at = pw.BigIntegerField(null=True)
        order_number = pw.TextField()

        class Meta:
            table_name = "sms_number"
            indexes = (
                # By address first: the same index finds a person's numbers in every pack.
                (("address", "pack"), True),
                (("contact", "pack"), False),
                (("pack", "id"), False),
            )

    class PackDropped(Frozen):
        id = pw.BigAutoField()
        pack = pw.ForeignKeyField(Pack, index=False)
        line = pw.BigIntegerField()
        reason = pw.TextField()
        shown = pw.TextField()
        number = pw.ForeignKeyField(PackNumber, null=True, on_delete="SET NULL")

        class Meta:
            table_name = "sms_dropped"
            indexes = ((("pack", "line"), True),)

    db.create_tables([Pack, PackNumber, PackDropped], safe=False)
