"""Plans, items, sign-offs, trials, their links and the history, frozen as they were first."""

import peewee as pw

STEPS = "('goal', 'policy', 'test', 'design', 'print', 'launch', 'monitor')"


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

    class StepPlan(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, unique=True)
        step = pw.TextField(constraints=[pw.Check(f"step IN {STEPS}")])
        version = pw.BigIntegerField(constraints=[pw.Check("version > 0")])
        created_at = pw.BigIntegerField()
        updated_at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_step_plan"

    class StepItem(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        step = pw.TextField(constraints=[pw.Check(f"step IN {STEPS}")])
        item = pw.TextField()
        subject = pw.TextField()
        value = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "package_card_step_item"
            indexes = ((("campaign", "step", "item", "subject"), True),)

    class StepSignoff(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        act = pw.TextField()
        subject = pw.TextField()
        who = pw.TextField(constraints=[pw.Check("who <> ''")])
        through = pw.TextField()
        at = pw.BigIntegerField()
        detail = pw.TextField(null=True)
        void_at = pw.BigIntegerField(null=True)
        void_reason = pw.TextField()

        class Meta:
            table_name = "package_card_step_signoff"
            indexes = ((("campaign", "id"), False),)

    class StepTrial(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        number = pw.BigIntegerField()
        experiment = pw.TextField(unique=True)
        started_at = pw.BigIntegerField()
        ended_at = pw.BigIntegerField(null=True)
        void_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "package_card_step_trial"
            indexes = ((("campaign", "number"), True),)

    class StepLink(Frozen):
        id = pw.BigAutoField()
        trial = pw.ForeignKeyField(StepTrial, index=False)
        arm = pw.TextField()
        channel = pw.TextField()
        link = pw.TextField(unique=True)

        class Meta:
            table_name = "package_card_step_link"
            indexes = ((("trial", "arm", "channel"), True),)

    class StepHistory(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(CardCampaign, index=False)
        at = pw.BigIntegerField()
        who = pw.TextField(constraints=[pw.Check("who <> ''")])
        through = pw.TextField()
        action = pw.TextField()
        from_step = pw.TextField()
        to_step = pw.TextField()
        what = pw.TextField(null=True)
        reason = pw.TextField()

        class Meta:
            table_name = "package_card_step_history"
            indexes = ((("campaign", "id"), False),)

    db.create_tables([StepPlan, StepItem, StepSignoff, StepTrial, StepLink, StepHistory], safe=False)
    # One sign-off of a kind is in force at a time, and one trial: two people at once make one of them.
    db.execute_sql(
        "CREATE UNIQUE INDEX package_card_step_signoff_live "
        "ON package_card_step_signoff (campaign_id, act, subject) WHERE void_at IS NULL"
    )
    db.execute_sql(
        "CREATE UNIQUE INDEX package_card_step_trial_live "
        "ON package_card_step_trial (campaign_id) WHERE void_at IS NULL"
    )
    for statement in _append_only(sqlite, "package_card_step_history"):
        db.execute_sql(statement)


def _append_only(sqlite, table):
    """Statements after which rows of the table can be added and neither changed nor removed."""
    if sqlite:
        return [
            f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_kept()",
    ]
