"""What is left of old events and visits: how many there were."""

TABLES = """
CREATE TABLE event_day (
  day {int} NOT NULL, type TEXT NOT NULL, count {int} NOT NULL CHECK (count > 0), PRIMARY KEY (day, type)
{end};
ALTER TABLE visit ADD COLUMN times {int} NOT NULL DEFAULT 1 CHECK (times > 0);
CREATE INDEX visit_bot ON visit (link_id, at) WHERE bot = 1
"""


def up(migrator, db):
    sqlite = db.param == "?"
    words = {"int": "INTEGER" if sqlite else "BIGINT", "end": ") STRICT, WITHOUT ROWID" if sqlite else ")"}
    for statement in TABLES.split(";"):
        db.execute_sql(statement.format(**words))
