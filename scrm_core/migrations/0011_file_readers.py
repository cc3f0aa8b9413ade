"""Which process reads a file that was sent in, until when it is let alone, and how often reading it failed."""


def up(migrator, db):
    number = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql("ALTER TABLE import_file ADD COLUMN reader TEXT NOT NULL DEFAULT ''")
    db.execute_sql(f"ALTER TABLE import_file ADD COLUMN held_until {number} NOT NULL DEFAULT 0")
    db.execute_sql(f"ALTER TABLE import_file ADD COLUMN failures {number} NOT NULL DEFAULT 0")
