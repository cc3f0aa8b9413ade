"""Awards by hand, welfare campaigns, content and group activations, frozen as they were in the first version."""

import peewee as pw

MODES = "mode IN ('game', 'native', 'community')"


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

    class Award(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        key = pw.TextField(unique=True)
        contact = pw.ForeignKeyField(Contact)
        what = pw.TextField(constraints=[pw.Check("what IN ('question', 'order-show', 'chat', 'other')")])
        mode = pw.TextField(constraints=[pw.Check(MODES)])
        kind = pw.TextField()
        item = pw.TextField()
        quantity = pw.BigIntegerField(constraints=[pw.Check("quantity > 0")])
        cost_minor = pw.BigIntegerField(constraints=[pw.Check("cost_minor >= 0")])
        reason = pw.TextField()
        actor = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('pending', 'issued', 'refused')")])
        reward = pw.TextField()
        rule = pw.TextField()
        message_in_id = pw.BigIntegerField(null=True)
        decided_by = pw.TextField()
        decided_at = pw.BigIntegerField(null=True)
        decision = pw.TextField()
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_award"
            indexes = ((("state", "id"), False), (("day", "mode"), False), (("rule", "contact"), False))

    class AwardDay(Frozen):
        id = pw.BigAutoField()
        actor = pw.TextField()
        day = pw.BigIntegerField()
        given = pw.BigIntegerField(constraints=[pw.Check("given >= 0")])
        cost_minor = pw.BigIntegerField(constraints=[pw.Check("cost_minor >= 0")])

        class Meta:
            table_name = "interaction_games_award_day"
            indexes = ((("actor", "day"), True),)

    class Welfare(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        title = pw.TextField()
        occasion = pw.TextField(constraints=[pw.Check("occasion IN ('holiday', 'season', 'launch')")])
        occasion_name = pw.TextField()
        mode = pw.TextField(constraints=[pw.Check(MODES)])
        kind = pw.TextField()
        item = pw.TextField()
        quantity = pw.BigIntegerField(constraints=[pw.Check("quantity > 0")])
        unit_cost_minor = pw.BigIntegerField(constraints=[pw.Check("unit_cost_minor > 0")])
        basket_minor = pw.BigIntegerField(constraints=[pw.Check("basket_minor >= 0")])
        cap_minor = pw.BigIntegerField(constraints=[pw.Check("cap_minor > 0")])
        spent_minor = pw.BigIntegerField(constraints=[pw.Check("spent_minor >= 0")])
        granted = pw.BigIntegerField(constraints=[pw.Check("granted >= 0")])
        audience = pw.TextField()
        claim = pw.BigIntegerField(constraints=[pw.Check("claim IN (0, 1)")])
        starts_at = pw.BigIntegerField()
        ends_at = pw.BigIntegerField()
        state = pw.TextField(constraints=[pw.Check("state IN ('draft', 'open', 'stopped', 'ended')")])
        stop_reason = pw.TextField()
        actor = pw.TextField()
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_welfare"
            constraints = [pw.Check("spent_minor <= cap_minor"), pw.Check("starts_at < ends_at")]

    class WelfareGrant(Frozen):
        id = pw.BigAutoField()
        welfare = pw.ForeignKeyField(Welfare, index=False)
        contact = pw.ForeignKeyField(Contact)
        serial = pw.TextField(unique=True)
        reward = pw.TextField()
        cost_minor = pw.BigIntegerField(constraints=[pw.Check("cost_minor >= 0")])
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_welfare_grant"
            indexes = ((("welfare", "contact"), True), (("day",), False))

    class WelfareChange(Frozen):
        id = pw.BigAutoField()
        welfare = pw.ForeignKeyField(Welfare)
        what = pw.TextField()
        cap_minor = pw.BigIntegerField()
        reason = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_welfare_change"

    class Content(Frozen):
        id = pw.BigAutoField()
        key = pw.TextField(unique=True)
        day = pw.BigIntegerField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('marketing', 'interaction', 'care', 'daily')")])
        mode = pw.TextField(
            constraints=[pw.Check(f"(kind = 'interaction' AND {MODES}) OR (kind <> 'interaction' AND mode = '')")]
        )
        title = pw.TextField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_content"
            indexes = ((("day", "kind", "mode"), False),)

    class Participation(Frozen):
        id = pw.BigAutoField()
        contact = pw.ForeignKeyField(Contact, index=False)
        mode = pw.TextField(constraints=[pw.Check(MODES)])
        day = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_participation"
            indexes = ((("contact", "mode", "day"), True), (("day", "mode"), False))

    class Activation(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        template = pw.TextField()
        group_code = pw.TextField()
        day = pw.BigIntegerField()
        actor = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_activation"
            indexes = ((("group_code", "day"), False),)

    db.create_tables(
        [Award, AwardDay, Welfare, WelfareGrant, WelfareChange, Content, Participation, Activation], safe=False
    )
