"""Tables of the games that go by days, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # names of indexes begin with their table's: they are unique in a brand

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Campaign(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "interaction_games_campaign"

    class SignedDay(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        day = pw.BigIntegerField(constraints=[pw.Check("day > 0")])
        made_up = pw.BigIntegerField(constraints=[pw.Check("made_up IN (0, 1)")])
        acted_day = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_signed_day"
            indexes = ((("campaign", "contact", "day"), True),)

    class MilestonePaid(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        milestone = pw.BigIntegerField(constraints=[pw.Check("milestone > 0")])
        day = pw.BigIntegerField()
        prize = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_milestone"
            indexes = ((("campaign", "contact", "milestone", "day"), True),)

    class GrabDrop(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        day = pw.BigIntegerField()
        minute = pw.BigIntegerField(constraints=[pw.Check("minute BETWEEN 0 AND 1439")])
        stock = pw.BigIntegerField()
        taken = pw.BigIntegerField(constraints=[pw.Check("taken BETWEEN 0 AND stock")])

        class Meta:
            table_name = "interaction_games_drop"
            indexes = ((("campaign", "day", "minute"), True),)

    class Grab(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        drop = pw.ForeignKeyField(GrabDrop)
        day = pw.BigIntegerField()
        prize = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_grab"
            indexes = ((("campaign", "contact", "day"), True),)

    class Plant(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        growth = pw.BigIntegerField(constraints=[pw.Check("growth >= 0")])
        water = pw.BigIntegerField(constraints=[pw.Check("water >= 0")])
        idle_since = pw.BigIntegerField()
        cared_day = pw.BigIntegerField()
        reserved_until = pw.BigIntegerField(null=True)
        reservations = pw.BigIntegerField(constraints=[pw.Check("reservations >= 0")])
        finished_at = pw.BigIntegerField(null=True)
        acts = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_plant"
            indexes = ((("campaign", "contact"), True),)

    class Care(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        source = pw.TextField()
        key = pw.TextField()
        day = pw.BigIntegerField()
        begun_at = pw.BigIntegerField()
        gathered_at = pw.BigIntegerField(null=True)
        amount = pw.BigIntegerField(constraints=[pw.Check("amount >= 0")])

        class Meta:
            table_name = "interaction_games_care"
            indexes = ((("campaign", "key"), True), (("campaign", "contact", "source", "day"), False))

    db.create_tables([SignedDay, MilestonePaid, GrabDrop, Grab, Plant, Care], safe=False)
    db.execute_sql(
        "CREATE INDEX interaction_games_plant_lapsing ON interaction_games_plant (campaign_id, reserved_until) "
        "WHERE reserved_until IS NOT NULL"
    )
