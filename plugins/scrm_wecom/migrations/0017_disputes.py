"""Relations whose member gave an S-level value in WeCom that is not the contact's."""


def up(migrator, db):
    whole = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql(f"ALTER TABLE wecom_follow ADD COLUMN disputed {whole} NOT NULL DEFAULT 0")
    db.execute_sql("CREATE INDEX wecom_follow_disputed ON wecom_follow (id) WHERE disputed > 0")
