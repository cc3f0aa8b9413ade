"""Print batches with their stock, unique cards, misses and costs, frozen as they were first."""

import peewee as pw


def up(migrator, db):
    sqlite = db.param == "?"

    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = sqlite  # SQLite alone has strict tables

    class CardCampaign(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "package_card_campaign"

    class PrintBatch(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        campaign = pw.ForeignKeyField(CardCampaign)
        name = pw.TextField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('notice', 'brand', 'marketing', 'hot-topic')")])
        arm = pw.TextField()
        channel = pw.TextField()
        unique_cards = pw.BigIntegerField(constraints=[pw.Check("unique_cards IN (0, 1)")])
        printed = pw.BigIntegerField(constraints=[pw.Check("printed > 0")])
        unit_cost_minor = pw.BigIntegerField(constraints=[pw.Check("unit_cost_minor >= 0")])
        link = pw.TextField(null=True, unique=True)
        received = pw.BigIntegerField(constraints=[pw.Check("received >= 0")])
        shipped = pw.BigIntegerField(constraints=[pw.Check("shipped >= 0")])
        adjusted = pw.BigIntegerField()
        remaining = pw.BigIntegerField(constraints=[pw.Check("remaining >= 0")])
        received_day = pw.BigIntegerField(null=True)
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_batch"
            constraints = [pw.Check("remaining = received - shipped + adjusted")]

    class UniqueCard(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(PrintBatch, index=False)
        number = pw.BigIntegerField()
        serial = pw.TextField(unique=True)
        link = pw.TextField(unique=True)
        claimed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "package_card_card"
            indexes = ((("batch", "number"), True),)

    class StockMove(Frozen):
        id = pw.BigAutoField()
        batch = pw.ForeignKeyField(PrintBatch, index=False)
        kind = pw.TextField(constraints=[pw.Check("kind IN ('received', 'shipped', 'damaged', 'adjusted')")])
        quantity = pw.BigIntegerField(constraints=[pw.Check("quantity <> 0")])
        key = pw.TextField(unique=True)
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()
        recorded_at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_move"
            indexes = ((("batch", "id"), False),)

    class CardMiss(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        source = pw.TextField()
        order_number = pw.TextField()
        arm = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_miss"
            indexes = ((("campaign", "source", "order_number"), True),)

    class CardSpend(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        batch = pw.ForeignKeyField(PrintBatch, null=True, index=False)
        what = pw.TextField()
        quantity = pw.BigIntegerField(constraints=[pw.Check("quantity <> 0")])
        unit_minor = pw.BigIntegerField(constraints=[pw.Check("unit_minor >= 0")])
        key = pw.TextField(unique=True)
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_spend"
            indexes = ((("campaign", "id"), False),)

    db.create_tables([PrintBatch, UniqueCard, StockMove, CardMiss, CardSpend], safe=False)
    integer = "INTEGER" if sqlite else "BIGINT"
    batch = f"batch_id {integer} REFERENCES package_card_batch (id)"
    for table, column in (
        ("campaign", f"stocked {integer} NOT NULL DEFAULT 0 CHECK (stocked IN (0, 1))"),
        ("shipment", batch),
        ("shipment", "channel TEXT NOT NULL DEFAULT ''"),
        ("shipment", "arm TEXT NOT NULL DEFAULT ''"),
        ("shipment", f"signed_at {integer}"),
        ("lead", batch),
        ("lead", "channel TEXT NOT NULL DEFAULT ''"),
        ("lead", "arm TEXT NOT NULL DEFAULT ''"),
    ):
        db.execute_sql(f"ALTER TABLE package_card_{table} ADD COLUMN {column}")
    db.execute_sql("CREATE INDEX package_card_shipment_batch ON package_card_shipment (batch_id)")
