"""Benefit cards, frozen as they were in the first version."""

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

    class Pool(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        title = pw.TextField()
        terms = pw.TextField()
        link = pw.TextField()
        face_minor = pw.BigIntegerField(constraints=[pw.Check("face_minor >= 0")])
        cost_minor = pw.BigIntegerField(constraints=[pw.Check("cost_minor >= 0")])
        warn_below = pw.BigIntegerField(constraints=[pw.Check("warn_below >= 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'closed')")])
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "benefit_card_pool"

    class Card(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        pool = pw.ForeignKeyField(Pool)
        mark = pw.TextField(unique=True)
        sealed = pw.TextField()
        seal = pw.TextField(index=True)
        expires_day = pw.BigIntegerField()
        face_minor = pw.BigIntegerField(constraints=[pw.Check("face_minor >= 0")])
        cost_minor = pw.BigIntegerField(constraints=[pw.Check("cost_minor >= 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('stock', 'given', 'revealed', 'lost')")])
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "benefit_card_card"

    class Issue(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        card = pw.ForeignKeyField(Card)
        grant_key = pw.TextField(unique=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('given', 'revealed', 'returned', 'lost')")])
        given_at = pw.BigIntegerField()
        day = pw.BigIntegerField(index=True)
        revealed_at = pw.BigIntegerField(null=True)
        revealed_day = pw.BigIntegerField(null=True)
        ended_at = pw.BigIntegerField(null=True)
        ended_day = pw.BigIntegerField(null=True)
        reason = pw.TextField()

        class Meta:
            table_name = "benefit_card_issue"

    class Gift(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        pool = pw.ForeignKeyField(Pool)
        title = pw.TextField()
        owner = pw.TextField()
        plan = pw.TextField()
        until = pw.BigIntegerField()
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'closed')")])
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "benefit_card_gift"

    class Owner(Frozen):
        id = pw.BigAutoField()
        issue = pw.ForeignKeyField(Issue, unique=True)
        gift = pw.ForeignKeyField(Gift, null=True, index=False)
        contact = pw.ForeignKeyField(Contact)

        class Meta:
            table_name = "benefit_card_owner"
            indexes = ((("gift", "contact"), True),)

    db.create_tables([Pool, Card, Issue, Gift, Owner], safe=False)
    db.execute_sql(
        "CREATE INDEX benefit_card_card_stock ON benefit_card_card (pool_id, expires_day, id) WHERE state = 'stock'"
    )
    # However it came about: a card that somebody has is nobody else's.
    db.execute_sql(
        "CREATE UNIQUE INDEX benefit_card_issue_one ON benefit_card_issue (card_id) WHERE state <> 'returned'"
    )
