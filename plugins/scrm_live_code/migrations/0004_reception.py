"""When who was added was approved, spoke, was answered, tagged, bought, muted and left."""

STEPS = ("approved_at", "spoke_at", "replied_at", "tagged_at", "ordered_at", "muted_at", "ended_at")


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    for name in STEPS:
        db.execute_sql(f"ALTER TABLE live_code_add ADD COLUMN {name} {whole}")
    db.execute_sql("ALTER TABLE live_code_add ADD COLUMN ended_by TEXT NOT NULL DEFAULT ''")
    db.execute_sql("UPDATE live_code_add SET approved_at = at")
    db.execute_sql("CREATE INDEX live_code_add_at ON live_code_add (at)")
