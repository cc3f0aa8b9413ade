"""Messages to and from partners: an outbox with its dead letters, and what came, by which a repetition is known."""

SQLITE = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "int": "INTEGER", "end": ") STRICT"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")"}

TABLES = """
CREATE TABLE partner_out (
  id {id}, uid TEXT NOT NULL UNIQUE, partner TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
  digest TEXT NOT NULL, text TEXT,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'delivered', 'dead')),
  attempts {int} NOT NULL CHECK (attempts >= 0), next_at {int} NOT NULL, error TEXT NOT NULL,
  created_at {int} NOT NULL, settled_at {int}, UNIQUE (partner, key),
  CHECK ((text IS NULL) = (state = 'delivered'))
{end};
CREATE INDEX partner_out_open ON partner_out (partner, id) WHERE state <> 'delivered';

CREATE TABLE partner_in (
  partner TEXT NOT NULL, uid TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, received_at {int} NOT NULL,
  PRIMARY KEY (partner, uid)
{end};
"""


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
