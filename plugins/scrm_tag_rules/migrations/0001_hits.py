"""The hits of rules, frozen as they were in the first version."""

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

    class Order(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "orders"

    class Visit(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "visit"

    class RuleHit(Frozen):
        id = pw.BigAutoField()
        rule = pw.TextField()
        event_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact, null=True)
        order = pw.ForeignKeyField(Order, null=True, index=False)
        visit = pw.ForeignKeyField(Visit, null=True, index=False)
        tagged = pw.BigIntegerField(constraints=[pw.Check("tagged IN (0, 1)")])
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "tag_rules_hit"
            indexes = ((("rule", "event_id"), True), (("day", "rule"), False))

    db.create_tables([RuleHit], safe=False)
    db.execute_sql("CREATE INDEX tag_rules_hit_waiting ON tag_rules_hit (at) WHERE tagged = 0")
