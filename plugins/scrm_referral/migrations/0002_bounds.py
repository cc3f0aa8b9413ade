"""Stock of rungs, the order behind a step, figures that stay after an erasure, and indexes for very large campaigns."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # names of indexes begin with their table's: unique in a brand

    class Campaign(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "referral_campaign"

    class Stock(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        invites = pw.BigIntegerField()
        stock = pw.BigIntegerField()
        taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

        class Meta:
            table_name = "referral_stock"
            constraints = [pw.Check("taken <= stock")]
            indexes = ((("campaign", "invites"), True),)

    db.create_tables([Stock], safe=False)
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    for column in (
        "referral_step ADD COLUMN order_id {}",
        "referral_relation ADD COLUMN was_added {} NOT NULL DEFAULT 0",
        "referral_relation ADD COLUMN was_hva {} NOT NULL DEFAULT 0",
        "referral_campaign ADD COLUMN ladders_at {}",
    ):
        db.execute_sql(f"ALTER TABLE {column.format(whole)}")
    db.execute_sql(
        "UPDATE referral_step SET order_id = (SELECT o.id FROM orders o JOIN referral_relation r "
        "ON r.contact_id = o.contact_id WHERE r.id = referral_step.relation_id "
        "AND 'order ' || o.source || ' ' || o.number = referral_step.evidence LIMIT 1) WHERE gate = 'first_order'"
    )
    db.execute_sql("DROP INDEX referral_step_evidence")
    for name, on in (
        ("step_order_id", "step (order_id) WHERE order_id IS NOT NULL"),
        ("relation_inviter_id_state", "relation (inviter_id, state, qualified_at)"),
        ("relation_campaign_id_id", "relation (campaign_id, id)"),
        ("relation_reversible", "relation (campaign_id, reversible_until, id) WHERE reversible_until IS NOT NULL"),
        ("inviter_campaign_id_id", "inviter (campaign_id, id)"),
        ("trait_seen", "trait (campaign_id, kind, digest, at)"),
    ):
        db.execute_sql(f"CREATE INDEX referral_{name} ON referral_{on}")
