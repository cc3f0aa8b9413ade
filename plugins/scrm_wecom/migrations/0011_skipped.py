"""Why a member was passed over by a full sync; empty: they were not."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE wecom_stretch ADD COLUMN error TEXT NOT NULL DEFAULT ''")
