"""What WeCom refuses of a welcome; empty: nothing."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE wecom_welcome ADD COLUMN note TEXT NOT NULL DEFAULT ''")
