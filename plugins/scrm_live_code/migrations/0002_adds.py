"""Peak days of codes, and who came by a code, frozen as they were in the first version."""

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

    class Code(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "live_code_code"

    class Staff(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "live_code_staff"

    class Peak(Frozen):
        id = pw.BigAutoField()
        code = pw.ForeignKeyField(Code, unique=True)
        people = pw.BigIntegerField(constraints=[pw.Check("people > 0")])
        actor = pw.TextField()

        class Meta:
            table_name = "live_code_peak"

    class Add(Frozen):
        id = pw.BigAutoField()
        lead = pw.TextField(unique=True)
        code = pw.ForeignKeyField(Code)
        contact = pw.ForeignKeyField(Contact)
        staff = pw.ForeignKeyField(Staff, null=True)
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "live_code_add"

    db.create_tables([Peak, Add], safe=False)
