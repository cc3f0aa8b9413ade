"""Landing pages, presses, adds, requests and rescue, frozen as they were in the first version."""

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

    class Link(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "link"

    class MessageRow(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "message"

    class Plan(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "sms_plan"

    class Landing(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, unique=True)
        token = pw.TextField(unique=True)
        title = pw.TextField()
        activity = pw.TextField()
        starts_at = pw.BigIntegerField()
        ends_at = pw.BigIntegerField()
        text = pw.TextField()
        welcome = pw.TextField()
        button = pw.TextField()
        target = pw.TextField()
        direct = pw.BigIntegerField(constraints=[pw.Check("direct >= 0")])
        created_at = pw.BigIntegerField()
        updated_at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_landing"
            constraints = [pw.Check("starts_at < ends_at")]

    class Press(Frozen):
        id = pw.BigAutoField()
        landing = pw.ForeignKeyField(Landing, index=False)
        link = pw.ForeignKeyField(Link)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_press"
            indexes = ((("landing", "link"), True),)

    class Add(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, index=False)
        contact = pw.ForeignKeyField(Contact)
        message = pw.ForeignKeyField(MessageRow, null=True)
        method = pw.TextField(constraints=[pw.Check("method IN ('link', 'recipient')")])
        at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_add"
            indexes = ((("plan", "contact"), True), (("plan", "at"), False))

    class FriendRequest(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, index=False)
        number = pw.TextField()
        contact = pw.ForeignKeyField(Contact, null=True)
        staff = pw.TextField()
        result = pw.TextField(constraints=[pw.Check("result IN ('', 'accepted', 'declined')")])
        at = pw.BigIntegerField()
        decided_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "sms_request"
            indexes = ((("plan", "number"), True),)

    class Rescue(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, index=False)
        contact = pw.ForeignKeyField(Contact)
        at = pw.BigIntegerField()
        message = pw.ForeignKeyField(MessageRow, null=True)
        link = pw.ForeignKeyField(Link, null=True)
        reason = pw.TextField()

        class Meta:
            table_name = "sms_rescue"
            indexes = ((("plan", "contact"), True),)

    class RescueExit(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact, index=False)
        event = pw.BigIntegerField(unique=True)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_rescue_exit"
            indexes = ((("contact", "at"), False),)

    db.create_tables([Landing, Press, Add, FriendRequest, Rescue, RescueExit], safe=False)
