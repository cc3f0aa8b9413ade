"""The tables of the core, with every constraint the services rely on."""

import secrets

SQLITE = {
    "id": "INTEGER PRIMARY KEY",
    "log_id": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "int": "INTEGER",
    "xid": "",
    "end": ") STRICT",
    "rowless": ") STRICT, WITHOUT ROWID",
}
POSTGRES = {
    "id": "BIGSERIAL PRIMARY KEY",
    "log_id": "BIGSERIAL PRIMARY KEY",
    "int": "BIGINT",
    "xid": "xid xid8 NOT NULL DEFAULT pg_current_xact_id(),",
    "end": ")",
    "rowless": ")",
}

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL {rowless};

CREATE TABLE contact (
  id {id}, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL
    CHECK (state IN ('active', 'merged', 'erased')),
  merged_into_id {int} REFERENCES contact (id), origin TEXT NOT NULL,
  created_at {int} NOT NULL, updated_at {int} NOT NULL, lead_at {int}, lead_channel_id {int},
  orders {int} NOT NULL DEFAULT 0, occasions {int} NOT NULL DEFAULT 0, money {int} NOT NULL DEFAULT 0,
  first_order_at {int}, last_order_at {int}, first_day {int}, last_day {int}, cycle_days {int},
  CHECK ((state = 'merged') = (merged_into_id IS NOT NULL))
{end};
CREATE INDEX contact_lead ON contact (lead_at) WHERE lead_at IS NOT NULL;
CREATE INDEX contact_merged ON contact (merged_into_id) WHERE merged_into_id IS NOT NULL;

CREATE TABLE identity (
  id {id}, contact_id {int} NOT NULL REFERENCES contact (id), kind TEXT NOT NULL,
  namespace TEXT NOT NULL, value TEXT NOT NULL, verified {int} NOT NULL, origin TEXT NOT NULL,
  created_at {int} NOT NULL, UNIQUE (kind, namespace, value)
{end};
CREATE INDEX identity_contact ON identity (contact_id);

CREATE TABLE contact_merge (
  id {id}, winner_id {int} NOT NULL REFERENCES contact (id), loser_id {int} NOT NULL REFERENCES contact (id),
  at {int} NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, moved TEXT NOT NULL, undone_at {int},
  CHECK (winner_id <> loser_id)
{end};
CREATE UNIQUE INDEX contact_merge_loser ON contact_merge (loser_id) WHERE undone_at IS NULL;
CREATE INDEX contact_merge_winner ON contact_merge (winner_id);

CREATE TABLE consent (
  id {id}, contact_id {int} NOT NULL REFERENCES contact (id), purpose TEXT NOT NULL, channel TEXT NOT NULL,
  granted {int} NOT NULL CHECK (granted IN (0, 1)), at {int} NOT NULL, recorded_at {int} NOT NULL,
  source TEXT NOT NULL, text_version TEXT NOT NULL, actor TEXT NOT NULL, evidence TEXT
{end};
CREATE INDEX consent_state ON consent (contact_id, purpose, channel, id);

CREATE TABLE suppression (
  id {id}, digest TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, reason TEXT NOT NULL, at {int} NOT NULL
{end};

CREATE TABLE erasure (
  id {id}, uid TEXT NOT NULL UNIQUE, at {int} NOT NULL, receipt TEXT NOT NULL
{end};

CREATE TABLE touch (
  id {id}, contact_id {int} NOT NULL REFERENCES contact (id), kind TEXT NOT NULL, ref TEXT NOT NULL,
  channel_id {int}, link_id {int}, at {int} NOT NULL, key TEXT NOT NULL UNIQUE
{end};
CREATE INDEX touch_chain ON touch (contact_id, at, id);

CREATE TABLE chat_group (
  id {id}, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, owner TEXT NOT NULL, source TEXT NOT NULL,
  created_at {int} NOT NULL
{end};
CREATE TABLE group_member (
  id {id}, group_id {int} NOT NULL REFERENCES chat_group (id),
  contact_id {int} NOT NULL REFERENCES contact (id), joined_at {int} NOT NULL, left_at {int},
  source TEXT NOT NULL, CHECK (left_at IS NULL OR left_at >= joined_at)
{end};
CREATE UNIQUE INDEX group_member_open ON group_member (group_id, contact_id) WHERE left_at IS NULL;
CREATE INDEX group_member_contact ON group_member (contact_id);

CREATE TABLE membership (
  id {id}, contact_id {int} NOT NULL REFERENCES contact (id), identity TEXT NOT NULL,
  joined_at {int} NOT NULL, left_at {int}, source TEXT NOT NULL,
  CHECK (left_at IS NULL OR left_at >= joined_at)
{end};
CREATE UNIQUE INDEX membership_open ON membership (contact_id) WHERE left_at IS NULL;
CREATE INDEX membership_contact ON membership (contact_id);

CREATE TABLE tag_group (
  id {id}, name TEXT NOT NULL UNIQUE, s_level {int} NOT NULL CHECK (s_level IN (0, 1)),
  default_tag_id {int}, created_at {int} NOT NULL, CHECK (s_level = 0 OR default_tag_id IS NOT NULL)
{end};
CREATE TABLE tag_retirement (
  id {id}, at {int} NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, undone_at {int}
{end};
CREATE TABLE tag (
  id {id}, group_id {int} NOT NULL REFERENCES tag_group (id), name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('business', 'channel', 'system')), plan TEXT NOT NULL,
  created_at {int} NOT NULL, last_used_at {int}, retirement_id {int} REFERENCES tag_retirement (id),
  UNIQUE (group_id, name), CHECK (kind <> 'business' OR plan <> '')
{end};
CREATE TABLE contact_tag (
  contact_id {int} NOT NULL REFERENCES contact (id), tag_id {int} NOT NULL REFERENCES tag (id),
  s_group_id {int}, origin TEXT NOT NULL CHECK (origin IN ('synced', 'manual', 'auto')),
  actor TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (contact_id, tag_id)
{rowless};
CREATE INDEX contact_tag_tag ON contact_tag (tag_id, contact_id);
CREATE UNIQUE INDEX contact_tag_s ON contact_tag (contact_id, s_group_id) WHERE s_group_id IS NOT NULL;

CREATE TABLE product (
  id {id}, sku TEXT NOT NULL UNIQUE, title TEXT NOT NULL, category TEXT NOT NULL,
  price_minor {int} CHECK (price_minor >= 0), cost_minor {int} CHECK (cost_minor >= 0),
  attributes TEXT, updated_at {int} NOT NULL
{end};
CREATE INDEX product_category ON product (category);
CREATE TABLE product_attribute (
  product_id {int} NOT NULL REFERENCES product (id), name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (product_id, name)
{rowless};
CREATE INDEX product_attribute_value ON product_attribute (name, value);

CREATE TABLE orders (
  id {id}, uid TEXT NOT NULL UNIQUE, source TEXT NOT NULL, number TEXT NOT NULL, platform TEXT NOT NULL,
  contact_id {int} REFERENCES contact (id), matched_by TEXT NOT NULL, buyer TEXT,
  status TEXT NOT NULL CHECK (status IN
    ('unpaid', 'paid', 'part_shipped', 'shipped', 'completed', 'closed', 'refunded')),
  paid_at {int}, day {int}, paid_minor {int} NOT NULL CHECK (paid_minor >= 0),
  refund_minor {int} NOT NULL DEFAULT 0 CHECK (refund_minor >= 0), items {int} NOT NULL,
  valid {int} NOT NULL CHECK (valid IN (0, 1)), version {int}, digest TEXT NOT NULL,
  created_at {int} NOT NULL, updated_at {int} NOT NULL, UNIQUE (source, number),
  CHECK (refund_minor <= paid_minor)
{end};
CREATE INDEX orders_contact ON orders (contact_id, paid_at, day, valid, paid_minor, refund_minor);
CREATE INDEX orders_paid ON orders (paid_at);
CREATE TABLE order_line (
  id {id}, order_id {int} NOT NULL REFERENCES orders (id), position {int} NOT NULL, sku TEXT NOT NULL,
  title TEXT NOT NULL, qty {int} NOT NULL CHECK (qty > 0), paid_minor {int} NOT NULL,
  gift {int} NOT NULL CHECK (gift IN (0, 1)), UNIQUE (order_id, position)
{end};
CREATE INDEX order_line_sku ON order_line (sku, order_id);
CREATE TABLE refund (
  id {id}, source TEXT NOT NULL, order_number TEXT NOT NULL, number TEXT NOT NULL,
  order_id {int} REFERENCES orders (id), amount_minor {int} NOT NULL CHECK (amount_minor > 0),
  at {int} NOT NULL, reason TEXT NOT NULL, created_at {int} NOT NULL,
  UNIQUE (source, order_number, number)
{end};
CREATE INDEX refund_order ON refund (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE channel (
  id {id}, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, tags TEXT,
  created_at {int} NOT NULL
{end};
CREATE TABLE link (
  id {id}, code TEXT NOT NULL UNIQUE, channel_id {int} NOT NULL REFERENCES channel (id),
  target TEXT NOT NULL, variant TEXT NOT NULL, owner TEXT NOT NULL, campaign TEXT NOT NULL,
  created_at {int} NOT NULL, expires_at {int}, disabled_at {int}
{end};
CREATE INDEX link_owner ON link (owner, campaign);
CREATE TABLE visit (
  id {id}, link_id {int} NOT NULL REFERENCES link (id), at {int} NOT NULL, visitor TEXT NOT NULL,
  bot {int} NOT NULL CHECK (bot IN (0, 1)), contact_id {int} REFERENCES contact (id)
{end};
CREATE INDEX visit_link ON visit (link_id, at);
CREATE INDEX visit_contact ON visit (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX visit_visitor ON visit (visitor, at) WHERE visitor <> '';

CREATE TABLE reward (
  id {id}, uid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, contact_id {int} NOT NULL REFERENCES contact (id),
  quantity {int} NOT NULL CHECK (quantity <> 0), cost_minor {int} NOT NULL, grant_key TEXT NOT NULL UNIQUE,
  issuer TEXT NOT NULL, issued TEXT, reason TEXT NOT NULL, actor TEXT NOT NULL, at {int} NOT NULL,
  reverses_id {int} UNIQUE REFERENCES reward (id)
{end};
CREATE INDEX reward_contact ON reward (contact_id);

CREATE TABLE segment (
  id {id}, name TEXT NOT NULL UNIQUE, expression TEXT NOT NULL, created_at {int} NOT NULL,
  updated_at {int} NOT NULL
{end};
CREATE TABLE experiment (
  id {id}, name TEXT NOT NULL UNIQUE, salt TEXT NOT NULL, arms TEXT NOT NULL, minimum {int} NOT NULL,
  owner TEXT NOT NULL, created_at {int} NOT NULL, ended_at {int}
{end};
CREATE TABLE exposure (
  experiment_id {int} NOT NULL REFERENCES experiment (id), person TEXT NOT NULL, arm TEXT NOT NULL,
  at {int} NOT NULL, PRIMARY KEY (experiment_id, person)
{rowless};
CREATE TABLE outcome (
  experiment_id {int} NOT NULL REFERENCES experiment (id), person TEXT NOT NULL, metric TEXT NOT NULL,
  at {int} NOT NULL, value {int} NOT NULL, PRIMARY KEY (experiment_id, person, metric)
{rowless};
CREATE TABLE metric_day (
  plugin TEXT NOT NULL, metric TEXT NOT NULL, day {int} NOT NULL, dimension TEXT NOT NULL,
  value {int} NOT NULL, PRIMARY KEY (plugin, metric, day, dimension)
{rowless};

CREATE TABLE api_key (
  id {id}, key_id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
  created_at {int} NOT NULL, revoked_at {int}
{end};
CREATE TABLE idempotency (
  key_id TEXT NOT NULL, key TEXT NOT NULL, request_digest TEXT NOT NULL, status {int}, body TEXT,
  at {int} NOT NULL, PRIMARY KEY (key_id, key)
{rowless};
CREATE TABLE audit (
  id {id}, at {int} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT
{end};

CREATE TABLE event (
  id {log_id}, {xid} type TEXT NOT NULL, contact_id {int}, at {int} NOT NULL, recorded_at {int} NOT NULL,
  backfill {int} NOT NULL, data TEXT NOT NULL
{end};
CREATE TABLE plugin_cursor (
  plugin TEXT PRIMARY KEY, xid TEXT NOT NULL, event_id {int} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'paused')), reason TEXT NOT NULL, failures {int} NOT NULL,
  lease_owner TEXT NOT NULL, lease_until {int} NOT NULL, updated_at {int} NOT NULL
{end};
CREATE TABLE parked (
  id {id}, plugin TEXT NOT NULL, event_id {int} NOT NULL, attempts {int} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('retry', 'held')), next_at {int} NOT NULL, error TEXT NOT NULL,
  traceback TEXT NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL, UNIQUE (plugin, event_id)
{end};
CREATE TABLE job_run (
  id {id}, plugin TEXT NOT NULL, job TEXT NOT NULL, slot {int} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')), attempts {int} NOT NULL,
  lease_until {int} NOT NULL, started_at {int} NOT NULL, finished_at {int}, error TEXT NOT NULL,
  UNIQUE (plugin, job, slot)
{end};
CREATE TABLE import_run (
  id {id}, kind TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done')), position {int} NOT NULL, counts TEXT NOT NULL,
  started_at {int} NOT NULL, updated_at {int} NOT NULL
{end};
CREATE UNIQUE INDEX import_run_open ON import_run (kind, source, digest) WHERE state = 'running';
"""

# Every contact has a value of every S-level group: new contacts get the default, and the last
# value of an active contact cannot be deleted (a change is an UPDATE of the row).
SQLITE_TRIGGERS = """
CREATE TRIGGER contact_s_level AFTER INSERT ON contact
WHEN NEW.state = 'active' AND EXISTS (SELECT 1 FROM tag_group WHERE s_level = 1)
BEGIN
  INSERT INTO contact_tag (contact_id, tag_id, s_group_id, origin, actor, at)
  SELECT NEW.id, default_tag_id, id, 'auto', 's-level default', NEW.created_at
  FROM tag_group WHERE s_level = 1;
END;
--
CREATE TRIGGER contact_tag_s_kept BEFORE DELETE ON contact_tag
WHEN OLD.s_group_id IS NOT NULL
  AND EXISTS (SELECT 1 FROM contact WHERE id = OLD.contact_id AND state = 'active')
BEGIN
  SELECT RAISE(ABORT, 's-level: an active contact keeps one value of the group');
END;
"""
POSTGRES_TRIGGERS = """
CREATE FUNCTION contact_s_level() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO contact_tag (contact_id, tag_id, s_group_id, origin, actor, at)
  SELECT n.id, g.default_tag_id, g.id, 'auto', 's-level default', n.created_at
  FROM new_contacts n CROSS JOIN tag_group g WHERE g.s_level = 1 AND n.state = 'active';
  RETURN NULL;
END $$;
--
CREATE TRIGGER contact_s_level AFTER INSERT ON contact
REFERENCING NEW TABLE AS new_contacts FOR EACH STATEMENT EXECUTE FUNCTION contact_s_level();
--
CREATE FUNCTION contact_tag_s_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM contact WHERE id = OLD.contact_id AND state = 'active') THEN
    RAISE EXCEPTION 's-level: an active contact keeps one value of the group'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN OLD;
END $$;
--
CREATE TRIGGER contact_tag_s_kept BEFORE DELETE ON contact_tag
FOR EACH ROW WHEN (OLD.s_group_id IS NOT NULL) EXECUTE FUNCTION contact_tag_s_kept();
--
CREATE INDEX event_order ON event (xid, id);
"""


def up(migrator, db):
    sqlite = db.param == "?"
    words = SQLITE if sqlite else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
    for statement in (SQLITE_TRIGGERS if sqlite else POSTGRES_TRIGGERS).split("\n--\n"):
        db.execute_sql(statement.strip())
    # Keys the hashes of this brand's people: no other brand's hash of the same phone is equal.
    mark = "?" if sqlite else "%s"
    db.execute_sql(f"INSERT INTO meta (key, value) VALUES ('salt', {mark})", (secrets.token_hex(32),))
