"""The tables of referral, frozen as they were in the first version."""

import peewee as pw


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

    class Campaign(Frozen):
        id = pw.BigAutoField()
        code = pw.TextField(unique=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('draft', 'open', 'closed')")])
        definition = pw.TextField()
        quota = pw.BigIntegerField(null=True)
        accepted = pw.BigIntegerField(constraints=[pw.Check("accepted >= 0")])
        seated = pw.BigIntegerField()
        applied = pw.BigIntegerField()
        budget_minor = pw.BigIntegerField(null=True)
        spent_minor = pw.BigIntegerField(constraints=[pw.Check("spent_minor >= 0")])
        salt = pw.TextField()
        actor = pw.TextField()
        created_at = pw.BigIntegerField()
        published_at = pw.BigIntegerField(null=True)
        closed_at = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "referral_campaign"
            constraints = [
                pw.Check("quota IS NULL OR accepted <= quota"),
                pw.Check("budget_minor IS NULL OR spent_minor <= budget_minor"),
            ]

    class Inviter(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact, null=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('accepted', 'waiting', 'left')")])
        code = pw.TextField(null=True, unique=True)
        staff = pw.TextField()
        applied_at = pw.BigIntegerField()
        accepted_at = pw.BigIntegerField(null=True)
        left_at = pw.BigIntegerField(null=True)
        version = pw.BigIntegerField()

        class Meta:
            table_name = "referral_inviter"
            indexes = ((("campaign", "contact"), True), (("campaign", "state", "id"), False))

    # Somebody may be erased while the plugin is switched off, and then rows are deleted: nothing stands in the way.
    class Candidate(Frozen):
        id = pw.BigAutoField()
        inviter = pw.ForeignKeyField(Inviter, on_delete="CASCADE")
        contact = pw.ForeignKeyField(Contact)
        at = pw.BigIntegerField()

        class Meta:
            table_name = "referral_candidate"

    class Relation(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        campaign = pw.ForeignKeyField(Campaign, index=False)
        inviter = pw.ForeignKeyField(Inviter, index=False, on_delete="CASCADE")
        contact = pw.ForeignKeyField(Contact, null=True)
        state = pw.TextField(constraints=[pw.Check("state IN ('locked', 'held', 'qualified', 'void')")])
        reason = pw.TextField()
        source = pw.TextField()
        staff = pw.TextField()
        bound_at = pw.BigIntegerField()
        bound_day = pw.BigIntegerField()
        since = pw.BigIntegerField()
        qualified_at = pw.BigIntegerField(null=True)
        qualified_day = pw.BigIntegerField(null=True)
        reversible_until = pw.BigIntegerField(null=True)
        score = pw.BigIntegerField()
        signals = pw.TextField()
        cleared = pw.BigIntegerField()
        refunds = pw.BigIntegerField()
        over_cap = pw.BigIntegerField()

        class Meta:
            table_name = "referral_relation"
            indexes = (
                (("campaign", "contact"), True),
                (("campaign", "state", "id"), False),
                (("inviter", "bound_day"), False),
                (("qualified_day",), False),
            )

    class Step(Frozen):
        id = pw.BigAutoField()
        relation = pw.ForeignKeyField(Relation, index=False, on_delete="CASCADE")
        gate = pw.TextField()
        at = pw.BigIntegerField()
        evidence = pw.TextField()
        event_id = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "referral_step"
            indexes = ((("relation", "gate"), True), (("evidence",), False))

    class Pack(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        at = pw.BigIntegerField()
        event_id = pw.BigIntegerField()

        class Meta:
            table_name = "referral_pack"
            indexes = ((("campaign", "event_id"), True),)

    class Trait(Frozen):
        id = pw.BigAutoField()
        campaign = pw.ForeignKeyField(Campaign, index=False)
        contact = pw.ForeignKeyField(Contact)
        kind = pw.TextField(constraints=[pw.Check("kind IN ('device', 'network', 'address', 'payer')")])
        digest = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "referral_trait"
            indexes = ((("campaign", "kind", "digest", "contact"), True),)

    class Rung(Frozen):
        id = pw.BigAutoField()
        uid = pw.TextField(unique=True)
        inviter = pw.ForeignKeyField(Inviter, index=False, on_delete="CASCADE")
        invites = pw.BigIntegerField(constraints=[pw.Check("invites > 0")])
        nth = pw.BigIntegerField(constraints=[pw.Check("nth > 0")])
        kind = pw.TextField()
        item = pw.TextField()
        quantity = pw.BigIntegerField()
        value_minor = pw.BigIntegerField(constraints=[pw.Check("value_minor >= 0")])
        state = pw.TextField(
            constraints=[pw.Check("state IN ('due', 'approved', 'granted', 'refused', 'withdrawn', 'revoked', 'lost')")]
        )
        reason = pw.TextField()
        due_at = pw.BigIntegerField()
        granted_at = pw.BigIntegerField(null=True)
        granted_day = pw.BigIntegerField(null=True)

        class Meta:
            table_name = "referral_rung"
            indexes = ((("inviter", "invites", "nth"), True), (("state", "id"), False))

    class Review(Frozen):
        id = pw.BigAutoField()
        rung = pw.ForeignKeyField(Rung, null=True, index=False, on_delete="CASCADE")
        relation = pw.ForeignKeyField(Relation, null=True, index=False, on_delete="CASCADE")
        verdict = pw.TextField(constraints=[pw.Check("verdict IN ('approved', 'refused')")])
        reason = pw.TextField()
        actor = pw.TextField()
        person = pw.TextField()
        at = pw.BigIntegerField()

        class Meta:
            table_name = "referral_review"
            indexes = ((("rung", "person"), True), (("relation", "person", "id"), False))

    db.create_tables([Campaign, Inviter, Candidate, Relation, Step, Pack, Trait, Rung, Review], safe=False)
