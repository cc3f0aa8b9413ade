"""Plans, their steps, tests and history, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables

    class OutreachRun(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "outreach_run"

    class Plan(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        name = pw.TextField()
        state = pw.TextField()
        version = pw.BigIntegerField()
        author = pw.TextField()
        run = pw.ForeignKeyField(OutreachRun, null=True, unique=True)
        round = pw.BigIntegerField()
        tests = pw.BigIntegerField()
        start_at = pw.BigIntegerField(null=True)
        phase = pw.TextField(constraints=[pw.Check("phase IN ('', 'canary', 'all')")])
        canary_from = pw.BigIntegerField(null=True)
        seen = pw.TextField()
        created_at = pw.BigIntegerField()
        updated_at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_plan"
            indexes = ((("state",), False),)

    class PlanStep(Frozen):
        plan = pw.ForeignKeyField(Plan, index=False)
        step = pw.TextField()
        data = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_plan_step"
            primary_key = pw.CompositeKey("plan", "step")

    class PlanTest(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, index=False)
        number = pw.BigIntegerField()
        arm = pw.TextField()
        run = pw.ForeignKeyField(OutreachRun, unique=True)
        digest = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('running', 'delivered', 'failed', 'void')")])
        seeds = pw.BigIntegerField(constraints=[pw.Check("seeds > 0")])
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "sms_plan_test"
            indexes = ((("plan", "number"), True),)

    class PlanHistory(Frozen):
        id = pw.BigAutoField()
        plan = pw.ForeignKeyField(Plan, index=False)
        at = pw.BigIntegerField()
        actor = pw.TextField()
        action = pw.TextField()
        detail = pw.TextField()

        class Meta:
            table_name = "sms_plan_history"
            indexes = ((("plan", "id"), False),)

    db.create_tables([Plan, PlanStep, PlanTest, PlanHistory], safe=False)
