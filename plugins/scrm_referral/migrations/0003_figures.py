"""Figures of large campaigns as they were counted; indexes for a metric's days and for rewards to be taken back."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False

    class Campaign(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "referral_campaign"

    class Figures(Frozen):
        campaign = pw.ForeignKeyField(Campaign, primary_key=True)
        counted_at = pw.BigIntegerField()
        figures = pw.TextField()

        class Meta:
            table_name = "referral_figures"

    db.create_tables([Figures], safe=False)
    db.execute_sql("CREATE INDEX referral_relation_bound_day ON referral_relation (bound_day) WHERE state <> 'void'")
    db.execute_sql(
        "CREATE INDEX referral_rung_to_revoke ON referral_rung (id) WHERE state = 'granted' AND reason <> ''"
    )
