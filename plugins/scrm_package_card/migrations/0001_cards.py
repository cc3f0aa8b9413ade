"""Campaigns, shipments and leads, frozen as they were in the first version."""

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

    class CardCampaign(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        source = pw.TextField()
        automatic = pw.BigIntegerField(constraints=[pw.Check("automatic IN (0, 1)")])
        first_day = pw.BigIntegerField(null=True)
        last_day = pw.BigIntegerField(null=True)
        recall_days = pw.BigIntegerField(constraints=[pw.Check("recall_days > 0")])
        contribution_days = pw.BigIntegerField(constraints=[pw.Check("contribution_days > 0")])
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_campaign"
            indexes = ((("source",), False),)

    class CardShipment(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        serial = pw.TextField(unique=True)
        source = pw.TextField()
        order_number = pw.TextField()
        order = pw.ForeignKeyField(Order, null=True)
        shipped_at = pw.BigIntegerField()
        day = pw.BigIntegerField()
        claimed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "package_card_shipment"
            indexes = (
                (("campaign", "source", "order_number"), True),
                (("source", "order_number"), False),
                (("day", "campaign"), False),
            )

    class CardLead(Frozen):
        id = pw.BigAutoField()
        lead = pw.TextField(unique=True)
        contact = pw.ForeignKeyField(Contact)
        campaign = pw.ForeignKeyField(CardCampaign, null=True, index=False)
        shipment = pw.ForeignKeyField(CardShipment, null=True)
        serial = pw.TextField()
        method = pw.TextField(constraints=[pw.Check("method IN ('card serial', 'card link')")])
        state = pw.TextField(
            constraints=[pw.Check("state IN ('waiting', 'attributed', 'outside', 'repeat')")]
        )
        matched = pw.BigIntegerField(constraints=[pw.Check("matched IN (0, 1)")])
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_lead"
            indexes = (
                (("campaign", "state", "contact", "at"), False),
                (("serial", "state"), False),
                (("state", "matched"), False),
            )

    db.create_tables([CardCampaign, CardShipment, CardLead], safe=False)
