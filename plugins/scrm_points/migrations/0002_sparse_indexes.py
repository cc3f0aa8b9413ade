"""Entries without an order or that take nothing back, and points that never lapse, leave the indexes for those."""


def up(migrator, db):
    for column in ("reverses_id", "order_id"):
        db.execute_sql(f"DROP INDEX points_entry_{column}")
        db.execute_sql(f"CREATE INDEX points_entry_{column} ON points_entry ({column}) WHERE {column} IS NOT NULL")
    db.execute_sql("DROP INDEX points_lot_lapsing")
    db.execute_sql(
        "CREATE INDEX points_lot_lapsing ON points_lot (expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL"
    )
