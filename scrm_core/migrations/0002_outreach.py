"""Outreach: runs, messages, what came in, and whom not to write to.

A person's number and their last word on a consent are read for whole audiences:
both come straight from an index.
"""

SQLITE = {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "end": ") STRICT"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")"}

TABLES = """
CREATE TABLE outreach_run (
  id {id}, owner TEXT NOT NULL, code TEXT NOT NULL, channel TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('marketing', 'brand', 'notice', 'test')), sender TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'done', 'canceled', 'expired')),
  reason TEXT NOT NULL, start_at {int} NOT NULL, grace_ms {int} NOT NULL CHECK (grace_ms > 0),
  pace {int} CHECK (pace > 0), next_at {int} NOT NULL, checked_at {int} NOT NULL,
  released {int} NOT NULL CHECK (released BETWEEN 0 AND 10000), failure_limit {int},
  failure_minimum {int} NOT NULL, standing {int} NOT NULL CHECK (standing IN (0, 1)),
  claimed {int} NOT NULL, forgiven {int} NOT NULL, created_at {int} NOT NULL, finished_at {int},
  UNIQUE (owner, code)
{end};
CREATE INDEX outreach_run_running ON outreach_run (id) WHERE state = 'running';

CREATE TABLE message (
  id {id}, uid TEXT, run_id {int} NOT NULL REFERENCES outreach_run (id),
  contact_id {int} REFERENCES contact (id), address TEXT, bucket {int} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'expired',
    'unknown', 'blocked', 'canceled')),
  reason TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', arm TEXT NOT NULL DEFAULT '',
  link_id {int} REFERENCES link (id), body TEXT, parts {int} NOT NULL DEFAULT 1,
  template TEXT NOT NULL DEFAULT '', params TEXT, ref TEXT NOT NULL DEFAULT '',
  attempts {int} NOT NULL DEFAULT 0, not_before {int} NOT NULL, expires_at {int}, lease_until {int},
  sent_at {int}, final_at {int}, updated_at {int} NOT NULL, UNIQUE (run_id, address)
{end};
CREATE UNIQUE INDEX message_uid ON message (uid) WHERE uid IS NOT NULL;
CREATE INDEX message_queued ON message (run_id, bucket) WHERE state = 'queued';
CREATE INDEX message_sending ON message (lease_until) WHERE state = 'sending';
CREATE INDEX message_waiting ON message (sent_at) WHERE state = 'sent';
CREATE INDEX message_failed ON message (run_id) WHERE state = 'failed';
CREATE INDEX message_contact ON message (contact_id, sent_at);
CREATE INDEX message_address ON message (address, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX message_link ON message (link_id) WHERE link_id IS NOT NULL;
CREATE INDEX message_ref ON message (ref) WHERE ref <> '';

CREATE TABLE message_in (
  id {id}, channel TEXT NOT NULL, ref TEXT NOT NULL, address TEXT NOT NULL,
  contact_id {int} REFERENCES contact (id), recipient TEXT NOT NULL, text TEXT NOT NULL,
  handled TEXT NOT NULL, answers TEXT NOT NULL, at {int} NOT NULL, UNIQUE (channel, ref)
{end};
CREATE INDEX message_in_contact ON message_in (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX message_in_address ON message_in (address);

CREATE TABLE do_not_contact (
  id {id}, channel TEXT NOT NULL, address TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('commercial', 'all')), reason TEXT NOT NULL, actor TEXT NOT NULL,
  evidence TEXT NOT NULL, at {int} NOT NULL, lifted_at {int}, lifted_by TEXT NOT NULL
{end};
CREATE UNIQUE INDEX do_not_contact_open ON do_not_contact (address, channel, reason) WHERE lifted_at IS NULL;

DROP INDEX consent_state;
CREATE INDEX consent_state ON consent (contact_id, purpose, channel, at, id, granted);
DROP INDEX identity_contact;
CREATE INDEX identity_contact ON identity (contact_id, kind, verified DESC, id);
"""


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
