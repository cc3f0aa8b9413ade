"""What people look at of imports (how far, which rows were refused) and ask of jobs (a run at once)."""

SQLITE = {"int": "INTEGER", "rowless": ") STRICT, WITHOUT ROWID"}
POSTGRES = {"int": "BIGINT", "rowless": ")"}

STATEMENTS = (
    "ALTER TABLE import_run ADD COLUMN name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE import_run ADD COLUMN size {int} NOT NULL DEFAULT 0",
    "ALTER TABLE import_run ADD COLUMN consumed {int} NOT NULL DEFAULT 0",
    """CREATE TABLE import_reject (
  run_id {int} NOT NULL REFERENCES import_run (id), line {int} NOT NULL, heading TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (run_id, line)
{rowless}""",
    """CREATE TABLE job_request (
  plugin TEXT NOT NULL, job TEXT NOT NULL, at {int} NOT NULL, actor TEXT NOT NULL, PRIMARY KEY (plugin, job)
{rowless}""",
)


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**words))
