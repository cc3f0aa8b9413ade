"""Files of proofs, frozen as they were first."""

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

    class StepProof(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        sha256 = pw.TextField()
        content_type = pw.TextField()
        data = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_step_proof"
            indexes = ((("campaign", "sha256"), True),)

    db.create_tables([StepProof], safe=False)
