"""Adds that wait for what WeCom says of them, and when WeCom was told a relation's tags last."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    for name in ("unsure", "told"):
        db.execute_sql(f"ALTER TABLE wecom_follow ADD COLUMN {name} {whole} NOT NULL DEFAULT 0")
    db.execute_sql("CREATE INDEX wecom_follow_told ON wecom_follow (told) WHERE told > 0")
