"""What acquisition links are handed out for; those that are there have none and go on as they are."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql("ALTER TABLE wecom_link ADD COLUMN activity TEXT NOT NULL DEFAULT ''")
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN starts_at {whole}")
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN ends_at {whole}")
