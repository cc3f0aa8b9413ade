"""When an add was found that nobody had told of: the clock of the reception leaves it out."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE live_code_add ADD COLUMN found_at {whole}")
