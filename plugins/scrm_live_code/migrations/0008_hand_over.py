"""When who was added was handed over to a colleague."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE live_code_add ADD COLUMN handed_at {whole}")
