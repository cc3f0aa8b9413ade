"""Which process a run of a job belongs to: one that is gone leaves it to others of its host at once."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE job_run ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
