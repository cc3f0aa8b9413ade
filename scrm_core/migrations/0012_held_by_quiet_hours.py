"""By which quiet hours a run rests and a message was put off, and until when. What waits already keeps its morning."""


def up(migrator, db):
    number = "INTEGER" if db.param == "?" else "BIGINT"
    db.execute_sql("ALTER TABLE outreach_run ADD COLUMN held_by TEXT")
    db.execute_sql(f"ALTER TABLE outreach_run ADD COLUMN held_until {number}")
    db.execute_sql(f"ALTER TABLE outreach_run ADD COLUMN rests_until {number}")
    db.execute_sql("ALTER TABLE message ADD COLUMN held_by TEXT")
