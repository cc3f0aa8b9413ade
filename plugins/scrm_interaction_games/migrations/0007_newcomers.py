"""A pool of extra cuts for new helpers of a bargain, and claimed packs as proof of an invitation's gate."""

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

    class Pack(Frozen):
        id = pw.BigAutoField()
        campaign_id = pw.BigIntegerField()
        contact = pw.ForeignKeyField(Contact)
        at = pw.BigIntegerField()
        evidence = pw.TextField()

        class Meta:
            table_name = "interaction_games_pack"
            indexes = ((("campaign_id", "contact"), True),)

    db.create_tables([Pack], safe=False)
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(
        f"ALTER TABLE interaction_games_bargain ADD COLUMN bonuses_left {whole} NOT NULL DEFAULT 0 "
        "CHECK (bonuses_left >= 0)"
    )
    db.execute_sql(
        f"ALTER TABLE interaction_games_bargain_cut ADD COLUMN bonus_minor {whole} NOT NULL DEFAULT 0 "
        "CHECK (bonus_minor >= 0)"
    )
    _permit_gate(db)


GATES = "gate IN ('joined', 'claimed_pack', 'member', 'first_order')"


def _permit_gate(db):
    """One more gate in the table's check: SQLite knows no other way than making the table anew."""
    if db.param != "?":
        db.execute_sql(
            "ALTER TABLE interaction_games_relation_step DROP CONSTRAINT interaction_games_relation_step_gate_check"
        )
        db.execute_sql(
            "ALTER TABLE interaction_games_relation_step ADD CONSTRAINT interaction_games_relation_step_gate_check "
            f"CHECK ({GATES})"
        )
        return
    db.execute_sql("ALTER TABLE interaction_games_relation_step RENAME TO interaction_games_relation_step_old")
    db.execute_sql(
        "CREATE TABLE interaction_games_relation_step (id INTEGER NOT NULL PRIMARY KEY, relation_id INTEGER NOT NULL, "
        f"gate TEXT NOT NULL CHECK ({GATES}), at INTEGER NOT NULL, evidence TEXT NOT NULL, FOREIGN KEY (relation_id) "
        "REFERENCES interaction_games_relation (id) ON DELETE CASCADE) STRICT"
    )
    db.execute_sql(
        "INSERT INTO interaction_games_relation_step (id, relation_id, gate, at, evidence) "
        "SELECT id, relation_id, gate, at, evidence FROM interaction_games_relation_step_old"
    )
    db.execute_sql("DROP TABLE interaction_games_relation_step_old")
    db.execute_sql(
        "CREATE UNIQUE INDEX interaction_games_relation_step_relation_id_gate ON interaction_games_relation_step "
        "(relation_id, gate)"
    )
    db.execute_sql(
        "CREATE INDEX interaction_games_relation_step_order ON interaction_games_relation_step (evidence) "
        "WHERE gate = 'first_order'"
    )
