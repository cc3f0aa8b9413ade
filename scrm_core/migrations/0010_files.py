"""Files that people send in from a page: kept in pieces until workers have read them, on whatever machine they are."""

SQLITE = {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "end": ") STRICT", "rowless": ") STRICT, WITHOUT ROWID"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")", "rowless": ")"}

STATEMENTS = (
    """CREATE TABLE import_file (
  id {id}, name TEXT NOT NULL, kind TEXT NOT NULL, mapping TEXT NOT NULL, source TEXT NOT NULL, backfill {int} NOT NULL,
  size {int} NOT NULL, consumed {int} NOT NULL, actor TEXT NOT NULL, state TEXT NOT NULL
    CHECK (state IN ('coming', 'checking', 'checked', 'waiting', 'running', 'done', 'failed')),
  counts TEXT NOT NULL, error TEXT NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL
{end}""",
    """CREATE TABLE import_file_part (
  file_id {int} NOT NULL REFERENCES import_file (id), nth {int} NOT NULL, data TEXT NOT NULL, PRIMARY KEY (file_id, nth)
{rowless}""",
)


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**words))
