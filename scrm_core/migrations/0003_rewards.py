"""Rewards name which one of their kind they are."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE reward ADD COLUMN item TEXT NOT NULL DEFAULT ''")
