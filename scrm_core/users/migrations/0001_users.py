"""People who sign in to pages for staff: their passwords' hashes, roles, sessions, tries; who changed what."""

SQLITE = {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "end": ") STRICT", "rowless": ") STRICT, WITHOUT ROWID"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")", "rowless": ")"}

TABLES = """
CREATE TABLE account (
  id {id}, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, created_at {int} NOT NULL, signed_in_at {int},
  disabled_at {int}
{end};

CREATE TABLE account_role (
  account_id {int} NOT NULL REFERENCES account (id), brand TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'clerk', 'analyst')), PRIMARY KEY (account_id, brand)
{rowless};
CREATE INDEX account_role_brand ON account_role (brand);

CREATE TABLE account_session (
  digest TEXT PRIMARY KEY, account_id {int} NOT NULL REFERENCES account (id), created_at {int} NOT NULL,
  seen_at {int} NOT NULL, expires_at {int} NOT NULL
{rowless};
CREATE INDEX account_session_account ON account_session (account_id);
CREATE INDEX account_session_expires ON account_session (expires_at);

CREATE TABLE sign_in_count (
  key TEXT NOT NULL, since {int} NOT NULL, count {int} NOT NULL CHECK (count > 0), ends_at {int} NOT NULL,
  PRIMARY KEY (key, since)
{rowless};
CREATE INDEX sign_in_count_ends ON sign_in_count (ends_at);

CREATE TABLE audit (
  id {id}, at {int} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT
{end};
"""


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
