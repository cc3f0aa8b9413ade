"""Customers on pages: sessions, one-person links, phone codes, their limits, states of sign-ins elsewhere."""

import secrets

SQLITE = {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "end": ") STRICT", "rowless": ") STRICT, WITHOUT ROWID"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")", "rowless": ")"}

TABLES = """
CREATE TABLE consumer_session (
  id {id}, uid TEXT NOT NULL UNIQUE, contact_id {int} NOT NULL REFERENCES contact (id), via TEXT NOT NULL,
  strong {int} NOT NULL CHECK (strong IN (0, 1)), device TEXT NOT NULL, created_at {int} NOT NULL,
  expires_at {int} NOT NULL, ended_at {int}
{end};
CREATE INDEX consumer_session_contact ON consumer_session (contact_id);
CREATE INDEX consumer_session_expires ON consumer_session (expires_at);

CREATE TABLE consumer_link (
  id {id}, digest TEXT NOT NULL UNIQUE, contact_id {int} NOT NULL REFERENCES contact (id), path TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'used', 'dead')), tries {int} NOT NULL CHECK (tries >= 0),
  created_at {int} NOT NULL, expires_at {int} NOT NULL, used_at {int}
{end};
CREATE INDEX consumer_link_contact ON consumer_link (contact_id);
CREATE INDEX consumer_link_expires ON consumer_link (expires_at);

CREATE TABLE consumer_code (
  id {id}, uid TEXT NOT NULL UNIQUE, phone TEXT NOT NULL, code TEXT NOT NULL, device TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'used', 'dead')), tries {int} NOT NULL CHECK (tries >= 0),
  created_at {int} NOT NULL, expires_at {int} NOT NULL
{end};
CREATE INDEX consumer_code_phone ON consumer_code (phone) WHERE state = 'open';
CREATE INDEX consumer_code_expires ON consumer_code (expires_at);

CREATE TABLE consumer_count (
  key TEXT NOT NULL, since {int} NOT NULL, count {int} NOT NULL CHECK (count > 0), ends_at {int} NOT NULL,
  PRIMARY KEY (key, since)
{rowless};
CREATE INDEX consumer_count_ends ON consumer_count (ends_at);

CREATE TABLE consumer_state (nonce TEXT PRIMARY KEY, at {int} NOT NULL {rowless};
CREATE INDEX consumer_state_at ON consumer_state (at);
"""


def up(migrator, db):
    sqlite = db.param == "?"
    words = SQLITE if sqlite else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
    # Signs the cookies of this brand's pages: a cookie of another brand is worth nothing here.
    mark = "?" if sqlite else "%s"
    db.execute_sql(f"INSERT INTO meta (key, value) VALUES ('consumer_secret', {mark})", (secrets.token_hex(32),))
