"""Most entries have no order and take nothing back: only those that do are in the indexes for it."""


def up(migrator, db):
    for column in ("reverses_id", "order_id"):
        db.execute_sql(f"DROP INDEX points_entry_{column}")
        db.execute_sql(f"CREATE INDEX points_entry_{column} ON points_entry ({column}) WHERE {column} IS NOT NULL")
