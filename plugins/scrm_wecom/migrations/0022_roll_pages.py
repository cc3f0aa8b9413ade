"""How many pages a roll of chat groups has had: a list without end is given up."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE wecom_roll ADD COLUMN pages {whole} NOT NULL DEFAULT 0")
