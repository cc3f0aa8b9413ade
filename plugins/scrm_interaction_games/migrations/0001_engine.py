"""Campaigns, prizes, players, tickets and draws, frozen as they were in the first version."""

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
        code = pw.TextField(unique=True)
        game = pw.TextField()
        title = pw.TextField()
        surface = pw.TextField()
        state = pw.TextField(
            constraints=[pw.Check("state IN ('draft', 'published', 'paused', 'ended', 'revealed')")]
        )
        starts_at = pw.BigIntegerField(null=True)
        ends_at = pw.BigIntegerField()
        rules = pw.TextField()
        organiser = pw.TextField()
        organiser_contact = pw.TextField()
        settings = pw.TextField()
        definition = pw.TextField()
        total_weight = pw.BigIntegerField(constraints=[pw.Check("total_weight >= 0")])
        budget_minor = pw.BigIntegerField(null=True)
        spent_minor = pw.BigIntegerField(constraints=[pw.Check("spent_minor >= 0")])
        draws = pw.BigIntegerField(constraints=[pw.Check("draws >= 0")])
        commitment = pw.TextField()
        table_hash = pw.TextField()
        ruleset = pw.TextField()
        rules_hash = pw.TextField()
        moves = pw.BigIntegerField(constraints=[pw.Check("moves >= 0")])
        version = pw.BigIntegerField()
        created_by = pw.TextField()
        created_at = pw.BigIntegerField()
        published_at = pw.BigIntegerField(null=True)
        ended_at = pw.BigIntegerField(null=True)
        revealed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "interaction_games_campaign"
            constraints = [
                pw.Check("budget_minor IS NULL OR spent_minor <= budget_minor"),
                pw.Check("starts_at IS NULL OR starts_at < ends_at"),
            ]

    class Seed(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, unique=True)
        seed = pw.TextField()

        class Meta:
            table_name = "interaction_games_seed"

    class Prize(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        code = pw.TextField()
        place = pw.BigIntegerField()
        title = pw.TextField()
        kind = pw.TextField()
        item = pw.TextField()
        quantity = pw.BigIntegerField(constraints=[pw.Check("quantity >= 1")])
        value_minor = pw.BigIntegerField(constraints=[pw.Check("value_minor >= 0")])
        weight = pw.BigIntegerField(constraints=[pw.Check("weight >= 0")])
        stock_total = pw.BigIntegerField(null=True)
        stock_left = pw.BigIntegerField(null=True)
        per_person = pw.BigIntegerField(null=True)
        per_day = pw.BigIntegerField(null=True)
        release = pw.TextField(constraints=[pw.Check("release IN ('all', 'even')")])
        review = pw.BigIntegerField(constraints=[pw.Check("review IN (0, 1)")])
        fallback = pw.TextField()
        grade = pw.TextField()
        claim_days = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "interaction_games_prize"
            indexes = ((("campaign", "code"), True), (("campaign", "place"), True))
            constraints = [
                pw.Check("stock_left IS NULL OR stock_left >= 0"),
                pw.Check("stock_left IS NULL OR stock_left <= stock_total"),
            ]

    class PrizeDay(Frozen):
        id = pw.BigAutoField()
        prize = pw.ForeignKeyField(Prize, index=False)
        day = pw.BigIntegerField()
        taken = pw.BigIntegerField(constraints=[pw.Check("taken >= 0")])

        class Meta:
            table_name = "interaction_games_prize_day"
            indexes = ((("prize", "day"), True),)

    class Move(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        move = pw.BigIntegerField(constraints=[pw.Check("move >= 1")])
        what = pw.TextField(
            constraints=[pw.Check("what IN ('returned', 'reserved', 'stock', 'budget', 'erased')")]
        )
        prize = pw.ForeignKeyField(Prize, null=True, index=False)
        amount = pw.BigIntegerField()
        day = pw.BigIntegerField()
        draw = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_move"
            indexes = ((("campaign", "move"), True),)

    class Player(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        uid = pw.TextField()
        n = pw.BigIntegerField()
        draws = pw.BigIntegerField(constraints=[pw.Check("draws >= 0")])
        day = pw.BigIntegerField()
        day_draws = pw.BigIntegerField(constraints=[pw.Check("day_draws >= 0")])
        misses = pw.BigIntegerField(constraints=[pw.Check("misses >= 0")])
        last_win_at = pw.BigIntegerField(null=True)
        first_at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_player"
            indexes = ((("campaign", "contact"), True),)

    class Ticket(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact, index=False)
        delta = pw.BigIntegerField(constraints=[pw.Check("delta <> 0")])
        remaining = pw.BigIntegerField(constraints=[pw.Check("remaining >= 0")])
        lot_id = pw.BigIntegerField(null=True)
        source = pw.TextField()
        key = pw.TextField()
        actor = pw.TextField()
        expires_at = pw.BigIntegerField(null=True)
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_ticket"
            indexes = ((("contact", "campaign", "key"), True), (("campaign", "key"), False))

    class Draw(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact, index=False)
        player = pw.TextField()
        kind = pw.TextField(constraints=[pw.Check("kind IN ('draw', 'award')")])
        n = pw.BigIntegerField(null=True)
        key = pw.TextField()
        client_seed = pw.TextField()
        x = pw.BigIntegerField(null=True)
        picked = pw.TextField()
        prize = pw.ForeignKeyField(Prize, null=True, index=False)
        why = pw.TextField()
        state = pw.TextField(
            constraints=[pw.Check("state IN ('none', 'won', 'held', 'granted', 'failed', 'void')")]
        )
        counted = pw.BigIntegerField(constraints=[pw.Check("counted IN (0, 1)")])
        move = pw.BigIntegerField(null=True)
        value_minor = pw.BigIntegerField()
        reason = pw.TextField()
        reward = pw.TextField()
        error = pw.TextField()
        attempts = pw.BigIntegerField()
        retry_at = pw.BigIntegerField(null=True)
        deadline = pw.BigIntegerField(null=True)
        claimed_at = pw.BigIntegerField(null=True)
        address = pw.TextField()
        device = pw.TextField()
        network = pw.TextField()
        score = pw.BigIntegerField()
        signals = pw.TextField(null=True)
        at = pw.BigIntegerField()
        day = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_draw"
            indexes = (
                (("campaign", "player", "n"), True),
                # Two contacts may have used one key each: a merge moves the draws of both to one of them.
                (("contact", "campaign", "key", "player"), True),
                (("campaign", "day"), False),
                (("prize", "contact"), False),
            )

    class Review(Frozen):
        id = pw.BigAutoField()
        draw = pw.ForeignKeyField(Draw, index=False, on_delete="CASCADE")
        verdict = pw.TextField(constraints=[pw.Check("verdict IN ('approved', 'rejected')")])
        reason = pw.TextField()
        actor = pw.TextField()
        person = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_review"
            indexes = ((("draw", "person"), True),)

    class Reservation(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact, index=False)
        prize = pw.ForeignKeyField(Prize, index=False)
        key = pw.TextField()
        state = pw.TextField(constraints=[pw.Check("state IN ('open', 'used', 'released')")])
        until = pw.BigIntegerField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_reservation"
            indexes = ((("contact", "campaign", "key"), True),)

    class Act(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact, index=False)
        key = pw.TextField()
        action = pw.TextField()
        answer = pw.TextField(null=True)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_act"
            indexes = ((("contact", "campaign", "key"), True), (("campaign", "at"), False))

    class CampaignLog(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign)
        what = pw.TextField()
        actor = pw.TextField()
        reason = pw.TextField()
        detail = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "interaction_games_log"

    db.create_tables(
        [Campaign, Seed, Prize, PrizeDay, Move, Player, Ticket, Draw, Review, Reservation, Act, CampaignLog],
        safe=False,
    )
    # What jobs and people look for is always few rows of many.
    db.execute_sql("CREATE INDEX interaction_games_draw_open ON interaction_games_draw (state, id) "
                   "WHERE state IN ('won', 'held', 'failed')")
    db.execute_sql("CREATE INDEX interaction_games_draw_device ON interaction_games_draw (campaign_id, device) "
                   "WHERE device <> ''")
    db.execute_sql("CREATE INDEX interaction_games_draw_network ON interaction_games_draw (campaign_id, network, at) "
                   "WHERE network <> ''")
    db.execute_sql("CREATE INDEX interaction_games_ticket_open ON interaction_games_ticket (contact_id, campaign_id) "
                   "WHERE remaining > 0")
    db.execute_sql("CREATE INDEX interaction_games_reservation_open ON interaction_games_reservation (until) "
                   "WHERE state = 'open'")
    # A refund looks for the chances that its order gave, in whatever campaign.
    db.execute_sql("CREATE INDEX interaction_games_ticket_order ON interaction_games_ticket (key) "
                   "WHERE source = 'order'")
