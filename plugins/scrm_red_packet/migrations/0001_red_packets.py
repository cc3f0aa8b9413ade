"""Red packets, frozen as they were in the first version."""

import peewee as pw

STATES = "'due', 'sending', 'paid', 'failed', 'unknown', 'canceled'"


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

    class Budget(Frozen):
        id = pw.BigAutoField()
        total_minor = pw.BigIntegerField(constraints=[pw.Check("total_minor >= 0")])
        used_minor = pw.BigIntegerField(constraints=[pw.Check("used_minor >= 0")])

        class Meta:
            table_name = "red_packet_budget"
            constraints = [pw.Check("used_minor <= total_minor"), pw.Check("id = 1")]

    class Entry(Frozen):
        id = pw.BigAutoField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('fund', 'take', 'return')")])
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor <> 0")])
        key = pw.TextField(unique=True)
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "red_packet_entry"

    class Packet(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        title = pw.TextField()
        total_minor = pw.BigIntegerField(constraints=[pw.Check("total_minor >= people")])
        people = pw.BigIntegerField(constraints=[pw.Check("people > 0")])
        handed = pw.BigIntegerField(constraints=[pw.Check("handed >= 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'closed')")])
        expires_at = pw.BigIntegerField()
        returned_minor = pw.BigIntegerField(constraints=[pw.Check("returned_minor >= 0")])
        actor = pw.TextField()
        created_at = pw.BigIntegerField()
        closed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "red_packet_packet"
            constraints = [pw.Check("handed <= people"), pw.Check("returned_minor <= total_minor")]

    class Share(Frozen):
        id = pw.BigAutoField()
        packet = pw.ForeignKeyField(Packet, index=False)
        place = pw.BigIntegerField(constraints=[pw.Check("place >= 0")])
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor > 0")])

        class Meta:
            table_name = "red_packet_share"
            indexes = ((("packet", "place"), True),)

    class Payout(Frozen):
        id = pw.BigAutoField()
        number = pw.TextField(unique=True)
        grant_key = pw.TextField(unique=True)
        packet = pw.ForeignKeyField(Packet, null=True, index=False)
        place = pw.BigIntegerField(null=True)
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor > 0")])
        state = pw.TextField(constraints=[pw.Check(f"state IN ({STATES})")])
        reason = pw.TextField()
        detail = pw.TextField()
        via = pw.TextField(constraints=[pw.Check("via IN ('', 'file', 'wechat', 'hand')")])
        file = pw.TextField(index=True)
        reference = pw.TextField()
        package = pw.TextField()
        attempts = pw.BigIntegerField()
        lease_until = pw.BigIntegerField(null=True)
        next_at = pw.BigIntegerField()
        created_at = pw.BigIntegerField()
        day = pw.BigIntegerField(index=True)
        sent_at = pw.BigIntegerField(null=True)
        settled_at = pw.BigIntegerField(null=True)
        settled_day = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "red_packet_payout"
            indexes = ((("packet", "place"), True), (("state", "next_at"), False))

    class Payee(Frozen):
        id = pw.BigAutoField()
        payout = pw.ForeignKeyField(Payout, unique=True)
        packet = pw.ForeignKeyField(Packet, null=True, index=False)
        contact = pw.ForeignKeyField(Contact)
        account = pw.TextField()

        class Meta:
            table_name = "red_packet_payee"
            indexes = ((("packet", "contact"), True),)

    class Step(Frozen):
        id = pw.BigAutoField()
        payout = pw.ForeignKeyField(Payout)
        number = pw.TextField()
        state = pw.TextField(constraints=[pw.Check(f"state IN ({STATES})")])
        reason = pw.TextField()
        detail = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "red_packet_step"

    db.create_tables([Budget, Entry, Packet, Share, Payout, Payee, Step], safe=False)
    db.execute_sql("INSERT INTO red_packet_budget (id, total_minor, used_minor) VALUES (1, 0, 0)")
    db.execute_sql("CREATE INDEX red_packet_packet_open ON red_packet_packet (expires_at) WHERE state = 'open'")
