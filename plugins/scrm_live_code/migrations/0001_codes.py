"""Staff, codes, seats, loads and places, frozen as they were in the first version."""

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

    class Channel(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "channel"

    class Staff(Frozen):
        id = pw.BigAutoField()
        userid = pw.TextField(unique=True)
        name = pw.TextField()
        address = pw.TextField()
        daily_cap = pw.BigIntegerField(constraints=[pw.Check("daily_cap >= 0")])
        left_at = pw.BigIntegerField(null=True)
        actor = pw.TextField()

        class Meta:
            table_name = "live_code_staff"

    class Code(Frozen):
        id = pw.BigAutoField()
        channel = pw.ForeignKeyField(Channel, unique=True)
        link = pw.TextField(unique=True)
        title = pw.TextField()
        activity = pw.TextField()
        starts_at = pw.BigIntegerField(null=True)
        ends_at = pw.BigIntegerField(null=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('draft', 'live', 'paused')")])
        note = pw.TextField()
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "live_code_code"

    class Seat(Frozen):
        id = pw.BigAutoField()
        code = pw.ForeignKeyField(Code)
        staff = pw.ForeignKeyField(Staff)
        role = pw.TextField(constraints=[pw.Check("role IN ('main', 'backup')")])
        hours = pw.TextField()

        class Meta:
            table_name = "live_code_seat"
            indexes = ((("code", "staff"), True),)

    class Load(Frozen):
        id = pw.BigAutoField()
        staff = pw.ForeignKeyField(Staff)
        day = pw.BigIntegerField()
        taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

        class Meta:
            table_name = "live_code_load"
            indexes = ((("staff", "day"), True),)

    class Place(Frozen):
        id = pw.BigAutoField()
        code = pw.ForeignKeyField(Code)
        visitor = pw.TextField()
        contact = pw.ForeignKeyField(Contact, null=True)
        staff = pw.ForeignKeyField(Staff, null=True)
        role = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "live_code_place"
            indexes = ((("code", "visitor"), True), (("visitor",), False))

    db.create_tables([Staff, Code, Seat, Load, Place], safe=False)
