"""When a link's customers were last read to the end: ``read_at`` also moves with a page, and with a refusal."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE wecom_link ADD COLUMN counted_at {whole}")
    db.execute_sql("UPDATE wecom_link SET counted_at = read_at WHERE cursor = ''")
