"""Tables of the games that people play together, frozen as they were in the first version."""

import peewee as pw


def up(migrator, db):
    class Frozen(pw.Model):
        class Meta:
            database = db
            strict_tables = db.param == "?"  # SQLite alone has strict tables
            legacy_table_names = False  # names of indexes begin with their table's: unique in a brand

    class Contact(Frozen):
        id = pw.BigAutoField()

        class Meta:
            table_name = "contact"

    class Goods(Frozen):
        campaign_id = pw.BigIntegerField(primary_key=True)
        stock_left = pw.BigIntegerField(constraints=[pw.Check("stock_left >= 0")])

        class Meta:
            table_name = "interaction_games_goods"

    class Bargain(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact)
        nth = pw.BigIntegerField(constraints=[pw.Check("nth > 0")])
        list_minor = pw.BigIntegerField()
        floor_minor = pw.BigIntegerField(constraints=[pw.Check("floor_minor >= 0")])
        cuts = pw.TextField()
        applied = pw.BigIntegerField(constraints=[pw.Check("applied > 0")])
        cut_minor = pw.BigIntegerField(constraints=[pw.Check("cut_minor BETWEEN 0 AND list_minor - floor_minor")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'ordered', 'bought', 'closed')")])
        opened_at = pw.BigIntegerField()
        expires_at = pw.BigIntegerField()
        held_until = pw.BigIntegerField(null=True)
        bought_at = pw.BigIntegerField(null=True)
        bought_minor = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "interaction_games_bargain"
            indexes = ((("campaign_id", "contact", "nth"), True),)

    class BargainHold(Frozen):
        id = pw.BigAutoField()
        bargain = pw.ForeignKeyField(Bargain, on_delete="CASCADE")
        price_minor = pw.BigIntegerField()
        at = pw.BigIntegerField()
        until = pw.BigIntegerField(constraints=[pw.Check("until > at")])

        class Meta:
            table_name = "interaction_games_bargain_hold"

    class BargainCut(Frozen):
        id = pw.BigAutoField()
        bargain = pw.ForeignKeyField(Bargain, index=False, on_delete="CASCADE")
        contact = pw.ForeignKeyField(Contact)
        k = pw.BigIntegerField(constraints=[pw.Check("k > 0")])
        minor = pw.BigIntegerField(constraints=[pw.Check("minor > 0")])
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_bargain_cut"
            indexes = ((("bargain", "k"), True), (("bargain", "contact"), True))

    class HelperDay(Frozen):
        id = pw.BigAutoField()
        campaign_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact)
        day = pw.BigIntegerField()
        used = pw.BigIntegerField(constraints=[pw.Check("used > 0")])

        class Meta:
            table_name = "interaction_games_helper_day"
            indexes = ((("campaign_id", "contact", "day"), True),)

    class Team(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign_id = pw.BigIntegerField()
        size = pw.BigIntegerField(constraints=[pw.Check("size > 1")])
        taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0 AND taken + virtual_seats <= size")])
        virtual_seats = pw.BigIntegerField(constraints=[pw.Check("virtual_seats >= 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'full', 'settled', 'failed')")])
        opened_at = pw.BigIntegerField()
        expires_at = pw.BigIntegerField()
        full_at = pw.BigIntegerField(null=True)
        settled_at = pw.BigIntegerField(null=True)
        leader_reward = pw.TextField(
            constraints=[pw.Check("leader_reward IN ('none', 'waiting', 'paid', 'sold_out', 'lost')")]
        )

        class Meta:
            table_name = "interaction_games_team"
            indexes = ((("campaign_id", "state"), False),)

    class Seat(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign_id = pw.BigIntegerField()
        team = pw.ForeignKeyField(Team, null=True, index=False)
        contact = pw.ForeignKeyField(Contact, index=False)
        leader = pw.BigIntegerField(constraints=[pw.Check("leader IN (0, 1)")])
        price_minor = pw.BigIntegerField(constraints=[pw.Check("price_minor > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('pending', 'paid', 'expired', 'refund')")])
        reason = pw.TextField()
        until = pw.BigIntegerField()
        at = pw.BigIntegerField()
        paid_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "interaction_games_seat"
            indexes = ((("contact", "campaign_id"), False), (("team", "state"), False))

    class Payment(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign_id = pw.BigIntegerField()
        thing = pw.TextField(constraints=[pw.Check("thing IN ('seat', 'bargain')")])
        thing_uid = pw.TextField()
        team = pw.ForeignKeyField(Team, null=True)
        source = pw.TextField()
        number = pw.TextField(constraints=[pw.Check("number <> ''")])
        amount_minor = pw.BigIntegerField(constraints=[pw.Check("amount_minor > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('paid', 'refund_due', 'refunded')")])
        reason = pw.TextField()
        paid_at = pw.BigIntegerField()
        at = pw.BigIntegerField()
        due_at = pw.BigIntegerField(null=True)
        refunded_at = pw.BigIntegerField(null=True)
        actor = pw.TextField()

        class Meta:
            table_name = "interaction_games_payment"
            indexes = ((("source", "number"), True), (("thing_uid",), False))

    class MemberGift(Frozen):
        id = pw.BigAutoField()
        campaign_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact, unique=True)
        prize = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_member_gift"

    class GiftKey(Frozen):
        digest = pw.TextField(primary_key=True)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_gift_key"

    class Inviter(Frozen):
        id = pw.BigAutoField()
        campaign_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact)
        code = pw.TextField(unique=True)
        qualified = pw.BigIntegerField(constraints=[pw.Check("qualified >= 0")])
        created_at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_inviter"
            indexes = ((("campaign_id", "contact"), True),)

    class Relation(Frozen):
        id = pw.BigAutoField()
        campaign_id = pw.BigIntegerField()
        inviter = pw.ForeignKeyField(Inviter, on_delete="CASCADE")
        contact = pw.ForeignKeyField(Contact)
        state = pw.TextField(constraints=[pw.Check("state IN ('locked', 'qualified', 'void')")])
        reason = pw.TextField()
        bound_at = pw.BigIntegerField()
        qualified_at = pw.BigIntegerField(null=True)
        reversible_until = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "interaction_games_relation"
            indexes = ((("campaign_id", "contact"), True),)

    class RelationStep(Frozen):
        id = pw.BigAutoField()
        relation = pw.ForeignKeyField(Relation, index=False, on_delete="CASCADE")
        gate = pw.TextField(constraints=[pw.Check("gate IN ('joined', 'member', 'first_order')")])
        at = pw.BigIntegerField()
        evidence = pw.TextField()

        class Meta:
            table_name = "interaction_games_relation_step"
            indexes = ((("relation", "gate"), True),)

    class RungPaid(Frozen):
        id = pw.BigAutoField()
        inviter = pw.ForeignKeyField(Inviter, index=False, on_delete="CASCADE")
        invites = pw.BigIntegerField(constraints=[pw.Check("invites > 0")])
        prize = pw.TextField()
        nth = pw.BigIntegerField(constraints=[pw.Check("nth > 0")])
        state = pw.TextField(constraints=[pw.Check("state IN ('granted', 'revoked', 'lost', 'sold_out')")])
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_rung"
            indexes = ((("inviter", "invites"), True),)

    db.create_tables(
        [
            Goods, Bargain, BargainHold, BargainCut, HelperDay, Team, Seat, Payment, MemberGift, GiftKey, Inviter,
            Relation, RelationStep, RungPaid,
        ],
        safe=False,
    )  # fmt: skip
    # One paid seat of a person per team, and one seat that waits for money per person and campaign.
    db.execute_sql(
        "CREATE UNIQUE INDEX interaction_games_seat_paid ON interaction_games_seat (team_id, contact_id) "
        "WHERE state = 'paid'"
    )
    db.execute_sql(
        "CREATE UNIQUE INDEX interaction_games_seat_pending ON interaction_games_seat (campaign_id, contact_id) "
        "WHERE state = 'pending'"
    )
    db.execute_sql(
        "CREATE UNIQUE INDEX interaction_games_bargain_live ON interaction_games_bargain (campaign_id, contact_id) "
        "WHERE state IN ('open', 'ordered')"
    )
    # What the periodic work looks for is always few rows of many.
    db.execute_sql(
        "CREATE INDEX interaction_games_bargain_ending ON interaction_games_bargain (campaign_id, expires_at) "
        "WHERE state IN ('open', 'ordered')"
    )
    db.execute_sql(
        "CREATE INDEX interaction_games_payment_due ON interaction_games_payment (id) WHERE state = 'refund_due'"
    )
    db.execute_sql(
        "CREATE INDEX interaction_games_relation_waiting ON interaction_games_relation (campaign_id, id) "
        "WHERE state = 'locked'"
    )
    # Every refund of the brand asks whether its order was the proof of an invitation.
    db.execute_sql(
        "CREATE INDEX interaction_games_relation_step_order ON interaction_games_relation_step (evidence) "
        "WHERE gate = 'first_order'"
    )
