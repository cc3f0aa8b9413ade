"""What acquisition links are handed out for, and when their customers were last read to the end (``counted_at``).

Those that are there have no activity and go on as they are. ``read_at`` also moves with a page, and with a refusal.
"""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql("ALTER TABLE wecom_link ADD COLUMN activity TEXT NOT NULL DEFAULT ''")
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN starts_at {whole}")
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN ends_at {whole}")
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN counted_at {whole}")
    db.execute_sql("UPDATE wecom_link SET counted_at = read_at WHERE cursor = ''")
